//! Contingency tables of two labellings, and optimal assignment of rows to columns.
//!
//! [`contingency`] is one pass over the labels; each thread counts into a table of its own, and integer sums do not
//! depend on the split. Cost: O(n + threads a b) time, O(threads a b) memory; a table never outgrows the labels it
//! counts, so small inputs use fewer threads.
//!
//! [`assign`] grows one shortest augmenting path a row (Jonker and Volgenant 1987, in the rectangular form of Crouse
//! 2016, "On implementing 2D rectangular assignment algorithms", IEEE TAES 52:1679, without the initial reduction
//! phases). Cost: O(r^2 c) time for r <= c, O(r c) memory. Ties: rows are taken in ascending order, and of columns
//! that are equally near a free one is taken before an assigned one, then the lowest index. A matrix with more rows
//! than columns is transposed first, so there rows and columns change places in this rule.

use std::ops::Range;

use crate::parallel::{blocks, run};

/// What is wrong with the arguments of a matching kernel.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MatchingError {
    /// The labellings are not of the same items.
    #[error("labels_a has {a} items, labels_b has {b}; pass two labels for every item")]
    Lengths {
        /// Length of the first labelling.
        a: usize,
        /// Length of the second.
        b: usize,
    },
    /// A label is neither noise nor one of the clusters.
    #[error("{name}: item {item} has label {label}, expected -1 (noise) to {}; renumber the labels or raise n", *n as i128 - 1)]
    Label {
        /// The labelling.
        name: &'static str,
        /// Its item, from 0.
        item: usize,
        /// The label found.
        label: i32,
        /// How many clusters there are.
        n: usize,
    },
    /// No thread to work on.
    #[error("threads: 0, expected at least 1; pass threads=1 to work on the calling thread")]
    NoThreads,
    /// The table does not fit in memory.
    #[error(
        "a table of {n_a} x {n_b} counts does not fit in memory; renumber the labels without gaps"
    )]
    TooLarge {
        /// Rows of the table.
        n_a: usize,
        /// Columns of the table.
        n_b: usize,
    },
    /// The costs are not a full matrix.
    #[error("cost: {got} values, expected {rows} rows x {columns} columns = {}; pass a full matrix", rows * columns)]
    Shape {
        /// How many values there are.
        got: usize,
        /// Rows.
        rows: usize,
        /// Columns.
        columns: usize,
    },
    /// A cost is NaN or infinite.
    #[error(
        "cost: row {row}, column {column} is {value}, expected a finite number; give a forbidden pair a large cost"
    )]
    NotFinite {
        /// Its row, from 0.
        row: usize,
        /// Its column, from 0.
        column: usize,
        /// The cost.
        value: f64,
    },
    /// The system refused a thread.
    #[error(
        "threads: the system refused to start one of {threads} ({reason}); pass a smaller number"
    )]
    Spawn {
        /// How many were asked for.
        threads: usize,
        /// What the system said.
        reason: String,
    },
}

/// Count items by pair of labels: `n_a` rows of `n_b` counts. Items with a label of -1 (noise) are not counted.
///
/// The result is the same for every value of `threads`.
///
/// # Errors
///
/// [`MatchingError`]: lengths that differ, a label below -1 or not below its `n` (the first such item is named),
/// `threads` of 0, a table too large for memory.
///
/// # Examples
///
/// ```
/// let counts = diptych_core::matching::contingency(&[0, 0, 1, -1], &[1, 1, 0, 0], 2, 2, 1)?;
/// assert_eq!(counts, [0, 2, 1, 0]);
/// # Ok::<(), diptych_core::matching::MatchingError>(())
/// ```
pub fn contingency(
    labels_a: &[i32],
    labels_b: &[i32],
    n_a: usize,
    n_b: usize,
    threads: usize,
) -> Result<Vec<i64>, MatchingError> {
    let items = labels_a.len();
    if items != labels_b.len() {
        return Err(MatchingError::Lengths {
            a: items,
            b: labels_b.len(),
        });
    }
    if threads == 0 {
        return Err(MatchingError::NoThreads);
    }
    let cells = n_a
        .checked_mul(n_b)
        .ok_or(MatchingError::TooLarge { n_a, n_b })?;
    let useful = threads.min(items / cells.max(1)).max(1);
    let count = |block: Range<u64>| count_block(labels_a, labels_b, n_a, n_b, block);
    let tables =
        run(blocks(0..items as u64, useful), count).map_err(|error| MatchingError::Spawn {
            threads,
            reason: error.to_string(),
        })?;
    let mut tables = tables.into_iter();
    let mut total = tables.next().unwrap_or_else(|| Ok(vec![]))?;
    for table in tables {
        for (sum, count) in total.iter_mut().zip(table?) {
            *sum += count;
        }
    }
    Ok(total)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the block lies within a slice"
)]
fn count_block(
    a: &[i32],
    b: &[i32],
    n_a: usize,
    n_b: usize,
    block: Range<u64>,
) -> Result<Vec<i64>, MatchingError> {
    let mut table = Vec::new();
    table
        .try_reserve_exact(n_a * n_b)
        .map_err(|_| MatchingError::TooLarge { n_a, n_b })?;
    table.resize(n_a * n_b, 0);
    for item in block.start as usize..block.end as usize {
        let row = cluster("labels_a", a, item, n_a)?;
        let column = cluster("labels_b", b, item, n_b)?;
        if let (Some(row), Some(column)) = (row, column) {
            table[row * n_b + column] += 1;
        }
    }
    Ok(table)
}

/// The cluster of an item, `None` for noise.
fn cluster(
    name: &'static str,
    labels: &[i32],
    item: usize,
    n: usize,
) -> Result<Option<usize>, MatchingError> {
    let label = labels[item];
    match usize::try_from(label) {
        Ok(cluster) if cluster < n => Ok(Some(cluster)),
        Err(_) if label == -1 => Ok(None),
        _ => Err(MatchingError::Label {
            name,
            item,
            label,
            n,
        }),
    }
}

/// The assignment of least (or largest) total cost: `min(rows, columns)` pairs, rows ascending.
///
/// # Errors
///
/// [`MatchingError`]: a cost that is not finite, or a length that is not `rows * columns`.
///
/// # Examples
///
/// ```
/// let cost = [4.0, 1.0, 3.0, 2.0, 0.0, 5.0];
/// assert_eq!(diptych_core::matching::assign(&cost, 2, 3, false)?, [(0, 1), (1, 0)]);
/// # Ok::<(), diptych_core::matching::MatchingError>(())
/// ```
pub fn assign(
    cost: &[f64],
    rows: usize,
    columns: usize,
    maximize: bool,
) -> Result<Vec<(usize, usize)>, MatchingError> {
    if rows.checked_mul(columns) != Some(cost.len()) {
        return Err(MatchingError::Shape {
            got: cost.len(),
            rows,
            columns,
        });
    }
    if let Some(at) = cost.iter().position(|c| !c.is_finite()) {
        return Err(MatchingError::NotFinite {
            row: at / columns,
            column: at % columns,
            value: cost[at],
        });
    }
    let factor = factor(cost, maximize);
    if rows <= columns {
        let cost = cost.iter().map(|c| c * factor).collect();
        return Ok(Paths::new(cost, rows, columns)
            .solve()
            .into_iter()
            .enumerate()
            .collect());
    }
    let transposed = (0..cost.len())
        .map(|at| cost[at % rows * columns + at / rows] * factor)
        .collect();
    let mut pairs: Vec<(usize, usize)> = Paths::new(transposed, columns, rows)
        .solve()
        .into_iter()
        .enumerate()
        .map(|(column, row)| (row, column))
        .collect();
    pairs.sort_unstable();
    Ok(pairs)
}

/// The sign of the problem, times a power of two that keeps sums of huge costs finite.
fn factor(cost: &[f64], maximize: bool) -> f64 {
    let largest = cost.iter().fold(0.0_f64, |largest, c| largest.max(c.abs()));
    let scale = if largest > 2.0_f64.powi(900) {
        2.0_f64.powi(-200)
    } else {
        1.0
    };
    if maximize { -scale } else { scale }
}

/// Dual values `u`, `v` with `cost[i][j] - u[i] - v[j] >= 0`, and 0 on the pairs assigned so far.
struct Paths {
    cost: Vec<f64>,
    columns: usize,
    u: Vec<f64>,
    v: Vec<f64>,
    row_of: Vec<Option<usize>>,
    column_of: Vec<usize>,
    /// Length of the shortest path found to each column, and the row that it comes from.
    distance: Vec<f64>,
    from: Vec<usize>,
    reached: Vec<bool>,
}

impl Paths {
    fn new(cost: Vec<f64>, rows: usize, columns: usize) -> Self {
        Self {
            cost,
            columns,
            u: vec![0.0; rows],
            v: vec![0.0; columns],
            row_of: vec![None; columns],
            column_of: vec![0; rows],
            distance: vec![0.0; columns],
            from: vec![0; columns],
            reached: vec![false; columns],
        }
    }

    /// The column of each row.
    fn solve(mut self) -> Vec<usize> {
        for row in 0..self.u.len() {
            let end = self.search(row);
            self.update_duals(row, self.distance[end]);
            self.augment(row, end);
        }
        self.column_of
    }

    /// Dijkstra over reduced costs from a free row to the nearest free column.
    fn search(&mut self, start: usize) -> usize {
        self.distance.fill(f64::INFINITY);
        self.reached.fill(false);
        let (mut row, mut length) = (start, 0.0);
        loop {
            let column = self.nearest(row, length);
            self.reached[column] = true;
            length = self.distance[column];
            match self.row_of[column] {
                Some(assigned) => row = assigned,
                None => return column,
            }
        }
    }

    /// Extend the paths through `row`, then choose among the columns not reached yet.
    ///
    /// There is always one: fewer rows are assigned than there are columns, and every distance is finite.
    fn nearest(&mut self, row: usize, length: f64) -> usize {
        let costs = &self.cost[row * self.columns..(row + 1) * self.columns];
        let (mut best, mut least) = (0, f64::INFINITY);
        for (column, cost) in costs.iter().enumerate() {
            if self.reached[column] {
                continue;
            }
            let through = length + cost - self.u[row] - self.v[column];
            if through < self.distance[column] {
                self.distance[column] = through;
                self.from[column] = row;
            }
            let distance = self.distance[column];
            let frees = self.row_of[column].is_none() && self.row_of[best].is_some();
            if distance < least || (distance <= least && frees) {
                (best, least) = (column, distance);
            }
        }
        best
    }

    fn update_duals(&mut self, start: usize, length: f64) {
        self.u[start] += length;
        for column in 0..self.columns {
            if self.reached[column] {
                let slack = length - self.distance[column];
                self.v[column] -= slack;
                if let Some(row) = self.row_of[column] {
                    self.u[row] += slack;
                }
            }
        }
    }

    fn augment(&mut self, start: usize, end: usize) {
        let mut column = end;
        loop {
            let row = self.from[column];
            self.row_of[column] = Some(row);
            column = std::mem::replace(&mut self.column_of[row], column);
            if row == start {
                return;
            }
        }
    }
}

//! Optimal assignment.
#![allow(
    clippy::inline_always,
    clippy::needless_range_loop,
    clippy::similar_names,
    clippy::type_complexity,
    clippy::cast_possible_wrap,
    clippy::cast_possible_truncation,
    clippy::too_many_arguments,
    reason = "lanes are written out so that wide vectors take them; indices fit a slice"
)]

use std::borrow::Cow;

use super::MatchingError;
use crate::simd::scan::wide;

/// Partial minima that do not wait for each other.
const LANES: usize = 16;
/// Times that a row may be taken up in the auction before the paths take over: it need not end in floats.
const TURNS: usize = 4;
const NOBODY: u32 = u32::MAX;

/// The assignment of least (or largest) total cost: `min(rows, columns)` pairs, rows ascending.
///
/// # Errors
///
/// [`MatchingError`]: a cost that is not finite, or a length that is not `rows * columns`.
///
/// # Examples
///
/// ```
/// let cost = [4.0, 1.0, 5.0, 2.0, 0.0, 5.0];
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
    if rows.min(columns) == 0 {
        return Ok(vec![]);
    }
    let sign = if maximize { -1.0 } else { 1.0 };
    if rows <= columns {
        let solved = Solver::new(Cow::Borrowed(cost), rows, columns, sign)?.solve();
        return Ok(solved.into_iter().enumerate().collect());
    }
    if let Some(at) = cost.iter().position(|c| !c.is_finite()) {
        return Err(not_finite(cost, at, columns));
    }
    let transposed = (0..cost.len())
        .map(|at| cost[at % rows * columns + at / rows])
        .collect();
    let solved = Solver::new(Cow::Owned(transposed), columns, rows, sign)?.solve();
    let mut pairs: Vec<(usize, usize)> = solved
        .into_iter()
        .enumerate()
        .map(|(column, row)| (row, column))
        .collect();
    pairs.sort_unstable();
    Ok(pairs)
}

fn not_finite(cost: &[f64], at: usize, columns: usize) -> MatchingError {
    MatchingError::NotFinite {
        row: at / columns,
        column: at % columns,
        value: cost[at],
    }
}

/// Prices `v` of the columns. A row is assigned to a column where `cost - v` is least in its row; a column without a
/// row has price 0, and prices are never positive: so what is assigned is optimal.
struct Solver<'a> {
    cost: Cow<'a, [f64]>,
    columns: usize,
    sign: f64,
    v: Vec<f64>,
    row_of: Vec<u32>,
    column_of: Vec<u32>,
    /// Length of the shortest path found to each column, minus infinity once it is settled.
    distance: Vec<f64>,
    /// The row that the path comes from.
    from: Vec<u32>,
}

impl<'a> Solver<'a> {
    /// One read of the costs: are they finite, and where is each row least? Columns wanted by one row are assigned.
    fn new(
        cost: Cow<'a, [f64]>,
        rows: usize,
        columns: usize,
        sign: f64,
    ) -> Result<Self, MatchingError> {
        let mut solver = Self {
            cost,
            columns,
            sign,
            v: vec![0.0; columns],
            row_of: vec![NOBODY; columns],
            column_of: vec![NOBODY; rows],
            distance: vec![0.0; columns],
            from: vec![0; columns],
        };
        let mut largest = 0.0_f64;
        for row in 0..rows {
            let costs = &solver.cost[row * columns..(row + 1) * columns];
            let most = wide(
                #[inline(always)]
                || magnitude(costs),
            );
            if !most.is_finite() {
                let column = costs.iter().position(|c| !c.is_finite()).unwrap_or(0);
                return Err(not_finite(&solver.cost, row * columns + column, columns));
            }
            largest = largest.max(most);
            solver.claim(row);
        }
        // Sums of huge costs must stay finite; a power of two changes no digit.
        if largest > 2.0_f64.powi(900) {
            for cost in solver.cost.to_mut() {
                *cost *= 2.0_f64.powi(-200);
            }
        }
        Ok(solver)
    }

    fn claim(&mut self, row: usize) {
        let (least, _) = self.two_least(row);
        let column = self.cheapest(row, least);
        if self.row_of[column] == NOBODY {
            self.pair(row, column);
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "rows <= columns < 2^32: memory holds no more costs"
    )]
    fn pair(&mut self, row: usize, column: usize) {
        self.row_of[column] = row as u32;
        self.column_of[row] = column as u32;
    }

    fn costs(&self, row: usize) -> &[f64] {
        &self.cost[row * self.columns..(row + 1) * self.columns]
    }

    /// The least and the second least `cost - v` of a row; infinity where there is no second.
    fn two_least(&self, row: usize) -> (f64, f64) {
        let (costs, v, sign) = (self.costs(row), &self.v, self.sign);
        wide(
            #[inline(always)]
            || two_least(costs, v, sign),
        )
    }

    /// The first column, of those without a row if there are any, where `cost - v` is `value`.
    fn cheapest(&self, row: usize, value: f64) -> usize {
        let (costs, v, sign) = (self.costs(row), &self.v, self.sign);
        let mut first = None;
        let mut start = 0;
        while start < costs.len() {
            start = wide(
                #[inline(always)]
                || skip_dearer(costs, v, sign, value, start),
            );
            for column in start..costs.len().min(start + LANES) {
                if costs[column] * sign - v[column] <= value {
                    if self.row_of[column] == NOBODY {
                        return column;
                    }
                    first = first.or(Some(column));
                }
            }
            start += LANES;
        }
        first.unwrap_or(0)
    }

    /// The column of each row.
    fn solve(mut self) -> Vec<usize> {
        let free = self.auction();
        for row in free {
            let mut settled = vec![];
            let (end, length) = self.search(row, &mut settled);
            for (column, distance) in settled {
                self.v[column] += distance - length;
            }
            self.augment(row, end);
        }
        self.column_of.iter().map(|&c| c as usize).collect()
    }

    /// Augmenting row reduction: a free row takes its cheapest column, which becomes as dear as its second cheapest.
    /// Returns the rows that remain free, ascending.
    fn auction(&mut self) -> Vec<usize> {
        let mut free: Vec<usize> = (0..self.column_of.len())
            .filter(|&row| self.column_of[row] == NOBODY)
            .collect();
        for _ in 0..2 {
            let mut turns = TURNS * free.len() + 16;
            let mut later = vec![];
            for start in std::mem::take(&mut free) {
                let mut next = Some(start);
                while let Some(row) = next.take() {
                    let (least, second) = self.two_least(row);
                    let column = self.cheapest(row, least);
                    let price = self.v[column] - (second - least);
                    let strict = price < self.v[column];
                    let before = self.row_of[column];
                    if before != NOBODY && (!strict || turns == 0) {
                        later.push(row);
                        continue;
                    }
                    if before != NOBODY {
                        turns -= 1;
                        self.v[column] = price;
                        self.column_of[before as usize] = NOBODY;
                        next = Some(before as usize);
                    }
                    self.pair(row, column);
                }
            }
            later.sort_unstable();
            free = later;
        }
        free
    }

    /// Dijkstra over `cost - v` from a free row to the nearest free column: it and the length of the path. `settled`
    /// becomes the columns passed on the way.
    fn search(&mut self, start: usize, settled: &mut Vec<(usize, f64)>) -> (usize, f64) {
        self.distance.fill(f64::INFINITY);
        let (mut row, mut length) = (start, 0.0);
        let mut toll = self.two_least(start).0;
        loop {
            let least = self.relax(row, toll);
            let (column, free) = self.nearest(least);
            length = f64::max(length, least);
            if free {
                return (column, length);
            }
            settled.push((column, length));
            self.distance[column] = f64::NEG_INFINITY;
            row = self.row_of[column] as usize;
            toll = self.costs(row)[column] * self.sign - self.v[column] - length;
        }
    }

    /// Extend the paths through `row`; the least distance to a column that is not settled.
    #[expect(clippy::cast_possible_truncation, reason = "as in pair")]
    fn relax(&mut self, row: usize, toll: f64) -> f64 {
        let costs = &self.cost[row * self.columns..(row + 1) * self.columns];
        let (v, sign) = (&self.v, self.sign);
        let (distance, from) = (&mut self.distance, &mut self.from);
        wide(
            #[inline(always)]
            || relax(costs, v, sign, toll, row as u32, distance, from),
        )
    }

    /// The first column at this distance, of those without a row if there are any, and whether it has none.
    fn nearest(&self, least: f64) -> (usize, bool) {
        let mut first = None;
        for (column, &distance) in self.distance.iter().enumerate() {
            #[expect(clippy::float_cmp, reason = "the minimum is one of them")]
            if distance == least {
                if self.row_of[column] == NOBODY {
                    return (column, true);
                }
                first = first.or(Some(column));
            }
        }
        (first.unwrap_or(0), false)
    }

    fn augment(&mut self, start: usize, end: usize) {
        let mut column = end;
        loop {
            let row = self.from[column] as usize;
            let before = self.column_of[row];
            self.pair(row, column);
            if row == start {
                return;
            }
            column = before as usize;
        }
    }
}

/// The largest magnitude; NaN or infinite if any cost is.
#[inline(always)]
fn magnitude(costs: &[f64]) -> f64 {
    let (chunks, rest) = costs.as_chunks::<LANES>();
    let (mut most, mut odd) = ([0.0_f64; LANES], [0.0_f64; LANES]);
    for chunk in chunks {
        for lane in 0..LANES {
            let size = chunk[lane].abs();
            most[lane] = if size > most[lane] { size } else { most[lane] };
            odd[lane] += chunk[lane] * 0.0;
        }
    }
    for (lane, cost) in rest.iter().enumerate() {
        most[lane] = most[lane].max(cost.abs());
        odd[lane] += cost * 0.0;
    }
    most.iter().fold(0.0, |a: f64, &b| a.max(b)) + odd.iter().sum::<f64>()
}

/// The first multiple of [`LANES`] from `start` on with a column at or below `value` behind it.
#[inline(always)]
fn skip_dearer(costs: &[f64], v: &[f64], sign: f64, value: f64, start: usize) -> usize {
    let (chunks, prices) = (
        costs[start..].chunks_exact(LANES),
        v[start..].chunks_exact(LANES),
    );
    let whole = chunks.len();
    let found = chunks.zip(prices).position(|(costs, v)| {
        let reached = |any, lane: usize| any | u32::from(costs[lane] * sign - v[lane] <= value);
        (0..LANES).fold(0, reached) != 0
    });
    start + found.unwrap_or(whole) * LANES
}

#[inline(always)]
fn two_least(costs: &[f64], v: &[f64], sign: f64) -> (f64, f64) {
    let ((chunks, rest), (prices, last)) = (costs.as_chunks::<LANES>(), v.as_chunks::<LANES>());
    let (mut first, mut second) = ([f64::INFINITY; LANES], [f64::INFINITY; LANES]);
    let mut take = |lane: usize, value: f64| {
        let larger = if value > first[lane] {
            value
        } else {
            first[lane]
        };
        second[lane] = if larger < second[lane] {
            larger
        } else {
            second[lane]
        };
        first[lane] = if value < first[lane] {
            value
        } else {
            first[lane]
        };
    };
    for (chunk, price) in chunks.iter().zip(prices) {
        for lane in 0..LANES {
            take(lane, chunk[lane] * sign - price[lane]);
        }
    }
    for (lane, (cost, price)) in rest.iter().zip(last).enumerate() {
        take(lane, cost * sign - price);
    }
    let (mut least, mut next) = (f64::INFINITY, f64::INFINITY);
    for value in first.into_iter().chain(second) {
        next = next.min(least.max(value));
        least = least.min(value);
    }
    (least, next)
}

#[inline(always)]
fn relax(
    costs: &[f64],
    v: &[f64],
    sign: f64,
    toll: f64,
    row: u32,
    distance: &mut [f64],
    from: &mut [u32],
) -> f64 {
    let n = costs.len();
    let (v, distance, from) = (&v[..n], &mut distance[..n], &mut from[..n]);
    let mut least = [f64::INFINITY; LANES];
    let mut step = |lane: usize, at: usize| {
        let through = costs[at] * sign - v[at] - toll;
        let nearer = through < distance[at];
        let new = if nearer { through } else { distance[at] };
        distance[at] = new;
        from[at] = if nearer { row } else { from[at] };
        let open = if new == f64::NEG_INFINITY {
            f64::INFINITY
        } else {
            new
        };
        least[lane] = if open < least[lane] {
            open
        } else {
            least[lane]
        };
    };
    let whole = n / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        for lane in 0..LANES {
            step(lane, start + lane);
        }
    }
    for at in whole..n {
        step(at - whole, at);
    }
    least.iter().fold(f64::INFINITY, |a, &b| a.min(b))
}

//! Permutation tests of all measures at once: sign flips of pairs, label permutations of two groups.
//!
//! One resample (a sign vector, or a relabelling) serves every measure, so their dependence is kept. Each kernel
//! returns counts, not p-values; the caller makes `(1 + exceed) / (1 + B)`, or `exceed / B` after enumerating.
//!
//! | file | what it does |
//! |---|---|
//! | `signs` | paired: `z = sum(s d) / sqrt(sum(d^2))` |
//! | `labels` | unpaired: Welch's t |
//! | `forms` | MMD and the distance of means: `w' K w` under either |
//! | `prepared` | the two tests, made ready once and then counted over ranges of resamples |
//! | `counting`, `ladder` | compare with the observed statistic, Westfall and Young's step-down maximum, threads |
//! | `sums` | column sums over the drawn rows of 512 resamples, by `planes` (whole numbers) or `tables` (floats) |
//! | `drawn`, `welch` | which rows are drawn; t from a group's sums |
//! | `grid` | columns on a grid (counts, shares of k draws) become integers, so that ties are exact |
//!
//! Cost: time in proportion to B resamples times nonzero values, for indicators about a hundredth of a cycle each;
//! memory O(p m + 512 (p / 64 + m)) a thread for p rows and m measures, independent of B.

mod counting;
mod drawn;
mod forms;
mod grid;
mod labels;
mod ladder;
mod planes;
mod prepared;
mod signs;
mod sums;
mod tables;
mod welch;

pub use forms::{Form, quadratic_forms};
pub use labels::Groups;
pub use prepared::{Draw, PermutationTest};

use std::ops::Range;

/// `|t|` of a difference without a standard error: finite, with a finite square, beyond every t that has one.
pub const BEYOND: f64 = 1e154;

/// Rows of a matrix, one after another.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// `rows * columns` values, row by row.
    pub data: &'a [f64],
    /// How many rows.
    pub rows: usize,
    /// How many columns, one a measure.
    pub columns: usize,
}

/// What the resamples say about each measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Counts {
    /// Resamples with `|z*| >= |z|`.
    pub exceed: Vec<i64>,
    /// Resamples whose largest `|z*|` over this measure, its ties and all weaker ones is `>= |z|`.
    pub exceed_max: Vec<i64>,
}

/// What is wrong with the arguments of a permutation test.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PermutationError {
    /// An array does not have the shape that goes with the others.
    #[error("{name}: {got} values, expected {rows} rows x {columns} measures = {}; pass arrays of equal shape", rows * columns)]
    Length {
        /// The argument.
        name: &'static str,
        /// How many values it holds.
        got: usize,
        /// Rows that it should have.
        rows: usize,
        /// Columns that it should have.
        columns: usize,
    },
    /// A value is NaN or infinite.
    #[error(
        "{name}: row {row}, measure {column} is {value}; remove the row or mark the value as missing"
    )]
    NotFinite {
        /// The argument.
        name: &'static str,
        /// Its row, from 0.
        row: usize,
        /// Its column, from 0.
        column: usize,
        /// The value.
        value: f64,
    },
    /// No thread to work on.
    #[error("threads: 0, expected at least 1; pass threads=1 to work on the calling thread")]
    NoThreads,
    /// The resamples run backwards.
    #[error("resamples: start {start} is after stop {stop}; pass start <= stop")]
    Backwards {
        /// First resample.
        start: u64,
        /// One past the last.
        stop: u64,
    },
    /// More sign patterns than fit a resample index.
    #[error(
        "differences: {pairs} pairs, but exact enumeration takes at most 62; pass exact=False to draw signs at random"
    )]
    TooManyPairs {
        /// Rows of the differences.
        pairs: usize,
    },
    /// More subsets than fit a resample index.
    #[error(
        "first: {k} of {n} rows can be chosen in more than 2^64 - 1 ways; pass exact=False to draw labels at random"
    )]
    TooManySubsets {
        /// Rows.
        n: usize,
        /// Rows of the smaller group.
        k: usize,
    },
    /// An enumeration would begin anew and count arrangements twice.
    #[error(
        "resamples: stop {stop} is past the last of {total} arrangements; pass stop <= {total} or exact=False"
    )]
    PastTheEnd {
        /// One past the last resample asked for.
        stop: u64,
        /// How many there are.
        total: u64,
    },
    /// The matrix of statistics does not fit in memory.
    #[error(
        "resamples: {resamples} x {measures} statistics do not fit in memory; ask for fewer resamples a call"
    )]
    TooLarge {
        /// Resamples asked for.
        resamples: u64,
        /// Measures.
        measures: usize,
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

impl Matrix<'_> {
    /// Every column in one piece. Rows are read 64 columns at a time, in squares that stay in the cache.
    fn for_each_column(&self, mut visit: impl FnMut(usize, Vec<f64>)) {
        for from in (0..self.columns).step_by(64) {
            let width = (self.columns - from).min(64);
            let mut columns = vec![Vec::with_capacity(self.rows); width];
            for rows in self.data.chunks(64 * self.columns) {
                for (at, column) in columns.iter_mut().enumerate() {
                    column.extend(rows.iter().skip(from + at).step_by(self.columns));
                }
            }
            for (at, column) in columns.into_iter().enumerate() {
                visit(from + at, column);
            }
        }
    }

    fn check(&self, name: &'static str) -> Result<(), PermutationError> {
        check_length(name, self.data.len(), self.rows, self.columns)
    }

    /// Every value that is there is finite.
    fn check_finite(
        &self,
        name: &'static str,
        present: Option<&[bool]>,
    ) -> Result<(), PermutationError> {
        let there = |at: usize| present.is_none_or(|present| present[at]);
        for (chunk, values) in self.data.chunks(1024).enumerate() {
            if values.iter().fold(true, |all, x| all & x.is_finite()) {
                continue;
            }
            let bad = |&(at, x): &(usize, &f64)| !x.is_finite() && there(at);
            if let Some((at, &value)) = (chunk * 1024..).zip(values).find(bad) {
                let (row, column) = (at / self.columns, at % self.columns);
                return Err(PermutationError::NotFinite {
                    name,
                    row,
                    column,
                    value,
                });
            }
        }
        Ok(())
    }
}

fn check_range(resamples: &Range<u64>, threads: usize) -> Result<(), PermutationError> {
    let Range { start, end: stop } = *resamples;
    if threads == 0 {
        return Err(PermutationError::NoThreads);
    }
    if start > stop {
        return Err(PermutationError::Backwards { start, stop });
    }
    Ok(())
}

fn check_length(
    name: &'static str,
    got: usize,
    rows: usize,
    columns: usize,
) -> Result<(), PermutationError> {
    if rows.checked_mul(columns) == Some(got) {
        return Ok(());
    }
    Err(PermutationError::Length {
        name,
        got,
        rows,
        columns,
    })
}

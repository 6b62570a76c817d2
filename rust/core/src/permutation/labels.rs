//! Label permutations of two unpaired groups, Welch's t: `(mean_2 - mean_1) / sqrt(v_1 / n_1 + v_2 / n_2)`.
//!
//! Variances are unbiased (Welch 1947). Labels are permuted over all rows and presence travels with the row, so the
//! counts of present values change from resample to resample. Only the **drawn group** is summed, and the other is the
//! total minus it. The drawn group is the smaller one, and of two equal ones that without row 0: a rule about the
//! partition, so that renaming the groups turns t to -t and leaves every count. Drawn groups are
//! [`crate::stream::Subsets`]; enumerated, resample `b` is the b-th subset of that size in lexicographic order.
//!
//! Columns on a grid (`grid`, from their minimum) are summed as exact integers, so equal splits tie exactly and a
//! group without spread has variance 0. Other columns are centred on their mean and scaled by a power of two; there
//! a sum of squares within 256 eps of nothing counts as nothing, and t has a relative error near `eps / (1 - R^2)`
//! with R^2 the share of the variation that lies between the groups.
//!
//! Where a group has fewer than 2 present values, or neither has any spread, t is 0 for equal means (or an empty
//! group), else [`super::BEYOND`] with the sign of the difference.
//!
//! Cost: what `sums` takes for x, for x^2 unless it follows (indicators; complete groups of one size, where the
//! summed variance is what the means leave), and for the number of present values where some are missing.

use super::counting::{self, Statistic};
use super::drawn::Drawn;
use super::planes::LANES;
use super::sums::{Sums, Work};
use super::tables::Weights;
use super::welch::{Group, even_welch, welch};
use super::{Counts, Matrix, PermutationError, Resamples, check_length, grid};

/// Integers are used while all sums of products of the t stay below 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Two unpaired groups of rows.
#[derive(Clone, Copy, Debug)]
pub struct Groups<'a> {
    /// A row for each unit, a column for each measure.
    pub values: Matrix<'a>,
    /// Which of the values are there, in the same order; the others may hold anything.
    pub present: &'a [bool],
    /// Which rows are in the first group.
    pub first: &'a [bool],
}

/// Count the relabellings at least as extreme as the data, for every measure.
///
/// The result is the same for every value of `threads`.
///
/// # Errors
///
/// [`PermutationError`]: a present value that is not finite, a wrong length, `threads` of 0, `start` after `stop`;
/// when exact, 2^64 subsets or more, or resamples beyond the last subset.
///
/// # Examples
///
/// ```
/// use diptych_core::permutation::{Groups, Matrix, Resamples, label_permutations};
///
/// let values = Matrix { data: &[1.0, 2.0, 8.0, 9.0], rows: 4, columns: 1 };
/// let groups = Groups { values, present: &[true; 4], first: &[true, true, false, false] };
/// let all = Resamples { seed: 0, start: 0, stop: 6, exact: true };
/// assert_eq!(label_permutations(groups, &all, 1)?.exceed, [2]);
/// # Ok::<(), diptych_core::permutation::PermutationError>(())
/// ```
pub fn label_permutations(
    groups: Groups<'_>,
    resamples: &Resamples,
    threads: usize,
) -> Result<Counts, PermutationError> {
    counting::count(
        &Labels::new(groups, resamples, threads)?,
        resamples,
        threads,
    )
}

/// The t* themselves: a row for each resample, a column for each measure.
///
/// # Errors
///
/// As [`label_permutations`], and where the matrix does not fit in memory.
pub fn label_permutation_null(
    groups: Groups<'_>,
    resamples: &Resamples,
    threads: usize,
) -> Result<Vec<f64>, PermutationError> {
    counting::null(
        &Labels::new(groups, resamples, threads)?,
        resamples,
        threads,
    )
}

/// What Welch's t of a measure is made of.
enum Parts {
    /// The sum alone: an indicator (`xx` is `x`), or groups of one size without missing values.
    Sum(usize),
    /// Places of number, sum and sum of squares; None where it follows from the others.
    All {
        n: Option<usize>,
        x: usize,
        xx: Option<usize>,
    },
}

struct Labels {
    sums: Sums,
    measures: Vec<Measure>,
    drawn: Drawn,
    seed: u64,
    exact: bool,
}

struct Measure {
    parts: Parts,
    total: Group,
    /// `xx` of the drawn group is its `x`.
    indicator: bool,
    /// What share of a sum of squares is rounding: 0 for integers.
    noise: f64,
}

impl Labels {
    fn new(
        groups: Groups<'_>,
        resamples: &Resamples,
        threads: usize,
    ) -> Result<Self, PermutationError> {
        let Groups {
            values,
            present,
            first,
        } = groups;
        resamples.check(threads)?;
        values.check("values")?;
        check_length("present", present.len(), values.rows, values.columns)?;
        check_length("first", first.len(), values.rows, 1)?;
        let mut drawn = Drawn::new(first);
        if resamples.exact {
            resamples.check_end(drawn.enumerate()?)?;
        }
        let bad = values
            .data
            .iter()
            .zip(present)
            .position(|(x, &there)| there && !x.is_finite());
        if let Some(at) = bad {
            let (row, column) = (at / values.columns, at % values.columns);
            return Err(PermutationError::NotFinite {
                name: "values",
                row,
                column,
                value: values.data[at],
            });
        }
        let weights = Weights {
            drawn: 1.0,
            left: 0.0,
        };
        let mut labels = Self {
            sums: Sums::new(values.rows, weights),
            measures: Vec::new(),
            drawn,
            seed: resamples.seed,
            exact: resamples.exact,
        };
        for (column, cells) in values.by_column().into_iter().enumerate() {
            let there = present.iter().skip(column).step_by(values.columns);
            labels.prepare(cells, &there.copied().collect::<Vec<bool>>());
        }
        labels.sums.finish();
        Ok(labels)
    }

    fn prepare(&mut self, mut cells: Vec<f64>, present: &[bool]) {
        let complete = !present.contains(&false);
        let values: Vec<f64> = if complete {
            cells.clone()
        } else {
            let there = cells.iter().zip(present).filter(|&(_, &there)| there);
            there.map(|(x, _)| *x).collect()
        };
        let whole = integers(&values);
        let noise = if whole.is_some() { 0.0 } else { grid::NOISE };
        let is_whole = whole.is_some();
        let prepared = whole.unwrap_or_else(|| grid::scaled(centred(values)));
        let mut next = prepared.iter();
        for (cell, _) in cells.iter_mut().zip(present).filter(|&(_, &there)| there) {
            *cell = next.next().copied().unwrap_or(0.0);
        }
        for (cell, _) in cells.iter_mut().zip(present).filter(|&(_, &there)| !there) {
            *cell = 0.0;
        }
        let total = Group {
            n: prepared.len() as f64,
            x: prepared.iter().sum(),
            xx: prepared.iter().map(|x| x * x).sum(),
        };
        #[allow(clippy::float_cmp)] // whole numbers are exact
        let indicator = is_whole && prepared.iter().all(|&x| x == 0.0 || x == 1.0);
        let even = complete && 2 * self.drawn.k == self.drawn.n;
        let squares = || cells.iter().map(|x| x * x);
        let flags = || present.iter().map(|&there| f64::from(there));
        let n = (!complete).then(|| self.sums.add_whole(flags()));
        let follows = indicator || even;
        let (x, xx) = if is_whole {
            let xx = (!follows).then(|| self.sums.add_whole(squares()));
            (self.sums.add_whole(cells.iter().copied()), xx)
        } else {
            let xx = (!follows).then(|| self.sums.add_floats(squares().collect()));
            (self.sums.add_floats(cells), xx)
        };
        let parts = if complete && follows && is_whole {
            Parts::Sum(x)
        } else {
            Parts::All { n, x, xx }
        };
        self.measures.push(Measure {
            parts,
            total,
            indicator,
            noise,
        });
    }

    /// t of the drawn group's number, sum and (where it is needed) sum of squares.
    #[inline(always)]
    fn t(&self, measure: &Measure, n: f64, x: f64, xx: Option<f64>) -> f64 {
        let Measure { total, noise, .. } = measure;
        let one = Group {
            n,
            x,
            xx: xx.unwrap_or(if measure.indicator { x } else { 0.0 }),
        };
        let other = Group {
            n: total.n - one.n,
            x: total.x - one.x,
            xx: total.xx - one.xx,
        };
        let squares = xx.is_some() || measure.indicator;
        let t = if squares {
            welch(one, other, *noise)
        } else {
            even_welch(one, other, total.xx, *noise)
        };
        self.drawn.sign * t
    }
}

impl Statistic for Labels {
    fn measures(&self) -> usize {
        self.measures.len()
    }

    fn sums(&self) -> &Sums {
        &self.sums
    }

    #[inline(always)]
    fn draw(&self, resample: Option<u64>, bits: &mut [u64]) {
        match resample {
            None => bits.copy_from_slice(&self.drawn.bits),
            Some(b) if self.exact => self.drawn.unrank(b, bits),
            Some(b) => self.drawn.subsets.draw(self.seed, b, bits),
        }
    }

    /// An indicator's t grows with its count in the drawn group (its variance can only fall away from equal shares as
    /// fast as the difference grows), and so does that of equal groups, whose summed variance is what the means leave.
    fn single(&self, measure: usize) -> Option<usize> {
        match self.measures[measure].parts {
            Parts::Sum(place) => Some(place),
            Parts::All { .. } => None,
        }
    }

    #[inline(always)]
    fn at_count(&self, measure: usize, count: u64) -> f64 {
        self.t(
            &self.measures[measure],
            self.drawn.k as f64,
            count as f64,
            None,
        )
    }

    #[inline(always)]
    fn values(&self, measure: usize, work: &mut Work, out: &mut [f64; LANES]) {
        let measure = &self.measures[measure];
        let (mut n, mut xx) = ([self.drawn.k as f64; LANES], [0.0; LANES]);
        let (x, has_xx) = match measure.parts {
            Parts::Sum(x) => (x, false),
            Parts::All {
                n: numbers,
                x,
                xx: squares,
            } => {
                if let Some(at) = numbers {
                    self.sums.numbers(at, work, &mut n);
                }
                if let Some(at) = squares {
                    self.sums.numbers(at, work, &mut xx);
                }
                (x, squares.is_some())
            }
        };
        self.sums.numbers(x, work, out);
        for (t, (n, xx)) in out.iter_mut().zip(n.iter().zip(&xx)) {
            *t = self.t(measure, *n, *t, has_xx.then_some(*xx));
        }
    }
}

/// The values in steps of their grid from the minimum, while everything that `welch` makes of them is exact.
fn integers(values: &[f64]) -> Option<Vec<f64>> {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !(most - least).is_finite() {
        return if values.is_empty() {
            Some(vec![])
        } else {
            None
        };
    }
    let shifted: Vec<f64> = values.iter().map(|x| x - least).collect();
    // Means of a few draws, or differences of such, carry some roundings: 0.6 - 0.4 is not 0.2.
    let error = 16.0 * f64::EPSILON * most.abs().max(least.abs());
    let steps = grid::steps(&shifted, if least == 0.0 { 0.0 } else { error })?;
    let n = values.len() as f64;
    let bound = n * n * steps.iter().map(|x| x * x).sum::<f64>();
    (bound < EXACT).then_some(steps)
}

/// The values minus their mean, scaled first, so that neither sum nor differences overflow.
fn centred(values: Vec<f64>) -> Vec<f64> {
    let values = grid::scaled(values);
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.into_iter().map(|x| x - mean).collect()
}

//! Label permutations of two unpaired groups, Welch's t: `(mean_2 - mean_1) / sqrt(v_1 / n_1 + v_2 / n_2)`.
//!
//! Variances are unbiased (Welch 1947). Labels are permuted over all rows and presence travels with the row, so the
//! counts of present values change from resample to resample. Only the **drawn group** is summed, and the other is the
//! total minus it. The drawn group is the smaller one, and of two equal ones that without row 0: a rule about the
//! partition, so that renaming the groups turns t to -t and leaves every count. Drawn groups are
//! [`crate::stream::subset`]; enumerated, resample `b` is the b-th subset of that size in lexicographic order.
//!
//! Columns on a grid (`grid`, from their minimum) are summed as exact integers, so equal splits tie exactly and a
//! group without spread has variance 0. Other columns are centred on their mean and scaled by a power of two; there
//! a sum of squares within 256 eps of nothing counts as nothing, and t has a relative error near `eps / (1 - R^2)`
//! with R^2 the share of the variation that lies between the groups.
//!
//! Where a group has fewer than 2 present values, or neither has any spread, t is 0 for equal means (or an empty
//! group), else [`BEYOND`] with the sign of the difference.
//!
//! Cost: O(k m) a resample, k the size of the smaller group, after O(n) for the subset.

use super::counting::{self, Statistic};
use super::{BEYOND, Counts, Matrix, PermutationError, Resamples, check_length, grid};
use crate::stream;

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

/// Number, sum and sum of squares of the present values of one measure in one group.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    n: f64,
    x: f64,
    xx: f64,
}

struct Labels {
    /// The columns as integers or centred and scaled, 0 where missing; row by row.
    rows: Vec<f64>,
    /// 1 where present; empty when no value is missing.
    present: Vec<f64>,
    totals: Vec<Sums>,
    /// What share of a sum of squares is rounding: 0 for integers.
    noise: Vec<f64>,
    drawn: Drawn,
    seed: u64,
    exact: bool,
}

/// The group whose rows are drawn.
struct Drawn {
    bits: Vec<u64>,
    n: usize,
    k: usize,
    /// 1 where the drawn group is the second, else -1.
    sign: f64,
    /// C(n - 1, k - 1), how many of the subsets contain row 0; only for enumeration.
    with_row_0: u64,
}

impl Drawn {
    fn new(first: &[bool]) -> Self {
        let n = first.len();
        let in_first = first.iter().filter(|&&is| is).count();
        let draws_first = match in_first.cmp(&(n - in_first)) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Equal => first.first() == Some(&false),
        };
        let mut bits = vec![0; n.div_ceil(64)];
        for (row, _) in first
            .iter()
            .enumerate()
            .filter(|&(_, &is)| is == draws_first)
        {
            bits[row / 64] |= 1 << (row % 64);
        }
        let (k, sign) = if draws_first {
            (in_first, -1.0)
        } else {
            (n - in_first, 1.0)
        };
        Self {
            bits,
            n,
            k,
            sign,
            with_row_0: 0,
        }
    }

    /// Count the subsets, as enumeration needs.
    fn enumerate(&mut self) -> Result<u64, PermutationError> {
        let (n, k) = (self.n, self.k);
        let total =
            binomial(n as u64, k as u64).ok_or(PermutationError::TooManySubsets { n, k })?;
        // C(n - 1, k - 1) = C(n, k) k / n exactly.
        self.with_row_0 = proportion(total, k as u64, (n as u64).max(1));
        Ok(total)
    }

    /// The b-th k-subset in lexicographic order of its sorted rows, as `itertools.combinations` gives them.
    fn unrank(&self, mut b: u64, bits: &mut [u64]) {
        bits.fill(0);
        // `with` is how many choices of the `k` rows still wanted, out of the `left` from `row` on, contain `row`.
        let (mut with, mut k) = (self.with_row_0, self.k as u64);
        for row in 0..self.n {
            if k == 0 {
                return;
            }
            let left = (self.n - row) as u64;
            if b < with {
                bits[row / 64] |= 1 << (row % 64);
                with = proportion(with, k - 1, (left - 1).max(1));
                k -= 1;
            } else {
                b -= with;
                with = proportion(with, left - k, (left - 1).max(1));
            }
        }
    }
}

/// `count * share / of`, where that is whole and below 2^64.
fn proportion(count: u64, share: u64, of: u64) -> u64 {
    u64::try_from(u128::from(count) * u128::from(share) / u128::from(of)).unwrap_or(u64::MAX)
}

/// C(n, k), if it is below 2^64.
fn binomial(n: u64, k: u64) -> Option<u64> {
    let k = k.min(n - k);
    let mut ways = 1;
    for i in 0..k {
        // After this step `ways` is C(n, i + 1), which grows with i while i < n / 2.
        ways = u64::try_from(u128::from(ways) * u128::from(n - i) / u128::from(i + 1)).ok()?;
    }
    Some(ways)
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
        let mask = if present.contains(&false) {
            present.iter().map(|&there| f64::from(there)).collect()
        } else {
            vec![]
        };
        let mut labels = Self {
            rows: vec![0.0; values.data.len()],
            present: mask,
            totals: vec![Sums::default(); values.columns],
            noise: vec![0.0; values.columns],
            drawn,
            seed: resamples.seed,
            exact: resamples.exact,
        };
        for column in 0..values.columns {
            labels.prepare(column, values, present);
        }
        Ok(labels)
    }

    fn prepare(&mut self, column: usize, values: Matrix<'_>, present: &[bool]) {
        let places: Vec<usize> = (column..values.data.len())
            .step_by(values.columns)
            .filter(|&at| present[at])
            .collect();
        let column_values: Vec<f64> = places.iter().map(|&at| values.data[at]).collect();
        let (prepared, noise) = match integers(&column_values) {
            Some(steps) => (steps, 0.0),
            None => (grid::scaled(centred(column_values)), grid::NOISE),
        };
        self.noise[column] = noise;
        let x = prepared.iter().sum();
        let xx = prepared.iter().map(|x| x * x).sum();
        self.totals[column] = Sums {
            n: prepared.len() as f64,
            x,
            xx,
        };
        for (at, value) in places.into_iter().zip(prepared) {
            self.rows[at] = value;
        }
    }

    fn relabelled(&self, (bits, sums): &mut Scratch, out: &mut [f64]) {
        let columns = out.len();
        sums.fill(Sums::default());
        for row in members(bits) {
            let cells = row * columns..(row + 1) * columns;
            for (sum, x) in sums.iter_mut().zip(&self.rows[cells.clone()]) {
                sum.x += x;
                sum.xx += x * x;
            }
            if !self.present.is_empty() {
                for (sum, there) in sums.iter_mut().zip(&self.present[cells]) {
                    sum.n += there;
                }
            }
        }
        for (measure, t) in out.iter_mut().enumerate() {
            let (mut drawn, total) = (sums[measure], self.totals[measure]);
            if self.present.is_empty() {
                drawn.n = self.drawn.k as f64;
            }
            let rest = Sums {
                n: total.n - drawn.n,
                x: total.x - drawn.x,
                xx: total.xx - drawn.xx,
            };
            *t = self.drawn.sign * welch(drawn, rest, self.noise[measure]);
        }
    }
}

/// Drawn rows, and the sums over them.
type Scratch = (Vec<u64>, Vec<Sums>);

impl Statistic for Labels {
    type Scratch = Scratch;

    fn measures(&self) -> usize {
        self.totals.len()
    }

    fn scratch(&self) -> Scratch {
        (
            vec![0; self.drawn.bits.len()],
            vec![Sums::default(); self.totals.len()],
        )
    }

    fn observed(&self, scratch: &mut Scratch, out: &mut [f64]) {
        scratch.0.copy_from_slice(&self.drawn.bits);
        self.relabelled(scratch, out);
    }

    fn resample(&self, b: u64, scratch: &mut Scratch, out: &mut [f64]) {
        if self.exact {
            self.drawn.unrank(b, &mut scratch.0);
        } else {
            stream::subset_into(self.seed, b, self.drawn.n, self.drawn.k, &mut scratch.0);
        }
        self.relabelled(scratch, out);
    }
}

/// The rows whose bit is set, ascending.
fn members(bits: &[u64]) -> impl Iterator<Item = usize> {
    bits.iter().enumerate().flat_map(|(at, &word)| {
        std::iter::successors(Some(word), |rest| Some(rest & rest.wrapping_sub(1)))
            .take_while(|&rest| rest != 0)
            .map(move |rest| at * 64 + rest.trailing_zeros() as usize)
    })
}

/// Welch's t of one group against another, mean of `one` minus mean of `other`.
fn welch(one: Sums, other: Sums, noise: f64) -> f64 {
    if one.n == 0.0 || other.n == 0.0 {
        return 0.0;
    }
    let difference = (other.n * one.x - one.n * other.x) / (one.n * other.n);
    let error = (square_error(one, noise) + square_error(other, noise)).sqrt();
    if one.n >= 2.0 && other.n >= 2.0 && error > 0.0 {
        return difference / error;
    }
    // Centred and scaled values are below 2, so that is the unit in which a difference is nothing.
    if difference.abs() <= noise {
        0.0
    } else {
        difference.signum() * BEYOND
    }
}

/// The unbiased variance of the values over their number; 0 for fewer than 2.
fn square_error(sums: Sums, noise: f64) -> f64 {
    let Sums { n, x, xx } = sums;
    let spread = n * xx - x * x;
    if n < 2.0 || spread <= noise * n * xx {
        0.0
    } else {
        spread / (n * n * (n - 1.0))
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

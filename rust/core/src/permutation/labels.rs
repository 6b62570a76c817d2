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

use super::counting::Statistic;
use super::drawn::Drawn;
use super::planes::LANES;
use super::sums::{Sums, Work};
use super::tables::Weights;
use super::welch::{Group, even_welch, welch};
use super::{Draw, Matrix, PermutationError, check_length, grid};

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

pub(super) struct Labels {
    sums: Sums,
    measures: Vec<Measure>,
    drawn: Drawn,
    draw: Draw,
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
    /// And how many subsets there are, if each is taken.
    pub fn new(groups: Groups<'_>, draw: Draw) -> Result<(Self, Option<u64>), PermutationError> {
        let Groups {
            values,
            present,
            first,
        } = groups;
        values.check("values")?;
        check_length("present", present.len(), values.rows, values.columns)?;
        check_length("first", first.len(), values.rows, 1)?;
        values.check_finite("values", Some(present))?;
        let mut drawn = Drawn::new(first);
        let total = match draw {
            Draw::Random { .. } => None,
            Draw::Each => Some(drawn.enumerate()?),
        };
        let weights = Weights {
            drawn: 1.0,
            left: 0.0,
        };
        let mut labels = Self {
            sums: Sums::new(values.rows, weights),
            measures: Vec::with_capacity(values.columns),
            drawn,
            draw,
        };
        let all = present.iter().all(|&there| there);
        values.for_each_column(|column, cells| {
            let there = present.iter().skip(column).step_by(values.columns);
            if all || there.clone().all(|&there| there) {
                labels.complete(cells);
            } else {
                labels.incomplete(cells, &there.copied().collect::<Vec<bool>>());
            }
        });
        labels.sums.finish();
        Ok((labels, total))
    }

    fn complete(&mut self, values: Vec<f64>) {
        let even = 2 * self.drawn.k == self.drawn.n;
        let prepared = Prepared::new(values);
        let follows = prepared.indicator || even;
        let xx = (!follows).then(|| prepared.add_squares(&mut self.sums));
        let (measure, x) = prepared.add(&mut self.sums);
        let parts = if follows && measure.noise == 0.0 {
            Parts::Sum(x)
        } else {
            Parts::All { n: None, x, xx }
        };
        self.measures.push(Measure { parts, ..measure });
    }

    /// A missing value counts nothing in any sum.
    fn incomplete(&mut self, mut cells: Vec<f64>, present: &[bool]) {
        let there = cells.iter().zip(present).filter(|&(_, &there)| there);
        let mut prepared = Prepared::new(there.map(|(x, _)| *x).collect());
        let mut next = prepared.values.iter();
        for (cell, &there) in cells.iter_mut().zip(present) {
            *cell = if there {
                next.next().copied().unwrap_or(0.0)
            } else {
                0.0
            };
        }
        prepared.values = cells;
        let flags = present.iter().map(|&there| f64::from(there));
        let n = Some(self.sums.add_whole(flags));
        let xx = (!prepared.indicator).then(|| prepared.add_squares(&mut self.sums));
        let (measure, x) = prepared.add(&mut self.sums);
        let parts = Parts::All { n, x, xx };
        self.measures.push(Measure { parts, ..measure });
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
        match (resample, self.draw) {
            (None, _) => bits.copy_from_slice(&self.drawn.bits),
            (Some(b), Draw::Each) => self.drawn.unrank(b, bits),
            (Some(b), Draw::Random { seed }) => self.drawn.subsets.draw(seed, b, bits),
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

/// A column ready to be summed: as integers, or centred and scaled.
struct Prepared {
    values: Vec<f64>,
    whole: bool,
    indicator: bool,
    total: Group,
}

impl Prepared {
    /// Of the values that are there.
    fn new(values: Vec<f64>) -> Self {
        let n = values.len() as f64;
        if let Some(ones) = indicator(&values).filter(|ones| n * n * ones < EXACT) {
            let total = Group {
                n,
                x: ones,
                xx: ones,
            };
            return Self {
                values,
                whole: true,
                indicator: true,
                total,
            };
        }
        let steps = integers(&values);
        let whole = steps.is_some();
        let values = steps.unwrap_or_else(|| grid::scaled(centred(values)));
        let total = Group {
            n,
            x: values.iter().sum(),
            xx: values.iter().map(|x| x * x).sum(),
        };
        Self {
            whole,
            indicator: whole && indicator(&values).is_some(),
            values,
            total,
        }
    }

    fn add_squares(&self, sums: &mut Sums) -> usize {
        let squares = self.values.iter().map(|x| x * x);
        if self.whole {
            sums.add_whole(squares)
        } else {
            sums.add_floats(squares.collect())
        }
    }

    /// The measure, its parts still to be said, and the place of its sum.
    fn add(self, sums: &mut Sums) -> (Measure, usize) {
        let x = if self.whole {
            sums.add_whole(self.values.iter().copied())
        } else {
            sums.add_floats(self.values)
        };
        let measure = Measure {
            parts: Parts::Sum(x),
            total: self.total,
            indicator: self.indicator,
            noise: if self.whole { 0.0 } else { grid::NOISE },
        };
        (measure, x)
    }
}

/// How many ones, if all else is zeros and there is at least one of these.
#[allow(clippy::float_cmp)] // whole numbers are exact
fn indicator(values: &[f64]) -> Option<f64> {
    let (mut ones, mut zeros) = (0_usize, 0_usize);
    for values in values.chunks(256) {
        let before = ones + zeros;
        ones += values.iter().filter(|&&x| x == 1.0).count();
        zeros += values.iter().filter(|&&x| x == 0.0).count();
        if ones + zeros != before + values.len() {
            return None;
        }
    }
    (zeros > 0).then_some(ones as f64)
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

//! Quadratic forms under resampling: MMD from a kernel matrix, the squared distance of two means from vectors.
//!
//! The value of a resample is `w' K w`, or `|X' w|^2` where K would be `X X'` and need not be formed. Paired, `w` are
//! the signs; unpaired, `1 / k` in the drawn group and `-1 / (n - k)` outside it, which is the same as the drawn rows
//! alone against centred values, since the weights add up to 0. Sums of rows come from `tables`, so no product is
//! formed; of K only the blocks up to the diagonal are read. Input is f32, every sum is f64.
//!
//! Cost: a resample takes n c / 16 additions of eight numbers, for K half of that; memory O(512 c + 64 n) a thread.

use std::ops::Range;

use super::counting::refused;
use super::drawn::Drawn;
use super::planes::LANES;
use super::tables::{self, Cells, TILE, Weights};
use super::{PermutationError, check_length, check_range};
use crate::finite::first_odd;
use crate::parallel::{blocks, run};
use crate::simd::width::{Job, Width};
use crate::stream;

/// What is resampled.
#[derive(Clone, Copy, Debug)]
pub struct Form<'a> {
    /// Row by row: a symmetric kernel matrix, or a vector for each unit.
    pub data: &'a [f32],
    /// How many rows.
    pub rows: usize,
    /// How many columns.
    pub columns: usize,
    /// Whether `data` is the kernel matrix K (only its lower triangle is trusted), not the vectors X.
    pub kernel: bool,
    /// Which rows are in the first of two unpaired groups; None flips signs.
    pub first: Option<&'a [bool]>,
}

/// The value of the data as they are, and of each resample of a range.
///
/// The result is the same for every value of `threads`.
///
/// # Errors
///
/// [`PermutationError`]: a value that is not finite, a wrong length, `threads` of 0, `start` after `stop`.
///
/// # Examples
///
/// ```
/// use diptych_core::permutation::{Form, quadratic_forms};
///
/// let form = Form { data: &[1.0, 2.0], rows: 2, columns: 1, kernel: false, first: None };
/// let (observed, null) = quadratic_forms(form, 0, 0..2, 1)?;
/// assert_eq!(observed, 9.0);
/// assert!(null.iter().all(|value| [1.0, 9.0].contains(value)));
/// # Ok::<(), diptych_core::permutation::PermutationError>(())
/// ```
pub fn quadratic_forms(
    form: Form<'_>,
    seed: u64,
    resamples: Range<u64>,
    threads: usize,
) -> Result<(f64, Vec<f64>), PermutationError> {
    let forms = Forms::new(form, seed)?;
    check_range(&resamples, threads)?;
    let values = |range, observed| Values {
        forms: &forms,
        range,
        observed,
    };
    let mut work: Vec<_> = blocks(resamples, threads)
        .into_iter()
        .map(|range| values(range, false))
        .collect();
    match work.first_mut() {
        Some(first) => first.observed = true,
        None => work.push(values(0..0, true)),
    }
    let parts = run(work, |part| Width::widest().run(part)).map_err(refused(threads))?;
    let mut all = parts.concat();
    Ok((all.remove(0), all))
}

struct Forms<'a> {
    form: Form<'a>,
    drawn: Option<Drawn>,
    /// Of each column, and of everything; 0 for signs.
    means: Vec<f64>,
    mean: f64,
    scale: f64,
    seed: u64,
}

impl<'a> Forms<'a> {
    fn new(form: Form<'a>, seed: u64) -> Result<Self, PermutationError> {
        let Form {
            data,
            rows,
            columns,
            kernel,
            first,
        } = form;
        check_length(
            "values",
            data.len(),
            rows,
            if kernel { rows } else { columns },
        )?;
        check_length("first", first.map_or(rows, <[bool]>::len), rows, 1)?;
        if let Some(at) = first_odd(data) {
            let (row, column) = (at / columns, at % columns);
            return Err(PermutationError::NotFinite {
                name: "values",
                row,
                column,
                value: data[at].into(),
            });
        }
        let mut means = vec![0.0; columns];
        let (mut mean, mut scale) = (0.0, 1.0);
        let drawn = first.map(Drawn::new);
        if let Some(Drawn { n, k, .. }) = drawn {
            for row in data.chunks_exact(columns.max(1)) {
                for (sum, x) in means.iter_mut().zip(row) {
                    *sum += f64::from(*x);
                }
            }
            for sum in &mut means {
                *sum /= n as f64;
            }
            mean = means.iter().sum::<f64>() / columns.max(1) as f64;
            scale = if k == 0 {
                0.0
            } else {
                1.0 / k as f64 + 1.0 / (n - k) as f64
            };
        }
        Ok(Self {
            form,
            drawn,
            means,
            mean,
            scale: scale * scale,
            seed,
        })
    }

    fn weights(&self) -> Weights {
        let paired = self.drawn.is_none();
        Weights {
            drawn: if paired { -1.0 } else { 1.0 },
            left: if paired { 1.0 } else { 0.0 },
        }
    }

    #[inline(always)]
    fn draw(&self, resample: Option<u64>, bits: &mut [u64]) {
        match (resample, &self.drawn) {
            (None, None) => bits.fill(0),
            (None, Some(drawn)) => bits.copy_from_slice(&drawn.bits),
            (Some(b), None) => stream::signs_into(self.seed, b, self.form.rows, bits),
            (Some(b), Some(drawn)) => drawn.subsets.draw(self.seed, b, bits),
        }
    }

    /// Eight columns from `at` on, centred; of K the rows up to the 64 that hold the diagonal.
    #[inline(always)]
    fn tile(&self, at: usize, tile: &mut Vec<Cells>) {
        let Form {
            data,
            columns,
            kernel,
            rows,
            ..
        } = self.form;
        let end = if kernel {
            rows.min((at / 64 + 1) * 64)
        } else {
            rows
        };
        let width = TILE.min(columns - at);
        tile.clear();
        for (i, row) in data.chunks_exact(columns).take(end).enumerate() {
            let shift = if kernel {
                self.means[i] - self.mean
            } else {
                0.0
            };
            let mut cells = [0.0; TILE];
            for ((cell, x), mean) in cells
                .iter_mut()
                .zip(&row[at..at + width])
                .zip(&self.means[at..])
            {
                *cell = f64::from(*x) - mean - shift;
            }
            tile.push(cells);
        }
        tile.resize(end.next_multiple_of(64), [0.0; TILE]);
    }

    /// The sums of one tile go into the values.
    #[inline(always)]
    fn add(&self, at: usize, tile: &[Cells], bits: &[u64], sums: &mut [Cells], values: &mut [f64]) {
        let (words, weights) = (self.form.rows.div_ceil(64), self.weights());
        sums.fill([0.0; TILE]);
        let last = tile.len() / 64 - 1;
        for (word, rows) in tile.chunks_exact(64).enumerate() {
            if self.form.kernel && word == last {
                sums.iter_mut().flatten().for_each(|sum| *sum *= 2.0);
            }
            tables::add_rows(rows, &bits[word..], words, weights, sums);
        }
        for ((value, sums), bits) in values.iter_mut().zip(sums).zip(bits.chunks_exact(words)) {
            let mine = bits[at / 64] >> (at % 64);
            for (i, sum) in sums.iter().enumerate() {
                let weight = if mine >> i & 1 == 1 {
                    weights.drawn
                } else {
                    weights.left
                };
                *value += sum * if self.form.kernel { weight } else { *sum };
            }
        }
    }
}

/// A range of resamples, and before it the data as they are, if `observed`: a lane among many costs nothing.
struct Values<'a> {
    forms: &'a Forms<'a>,
    range: Range<u64>,
    observed: bool,
}

impl Job for Values<'_> {
    type Out = Vec<f64>;

    #[inline(always)]
    fn run(self) -> Vec<f64> {
        let Form { rows, columns, .. } = self.forms.form;
        let words = rows.div_ceil(64);
        let observed = self.observed.then_some(None);
        let resamples: Vec<Option<u64>> =
            observed.into_iter().chain(self.range.map(Some)).collect();
        let mut out = vec![0.0; resamples.len()];
        if words == 0 {
            return out;
        }
        let lanes = LANES + usize::from(self.observed);
        let mut bits = vec![0; lanes * words];
        let mut sums = vec![[0.0; TILE]; lanes];
        let mut tile = Vec::new();
        for (resamples, values) in resamples.chunks(lanes).zip(out.chunks_mut(lanes)) {
            let bits = &mut bits[..resamples.len() * words];
            for (b, bits) in resamples.iter().zip(bits.chunks_exact_mut(words)) {
                self.forms.draw(*b, bits);
            }
            for at in (0..columns).step_by(TILE) {
                self.forms.tile(at, &mut tile);
                self.forms
                    .add(at, &tile, bits, &mut sums[..resamples.len()], values);
            }
            for value in values.iter_mut() {
                *value *= self.forms.scale;
            }
        }
        out
    }
}

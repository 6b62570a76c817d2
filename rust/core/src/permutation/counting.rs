//! Compare the statistics of resamples with the observed ones: alone, and by the step-down maximum.
//!
//! `>=` has the tolerance `100 eps max(|z|, 1)`, so that a tie spoilt by rounding still counts. Step-down maxima
//! (Westfall and Young 1993, algorithm 4.1): measures are taken from the weakest |z| upwards and the running maximum
//! of `|z*|` is compared with each. Measures of bitwise equal |z| enter the maximum together, before any of them is
//! compared: they get one count, whatever the order of the columns. The caller makes p monotone by a running maximum
//! from the strongest down. Cost: O(m) a resample after one sort.

use std::io;
use std::ops::Range;

use super::{Counts, PermutationError, Resamples};
use crate::parallel::{blocks, run};

/// A statistic of all measures that depends on the resample's index alone.
pub(super) trait Statistic: Sync {
    /// What one thread reuses from resample to resample.
    type Scratch;

    fn measures(&self) -> usize;
    fn scratch(&self) -> Self::Scratch;
    /// The statistic of the data as they are, by the same arithmetic as in a resample.
    fn observed(&self, scratch: &mut Self::Scratch, out: &mut [f64]);
    fn resample(&self, b: u64, scratch: &mut Self::Scratch, out: &mut [f64]);
}

pub(super) fn count(
    statistic: &impl Statistic,
    resamples: &Resamples,
    threads: usize,
) -> Result<Counts, PermutationError> {
    let mut z = vec![0.0; statistic.measures()];
    statistic.observed(&mut statistic.scratch(), &mut z);
    let ladder = Ladder::new(&z);
    let work = blocks(resamples.start..resamples.stop, threads);
    let parts =
        run(work, |block| count_block(statistic, &ladder, block)).map_err(refused(threads))?;

    let (mut exceed, mut exceed_max) = (vec![0; z.len()], vec![0; z.len()]);
    for (alone, joint) in parts {
        add(&mut exceed, &alone);
        add(&mut exceed_max, &joint);
    }
    Ok(Counts {
        z,
        exceed,
        exceed_max,
    })
}

/// The statistics themselves, one row a resample.
pub(super) fn null(
    statistic: &impl Statistic,
    resamples: &Resamples,
    threads: usize,
) -> Result<Vec<f64>, PermutationError> {
    let measures = statistic.measures();
    let mut out = zeros(resamples.stop - resamples.start, measures)?;
    let mut rest = out.as_mut_slice();
    let mut work = Vec::new();
    for block in blocks(resamples.start..resamples.stop, threads) {
        let length = usize::try_from(block.end - block.start).map_or(0, |rows| rows * measures);
        let (mine, others) = rest.split_at_mut(length);
        work.push((block, mine));
        rest = others;
    }
    run(work, |(block, rows)| {
        let mut scratch = statistic.scratch();
        for (b, row) in block.zip(rows.chunks_exact_mut(measures.max(1))) {
            statistic.resample(b, &mut scratch, row);
        }
    })
    .map_err(refused(threads))?;
    Ok(out)
}

fn zeros(resamples: u64, measures: usize) -> Result<Vec<f64>, PermutationError> {
    let too_large = PermutationError::TooLarge {
        resamples,
        measures,
    };
    let length = usize::try_from(resamples)
        .ok()
        .and_then(|rows| rows.checked_mul(measures));
    let Some(length) = length else {
        return Err(too_large);
    };
    let mut out = Vec::new();
    if out.try_reserve_exact(length).is_err() {
        return Err(too_large);
    }
    out.resize(length, 0.0);
    Ok(out)
}

fn refused(threads: usize) -> impl Fn(io::Error) -> PermutationError {
    move |error| PermutationError::Spawn {
        threads,
        reason: error.to_string(),
    }
}

fn count_block(
    statistic: &impl Statistic,
    ladder: &Ladder,
    block: Range<u64>,
) -> (Vec<i64>, Vec<i64>) {
    let measures = statistic.measures();
    let (mut exceed, mut exceed_max) = (vec![0; measures], vec![0; measures]);
    if measures == 0 {
        return (exceed, exceed_max);
    }
    let mut z = vec![0.0; measures];
    let mut scratch = statistic.scratch();
    for b in block {
        statistic.resample(b, &mut scratch, &mut z);
        for ((count, z), least) in exceed.iter_mut().zip(&z).zip(&ladder.least) {
            *count += i64::from(z.abs() >= *least);
        }
        ladder.climb(&z, &mut exceed_max);
    }
    (exceed, exceed_max)
}

fn add(total: &mut [i64], part: &[i64]) {
    for (total, part) in total.iter_mut().zip(part) {
        *total += part;
    }
}

/// The measures from the weakest to the strongest, in groups of equal |z|.
struct Ladder {
    groups: Vec<Vec<usize>>,
    /// The least `|z*|` that counts as `>= |z|`, by measure.
    least: Vec<f64>,
}

impl Ladder {
    fn new(z: &[f64]) -> Self {
        let least = z
            .iter()
            .map(|z| z.abs() - 100.0 * f64::EPSILON * z.abs().max(1.0))
            .collect();
        let mut order: Vec<usize> = (0..z.len()).collect();
        order.sort_by(|&a, &b| z[a].abs().total_cmp(&z[b].abs()).then(a.cmp(&b)));
        let groups = order
            .chunk_by(|&a, &b| z[a].abs().total_cmp(&z[b].abs()).is_eq())
            .map(<[usize]>::to_vec);
        Self {
            groups: groups.collect(),
            least,
        }
    }

    fn climb(&self, z: &[f64], exceed_max: &mut [i64]) {
        let mut largest = 0.0_f64;
        for group in &self.groups {
            largest = group
                .iter()
                .fold(largest, |largest, &m| largest.max(z[m].abs()));
            for &m in group {
                exceed_max[m] += i64::from(largest >= self.least[m]);
            }
        }
    }
}

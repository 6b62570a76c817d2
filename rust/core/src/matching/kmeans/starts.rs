//! Starts on a sample of rounded rows.

use std::ops::Range;

use super::super::rounded::{Packed, moved, round};
use super::super::{MatchingError, cluster_sums, index};
use super::centres::{Centres, norm};
use super::{Options, Rows, quotient};
use crate::parallel::{blocks, run};
use crate::simd::scan::{GROUP, SMALL, TILE, products, wide};
use crate::stream::{Uniform, subset};

/// Rows of the sample for each cluster, and at least in all.
const ROWS_A_CLUSTER: usize = 64;
const LEAST_ROWS: usize = 4096;
/// Iterations before a part of the starts goes on.
const ITERATIONS: usize = 3;
/// One of so many starts goes on.
const ONE_OF: usize = 3;

/// Rows seen from the origin.
struct Sample {
    rows: Vec<f32>,
    dim: usize,
    packed: Packed,
    /// Squared norms of the rounded rows.
    squares: Vec<f32>,
}

/// Where a start is.
struct Start {
    centres: Vec<f32>,
    inertia: f64,
}

/// The centroids of the best start; where the sample is all rows, of each that came so far, best first.
pub(super) fn race(rows: &Rows<'_>, options: &Options) -> Result<Vec<Vec<f32>>, MatchingError> {
    let sample = Sample::new(rows, options)?;
    let threads = options.threads;
    let begin = |range: Range<u64>| -> Result<Vec<Start>, MatchingError> {
        range
            .map(|start| {
                let mut uniform = Uniform::new(options.seed, start);
                let start = Start {
                    centres: sample.seed(options.clusters, &mut uniform),
                    inertia: f64::INFINITY,
                };
                sample.improve(start)
            })
            .collect()
    };
    let all = run(blocks(0..options.starts as u64, threads), begin)
        .map_err(|error| MatchingError::spawn(threads, &error))?;
    let mut starts = gather(all)?;
    starts.truncate(starts.len().div_ceil(ONE_OF));
    if starts.len() > 1 {
        let mut parts: Vec<Vec<Start>> = blocks(0..starts.len() as u64, threads)
            .into_iter()
            .map(|part| starts.drain(..index(part.end - part.start)).collect())
            .collect();
        parts.retain(|part| !part.is_empty());
        let go_on = |part: Vec<Start>| {
            part.into_iter()
                .map(|start| sample.improve(start))
                .collect()
        };
        let further = run(parts, go_on).map_err(|error| MatchingError::spawn(threads, &error))?;
        starts = gather(further)?;
    }
    if sample.squares.len() < rows.count() {
        starts.truncate(1);
    }
    let back = |row: &[f32]| -> Vec<f32> {
        let moved = row.iter().zip(&rows.origin);
        moved.map(|(value, origin)| value + origin).collect()
    };
    Ok(starts
        .iter()
        .map(|start| {
            start
                .centres
                .chunks_exact(rows.dim)
                .flat_map(back)
                .collect()
        })
        .collect())
}

/// The starts of all threads, best first, equal ones in their order.
fn gather(parts: Vec<Result<Vec<Start>, MatchingError>>) -> Result<Vec<Start>, MatchingError> {
    let parts: Vec<Vec<Start>> = parts.into_iter().collect::<Result<_, _>>()?;
    let mut starts: Vec<Start> = parts.into_iter().flatten().collect();
    starts.sort_by(|a, b| a.inertia.total_cmp(&b.inertia));
    Ok(starts)
}

impl Sample {
    fn new(rows: &Rows<'_>, options: &Options) -> Result<Self, MatchingError> {
        let (n, dim) = (rows.count(), rows.dim);
        let wanted = options.clusters.saturating_mul(ROWS_A_CLUSTER);
        let size = wanted.max(LEAST_ROWS).min(n);
        let bits = subset(options.seed, 0, n, size);
        let mut values = super::super::zeros(0, dim)?;
        for at in (0..n).filter(|at| bits[at / 64] >> (at % 64) & 1 == 1) {
            values.extend(moved(rows.row(at), &rows.origin));
        }
        let packed = Packed::new(&values, dim, None, SMALL, options.threads)?;
        let square = |row: &[f32]| norm(&round(row, packed.width, SMALL));
        let squares = values.chunks_exact(dim).map(square).collect();
        Ok(Self {
            rows: values,
            dim,
            packed,
            squares,
        })
    }

    fn row(&self, at: usize) -> &[f32] {
        &self.rows[at * self.dim..(at + 1) * self.dim]
    }

    /// Greedy k-means++.
    fn seed(&self, clusters: usize, uniform: &mut Uniform) -> Vec<f32> {
        let candidates = 2 + whole((clusters as f64).ln());
        let mut nearest = Potential::of_none(self.squares.len());
        let mut centres = Vec::with_capacity(clusters * self.dim);
        for centre in 0..clusters {
            let drawn: Vec<usize> = (0..if centre == 0 { 1 } else { candidates })
                .map(|_| nearest.draw(uniform))
                .collect();
            let closer = drawn
                .chunks(GROUP)
                .flat_map(|rows| self.closer(rows, &nearest));
            let best = drawn.iter().zip(closer);
            if let Some((&row, closer)) = best.min_by(|a, b| a.1.total.total_cmp(&b.1.total)) {
                centres.extend_from_slice(self.row(row));
                nearest = closer;
            }
        }
        centres
    }

    /// The potential with one more centre, for each of at most [`GROUP`] rows that it could be.
    fn closer(&self, candidates: &[usize], nearest: &Potential) -> Vec<Potential> {
        let rows: Vec<f32> = candidates
            .iter()
            .flat_map(|&at| self.row(at))
            .copied()
            .collect();
        let centres = Centres::new(&rows, self.dim, SMALL);
        let group = &centres.groups[0];
        let mut closer = vec![Potential::default(); candidates.len()];
        for (tile, before) in nearest.squares.iter().enumerate() {
            let found = products(self.packed.codes(tile), &group.codes);
            let own = &self.squares[tile * TILE..self.squares.len().min((tile + 1) * TILE)];
            for (i, potential) in closer.iter_mut().enumerate() {
                let scores = group.scores(i, &found[i], self.packed.scales(tile));
                let mut after = *before;
                wide(
                    #[inline(always)]
                    || {
                        for ((after, score), own) in after.iter_mut().zip(scores).zip(own) {
                            let square = (own + score).max(0.0);
                            *after = if square < *after { square } else { *after };
                        }
                    },
                );
                potential.push(after);
            }
        }
        closer
    }

    /// Some of Lloyd's iterations; the inertia is that of the last assignment.
    fn improve(&self, mut start: Start) -> Result<Start, MatchingError> {
        let (n, dim) = (self.squares.len(), self.dim);
        let clusters = start.centres.len() / dim;
        for _ in 0..ITERATIONS {
            let centres = Centres::new(&start.centres, dim, SMALL);
            let (mut labels, scores) = centres.nearest(&self.packed, 0..n.div_ceil(TILE));
            labels.truncate(n);
            let squares = self.squares.iter().zip(scores);
            start.inertia = squares
                .map(|(own, score)| f64::from((own + score).max(0.0)))
                .sum();
            let (sums, counts) = cluster_sums(&labels, &self.rows, dim, clusters, 1)?;
            let rows = start.centres.chunks_exact_mut(dim);
            for (centre, (sums, &count)) in rows.zip(sums.chunks_exact(dim).zip(&counts)) {
                if let Ok(count @ 1..) = usize::try_from(count) {
                    for (value, &sum) in centre.iter_mut().zip(sums) {
                        *value = quotient(sum, count);
                    }
                }
            }
        }
        Ok(start)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the logarithm of a count"
)]
fn whole(logarithm: f64) -> usize {
    logarithm as usize
}

/// Squared distances from the nearest centre so far, and their sums.
#[derive(Clone, Default)]
struct Potential {
    squares: Vec<[f32; TILE]>,
    sums: Vec<f64>,
    total: f64,
}

impl Potential {
    /// Every row is as good as any other.
    fn of_none(n: usize) -> Self {
        let mut potential = Self::default();
        for tile in 0..n.div_ceil(TILE) {
            let rows = n - tile * TILE;
            potential.push(std::array::from_fn(|lane| {
                if lane < rows { f32::MAX } else { 0.0 }
            }));
        }
        potential
    }

    fn push(&mut self, squares: [f32; TILE]) {
        let sum = squares.iter().map(|&square| f64::from(square)).sum();
        self.squares.push(squares);
        self.sums.push(sum);
        self.total += sum;
    }

    /// A row with a chance proportional to its square; any row if all are 0.
    fn draw(&self, uniform: &mut Uniform) -> usize {
        let mut left = uniform.draw() * self.total;
        let mut last = 0;
        for (tile, (squares, &sum)) in self.squares.iter().zip(&self.sums).enumerate() {
            if left >= sum && sum > 0.0 {
                left -= sum;
                last = tile * TILE
                    + squares
                        .iter()
                        .rposition(|&square| square > 0.0)
                        .unwrap_or(0);
                continue;
            }
            for (lane, &square) in squares.iter().enumerate().filter(|lane| *lane.1 > 0.0) {
                last = tile * TILE + lane;
                left -= f64::from(square);
                if left < 0.0 {
                    return last;
                }
            }
        }
        last
    }
}

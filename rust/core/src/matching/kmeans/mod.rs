//! k-means: starts that race on rounded rows, then Lloyd's iterations with exact distances.
//!
//! 1. *Starts.* A random sample of at most 64 rows a cluster (but at least 4,096) is rounded to integers of 45 steps
//!    either way. Each start draws centres in turn, each the best of `2 + ln k` rows drawn with a chance proportional
//!    to their squared distance from the centres before (greedy k-means++: Arthur and Vassilvitskii 2007; Bhattacharya
//!    et al. 2020), and takes three of Lloyd's iterations; the better third takes three more; the best goes on (of few rows, which are their own sample, the whole third).
//!    Distances here are those between rounded rows: integers, then a few f32 operations that are never fused, so
//!    every machine finds the same centres.
//! 2. *All rows.* Lloyd's iterations with squared distances in f64, summed in a fixed order. As in
//!    [`super::nearest_neighbours`] rounded rows bound what a centroid can reach, so most distances are never taken.
//!    An empty cluster takes the row that is farthest from its centroid.
//!
//! Sums of a cluster run over its rows in ascending order: no bit depends on the threads or on the instructions.
//!
//! Cost: `k m starts (7 + ln k)` integer products for a sample of m rows, and `k n` an iteration, 3 to 4 times as fast
//! as f32. Memory beyond rows and result: `n (d + 45)` bytes; for the sample `5 m d`, and `m (4 ln k + 20)` a thread.
//!
//! Tried and dropped: bounds that are kept from one iteration to the next. Where clusters overlap (20,000 x 384,
//! k = 100), half of the rows failed Hamerly's test up to the last of 60 iterations; Elkan's bounds left one to five
//! distances a row, but take `4 n k` bytes. Ten starts to the end, each with one candidate a centre: the best of ten
//! was 2 to 8 % worse than the median of single greedy starts; and after five iterations (three lose nothing) the order of the starts is
//! nearly the last one (rank correlation 0.8 to 1).

use std::ops::Range;

use super::rounded::{Packed, moved};
use super::{MatchingError, check_finite, check_vectors, cluster_sums, index};
use crate::parallel::{blocks, run};
use crate::simd::scan::{TILE, steps, wide};

mod centres;
mod lloyd;
mod starts;

use centres::Centres;

/// What to look for, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many clusters.
    pub clusters: usize,
    /// How many starts race.
    pub starts: usize,
    /// At most so many iterations over all rows.
    pub max_iterations: usize,
    /// Stop when an iteration lowers the inertia by no more than this share of it; 0 goes on until no label changes.
    pub tolerance: f64,
    /// Of sample and starts.
    pub seed: u64,
    /// The result is the same for every number.
    pub threads: usize,
}

/// Rows in clusters.
#[derive(Clone, Debug, PartialEq)]
pub struct Partition {
    /// Row after row, one a cluster.
    pub centroids: Vec<f32>,
    /// The nearest centroid of each row; of equally near ones the first.
    pub labels: Vec<i32>,
    /// Sum of the squared distances of the rows from their centroids.
    pub inertia: f64,
    /// Iterations over all rows.
    pub iterations: usize,
}

/// Cut rows into `options.clusters` clusters with a small sum of squared distances from their centroids.
///
/// # Errors
///
/// [`MatchingError`]: a length that is not a multiple of `dim`, a value that is not within 1e15, `clusters` of 0 or more
/// than there are rows, `starts`, `max_iterations` or `threads` of 0, rows too many for memory.
///
/// # Examples
///
/// ```
/// use diptych_core::matching::{Options, kmeans};
/// let options = Options { clusters: 2, starts: 3, max_iterations: 10, tolerance: 0.0, seed: 1, threads: 1 };
/// let found = kmeans(&[0.0, 1.0, 10.0, 12.0], 1, &options)?;
/// assert_eq!(found.labels[0], found.labels[1]);
/// assert_eq!(found.inertia, 2.5);
/// # Ok::<(), diptych_core::matching::MatchingError>(())
/// ```
pub fn kmeans(rows: &[f32], dim: usize, options: &Options) -> Result<Partition, MatchingError> {
    let n = check_vectors("rows", rows, None, dim)?;
    check_clusters(options.clusters, n)?;
    for (name, value) in [
        ("n_init", options.starts),
        ("max_iter", options.max_iterations),
    ] {
        if value == 0 {
            return Err(MatchingError::None { name });
        }
    }
    let rows = Rows::new("rows", rows, dim, options.threads)?;
    let mut best: Option<Partition> = None;
    for centroids in starts::race(&rows, options)? {
        let found = lloyd::refine(&rows, centroids, options)?;
        if best
            .as_ref()
            .is_none_or(|best| found.inertia < best.inertia)
        {
            best = Some(found);
        }
    }
    best.ok_or(MatchingError::None { name: "n_init" })
}

/// The nearest centroid of each row by Euclidean distance, of equally near ones the first; and the squared distances.
///
/// The labels that [`kmeans`] gives the rows it was given.
///
/// # Errors
///
/// [`MatchingError`]: lengths that are not multiples of `dim`, a value that is not within 1e15, no centroid, `threads`
/// of 0.
///
/// # Examples
///
/// ```
/// let (labels, squares) = diptych_core::matching::nearest_centroids(&[1.0, 8.0], &[0.0, 10.0], 1, 1)?;
/// assert_eq!((labels, squares), (vec![0, 1], vec![1.0, 4.0]));
/// # Ok::<(), diptych_core::matching::MatchingError>(())
/// ```
pub fn nearest_centroids(
    rows: &[f32],
    centroids: &[f32],
    dim: usize,
    threads: usize,
) -> Result<(Vec<i32>, Vec<f64>), MatchingError> {
    check_vectors("rows", rows, None, dim)?;
    let k = check_vectors("centroids", centroids, None, dim)?;
    check_finite("centroids", centroids, dim)?;
    check_size("centroids", centroids, dim)?;
    check_clusters(k, k)?;
    let rows = Rows::new("rows", rows, dim, threads)?;
    lloyd::nearest(&rows, centroids, threads)
}

/// Bounds are in f32: a sum of some squares must be finite there, with any number of dimensions up to a million.
const MOST: f32 = 1e15;

fn check_size(name: &'static str, values: &[f32], dim: usize) -> Result<(), MatchingError> {
    let large = |value: &f32| value.abs() > MOST;
    match values.iter().position(large) {
        None => Ok(()),
        Some(at) => Err(MatchingError::Large {
            name,
            row: at / dim,
            column: at % dim,
            value: values[at],
        }),
    }
}

fn check_clusters(clusters: usize, rows: usize) -> Result<(), MatchingError> {
    if clusters == 0 || clusters > rows || i32::try_from(clusters).is_err() {
        return Err(MatchingError::Clusters { clusters, rows });
    }
    Ok(())
}

/// All rows, and what bounds their distances.
struct Rows<'a> {
    values: &'a [f32],
    dim: usize,
    /// The mean row: seen from there, rows are short and rounding drops little.
    origin: Vec<f32>,
    packed: Packed,
    /// Squared distances from the origin.
    squares: Vec<f64>,
}

impl<'a> Rows<'a> {
    fn new(
        name: &'static str,
        values: &'a [f32],
        dim: usize,
        threads: usize,
    ) -> Result<Self, MatchingError> {
        if threads == 0 {
            return Err(MatchingError::NoThreads);
        }
        check_finite(name, values, dim)?;
        check_size(name, values, dim)?;
        let n = values.len() / dim;
        let origin = mean(values, dim)?;
        let packed = Packed::new(values, dim, Some(&origin), steps(), threads)?;
        let work = blocks(0..n as u64, threads);
        let measure = |range: Range<u64>| {
            let rows = &values[index(range.start) * dim..index(range.end) * dim];
            let squares = rows
                .chunks_exact(dim)
                .map(|row| square(&moved(row, &origin)));
            squares.collect::<Vec<f64>>()
        };
        let squares = run(work, measure).map_err(|error| MatchingError::spawn(threads, &error))?;
        Ok(Self {
            values,
            dim,
            origin,
            packed,
            squares: squares.concat(),
        })
    }

    fn count(&self) -> usize {
        self.squares.len()
    }

    fn row(&self, at: usize) -> &'a [f32] {
        &self.values[at * self.dim..(at + 1) * self.dim]
    }

    /// Centroids as queries of the packed rows.
    fn centres(&self, centroids: &[f32]) -> Centres {
        let moved: Vec<f32> = centroids
            .chunks_exact(self.dim)
            .flat_map(|row| moved(row, &self.origin))
            .collect();
        Centres::new(&moved, self.dim, self.packed.steps)
    }
}

fn mean(values: &[f32], dim: usize) -> Result<Vec<f32>, MatchingError> {
    let n = values.len() / dim;
    let (sums, _) = cluster_sums(&vec![0; n], values, dim, 1, 1)?;
    Ok(sums.iter().map(|sum| quotient(*sum, n)).collect())
}

/// A mean as f32; 0 of none.
#[expect(clippy::cast_possible_truncation, reason = "a mean of f32 values")]
fn quotient(sum: f64, count: usize) -> f32 {
    (sum / count.max(1) as f64) as f32
}

fn square(row: &[f32]) -> f64 {
    wide(
        #[inline(always)]
        || fixed_order(row, |value| f64::from(value) * f64::from(value)),
    )
}

/// Squared Euclidean distance.
fn distance(row: &[f32], centroid: &[f32]) -> f64 {
    wide(
        #[inline(always)]
        || {
            let ((a, rest_a), (b, rest_b)) = (row.as_chunks::<16>(), centroid.as_chunks::<16>());
            let mut lanes = [0.0; 16];
            for (x, y) in a.iter().zip(b) {
                for lane in 0..16 {
                    let step = f64::from(x[lane]) - f64::from(y[lane]);
                    lanes[lane] += step * step;
                }
            }
            for (lane, (&x, &y)) in lanes.iter_mut().zip(rest_a.iter().zip(rest_b)) {
                let step = f64::from(x) - f64::from(y);
                *lane += step * step;
            }
            lanes.iter().sum()
        },
    )
}

/// Sum over a row, in 16 interleaved parts.
#[inline(always)]
fn fixed_order(row: &[f32], term: impl Fn(f32) -> f64) -> f64 {
    let (chunks, rest) = row.as_chunks::<16>();
    let mut lanes = [0.0; 16];
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += term(value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane += term(value);
    }
    lanes.iter().sum()
}

/// Whole tiles for each thread: ranges of rows.
fn tiles(count: usize, threads: usize) -> impl Iterator<Item = Range<usize>> {
    blocks(0..count.div_ceil(TILE) as u64, threads)
        .into_iter()
        .map(move |tiles| index(tiles.start) * TILE..count.min(index(tiles.end) * TILE))
}

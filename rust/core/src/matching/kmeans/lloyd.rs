//! Lloyd's iterations over all rows, exact.

use super::super::rounded::{SLACK, UNDERFLOW, up};
use super::super::{MatchingError, cluster_sums};
use super::centres::Centres;
use super::{Options, Partition, Rows, distance, quotient, tiles};
use crate::parallel::run;
use crate::simd::scan::{GROUP, TILE, survivors};

/// Rows whose distances are summed before their sum is added: the order is fixed.
const SUMMED: usize = 4096;

/// From these centroids to where no label changes, or the inertia hardly falls.
pub(super) fn refine(
    rows: &Rows<'_>,
    mut centroids: Vec<f32>,
    options: &Options,
) -> Result<Partition, MatchingError> {
    let threads = options.threads;
    let (mut labels, mut squares) = nearest(rows, &centroids, threads)?;
    let mut inertia = total(&squares);
    let mut iterations = 1;
    while iterations < options.max_iterations {
        relocate(&mut labels, &squares, options.clusters);
        let before = labels.clone();
        update(rows, &labels, &mut centroids, threads)?;
        assign(rows, &centroids, (&mut labels, &mut squares), threads)?;
        iterations += 1;
        let last = std::mem::replace(&mut inertia, total(&squares));
        let fallen = last - inertia;
        if labels == before || fallen <= options.tolerance * inertia {
            break;
        }
    }
    Ok(Partition {
        centroids,
        labels,
        inertia,
        iterations,
    })
}

/// The nearest centroid of each row, and its squared distance.
pub(super) fn nearest(
    rows: &Rows<'_>,
    centroids: &[f32],
    threads: usize,
) -> Result<(Vec<i32>, Vec<f64>), MatchingError> {
    let centres = rows.centres(centroids);
    let guess = |range: std::ops::Range<usize>| {
        let tiles = range.start / TILE..range.end.div_ceil(TILE);
        let (mut labels, _) = centres.nearest(&rows.packed, tiles);
        labels.truncate(range.len());
        labels
    };
    let work = tiles(rows.count(), threads).collect();
    let guessed = run(work, guess).map_err(|error| MatchingError::spawn(threads, &error))?;
    let mut labels = guessed.concat();
    let mut squares = vec![0.0; rows.count()];
    assign(rows, centroids, (&mut labels, &mut squares), threads)?;
    Ok((labels, squares))
}

/// The labels before are a guess: the better it is, the fewer distances are taken.
fn assign(
    rows: &Rows<'_>,
    centroids: &[f32],
    (mut labels, mut squares): (&mut [i32], &mut [f64]),
    threads: usize,
) -> Result<(), MatchingError> {
    let centres = rows.centres(centroids);
    let mut work = Vec::new();
    for range in tiles(rows.count(), threads) {
        let (own, later) = labels.split_at_mut(range.len());
        labels = later;
        let (own_squares, later) = squares.split_at_mut(range.len());
        squares = later;
        work.push((range.start / TILE, own, own_squares));
    }
    let assign = |(first, labels, squares): (usize, &mut [i32], &mut [f64])| {
        let tiles = labels.chunks_mut(TILE).zip(squares.chunks_mut(TILE));
        for (tile, own) in tiles.enumerate() {
            assign_tile(rows, first + tile, centroids, &centres, own);
        }
    };
    run(work, assign).map_err(|error| MatchingError::spawn(threads, &error))?;
    Ok(())
}

fn assign_tile(
    rows: &Rows<'_>,
    tile: usize,
    centroids: &[f32],
    centres: &Centres,
    (labels, squares): (&mut [i32], &mut [f64]),
) {
    let centroid = |label: i32| {
        let at = usize::try_from(label).unwrap_or(0) * rows.dim;
        &centroids[at..at + rows.dim]
    };
    let mut tail = [f32::NEG_INFINITY; TILE];
    for (lane, (square, &label)) in squares.iter_mut().zip(&*labels).enumerate() {
        let at = tile * TILE + lane;
        *square = distance(rows.row(at), centroid(label));
        tail[lane] = reach(*square, rows.squares[at]);
    }
    let mut first = 0;
    for group in &centres.groups {
        let packed = rows.packed.tile(tile, &tail);
        let found: [u64; GROUP] = survivors(packed, &group.codes, &group.queries);
        for (label, mut bits) in (first..).zip(found[..group.members].iter().copied()) {
            while bits != 0 {
                let lane = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if lane >= labels.len() || labels[lane] == label {
                    continue;
                }
                let at = tile * TILE + lane;
                let square = distance(rows.row(at), centroid(label));
                if (square, label) < (squares[lane], labels[lane]) {
                    (labels[lane], squares[lane]) = (label, square);
                    tail[lane] = reach(square, rows.squares[at]);
                }
            }
        }
        first += i32::try_from(group.members).unwrap_or(0);
    }
}

/// A centroid that is no farther than `square` from a row has a product with it, less half its own square, of at
/// least minus this, both seen from the origin, from which the row has a squared distance of `own`.
fn reach(square: f64, own: f64) -> f32 {
    up((square - own) / 2.0 + (square + own) * SLACK + UNDERFLOW)
}

fn total(squares: &[f64]) -> f64 {
    let parts = squares.chunks(SUMMED).map(|part| part.iter().sum::<f64>());
    parts.sum()
}

/// Every empty cluster takes the row that is farthest from its centroid and not alone, of equally far ones the first.
fn relocate(labels: &mut [i32], squares: &[f64], clusters: usize) {
    let mut counts = vec![0_usize; clusters];
    let cluster = |label: i32| usize::try_from(label).unwrap_or(0);
    for &label in &*labels {
        counts[cluster(label)] += 1;
    }
    let empty: Vec<i32> = (0..)
        .zip(&counts)
        .filter_map(|(label, &count)| (count == 0).then_some(label))
        .collect();
    if empty.is_empty() {
        return;
    }
    let mut rows: Vec<usize> = (0..labels.len())
        .filter(|&row| squares[row] > 0.0)
        .collect();
    rows.sort_by(|&a, &b| squares[b].total_cmp(&squares[a]));
    let mut rows = rows.into_iter();
    for label in empty {
        let far = rows.by_ref().find(|&row| counts[cluster(labels[row])] > 1);
        let Some(row) = far else { return };
        counts[cluster(labels[row])] -= 1;
        labels[row] = label;
    }
}

/// The means of the clusters; a cluster without rows keeps its centroid.
fn update(
    rows: &Rows<'_>,
    labels: &[i32],
    centroids: &mut [f32],
    threads: usize,
) -> Result<(), MatchingError> {
    let (dim, clusters) = (rows.dim, centroids.len() / rows.dim);
    let (sums, counts) = cluster_sums(labels, rows.values, dim, clusters, threads)?;
    let means = sums.chunks_exact(dim).zip(&counts);
    for (centroid, (sums, &count)) in centroids.chunks_exact_mut(dim).zip(means) {
        if let Ok(count @ 1..) = usize::try_from(count) {
            for (value, &sum) in centroid.iter_mut().zip(sums) {
                *value = quotient(sum, count);
            }
        }
    }
    Ok(())
}

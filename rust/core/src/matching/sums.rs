//! Sums of vectors by cluster, and the mean similarity of all pairs of two clusterings.
//!
//! Tried and dropped for the products of sums: 4 x 4 tiles of accumulators and 32 lanes a product; the compiler keeps
//! neither in registers (9 and 3 times slower than 8 lanes).
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

use std::ops::Range;

use super::{MatchingError, check_finite, check_vectors};
use crate::parallel::run;
use crate::simd::scan::wide;

/// Independent partial sums of a norm or product: fixed, so its bits depend on nothing.
const LANES: usize = 8;
/// Rows that share one read of the other side's sums.
const SIDE: usize = 8;

/// Sums of the vectors of each cluster: `n` rows of `dim` sums, and how many vectors each cluster has.
///
/// A sum runs over its cluster's rows in ascending order, in f64, so the bits are the same for every value of
/// `threads`. Noise (-1) is left out, whatever its values. Cost: one read of the vectors; O(items + n dim) memory.
///
/// # Errors
///
/// [`MatchingError`]: a label below -1 or not below `n`, `vectors` not `labels.len() * dim` finite values, `threads`
/// of 0, sums too large for memory.
///
/// # Examples
///
/// ```
/// let (sums, counts) = diptych_core::matching::cluster_sums(&[1, 1, -1], &[1.0, 2.0, 4.0], 1, 2, 1)?;
/// assert_eq!((sums, counts), (vec![0.0, 3.0], vec![0, 2]));
/// # Ok::<(), diptych_core::matching::MatchingError>(())
/// ```
pub fn cluster_sums(
    labels: &[i32],
    vectors: &[f32],
    dim: usize,
    n: usize,
    threads: usize,
) -> Result<(Vec<f64>, Vec<i64>), MatchingError> {
    sums_of(
        ["labels", "vectors"],
        labels,
        vectors,
        dim,
        n,
        threads,
        false,
    )
}

/// Two clusterings of vectors of one width.
#[derive(Clone, Copy, Debug)]
pub struct Clustering<'a> {
    /// The cluster of each vector, -1 for noise.
    pub labels: &'a [i32],
    /// The vectors, row after row.
    pub vectors: &'a [f32],
    /// How many clusters.
    pub n: usize,
}

/// Mean cosine similarity over all pairs of a vector of cluster i of `a` and one of cluster j of `b`: `a.n` rows of
/// `b.n` means, NaN where a cluster is empty. A zero vector has similarity 0 with everything.
///
/// The mean of cosines over all pairs is the product of the two means of unit vectors, so no pair is visited.
/// Cost: one read of the vectors and `a.n * b.n` products; O(items + (a.n + b.n) dim + a.n b.n) memory.
///
/// # Errors
///
/// [`MatchingError`], as [`cluster_sums`].
///
/// # Examples
///
/// ```
/// use diptych_core::matching::{Clustering, mean_similarity};
/// let a = Clustering { labels: &[0], vectors: &[2.0, 0.0], n: 1 };
/// let b = Clustering { labels: &[0, 0], vectors: &[3.0, 0.0, 0.0, 1.0], n: 1 };
/// assert_eq!(mean_similarity(a, b, 2, 1)?, [0.5]);
/// # Ok::<(), diptych_core::matching::MatchingError>(())
/// ```
pub fn mean_similarity(
    a: Clustering<'_>,
    b: Clustering<'_>,
    dim: usize,
    threads: usize,
) -> Result<Vec<f64>, MatchingError> {
    let (n_a, n_b) = (a.n, b.n);
    let unit = |names, side: Clustering<'_>| {
        sums_of(names, side.labels, side.vectors, dim, side.n, threads, true)
    };
    let mut means = super::zeros(n_a, n_b)?;
    let (sums_a, counts_a) = unit(["labels_a", "vectors_a"], a)?;
    let (sums_b, counts_b) = unit(["labels_b", "vectors_b"], b)?;
    let rows = means.chunks_mut(SIDE * n_b.max(1));
    let work: Vec<_> = rows
        .zip(sums_a.chunks(SIDE * dim).zip(counts_a.chunks(SIDE)))
        .collect();
    let mut parts: Vec<Vec<_>> = (0..threads.min(work.len())).map(|_| vec![]).collect();
    for (i, item) in work.into_iter().enumerate() {
        let part = i % parts.len();
        parts[part].push(item);
    }
    let multiply = |part: Vec<(&mut [f64], (&[f64], &[i64]))>| {
        for (means, (left, counts)) in part {
            wide(
                #[inline(always)]
                || products(means, left, &sums_b, dim),
            );
            for (row, &count) in means.chunks_mut(n_b.max(1)).zip(counts) {
                for (mean, &other) in row.iter_mut().zip(&counts_b) {
                    *mean /= count as f64 * other as f64;
                }
            }
        }
    };
    run(parts, multiply).map_err(|error| MatchingError::spawn(threads, &error))?;
    Ok(means)
}

fn sums_of(
    [labels_name, vectors_name]: [&'static str; 2],
    labels: &[i32],
    vectors: &[f32],
    dim: usize,
    n: usize,
    threads: usize,
    unit: bool,
) -> Result<(Vec<f64>, Vec<i64>), MatchingError> {
    if threads == 0 {
        return Err(MatchingError::NoThreads);
    }
    check_vectors(vectors_name, vectors, Some(labels.len()), dim)?;
    let mut sums: Vec<f64> = super::zeros(n, dim)?;
    let (order, edges) = by_cluster(labels_name, labels, n)?;
    let mut rest = sums.as_mut_slice();
    let mut work = Vec::new();
    for clusters in even_parts(&edges, threads) {
        let (own, later) = rest.split_at_mut(clusters.len() * dim);
        rest = later;
        work.push((clusters, own));
    }
    let add = |(clusters, sums): (Range<usize>, &mut [f64])| {
        for (cluster, sum) in clusters.zip(sums.chunks_exact_mut(dim.max(1))) {
            let rows = &order[edges[cluster]..edges[cluster + 1]];
            wide(
                #[inline(always)]
                || add_rows(sum, rows, vectors, dim, unit),
            );
        }
    };
    run(work, add).map_err(|error| MatchingError::spawn(threads, &error))?;
    // A sum of finite f32 values is finite in f64, so the vectors are searched only if it is not.
    if !sums.iter().all(|sum| sum.is_finite()) {
        check_finite(vectors_name, vectors, dim)?;
    }
    let counts = edges.windows(2).map(|two| (two[1] - two[0]) as i64);
    Ok((sums, counts.collect()))
}

/// Items by cluster, ascending within each (a counting sort); cluster c has `order[edges[c]..edges[c + 1]]`.
fn by_cluster(
    name: &'static str,
    labels: &[i32],
    n: usize,
) -> Result<(Vec<usize>, Vec<usize>), MatchingError> {
    let mut edges: Vec<usize> = super::zeros(n.saturating_add(1), 1)?;
    for (item, &label) in labels.iter().enumerate() {
        match usize::try_from(label) {
            Ok(cluster) if cluster < n => edges[cluster + 1] += 1,
            Err(_) if label == -1 => {}
            _ => {
                return Err(MatchingError::Label {
                    name,
                    item,
                    label,
                    n,
                });
            }
        }
    }
    for cluster in 0..n {
        edges[cluster + 1] += edges[cluster];
    }
    let mut next = edges.clone();
    let mut order = vec![0; edges[n]];
    for (item, &label) in labels.iter().enumerate() {
        if let Ok(cluster) = usize::try_from(label) {
            order[next[cluster]] = item;
            next[cluster] += 1;
        }
    }
    Ok((order, edges))
}

/// Ranges of clusters with about as many items each.
fn even_parts(edges: &[usize], threads: usize) -> Vec<Range<usize>> {
    let (n, items) = (edges.len() - 1, edges[edges.len() - 1]);
    let parts = threads.min(n.max(1)).min(items / 1024 + 1);
    let edge = |part: usize| match part {
        0 => 0,
        _ if part == parts => n,
        _ => edges
            .partition_point(|&edge| edge < items * part / parts)
            .min(n),
    };
    (0..parts).map(|part| edge(part)..edge(part + 1)).collect()
}

#[inline(always)]
fn add_rows(sum: &mut [f64], rows: &[usize], vectors: &[f32], dim: usize, unit: bool) {
    for &row in rows {
        let row = &vectors[row * dim..(row + 1) * dim];
        if unit {
            let norm = squares(row).sqrt();
            let inverse = if norm > 0.0 { 1.0 / norm } else { 0.0 };
            for (sum, &value) in sum.iter_mut().zip(row) {
                *sum += f64::from(value) * inverse;
            }
        } else {
            for (sum, &value) in sum.iter_mut().zip(row) {
                *sum += f64::from(value);
            }
        }
    }
}

#[inline(always)]
fn squares(row: &[f32]) -> f64 {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(value) * f64::from(value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane += f64::from(value) * f64::from(value);
    }
    lanes.iter().sum()
}

/// All products of the rows of `left` with the rows of `right`.
#[inline(always)]
fn products(out: &mut [f64], left: &[f64], right: &[f64], dim: usize) {
    let columns = right.len() / dim;
    for (j, right) in right.chunks_exact(dim).enumerate() {
        for (i, left) in left.chunks_exact(dim).enumerate() {
            out[i * columns + j] = dot(left, right);
        }
    }
}

#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((left, a), (right, b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (x, y) in left.iter().zip(right) {
        for lane in 0..LANES {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    for (lane, (x, y)) in lanes.iter_mut().zip(a.iter().zip(b)) {
        *lane += x * y;
    }
    lanes.iter().sum()
}

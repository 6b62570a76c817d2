//! Sums of vectors by cluster, and the mean similarity of all pairs of two clusterings.
//!
//! Tried and dropped for the sums: one cluster after the other, its rows fetched from all over memory (two to three times
//! as long); some columns at a time, so that their sums stay in the second cache (twice as long at 1,000 clusters, for
//! rows are then read in short pieces). For the products of sums: 4 x 4 tiles of accumulators and 32 lanes a product; the
//! compiler keeps neither in registers (9 and 3 times slower than 8 lanes).
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

use super::{MatchingError, check_finite, check_vectors, index};
use crate::parallel::{blocks, run};
use crate::simd::scan::wide;

/// Independent partial sums of a norm or product: fixed, so its bits depend on nothing.
const LANES: usize = 8;
/// Columns that fill a line of the cache: threads share the columns, by whole lines.
const LINE: usize = 16;
/// Rows that share one read of the other side's sums.
const SIDE: usize = 8;

/// Sums of the vectors of each cluster: `n` rows of `dim` sums, and how many vectors each cluster has.
///
/// A sum runs over its cluster's rows in ascending order, in f64, so the bits are the same for every value of
/// `threads`. Noise (-1) is left out, whatever its values. Cost: one read of the vectors; 16 n dim bytes of memory.
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
/// Cost: two reads of the vectors and `a.n * b.n` products; memory: 16 (a.n + b.n) dim + 8 a.n b.n bytes, and 8 an item.
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
    let counts = count(labels_name, labels, n)?;
    let mut sums: Vec<f64> = super::zeros(n, dim)?;
    let spawned = |error| MatchingError::spawn(threads, &error);
    let scales = if unit {
        Some(inverse_norms(vectors, dim, threads).map_err(spawned)?)
    } else {
        None
    };
    let add = |lines: Range<u64>| -> (Range<usize>, Vec<f64>) {
        let columns = index(lines.start) * LINE..dim.min(index(lines.end) * LINE);
        let mut table = vec![0.0; n * columns.len()];
        wide(
            #[inline(always)]
            || {
                add_rows(
                    &mut table,
                    labels,
                    vectors,
                    dim,
                    &columns,
                    scales.as_deref(),
                );
            },
        );
        (columns, table)
    };
    let parts = blocks(0..dim.div_ceil(LINE) as u64, threads);
    for (columns, table) in run(parts, add).map_err(spawned)? {
        let rows = table.chunks_exact(columns.len());
        for (sum, own) in sums.chunks_exact_mut(dim).zip(rows) {
            sum[columns.clone()].copy_from_slice(own);
        }
    }
    // A sum of finite f32 values is finite in f64, so the vectors are searched only if it is not.
    if !sums.iter().all(|sum| sum.is_finite()) {
        check_finite(vectors_name, vectors, dim)?;
    }
    Ok((sums, counts))
}

/// How many items each cluster has.
fn count(name: &'static str, labels: &[i32], n: usize) -> Result<Vec<i64>, MatchingError> {
    let mut counts: Vec<i64> = super::zeros(n, 1)?;
    for (item, &label) in labels.iter().enumerate() {
        match usize::try_from(label) {
            Ok(cluster) if cluster < n => counts[cluster] += 1,
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
    Ok(counts)
}

/// Add some columns of every row to the row of its cluster.
#[inline(always)]
fn add_rows(
    table: &mut [f64],
    labels: &[i32],
    vectors: &[f32],
    dim: usize,
    columns: &Range<usize>,
    scales: Option<&[f64]>,
) {
    for (item, (row, &label)) in vectors.chunks_exact(dim).zip(labels).enumerate() {
        let Ok(cluster) = usize::try_from(label) else {
            continue;
        };
        let sums = &mut table[cluster * columns.len()..(cluster + 1) * columns.len()];
        let values = &row[columns.clone()];
        if let Some(scales) = scales {
            let scale = scales[item];
            for (sum, &value) in sums.iter_mut().zip(values) {
                *sum += f64::from(value) * scale;
            }
        } else {
            for (sum, &value) in sums.iter_mut().zip(values) {
                *sum += f64::from(value);
            }
        }
    }
}

fn inverse_norms(vectors: &[f32], dim: usize, threads: usize) -> std::io::Result<Vec<f64>> {
    let part = |range: Range<u64>| -> Vec<f64> {
        let rows = &vectors[index(range.start) * dim..index(range.end) * dim];
        rows.chunks_exact(dim).map(inverse_norm).collect()
    };
    let rows = vectors.len() / dim.max(1);
    Ok(run(blocks(0..rows as u64, threads), part)?.concat())
}

/// 1 over the norm; 0 of a row of zeros.
fn inverse_norm(row: &[f32]) -> f64 {
    let norm = wide(
        #[inline(always)]
        || squares(row),
    )
    .sqrt();
    if norm > 0.0 { 1.0 / norm } else { 0.0 }
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

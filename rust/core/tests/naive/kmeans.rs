//! k-means as its description reads: every distance taken, every row visited.

use diptych_core::matching::Options;
use diptych_core::stream::{Uniform, subset};

const STEPS: f32 = 45.0;

/// Sum of 16 interleaved parts.
fn in_parts(terms: impl Iterator<Item = f64>) -> f64 {
    let mut parts = [0.0; 16];
    for (at, term) in terms.enumerate() {
        parts[at % 16] += term;
    }
    parts.iter().sum()
}

pub fn distance(a: &[f32], b: &[f32]) -> f64 {
    in_parts(
        a.iter()
            .zip(b)
            .map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2)),
    )
}

/// The nearest centroid and its squared distance, of equally near ones the first.
pub fn nearest(row: &[f32], centroids: &[Vec<f32>]) -> (i32, f64) {
    let mut best = (0, f64::INFINITY);
    for (label, centroid) in (0..).zip(centroids) {
        let square = distance(row, centroid);
        if square < best.1 {
            best = (label, square);
        }
    }
    best
}

/// A row in steps of its own, and its squared norm.
struct Rounded {
    codes: Vec<i32>,
    scale: f32,
    square: f32,
}

#[expect(clippy::cast_possible_truncation, reason = "at most 45 steps")]
fn round(row: &[f32]) -> Rounded {
    let scale = row
        .iter()
        .fold(0.0_f32, |most, value| most.max(value.abs()))
        / STEPS;
    let usable = scale > 0.0 && scale.is_finite() && (1.0 / scale).is_finite();
    let (scale, inverse) = if usable {
        (scale, 1.0 / scale)
    } else {
        (0.0, 0.0)
    };
    let codes: Vec<i32> = row
        .iter()
        .map(|value| (value * inverse).round_ties_even() as i32)
        .collect();
    let norm = in_parts(
        codes
            .iter()
            .map(|&code| (f64::from(code) * f64::from(scale)).powi(2)),
    )
    .sqrt();
    Rounded {
        codes,
        scale,
        square: (norm * norm) as f32,
    }
}

/// Squared distance of rounded rows, less the squared norm of the second.
fn score(centre: &Rounded, row: &Rounded) -> f32 {
    let product: i32 = centre
        .codes
        .iter()
        .zip(&row.codes)
        .map(|(x, y)| x * y)
        .sum();
    centre.square - product as f32 * (2.0 * centre.scale * row.scale)
}

fn square(centre: &Rounded, row: &Rounded) -> f32 {
    (row.square + score(centre, row)).max(0.0)
}

/// Sums of 64 squares each.
fn sums(squares: &[f32]) -> Vec<f64> {
    let sum = |part: &[f32]| part.iter().map(|&square| f64::from(square)).sum();
    squares.chunks(64).map(sum).collect()
}

/// The row at which the squares so far exceed a uniform share of all.
fn draw(squares: &[f32], uniform: &mut Uniform) -> usize {
    let mut left = uniform.draw() * sums(squares).iter().sum::<f64>();
    let mut last = 0;
    for (at, part) in squares.chunks(64).enumerate() {
        let sum = sums(part)[0];
        let skipped = left >= sum && sum > 0.0;
        for (lane, &square) in part.iter().enumerate().filter(|lane| *lane.1 > 0.0) {
            last = at * 64 + lane;
            if !skipped {
                left -= f64::from(square);
                if left < 0.0 {
                    return last;
                }
            }
        }
        if skipped {
            left -= sum;
        }
    }
    last
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a small number"
)]
fn seed(rows: &[Vec<f32>], k: usize, uniform: &mut Uniform) -> Vec<Vec<f32>> {
    let rounded: Vec<Rounded> = rows.iter().map(|row| round(row)).collect();
    let mut squares = vec![f32::MAX; rows.len()];
    let mut centres = Vec::new();
    for centre in 0..k {
        let candidates = if centre == 0 {
            1
        } else {
            2 + (k as f64).ln() as usize
        };
        let drawn: Vec<usize> = (0..candidates).map(|_| draw(&squares, uniform)).collect();
        let mut best: Option<(f64, usize, Vec<f32>)> = None;
        for at in drawn {
            let after: Vec<f32> = rounded
                .iter()
                .zip(&squares)
                .map(|(row, &before)| before.min(square(&rounded[at], row)))
                .collect();
            let total = sums(&after).iter().sum();
            if best.as_ref().is_none_or(|best| total < best.0) {
                best = Some((total, at, after));
            }
        }
        let (_, at, after) = best.expect("a candidate");
        centres.push(rows[at].clone());
        squares = after;
    }
    centres
}

#[expect(clippy::cast_possible_truncation, reason = "means are stored so")]
fn means(rows: &[Vec<f32>], labels: &[i32], centres: &mut [Vec<f32>]) {
    for (label, centre) in (0..).zip(centres) {
        let own: Vec<&Vec<f32>> = rows
            .iter()
            .zip(labels)
            .filter(|row| *row.1 == label)
            .map(|row| row.0)
            .collect();
        for (at, value) in centre.iter_mut().enumerate().filter(|_| !own.is_empty()) {
            let mut sum = 0.0;
            for row in &own {
                sum += f64::from(row[at]);
            }
            *value = (sum / own.len() as f64) as f32;
        }
    }
}

/// Three iterations between rounded rows; gives the inertia of the last assignment.
fn improve(rows: &[Vec<f32>], centres: &mut [Vec<f32>]) -> f64 {
    let rounded: Vec<Rounded> = rows.iter().map(|row| round(row)).collect();
    let mut inertia = 0.0;
    for _ in 0..3 {
        let coarse: Vec<Rounded> = centres.iter().map(|row| round(row)).collect();
        let mut labels = Vec::new();
        inertia = 0.0;
        for row in &rounded {
            let mut best = (0, f32::INFINITY);
            for (label, centre) in (0..).zip(&coarse) {
                if score(centre, row) < best.1 {
                    best = (label, score(centre, row));
                }
            }
            labels.push(best.0);
            inertia += f64::from((row.square + best.1).max(0.0));
        }
        means(rows, &labels, centres);
    }
    inertia
}

fn shifted(row: &[f32], origin: &[f32], sign: f32) -> Vec<f32> {
    row.iter().zip(origin).map(|(x, y)| x + sign * y).collect()
}

/// Centroids, labels, inertia and iterations.
type Found = (Vec<Vec<f32>>, Vec<i32>, f64, usize);

pub fn kmeans(rows: &[Vec<f32>], options: &Options) -> Found {
    let (n, k) = (rows.len(), options.clusters);
    let mut origin = vec![vec![0.0; rows[0].len()]];
    means(rows, &vec![0; n], &mut origin);
    let origin = origin.remove(0);
    let bits = subset(options.seed, 0, n, (64 * k).max(4096).min(n));
    let sample: Vec<Vec<f32>> = (0..n)
        .filter(|at| bits[at / 64] >> (at % 64) & 1 == 1)
        .map(|at| shifted(&rows[at], &origin, -1.0))
        .collect();
    let mut starts: Vec<(f64, Vec<Vec<f32>>)> = (0..options.starts as u64)
        .map(|start| {
            let mut centres = seed(&sample, k, &mut Uniform::new(options.seed, start));
            (improve(&sample, &mut centres), centres)
        })
        .collect();
    starts.sort_by(|a, b| a.0.total_cmp(&b.0));
    starts.truncate(starts.len().div_ceil(3));
    if starts.len() > 1 {
        for (inertia, centres) in &mut starts {
            *inertia = improve(&sample, centres);
        }
        starts.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    if sample.len() < n {
        starts.truncate(1);
    }
    let mut best: Option<Found> = None;
    for (_, centres) in starts {
        let centroids = centres
            .iter()
            .map(|row| shifted(row, &origin, 1.0))
            .collect();
        let found = lloyd(rows, centroids, options);
        if best.as_ref().is_none_or(|best| found.2 < best.2) {
            best = Some(found);
        }
    }
    best.expect("a start")
}

fn lloyd(rows: &[Vec<f32>], mut centroids: Vec<Vec<f32>>, options: &Options) -> Found {
    let assign = |centroids: &[Vec<f32>]| -> (Vec<i32>, Vec<f64>) {
        rows.iter().map(|row| nearest(row, centroids)).unzip()
    };
    let total = |squares: &[f64]| {
        squares
            .chunks(4096)
            .map(|part| part.iter().sum::<f64>())
            .sum()
    };
    let (mut labels, mut squares) = assign(&centroids);
    let mut inertia: f64 = total(&squares);
    let mut iterations = 1;
    while iterations < options.max_iterations {
        fill_empty(&mut labels, &squares, options.clusters);
        means(rows, &labels, &mut centroids);
        let before = labels;
        (labels, squares) = assign(&centroids);
        iterations += 1;
        let now = total(&squares);
        let still = inertia - now <= options.tolerance * now;
        inertia = now;
        if labels == before || still {
            break;
        }
    }
    (centroids, labels, inertia, iterations)
}

/// The farthest rows that are not alone go to the empty clusters.
fn fill_empty(labels: &mut [i32], squares: &[f64], k: usize) {
    let mut order: Vec<usize> = (0..labels.len())
        .filter(|&row| squares[row] > 0.0)
        .collect();
    order.sort_by(|&a, &b| squares[b].total_cmp(&squares[a]));
    let mut order = order.into_iter();
    let count = |labels: &[i32], c: i32| labels.iter().filter(|&&label| label == c).count();
    let empty: Vec<i32> = (0..i32::try_from(k).expect("few"))
        .filter(|&c| count(labels, c) == 0)
        .collect();
    for cluster in empty {
        let Some(row) = order.by_ref().find(|&row| count(labels, labels[row]) > 1) else {
            return;
        };
        labels[row] = cluster;
    }
}

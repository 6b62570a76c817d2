//! Contingency, assignment and neighbours: `cargo bench --bench matching`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use diptych_core::matching::{
    Options, assign, contingency, kmeans, nearest_centroids, nearest_neighbours,
};
use diptych_core::stream::signs;

/// `n` numbers below `below`, from the stream of the resample.
fn numbers(resample: u64, n: usize, below: u32) -> impl Iterator<Item = u32> {
    let words = signs(1, resample, 64 * n);
    words.into_iter().map(move |word| {
        u32::try_from(((word >> 32) * u64::from(below)) >> 32).expect("it is below `below`")
    })
}

fn labels(resample: u64, n: usize, clusters: u32) -> Vec<i32> {
    numbers(resample, n, clusters)
        .map(u32::cast_signed)
        .collect()
}

/// Coordinates that are sums of two uniform ones round 0.
fn vectors(resample: u64, n: usize, dim: usize) -> Vec<f32> {
    let at = |resample| numbers(resample, n * dim, 1 << 16).map(|x| f64::from(x) / 65_536.0 - 0.5);
    let sums = at(resample).zip(at(resample + 1)).map(|(x, y)| x + y);
    #[allow(clippy::cast_possible_truncation)]
    sums.map(|x| x as f32).collect()
}

fn tables(criterion: &mut Criterion) {
    let (n, clusters) = (1_000_000, 100);
    let (a, b) = (labels(0, n, clusters), labels(1, n, clusters));
    let k = clusters as usize;
    let mut group = criterion.benchmark_group("contingency");
    group.throughput(Throughput::Elements(n as u64));
    group.bench_function("1M labels, K = 100", |bencher| {
        bencher
            .iter(|| contingency(black_box(&a), black_box(&b), k, k, 1).expect("labels below K"));
    });
    group.finish();
}

fn assignments(criterion: &mut Criterion) {
    let k = 200;
    let cost: Vec<f64> = numbers(2, k * k, 1 << 20).map(f64::from).collect();
    criterion.bench_function("assign/K = 200, uniform costs", |bencher| {
        bencher.iter(|| assign(black_box(&cost), k, k, false).expect("finite costs"));
    });
}

fn neighbours(criterion: &mut Criterion) {
    let (n, dim) = (2_000, 384);
    let (queries, targets) = (vectors(3, n, dim), vectors(5, n, dim));
    let mut group = criterion.benchmark_group("neighbours");
    group.throughput(Throughput::Elements((n * n) as u64));
    group.sample_size(20);
    group.bench_function("10 nearest, 2k x 384 in 2k", |bencher| {
        bencher.iter(|| {
            nearest_neighbours(black_box(&queries), black_box(&targets), dim, 10, 1)
                .expect("finite vectors")
        });
    });
    group.finish();
}

fn clusters(criterion: &mut Criterion) {
    let (n, dim) = (10_000, 384);
    let rows = vectors(7, n, dim);
    let options = Options {
        clusters: 50,
        starts: 3,
        max_iterations: 10,
        tolerance: 0.0,
        seed: 0,
        threads: 1,
    };
    let mut group = criterion.benchmark_group("kmeans");
    group.throughput(Throughput::Elements(n as u64));
    group.sample_size(10);
    group.bench_function("10k x 384, k = 50, 3 starts, 10 iterations", |bencher| {
        bencher.iter(|| kmeans(black_box(&rows), dim, &options).expect("finite rows"));
    });
    group.bench_function("10k x 384, nearest of 50 centroids", |bencher| {
        bencher.iter(|| {
            nearest_centroids(black_box(&rows), &rows[..50 * dim], dim, 1).expect("finite rows")
        });
    });
    group.finish();
}

criterion_group!(benches, tables, assignments, neighbours, clusters);
criterion_main!(benches);

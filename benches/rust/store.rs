//! A batch into the store, and rows out of it: `cargo bench --bench store`.

use std::hint::black_box;
use std::num::NonZeroUsize;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use diptych_core::hash::hash_rows;
use diptych_core::store::{Key, Options, Store};
use tempfile::TempDir;

const DIM: usize = 384;
const SPACE: &str = "model@1";

fn keys(n: usize) -> Vec<Key> {
    let texts: Vec<String> = (0..n).map(|i| i.to_string()).collect();
    hash_rows("bench/1", &[texts], NonZeroUsize::MIN).expect("there is a column")
}

fn vectors(n: usize) -> Vec<f32> {
    let value = |i: usize| f32::from(u16::try_from(i % 1_021).expect("it is below 1,021"));
    (0..n * DIM).map(value).collect()
}

fn fresh() -> (TempDir, Store) {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let store = Store::open(folder.path(), Options::default()).expect("a new folder opens");
    (folder, store)
}

/// Durable: each batch waits for the disk.
fn put(criterion: &mut Criterion) {
    let n = 1_000;
    let (keys, rows) = (keys(n), vectors(n));
    let mut group = criterion.benchmark_group("store");
    group.throughput(Throughput::Elements(n as u64));
    group.sample_size(20);
    group.bench_function("put 1k x 384", |bencher| {
        let put = |(folder, store): (TempDir, Store)| {
            let stored = store.put(SPACE, black_box(&keys), DIM, black_box(&rows));
            assert_eq!(stored.expect("the disk has room"), n);
            (folder, store) // dropped, and so deleted, beside the clock
        };
        bencher.iter_batched(fresh, put, BatchSize::PerIteration);
    });
    group.finish();
}

fn get(criterion: &mut Criterion) {
    let n = 10_000;
    let keys = keys(n);
    let (_folder, store) = fresh();
    store
        .put(SPACE, &keys, DIM, &vectors(n))
        .expect("the disk has room");
    let (mut out, mut found) = (vec![0.0; n * DIM], vec![false; n]);
    let mut group = criterion.benchmark_group("store");
    group.throughput(Throughput::Elements(n as u64));
    group.bench_function("get 10k x 384", |bencher| {
        bencher.iter(|| {
            store
                .get(
                    SPACE,
                    black_box(&keys),
                    DIM,
                    &mut out,
                    &mut found,
                    NonZeroUsize::MIN,
                )
                .expect("what was stored is there");
        });
    });
    group.finish();
    assert!(found.iter().all(|stored| *stored));
}

criterion_group!(benches, put, get);
criterion_main!(benches);

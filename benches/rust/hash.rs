//! Digests of short rows: `cargo bench --bench hash`.

use std::hint::black_box;
use std::num::NonZeroUsize;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use diptych_core::hash::hash_rows;

const ROWS: usize = 10_000;

/// Rows of a model's name and a text, short enough for one chunk of BLAKE3.
fn short_texts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hash");
    group.throughput(Throughput::Elements(ROWS as u64));
    for words in [4, 40] {
        let names = vec!["some/model@1".to_owned(); ROWS];
        let texts = (0..ROWS).map(|i| format!("{i} {}", "word ".repeat(words)));
        let columns = [names, texts.collect()];
        group.bench_function(format!("10k rows of {words} words"), |bencher| {
            bencher.iter(|| {
                hash_rows("bench/1", black_box(&columns), NonZeroUsize::MIN)
                    .expect("columns of one length")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, short_texts);
criterion_main!(benches);

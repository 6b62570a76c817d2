//! Parsing of a buffer of JSON lines: `cargo bench --bench jsonl`.

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use diptych_core::jsonl::{Options, parse_jsonl};

const BYTES: usize = 4 << 20;

/// Responses as models give them: an id, a prompt, a text with escapes, numbers.
fn responses() -> String {
    let mut lines = String::with_capacity(BYTES + 1024);
    let mut i = 0;
    while lines.len() < BYTES {
        let text = "Well, \\\"it depends\\\" on what is asked.\\n".repeat(1 + i % 9);
        writeln!(
            lines,
            r#"{{"id": {i}, "prompt": "Question {i}?", "response": "{text}", "model": "some/model", "score": 0.{i}}}"#
        )
        .expect("a string takes every text");
        i += 1;
    }
    lines
}

fn buffer(criterion: &mut Criterion) {
    let lines = responses();
    let mut group = criterion.benchmark_group("jsonl");
    group.throughput(Throughput::Bytes(lines.len() as u64));
    group.bench_function("parse 4 MB", |bencher| {
        bencher.iter(|| {
            parse_jsonl(black_box(lines.as_bytes()), Options::default())
                .expect("every line is good")
        });
    });
    group.finish();
}

criterion_group!(benches, buffer);
criterion_main!(benches);

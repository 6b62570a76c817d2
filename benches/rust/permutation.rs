//! Resampling, with what is prepared once left out: `cargo bench --bench permutation`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use diptych_core::permutation::{Draw, Groups, Matrix, PermutationTest};
use diptych_core::stream::signs;

const ROWS: usize = 500;
const MEASURES: usize = 200;
const RESAMPLES: u64 = 1_024;
const DRAW: Draw = Draw::Random { seed: 7 };

/// Numbers in -0.5 to 0.5 without a grid; all but one in `sparsity` are 0.
fn values(sparsity: u64) -> Vec<f64> {
    let words = signs(1, sparsity, 64 * ROWS * MEASURES);
    let value = |word: u64| (word >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
    let kept = |word: &u64| word.is_multiple_of(sparsity);
    let numbers = words
        .iter()
        .map(|word| if kept(word) { value(*word) } else { 0.0 });
    numbers.collect()
}

fn matrix(data: &[f64]) -> Matrix<'_> {
    Matrix {
        data,
        rows: ROWS,
        columns: MEASURES,
    }
}

fn count(criterion: &mut Criterion, name: &str, test: &PermutationTest) {
    let mut group = criterion.benchmark_group("permutation");
    group.throughput(Throughput::Elements(RESAMPLES * MEASURES as u64));
    group.sample_size(20);
    group.bench_function(name, |bencher| {
        bencher.iter(|| test.count(0..RESAMPLES, 1).expect("there is a thread"));
    });
    group.finish();
}

fn sign_flips(criterion: &mut Criterion) {
    for (name, sparsity) in [("signs, dense", 1), ("signs, one in 20 not 0", 20)] {
        let differences = values(sparsity);
        let test = PermutationTest::sign_flips(matrix(&differences), DRAW);
        count(criterion, name, &test.expect("the differences are finite"));
    }
}

fn labels(criterion: &mut Criterion) {
    let numbers = values(1);
    let shares: Vec<f64> = numbers
        .iter()
        .map(|x| f64::from(u8::from(*x > 0.4)))
        .collect();
    let first: Vec<bool> = (0..ROWS).map(|row| row % 5 < 2).collect();
    for (name, data) in [("labels, dense", &numbers), ("labels, 0 or 1", &shares)] {
        let groups = Groups {
            values: matrix(data),
            present: &vec![true; data.len()],
            first: &first,
        };
        let test = PermutationTest::label_permutations(groups, DRAW);
        count(criterion, name, &test.expect("the values are finite"));
    }
}

criterion_group!(benches, sign_flips, labels);
criterion_main!(benches);

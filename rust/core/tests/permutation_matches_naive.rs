//! The permutation kernels against the textbook formulas, and their promises about threads, chunks and scale.

#[path = "naive/permutation.rs"]
mod naive;

use diptych_core::permutation::{Draw, Groups, Matrix, PermutationError, PermutationTest};
use diptych_core::stream;
use proptest::collection::vec;
use proptest::prelude::*;

/// Some resamples of a test.
#[derive(Clone, Copy)]
struct Resamples {
    seed: u64,
    start: u64,
    stop: u64,
    exact: bool,
}

impl Resamples {
    fn draw(&self) -> Draw {
        if self.exact {
            Draw::Each
        } else {
            Draw::Random { seed: self.seed }
        }
    }
}

#[derive(Debug, PartialEq)]
struct Counts {
    z: Vec<f64>,
    exceed: Vec<i64>,
    exceed_max: Vec<i64>,
}

fn counts(
    test: &PermutationTest,
    range: &Resamples,
    threads: usize,
) -> Result<Counts, PermutationError> {
    let counts = test.count(range.start..range.stop, threads)?;
    Ok(Counts {
        z: test.statistic().to_vec(),
        exceed: counts.exceed,
        exceed_max: counts.exceed_max,
    })
}

fn sign_flips(
    d: Matrix<'_>,
    range: &Resamples,
    threads: usize,
) -> Result<Counts, PermutationError> {
    counts(
        &PermutationTest::sign_flips(d, range.draw())?,
        range,
        threads,
    )
}

fn sign_flip_null(
    d: Matrix<'_>,
    range: &Resamples,
    threads: usize,
) -> Result<Vec<f64>, PermutationError> {
    PermutationTest::sign_flips(d, range.draw())?.null(range.start..range.stop, threads)
}

fn label_permutations(
    groups: Groups<'_>,
    range: &Resamples,
    threads: usize,
) -> Result<Counts, PermutationError> {
    counts(
        &PermutationTest::label_permutations(groups, range.draw())?,
        range,
        threads,
    )
}

fn label_permutation_null(
    groups: Groups<'_>,
    range: &Resamples,
    threads: usize,
) -> Result<Vec<f64>, PermutationError> {
    PermutationTest::label_permutations(groups, range.draw())?
        .null(range.start..range.stop, threads)
}

fn drawn(start: u64, stop: u64) -> Resamples {
    Resamples {
        seed: 11,
        start,
        stop,
        exact: false,
    }
}

fn all(stop: u64) -> Resamples {
    Resamples {
        seed: 0,
        start: 0,
        stop,
        exact: true,
    }
}

fn column(data: &[f64], m: usize, columns: usize) -> Vec<f64> {
    data.iter().skip(m).step_by(columns).copied().collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(1.0)
}

/// A matrix of 1 to 7 rows and 1 to 4 columns: whole numbers, shares of 5 draws, or measurements.
fn matrix() -> impl Strategy<Value = (Vec<f64>, usize, usize)> {
    let cell = prop_oneof![
        (-3_i8..=3).prop_map(f64::from),
        (0_u8..=5, 0_u8..=5).prop_map(|(a, b)| f64::from(a) / 5.0 - f64::from(b) / 5.0),
        -10.0..10.0,
    ];
    (1_usize..8, 1_usize..5).prop_flat_map(move |(rows, columns)| {
        (vec(cell.clone(), rows * columns), Just(rows), Just(columns))
    })
}

fn signs_twin(data: &[f64], columns: usize, minus: &[Vec<bool>]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let columns: Vec<Vec<f64>> = (0..columns).map(|m| column(data, m, columns)).collect();
    let z = |minus: &Vec<bool>| columns.iter().map(|d| naive::sign_z(d, minus)).collect();
    let plus = vec![false; columns[0].len()];
    (z(&plus), minus.iter().map(z).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn enumerated_signs_match((data, rows, columns) in matrix()) {
        let matrix = Matrix { data: &data, rows, columns };
        let range = all(1 << rows);
        let minus: Vec<Vec<bool>> =
            (0..range.stop).map(|b| (0..rows).map(|i| b >> i & 1 == 1).collect()).collect();
        let (z, null) = signs_twin(&data, columns, &minus);
        let got = sign_flip_null(matrix, &range, 2).unwrap();
        prop_assert!(got.iter().zip(null.iter().flatten()).all(|(a, b)| close(*a, *b)));

        let counts = sign_flips(matrix, &range, 2).unwrap();
        let (exceed, _) = naive::counts(&z, &null);
        prop_assert_eq!(&counts.exceed, &exceed);
        let kernel: Vec<Vec<f64>> = got.chunks(columns).map(<[f64]>::to_vec).collect();
        prop_assert_eq!(counts.exceed_max, naive::counts(&counts.z, &kernel).1);
    }

    #[test]
    fn drawn_signs_are_those_of_the_stream((data, rows, columns) in matrix(), start in 0_u64..1000) {
        let range = drawn(start, start + 40);
        let minus: Vec<Vec<bool>> = (range.start..range.stop)
            .map(|b| {
                let bits = stream::signs(range.seed, b, rows);
                (0..rows).map(|i| bits[i / 64] >> (i % 64) & 1 == 1).collect()
            })
            .collect();
        let (_, null) = signs_twin(&data, columns, &minus);
        let got = sign_flip_null(Matrix { data: &data, rows, columns }, &range, 3).unwrap();
        prop_assert!(got.iter().zip(null.iter().flatten()).all(|(a, b)| close(*a, *b)));
    }

    #[test]
    fn enumerated_labels_match(
        (data, rows, columns) in matrix(),
        flags in vec(any::<bool>(), 7),
        missing in prop_oneof![Just(0_u8), Just(60)],
        dice in vec(any::<u8>(), 28),
    ) {
        let first = &flags[..rows];
        let present: Vec<bool> = (0..data.len()).map(|at| dice[at] >= missing).collect();
        let groups = Groups { values: Matrix { data: &data, rows, columns }, present: &present, first };
        let in_first = first.iter().filter(|&&f| f).count();
        let draws_first = in_first < rows - in_first || (2 * in_first == rows && !first[0]);
        let subsets = naive::subsets(rows, in_first.min(rows - in_first));

        let cells: Vec<Vec<Option<f64>>> = (0..columns)
            .map(|m| (0..rows).map(|i| i * columns + m).map(|at| present[at].then_some(data[at])).collect())
            .collect();
        let t = |first: &[bool]| -> Vec<f64> { cells.iter().map(|c| naive::welch_t(c, first)).collect() };
        let null: Vec<Vec<f64>> = subsets
            .iter()
            .map(|drawn| t(&drawn.iter().map(|d| *d == draws_first).collect::<Vec<bool>>()))
            .collect();

        let range = all(subsets.len() as u64);
        let got = label_permutation_null(groups, &range, 2).unwrap();
        for (a, b) in got.iter().zip(null.iter().flatten()) {
            prop_assert!((a - b).abs() <= 1e-6 * b.abs().max(1.0), "{} against {}", a, b);
        }
        let counts = label_permutations(groups, &range, 2).unwrap();
        let kernel: Vec<Vec<f64>> = got.chunks(columns).map(<[f64]>::to_vec).collect();
        prop_assert!(kernel.contains(&counts.z), "the data's own labels are among the resamples");
        let twin = naive::counts(&counts.z, &kernel);
        prop_assert_eq!((counts.exceed, counts.exceed_max), twin);
    }

    #[test]
    fn threads_and_chunks_change_nothing((data, rows, columns) in matrix(), cut in 0_u64..100) {
        let values = Matrix { data: &data, rows, columns };
        let present = vec![true; data.len()];
        let first: Vec<bool> = (0..rows).map(|i| i % 2 == 0).collect();
        let groups = Groups { values, present: &present, first: &first };
        let flips = |range: &Resamples, threads| sign_flips(values, range, threads).unwrap();
        let labels = |range: &Resamples, threads| label_permutations(groups, range, threads).unwrap();
        let sum = |a: Counts, b: Counts| {
            let add = |a: &[i64], b: &[i64]| a.iter().zip(b).map(|(a, b)| a + b).collect();
            Counts { exceed: add(&a.exceed, &b.exceed), exceed_max: add(&a.exceed_max, &b.exceed_max), z: a.z }
        };
        for threads in [2, 4, 8] {
            prop_assert_eq!(flips(&drawn(0, 100), 1), flips(&drawn(0, 100), threads));
            prop_assert_eq!(labels(&drawn(0, 100), 1), labels(&drawn(0, 100), threads));
        }
        prop_assert_eq!(flips(&drawn(0, 100), 1), sum(flips(&drawn(0, cut), 2), flips(&drawn(cut, 100), 3)));
        prop_assert_eq!(labels(&drawn(0, 100), 1), sum(labels(&drawn(0, cut), 2), labels(&drawn(cut, 100), 3)));
    }

    #[test]
    fn powers_of_two_leave_every_bit((data, rows, columns) in matrix(), power in -880_i32..880) {
        let scaled: Vec<f64> = data.iter().map(|x| x * 2.0_f64.powi(power)).collect();
        let null = |data| sign_flip_null(Matrix { data, rows, columns }, &drawn(0, 20), 1).unwrap();
        prop_assert_eq!(null(&data), null(&scaled));
    }
}

#[test]
fn nothing_in_gives_nothing_out() {
    for (rows, columns) in [(0, 0), (0, 3), (3, 0)] {
        let matrix = Matrix {
            data: &[],
            rows,
            columns,
        };
        let first = vec![true; rows];
        let groups = Groups {
            values: matrix,
            present: &[],
            first: &first,
        };
        let exact = all(1);
        for counts in [
            sign_flips(matrix, &exact, 4).unwrap(),
            sign_flips(matrix, &drawn(5, 6), 4).unwrap(),
            label_permutations(groups, &exact, 4).unwrap(),
            label_permutations(groups, &drawn(5, 6), 4).unwrap(),
        ] {
            assert_eq!(counts.z, vec![0.0; columns]);
            assert_eq!(counts.exceed, vec![1; columns]);
            assert_eq!(counts.exceed_max, vec![1; columns]);
        }
    }
    let one = Matrix {
        data: &[3.0],
        rows: 1,
        columns: 1,
    };
    assert_eq!(sign_flips(one, &drawn(9, 9), 8).unwrap().exceed, [0]);
    assert_eq!(sign_flips(one, &all(2), 8).unwrap().exceed, [2]);
}

#[test]
fn extreme_magnitudes_neither_overflow_nor_vanish() {
    let data = [
        f64::MAX,
        -f64::MAX,
        1.0,
        5e-324,
        f64::MAX,
        1e-300,
        f64::MAX,
        f64::MIN,
        0.0,
    ];
    let values = Matrix {
        data: &data,
        rows: 3,
        columns: 3,
    };
    let first = [true, false, false];
    let groups = Groups {
        values,
        present: &[true; 9],
        first: &first,
    };
    assert!(
        sign_flips(values, &all(8), 1)
            .unwrap()
            .z
            .iter()
            .all(|z| z.is_finite())
    );
    assert!(
        label_permutations(groups, &all(3), 1)
            .unwrap()
            .z
            .iter()
            .all(|t| t.is_finite())
    );
}

#[test]
#[allow(clippy::too_many_lines)] // one table, a case per line
fn every_error_says_what_where_and_what_to_do() {
    let flips = |data: &[f64], rows, range: &Resamples, threads| {
        let columns = 2;
        sign_flips(
            Matrix {
                data,
                rows,
                columns,
            },
            range,
            threads,
        )
        .unwrap_err()
        .to_string()
    };
    let labels = |rows: usize, present: usize, first: usize, range: &Resamples| {
        let data = vec![1.0; rows];
        let first: Vec<bool> = (0..first).map(|i| i % 2 == 0).collect();
        let values = Matrix {
            data: &data,
            rows,
            columns: 1,
        };
        let present = vec![true; present];
        let groups = Groups {
            values,
            present: &present,
            first: &first,
        };
        label_permutations(groups, range, 1)
            .unwrap_err()
            .to_string()
    };
    let null = |stop| {
        let matrix = Matrix {
            data: &[1.0, 2.0],
            rows: 1,
            columns: 2,
        };
        sign_flip_null(matrix, &drawn(0, stop), 1)
            .unwrap_err()
            .to_string()
    };
    let table = [
        (
            flips(&[1.0; 3], 2, &drawn(0, 1), 1),
            "differences: 3 values, expected 2 rows x 2 measures = 4; pass arrays of equal shape",
        ),
        (
            flips(&[1.0, 1.0, 1.0, f64::NAN], 2, &drawn(0, 1), 1),
            "differences: row 1, measure 1 is NaN; remove the row or mark the value as missing",
        ),
        (
            flips(&[1.0, f64::NEG_INFINITY], 1, &drawn(0, 1), 1),
            "differences: row 0, measure 1 is -inf; remove the row or mark the value as missing",
        ),
        (
            flips(&[1.0, 1.0], 1, &drawn(0, 1), 0),
            "threads: 0, expected at least 1; pass threads=1 to work on the calling thread",
        ),
        (
            flips(&[1.0, 1.0], 1, &drawn(3, 2), 1),
            "resamples: start 3 is after stop 2; pass start <= stop",
        ),
        (
            flips(&[1.0; 126], 63, &all(1), 1),
            "differences: 63 pairs, but exact enumeration takes at most 62; pass exact=False to draw signs at random",
        ),
        (
            flips(&[1.0, 1.0], 1, &all(3), 1),
            "resamples: stop 3 is past the last of 2 arrangements; pass stop <= 2 or exact=False",
        ),
        (
            labels(4, 4, 4, &all(7)),
            "resamples: stop 7 is past the last of 6 arrangements; pass stop <= 6 or exact=False",
        ),
        (
            labels(100, 100, 100, &all(7)),
            "first: 50 of 100 rows can be chosen in more than 2^64 - 1 ways; pass exact=False to draw labels at random",
        ),
        (
            labels(4, 3, 4, &drawn(0, 1)),
            "present: 3 values, expected 4 rows x 1 measures = 4; pass arrays of equal shape",
        ),
        (
            labels(4, 4, 5, &drawn(0, 1)),
            "first: 5 values, expected 4 rows x 1 measures = 4; pass arrays of equal shape",
        ),
        (
            null(u64::MAX),
            "resamples: 18446744073709551615 x 2 statistics do not fit in memory; ask for fewer resamples a call",
        ),
        (
            null(1 << 58),
            "resamples: 288230376151711744 x 2 statistics do not fit in memory; ask for fewer resamples a call",
        ),
        (
            PermutationError::Spawn {
                threads: 9,
                reason: "limit".into(),
            }
            .to_string(),
            "threads: the system refused to start one of 9 (limit); pass a smaller number",
        ),
    ];
    for (got, expected) in table {
        assert_eq!(got, expected);
    }
}

//! Permutation tests of arbitrary shapes and values.

use diptych_core::permutation::{
    Draw, Form, Groups, Matrix, PermutationError, PermutationTest, quadratic_forms,
};

use super::generator::Bytes;

fn draw(bytes: &mut Bytes<'_>) -> Draw {
    if bytes.value() {
        Draw::Each
    } else {
        Draw::Random {
            seed: bytes.value(),
        }
    }
}

fn check(test: Result<PermutationTest, PermutationError>, stop: u64) {
    let Ok(test) = test else { return };
    assert!(test.statistic().iter().all(|z| z.is_finite()));
    let counted = test.count(0..stop, 1);
    assert_eq!(counted, test.count(0..stop, 3));
    assert!(test.count(0..stop, 0).is_err());
    if let Ok(counts) = counted {
        let most = i64::try_from(stop).unwrap();
        for (&alone, &joint) in counts.exceed.iter().zip(&counts.exceed_max) {
            assert!((0..=joint).contains(&alone) && joint <= most);
        }
        let halves = [
            test.count(0..stop / 2, 1).unwrap(),
            test.count(stop / 2..stop, 2).unwrap(),
        ];
        for (at, &whole) in counts.exceed.iter().enumerate() {
            assert_eq!(whole, halves[0].exceed[at] + halves[1].exceed[at]);
        }
        let null = test.null(0..stop.min(9), 1);
        assert_eq!(
            format!("{null:?}"),
            format!("{:?}", test.null(0..stop.min(9), 3))
        );
    }
}

pub fn flips(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let (rows, columns) = (bytes.size(70), bytes.size(5));
    let n_given = rows * columns + bytes.size(9) / 9;
    let values = bytes.numbers(n_given);
    let differences = Matrix {
        data: &values,
        rows,
        columns,
    };
    let draw = draw(&mut bytes);
    check(
        PermutationTest::sign_flips(differences, draw),
        bytes.size(700) as u64,
    );
}

pub fn labels(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let (rows, columns) = (bytes.size(40), bytes.size(4));
    let values = bytes.numbers(rows * columns);
    let present: Vec<bool> = (0..rows * columns).map(|_| bytes.size(8) > 0).collect();
    let first: Vec<bool> = bytes.values(rows);
    let groups = Groups {
        values: Matrix {
            data: &values,
            rows,
            columns,
        },
        present: &present,
        first: &first,
    };
    let draw = draw(&mut bytes);
    check(
        PermutationTest::label_permutations(groups, draw),
        bytes.size(700) as u64,
    );
}

pub fn forms(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let (rows, columns) = (bytes.size(30), bytes.size(8));
    #[expect(clippy::cast_possible_truncation, reason = "any number does")]
    let values: Vec<f32> = bytes
        .numbers(rows * columns)
        .into_iter()
        .map(|x| x as f32)
        .collect();
    let first: Vec<bool> = bytes.values(rows);
    let form = Form {
        data: &values,
        rows,
        columns,
        kernel: bytes.value(),
        first: bytes.value::<bool>().then_some(&first),
    };
    let (seed, stop) = (bytes.value(), bytes.size(600) as u64);
    let found = |threads| quadratic_forms(form, seed, 0..stop, threads);
    assert_eq!(format!("{:?}", found(1)), format!("{:?}", found(3)));
    if let Ok((_, null)) = found(2) {
        assert_eq!(null.len() as u64, stop);
    }
}

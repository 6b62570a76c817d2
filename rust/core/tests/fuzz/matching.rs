//! Digests, contingency tables, cluster sums, assignment and neighbours, of arbitrary shapes and values.

use std::num::NonZeroUsize;

use diptych_core::hash::hash_rows;
use diptych_core::matching::{
    Options, assign, cluster_sums, contingency, kmeans, nearest_centroids, nearest_neighbours,
};

use super::generator::Bytes;

/// A field of the encoding that a digest is of: its length, then its bytes.
fn field(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

pub fn digests(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let (n, n_columns) = (bytes.size(20), bytes.size(3));
    let mut columns: Vec<Vec<String>> = (0..n_columns).map(|_| bytes.values(n)).collect();
    if let Some(last) = columns.last_mut().filter(|_| n % 5 == 1) {
        last.pop();
    }
    let found = |threads| hash_rows("fuzz", &columns, NonZeroUsize::new(threads).unwrap());
    assert_eq!(found(1), found(3));
    if let Ok(digests) = found(1) {
        for (row, digest) in digests.iter().enumerate() {
            let mut encoded = field("fuzz");
            for column in &columns {
                encoded.extend(field(&column[row]));
            }
            assert_eq!(digest, blake3::hash(&encoded).as_bytes());
        }
    }
}

pub fn labels(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let (n, n_a, n_b, dim) = (bytes.size(300), bytes.size(9), bytes.size(9), bytes.size(5));
    let a: Vec<i32> = (0..n)
        .map(|_| i32::from(bytes.value::<i8>()) / 13 - 1)
        .collect();
    let b: Vec<i32> = (0..bytes.size(4) / 4 + n)
        .map(|_| i32::from(bytes.value::<u8>()) / 29)
        .collect();
    let one = contingency(&a, &b, n_a, n_b, 1);
    assert_eq!(one, contingency(&a, &b, n_a, n_b, 3));
    if let Ok(table) = one {
        let noise = a.iter().zip(&b).filter(|&(&x, &y)| x < 0 || y < 0).count();
        assert_eq!(
            usize::try_from(table.iter().sum::<i64>()).unwrap() + noise,
            n
        );
    }
    #[expect(clippy::cast_possible_truncation, reason = "any number does")]
    let vectors: Vec<f32> = bytes
        .numbers(n * dim)
        .into_iter()
        .map(|x| x as f32)
        .collect();
    let sums = |threads| format!("{:?}", cluster_sums(&a, &vectors, dim, n_a, threads));
    assert_eq!(sums(1), sums(3));
}

pub fn assignment(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let (rows, columns) = (bytes.size(12), bytes.size(12));
    let n_given = rows * columns + bytes.size(9) / 9;
    let cost = bytes.numbers(n_given);
    if let Ok(pairs) = assign(&cost, rows, columns, bytes.value()) {
        assert_eq!(pairs.len(), rows.min(columns));
        let mut taken: Vec<usize> = pairs.iter().map(|&(_, column)| column).collect();
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), pairs.len());
    }
}

pub fn neighbours(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let (n, m, dim, k) = (bytes.size(9), bytes.size(40), bytes.size(20), bytes.size(6));
    #[expect(clippy::cast_possible_truncation, reason = "any number does")]
    let mut vectors =
        |n: usize| -> Vec<f32> { bytes.numbers(n).into_iter().map(|x| x as f32).collect() };
    let (queries, targets) = (vectors(n * dim), vectors(m * dim));
    let found = |threads| nearest_neighbours(&queries, &targets, dim, k, threads);
    assert_eq!(format!("{:?}", found(1)), format!("{:?}", found(3)));
    if let Ok((indices, _)) = found(1) {
        assert_eq!(indices.len(), n * k);
        for nearest in indices.chunks_exact(k.max(1)) {
            let mut seen = nearest.to_vec();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), k);
            assert!(seen.iter().all(|&at| usize::try_from(at).unwrap() < m));
        }
    }
}

pub fn clusters(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let (n, dim) = (bytes.size(60), bytes.size(9));
    let options = |threads| Options {
        clusters: 4,
        starts: 3,
        max_iterations: 5,
        tolerance: 0.0,
        seed: 1,
        threads,
    };
    #[expect(clippy::cast_possible_truncation, reason = "any number does")]
    let rows: Vec<f32> = bytes
        .numbers(n * dim)
        .into_iter()
        .map(|x| x as f32)
        .collect();
    let found = kmeans(&rows, dim, &options(1));
    assert_eq!(
        format!("{found:?}"),
        format!("{:?}", kmeans(&rows, dim, &options(3)))
    );
    if let Ok(found) = found {
        let (labels, squares) = nearest_centroids(&rows, &found.centroids, dim, 2).unwrap();
        assert_eq!(labels, found.labels);
        assert!(squares.iter().all(|square| square.is_finite()));
    }
}

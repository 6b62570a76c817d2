//! k-means against its description followed to the letter, bit for bit.

#[path = "naive/kmeans.rs"]
mod naive;

use diptych_core::matching::{MatchingError, Options, kmeans, nearest_centroids};
use proptest::collection::vec;
use proptest::prelude::*;

/// Rows of whole numbers (many ties and repeated rows), of one size, or of any size and far from the origin.
fn rows() -> impl Strategy<Value = (Vec<f32>, usize)> {
    let value = prop_oneof![
        Just((-2_i8..3).prop_map(f32::from).boxed()),
        Just((-1.0_f32..1.0).boxed()),
        Just((100.0_f32..101.0).boxed()),
        Just(prop_oneof![-1e-30_f32..1e-30, -1e15_f32..1e15, Just(0.0), Just(1e-45)].boxed()),
        Just(prop_oneof![Just(1e15), Just(-1e15), -1.0_f32..1.0].boxed()),
    ];
    (value, 1_usize..40, 1_usize..200)
        .prop_flat_map(|(value, dim, n)| (vec(value, dim * n), Just(dim)))
}

fn options(clusters: usize, starts: usize, seed: u64) -> Options {
    Options {
        clusters,
        starts,
        max_iterations: 30,
        tolerance: 1e-4,
        seed,
        threads: 1,
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn agree(values: &[f32], dim: usize, options: &Options) {
    let rows: Vec<Vec<f32>> = values.chunks_exact(dim).map(<[f32]>::to_vec).collect();
    let (centroids, labels, inertia, iterations) = naive::kmeans(&rows, options);
    for threads in [1, 3] {
        let found = kmeans(
            values,
            dim,
            &Options {
                threads,
                ..*options
            },
        )
        .expect("valid rows");
        assert_eq!(found.labels, labels);
        assert_eq!(bits(&found.centroids), bits(&centroids.concat()));
        assert_eq!(found.inertia.to_bits(), inertia.to_bits());
        assert_eq!(found.iterations, iterations);
    }
}

proptest! {
    #[test]
    fn clusters_have_the_bits_of_the_description(
        (x, dim) in rows(), k in 1_usize..12, starts in 1_usize..8, seed: u64
    ) {
        agree(&x, dim, &options(k.min(x.len() / dim), starts, seed));
    }

    #[test]
    fn a_label_is_that_of_the_nearest_centroid((x, dim) in rows(), k in 1_usize..15) {
        let k = k.min(x.len() / dim);
        let centroids: Vec<Vec<f32>> = x[..k * dim].chunks_exact(dim).map(<[f32]>::to_vec).collect();
        let (labels, squares) = nearest_centroids(&x, &x[..k * dim], dim, 2).unwrap();
        for ((row, label), square) in x.chunks_exact(dim).zip(labels).zip(squares) {
            let expected = naive::nearest(row, &centroids);
            prop_assert_eq!((label, square.to_bits()), (expected.0, expected.1.to_bits()));
        }
    }
}

/// Blobs of uneven sizes, the first rows of one blob, the last of another.
fn blobs(n: usize, dim: usize, k: usize) -> Vec<f32> {
    let mut state = 1_u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 24)
    };
    let centres: Vec<f64> = (0..k * dim).map(|_| 3.0 * next()).collect();
    let mut values = Vec::new();
    for row in 0..n {
        let blob = row * row / n * k / n;
        for at in 0..dim {
            #[allow(clippy::cast_possible_truncation)]
            values.push((centres[blob * dim + at] + next() + next()) as f32);
        }
    }
    values
}

#[test]
fn more_rows_than_the_sample_takes_agree_too() {
    agree(&blobs(5_000, 9, 12), 9, &options(12, 4, 3));
}

#[test]
fn candidates_of_more_than_one_group_agree_too() {
    agree(&blobs(700, 5, 300), 5, &options(300, 2, 0));
}

#[test]
fn without_tolerance_centroids_are_the_means_of_their_rows() {
    let (x, dim, k) = (blobs(900, 4, 7), 4, 7);
    let exact = Options {
        tolerance: 0.0,
        max_iterations: 1000,
        ..options(k, 3, 1)
    };
    let found = kmeans(&x, dim, &exact).unwrap();
    let again = kmeans(
        &x,
        dim,
        &Options {
            max_iterations: 2000,
            ..exact
        },
    )
    .unwrap();
    assert_eq!(found, again, "it stopped by itself");
    for cluster in 0..k {
        let own: Vec<&[f32]> = x
            .chunks_exact(dim)
            .zip(&found.labels)
            .filter(|row| usize::try_from(*row.1) == Ok(cluster))
            .map(|row| row.0)
            .collect();
        for at in 0..dim {
            let sum: f64 = own.iter().map(|row| f64::from(row[at])).sum();
            let mean = sum / own.len() as f64;
            assert!((f64::from(found.centroids[cluster * dim + at]) - mean).abs() < 1e-6);
        }
    }
}

#[test]
fn as_many_clusters_as_distinct_rows_leave_no_distance() {
    let x: Vec<f32> = (0_u8..60).map(|at| f32::from(at / 3)).collect();
    let found = kmeans(&x, 1, &options(20, 5, 2)).unwrap();
    assert_eq!(found.inertia.to_bits(), 0.0_f64.to_bits());
    let mut used = found.labels.clone();
    used.dedup();
    assert_eq!(used.len(), 20);
    let spare = kmeans(&x, 1, &options(25, 5, 2)).unwrap();
    assert_eq!(spare.inertia.to_bits(), 0.0_f64.to_bits());
}

#[test]
fn what_cannot_be_clustered_is_refused() {
    let o = options(1, 1, 0);
    let said = |x: &[f32], dim: usize, o: Options| kmeans(x, dim, &o).unwrap_err().to_string();
    assert_eq!(
        said(&[1.0], 1, Options { clusters: 2, ..o }),
        "2 clusters of 1 rows; ask for 1 to the number of rows, fewer than 2^31"
    );
    assert_eq!(
        said(&[1.0], 1, Options { starts: 0, ..o }),
        "n_init: 0, expected at least 1"
    );
    assert_eq!(
        said(
            &[1.0],
            1,
            Options {
                max_iterations: 0,
                ..o
            }
        ),
        "max_iter: 0, expected at least 1"
    );
    assert_eq!(
        kmeans(&[1.0], 1, &Options { threads: 0, ..o }),
        Err(MatchingError::NoThreads)
    );
    assert!(said(&[1.0, f32::NAN], 1, o).starts_with("rows: row 1, column 0 is NaN"));
    assert_eq!(
        said(&[0.0, 2e15], 2, o),
        "rows: row 0, column 1 is 2000000000000000, expected at most 1e15 either way; scale the vectors"
    );
    assert!(said(&[1.0; 3], 2, o).starts_with("rows: 3 values, expected full rows of 2 columns"));
    assert!(said(&[], 0, o).starts_with("rows: 0 values, expected at least 1 column"));
    let none = nearest_centroids(&[1.0], &[], 1, 1)
        .unwrap_err()
        .to_string();
    assert!(none.starts_with("0 clusters of 0 rows"));
    assert_eq!(nearest_centroids(&[], &[1.0], 1, 1), Ok((vec![], vec![])));
}

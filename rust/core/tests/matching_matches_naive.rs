//! Matching against counting, trying everything and visiting every pair.

#[path = "naive/matching.rs"]
mod naive;

use diptych_core::matching::{
    Clustering, MatchingError, assign, cluster_sums, contingency, mean_similarity,
    nearest_neighbours,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn labels() -> impl Strategy<Value = (Vec<i32>, Vec<i32>)> {
    vec((-1..4, -1..3), 0..300).prop_map(|pairs| pairs.into_iter().unzip())
}

/// Up to 6 x 6, whole numbers (many ties) or not.
fn costs() -> impl Strategy<Value = (Vec<f64>, usize, usize)> {
    let cell = prop_oneof![(-2_i8..3).prop_map(f64::from), -1.0..1.0];
    (0_usize..7, 0_usize..7)
        .prop_flat_map(move |(r, c)| (vec(cell.clone(), r * c), Just(r), Just(c)))
}

/// Rows of whole numbers (products are exact, with many ties) or of any size.
fn vectors() -> impl Strategy<Value = (Vec<f32>, Vec<i32>, usize)> {
    let value = prop_oneof![
        Just((-3_i8..4).prop_map(f32::from).boxed()),
        Just((-1.0_f32..1.0).boxed()),
        Just(prop_oneof![-1e-30_f32..1e-30, -1e30_f32..1e30, Just(0.0), Just(1e-45)].boxed()),
    ];
    (value, 1_usize..40, 1_usize..200)
        .prop_flat_map(|(value, dim, rows)| (vec(value, dim * rows), vec(-1..4, rows), Just(dim)))
}

proptest! {
    #[test]
    fn sums_have_the_bits_of_a_loop_for_any_threads((x, labels, dim) in vectors()) {
        for threads in [1, 2, 5] {
            let (sums, counts) = cluster_sums(&labels, &x, dim, 4, threads).unwrap();
            prop_assert_eq!(&sums, &naive::cluster_sums(&labels, &x, dim, 4));
            let count = |c: i32| labels.iter().filter(|&&label| label == c).count();
            prop_assert!((0..4).all(|c| usize::try_from(counts[c]) == Ok(count(i32::try_from(c).unwrap()))));
        }
    }

    #[test]
    fn mean_similarities_are_those_of_all_pairs((x, labels, dim) in vectors()) {
        let b = labels.len() / 3;
        let side = |labels, vectors| Clustering { labels, vectors, n: 4 };
        let (left, right) = (side(&labels[b..], &x[b * dim..]), side(&labels[..b], &x[..b * dim]));
        let means = mean_similarity(left, right, dim, 1).unwrap();
        let bits = |means: &[f64]| means.iter().map(|mean| mean.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&mean_similarity(left, right, dim, 3).unwrap()), bits(&means));
        let members = |side: Clustering<'_>, c: i32| -> Vec<usize> {
            (0..side.labels.len()).filter(|&i| side.labels[i] == c).collect()
        };
        for (at, mean) in means.iter().enumerate() {
            let (i, j) = (i32::try_from(at / 4).unwrap(), i32::try_from(at % 4).unwrap());
            let p: Vec<&[f32]> = members(left, i).iter().map(|&r| &left.vectors[r * dim..(r + 1) * dim]).collect();
            let q: Vec<&[f32]> = members(right, j).iter().map(|&r| &right.vectors[r * dim..(r + 1) * dim]).collect();
            let expected = naive::mean_similarity(&p, &q);
            prop_assert!(mean.is_nan() == expected.is_nan() && (mean.is_nan() || (mean - expected).abs() < 1e-12));
        }
    }

    #[test]
    fn neighbours_are_the_nearest_for_any_threads((x, _, dim) in vectors(), k in 1_usize..12) {
        let queries = &x[..x.len() / dim / 2 * dim];
        let k = k.min(x.len() / dim);
        let (indices, values) = nearest_neighbours(queries, &x, dim, k, 1).unwrap();
        prop_assert_eq!(&nearest_neighbours(queries, &x, dim, k, 3).unwrap(), &(indices.clone(), values.clone()));
        let whole = x.iter().all(|v| v.abs() < 4.0 && v.fract() == 0.0);
        for (at, query) in queries.chunks_exact(dim).enumerate() {
            for (place, (index, product)) in naive::nearest(query, &x, k).into_iter().enumerate() {
                let found = usize::try_from(indices[at * k + place]).unwrap();
                let size: f64 = naive::dot(query, query).sqrt() * 1e-13;
                let row = &x[found * dim..(found + 1) * dim];
                let close = size * naive::dot(row, row).sqrt() + size * size;
                prop_assert!(found == index || (!whole && (naive::dot(query, row) - product).abs() <= close));
            }
        }
    }

    #[test]
    fn contingency_matches_for_any_threads((a, b) in labels()) {
        for threads in [1, 2, 4, 8] {
            prop_assert_eq!(contingency(&a, &b, 4, 3, threads).unwrap(), naive::contingency(&a, &b, 4, 3));
        }
    }

    #[test]
    fn assignment_is_optimal_and_one_to_one((cost, rows, columns) in costs(), maximize: bool) {
        let pairs = assign(&cost, rows, columns, maximize).unwrap();
        let sign = if maximize { -1.0 } else { 1.0 };
        let at = |(i, j): &(usize, usize)| cost[i * columns + j];
        let total: f64 = pairs.iter().map(at).sum::<f64>() * sign;

        let wide: Vec<f64> = if rows <= columns {
            cost.iter().map(|c| c * sign).collect()
        } else {
            (0..cost.len()).map(|k| cost[k % rows * columns + k / rows] * sign).collect()
        };
        let least = naive::least(&wide, 0, rows.min(columns), rows.max(columns), &mut vec![]);
        prop_assert!((total - least).abs() < 1e-12, "{} against {}", total, least);
        prop_assert_eq!(pairs.len(), rows.min(columns));
        prop_assert!(pairs.windows(2).all(|two| two[0].0 < two[1].0));
        let mut used: Vec<usize> = pairs.iter().map(|pair| pair.1).collect();
        used.sort_unstable();
        used.dedup();
        prop_assert_eq!(used.len(), pairs.len());
    }
}

#[test]
fn long_labellings_are_counted_and_refused_like_short_ones() {
    let mut state = 1_u32;
    let mut next = |n: i32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        i32::try_from(state >> 8).unwrap() % n
    };
    // 256 x 256 cells, noise included, are the most that have numbers of 16 bits.
    for n_b in [9, 255, 256] {
        let (mut a, b): (Vec<i32>, Vec<i32>) = (0..140_000)
            .map(|_| (next(256) - 1, next(n_b + 1) - 1))
            .unzip();
        let columns = usize::try_from(n_b).unwrap();
        let mut expected = vec![0_i64; 255 * columns];
        for (&i, &j) in a.iter().zip(&b) {
            if let (Ok(i), Ok(j)) = (usize::try_from(i), usize::try_from(j)) {
                expected[i * columns + j] += 1;
            }
        }
        for threads in [1, 2] {
            assert_eq!(
                contingency(&a, &b, 255, columns, threads).unwrap(),
                expected
            );
        }
        a[139_000] = 255;
        let error = contingency(&a, &b, 255, columns, 2).unwrap_err();
        assert!(matches!(
            error,
            MatchingError::Label {
                name: "labels_a",
                item: 139_000,
                label: 255,
                n: 255
            }
        ));
    }
}

#[test]
fn equal_costs_give_the_lowest_columns() {
    assert_eq!(assign(&[7.0; 6], 2, 3, false).unwrap(), [(0, 0), (1, 1)]);
    assert_eq!(assign(&[7.0; 6], 3, 2, true).unwrap(), [(0, 0), (1, 1)]);
}

#[test]
fn huge_and_tiny_costs_are_assigned() {
    let huge = [f64::MAX, f64::MIN, f64::MIN, f64::MAX];
    assert_eq!(assign(&huge, 2, 2, false).unwrap(), [(0, 1), (1, 0)]);
    assert_eq!(assign(&huge, 2, 2, true).unwrap(), [(0, 0), (1, 1)]);
    assert_eq!(
        assign(&[5e-324, 0.0, 0.0, 5e-324], 2, 2, false).unwrap(),
        [(0, 1), (1, 0)]
    );
}

#[test]
fn every_error_says_what_where_and_what_to_do() {
    let count = |a: &[i32], b: &[i32], n_a, n_b, threads| {
        contingency(a, b, n_a, n_b, threads)
            .unwrap_err()
            .to_string()
    };
    let table = [
        (
            count(&[0], &[0, 1], 1, 1, 1),
            "labels_a has 1 items, labels_b has 2; pass two labels for every item",
        ),
        (
            count(&[0, 3], &[0, 0], 3, 1, 1),
            "labels_a: item 1 has label 3, expected -1 (noise) to 2; renumber the labels or raise n",
        ),
        (
            count(&[0, -1], &[0, -2], 3, 1, 2),
            "labels_b: item 1 has label -2, expected -1 (noise) to 0; renumber the labels or raise n",
        ),
        (
            count(&[0], &[0], 0, 1, 1),
            "labels_a: item 0 has label 0, expected -1 (noise) to -1; renumber the labels or raise n",
        ),
        (
            count(&[], &[], 1, 1, 0),
            "threads: 0, expected at least 1; pass threads=1 to work on the calling thread",
        ),
        (
            count(&[], &[], 1 << 40, 1 << 40, 1),
            "a table of 1099511627776 x 1099511627776 numbers does not fit in memory; renumber the labels without gaps",
        ),
        (
            count(&[], &[], 1 << 30, 1 << 32, 1),
            "a table of 1073741824 x 4294967296 numbers does not fit in memory; renumber the labels without gaps",
        ),
        (
            assign(&[1.0; 5], 2, 3, false).unwrap_err().to_string(),
            "cost: 5 values, expected 2 rows x 3 columns = 6; pass a full matrix",
        ),
        (
            assign(&[1.0, 1.0, f64::INFINITY, 1.0], 2, 2, false)
                .unwrap_err()
                .to_string(),
            "cost: row 1, column 0 is inf, expected a finite number; give a forbidden pair a large cost",
        ),
        (
            cluster_sums(&[0, 1], &[1.0; 5], 2, 2, 1)
                .unwrap_err()
                .to_string(),
            "vectors: 5 values, expected 2 rows x 2 columns; pass one row for every item",
        ),
        (
            cluster_sums(&[0], &[1.0, f32::NAN], 2, 1, 1)
                .unwrap_err()
                .to_string(),
            "vectors: row 0, column 1 is NaN, expected a finite number; drop the row",
        ),
        (
            nearest_neighbours(&[], &[], 0, 1, 1)
                .unwrap_err()
                .to_string(),
            "queries: 0 values, expected at least 1 column; pass one row for every item",
        ),
        (
            nearest_neighbours(&[1.0], &[1.0], 1, 2, 1)
                .unwrap_err()
                .to_string(),
            "k: 2 neighbours of 1 targets; pass 1 to the number of targets",
        ),
        (
            MatchingError::Spawn {
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

//! Contingency and assignment against counting and trying everything.

#[path = "naive/matching.rs"]
mod naive;

use diptych_core::matching::{MatchingError, assign, contingency};
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

proptest! {
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
            "a table of 1099511627776 x 1099511627776 counts does not fit in memory; renumber the labels without gaps",
        ),
        (
            count(&[], &[], 1 << 30, 1 << 32, 1),
            "a table of 1073741824 x 4294967296 counts does not fit in memory; renumber the labels without gaps",
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

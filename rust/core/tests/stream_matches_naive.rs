//! The random bits against `ChaCha8` written out from its definition, and pinned across releases.

#[path = "naive/stream.rs"]
mod naive;

use diptych_core::stream::{signs, subset};
use proptest::prelude::*;

fn members(bits: &[u64]) -> Vec<usize> {
    (0..bits.len() * 64)
        .filter(|i| bits[i / 64] >> (i % 64) & 1 == 1)
        .collect()
}

proptest! {
    #[test]
    fn signs_match(seed: u64, resample: u64, n in 0_usize..2000) {
        let expected: Vec<usize> =
            naive::signs(seed, resample, n).into_iter().enumerate().filter_map(|(i, bit)| bit.then_some(i)).collect();
        prop_assert_eq!(members(&signs(seed, resample, n)), expected);
    }

    #[test]
    fn subsets_match(seed: u64, resample: u64, (n, k) in (0_usize..3000).prop_flat_map(|n| (Just(n), 0..=n))) {
        let got = members(&subset(seed, resample, n, k));
        prop_assert_eq!(got, naive::subset(seed, resample, n, k).into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn the_stream_is_pinned() {
    assert_eq!(signs(1, 2, 128), PINNED_SIGNS);
    assert_eq!(members(&subset(1, 2, 100, 10)), PINNED_SUBSET);
    assert_eq!(subset(1, 2, 128, 63), PINNED_HALF);
}

const PINNED_SIGNS: [u64; 2] = [6_929_510_171_773_464_527, 11_552_677_016_910_099_663];
const PINNED_HALF: [u64; 2] = [16_878_126_590_790_704_843, 2_306_889_972_651_017_129];
const PINNED_SUBSET: [usize; 10] = [23, 29, 51, 57, 59, 70, 81, 87, 88, 97];

#[test]
fn subsets_are_uniform() {
    let mut counts = [0_u32; 64];
    for resample in 0..20_000 {
        counts[usize::try_from(subset(3, resample, 6, 3)[0]).unwrap()] += 1;
    }
    let hit: Vec<u32> = counts.into_iter().filter(|&count| count > 0).collect();
    assert_eq!(hit.len(), 20);
    let chi_square: f64 = hit
        .iter()
        .map(|&c| (f64::from(c) - 1000.0).powi(2) / 1000.0)
        .sum();
    assert!(
        chi_square < 43.8,
        "{chi_square} is beyond the 99.9 % point of 19 degrees of freedom"
    );
}

#[test]
fn a_subset_larger_than_the_rows_is_all_rows() {
    assert_eq!(members(&subset(0, 0, 5, 9)), [0, 1, 2, 3, 4]);
    assert!(subset(0, 0, 0, 3).is_empty());
}

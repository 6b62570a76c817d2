//! `hash_rows` against its twin, the official vectors of BLAKE3, and its own promises.

use std::num::NonZeroUsize;

use diptych_core::hash::{HashError, hash_rows};
use proptest::prelude::*;

#[path = "naive/hash.rs"]
mod naive;

fn threads(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("a positive count")
}

fn hex(digest: [u8; 32]) -> String {
    blake3::Hash::from(digest).to_hex().to_string()
}

proptest! {
    #[test]
    fn every_digest_is_that_of_the_encoding(
        domain in ".{0,8}",
        rows in prop::collection::vec((".{0,90}", ".{0,9}"), 0..20),
        n in 1_usize..5,
    ) {
        let (first, second): (Vec<String>, Vec<String>) = rows.iter().cloned().unzip();
        let digests = hash_rows(&domain, &[first, second], threads(n)).unwrap();
        let expected: Vec<_> = rows.iter().map(|(a, b)| naive::digest(&domain, &[a, b])).collect();
        prop_assert_eq!(digests, expected);
    }

    #[test]
    fn full_groups_long_rows_and_what_is_left_over_have_the_digests_of_the_encoding(
        lengths in prop::collection::vec(prop_oneof![8 => 0_usize..300, 1 => 900_usize..1200, 1 => 4000_usize..9000], 0..120),
        n in 1_usize..4,
    ) {
        let rows: Vec<String> = lengths.iter().enumerate().map(|(i, length)| format!("{i:>length$}")).collect();
        let digests = hash_rows("domain/1", std::slice::from_ref(&rows), threads(n)).unwrap();
        let expected: Vec<_> = rows.iter().map(|row| naive::digest("domain/1", &[row])).collect();
        prop_assert_eq!(digests, expected);
    }

    #[test]
    fn moving_text_between_fields_changes_the_digest(text in ".{1,30}", at in 0_usize..30) {
        let at = text.char_indices().map(|(i, _)| i).nth(at).unwrap_or(0);
        let (left, right) = text.split_at(at);
        let split = hash_rows("d", &[vec![left], vec![right]], NonZeroUsize::MIN).unwrap();
        let whole = hash_rows("d", &[vec![text.as_str()], vec![""]], NonZeroUsize::MIN).unwrap();
        prop_assert_eq!(split == whole, right.is_empty());
        prop_assert_ne!(whole, hash_rows("d", &[vec![text.as_str()]], NonZeroUsize::MIN).unwrap());
    }
}

#[test]
fn blake3_gives_the_official_vectors() {
    let input: Vec<u8> = (0..=250).cycle().take(1025).collect();
    for (len, expected) in [
        (
            0,
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
        ),
        (
            1,
            "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
        ),
        (
            1024,
            "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
        ),
        (
            1025,
            "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
        ),
    ] {
        assert_eq!(
            hex(blake3::hash(&input[..len]).into()),
            expected,
            "{len} bytes"
        );
    }
}

#[test]
fn the_layout_of_the_encoding_is_pinned() {
    // Every store on disk has these as its keys: a change here is a new domain, never a new number.
    let digests = hash_rows(
        "diptych/test/1",
        &[vec!["a"], vec!["\u{e9}"]],
        NonZeroUsize::MIN,
    )
    .unwrap();
    assert_eq!(
        hex(digests[0]),
        "5c7d0a6b7e44c9497c094cd857de6e93a80391c429a71957da3ad7bd98760d67"
    );
}

#[test]
fn threads_do_not_change_a_bit() {
    let rows: Vec<String> = (0..40_000).map(|i| format!("row {i}")).collect();
    let one = hash_rows("d", std::slice::from_ref(&rows), threads(1)).unwrap();
    assert_eq!(one[39_999], naive::digest("d", &["row 39999"]));
    for n in [2, 3, 4, 8, 1000] {
        assert_eq!(
            hash_rows("d", std::slice::from_ref(&rows), threads(n)).unwrap(),
            one,
            "{n} threads"
        );
    }
}

#[test]
fn errors_say_what_is_wrong_and_what_to_do() {
    let none: [Vec<&str>; 0] = [];
    let table = [
        (
            hash_rows("d", &none, threads(1)),
            HashError::NoColumns,
            "columns: expected at least one list of strings, got none; pass one list for each field",
        ),
        (
            hash_rows(
                "d",
                &[vec!["a", "b"], vec!["a", "b"], vec!["a"]],
                threads(1),
            ),
            HashError::Lengths {
                column: 2,
                found: 1,
                expected: 2,
            },
            "columns[2]: has 1 rows, columns[0] has 2; pass lists of one length",
        ),
    ];
    for (result, error, text) in table {
        let found = result.unwrap_err();
        assert_eq!(found, error);
        assert_eq!(found.to_string(), text);
    }
}

#[test]
fn no_rows_give_no_digests() {
    assert!(
        hash_rows("d", &[Vec::<&str>::new()], threads(4))
            .unwrap()
            .is_empty()
    );
}

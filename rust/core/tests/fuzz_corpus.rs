//! Arbitrary bytes into every kernel: a value or a typed error, never a panic, and the same for any number of threads.
//!
//! Each target takes bytes. They come from a seed corpus, from mutations of it, and from nowhere; `FUZZ_CASES` says how
//! many cases (`make fuzz`: a million each). A failing case prints its bytes in hexadecimal; put it into the corpus.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod fields;
#[path = "fuzz/generator.rs"]
mod generator;
#[path = "fuzz/jsonl.rs"]
mod jsonl;
#[path = "fuzz/matching.rs"]
mod matching;
#[path = "fuzz/permutation.rs"]
mod permutation;
#[path = "fuzz/store.rs"]
mod store;

use generator::drive;

#[test]
fn lines_of_json() {
    drive(3_000, jsonl::CORPUS, jsonl::lines);
}

#[test]
fn fields_of_lines_of_json() {
    drive(1_500, jsonl::CORPUS, jsonl::fields);
}

#[test]
fn compressed_files() {
    drive(1_500, &jsonl::compressed_corpus(), jsonl::compressed);
}

#[test]
fn digests() {
    drive(1_000, &[b"\x02\x03a\0b"], matching::digests);
}

#[test]
fn contingency_and_sums() {
    drive(2_000, &[b"\x04\x04\x01\x02\x03"], matching::labels);
}

#[test]
fn assignment() {
    drive(2_000, &[b"\x03\x03"], matching::assignment);
}

#[test]
fn neighbours() {
    drive(1_500, &[b"\x03\x02\x05"], matching::neighbours);
}

#[test]
fn clusters() {
    drive(600, &[b"\x09\x02"], matching::clusters);
}

#[test]
fn sign_flips() {
    drive(600, &[b"\x05\x03"], permutation::flips);
}

#[test]
fn relabellings() {
    drive(600, &[b"\x06\x02"], permutation::labels);
}

#[test]
fn quadratic_forms() {
    drive(600, &[b"\x04\x01"], permutation::forms);
}

#[test]
fn damaged_stores() {
    // A case opens, reads and writes files: a hundredth of the others.
    drive(
        120,
        &[b"\0\0\0\x10\x01", b"\x01\0\0\x20\x80"],
        store::damaged,
    );
}

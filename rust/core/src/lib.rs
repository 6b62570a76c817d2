//! The kernels of diptych. This crate knows no Python: plain slices in, plain values out.
//!
//! Each kernel is one file. Each has a slow, obvious twin in `tests/naive/` that it is tested against,
//! takes its thread count as an argument, and gives the same bits for every value of it.
//!
//! | module | what it does |
//! |---|---|
//! | [`hash`] | BLAKE3 digests of rows of text fields |
//! | [`files`] | whole files, `.gz` and `.zst` read transparently |
//! | [`jsonl`] | JSON lines, strictly, with the position of every error |
//! | [`store`] | vectors on disk, by digest, crash-safe |
//! | [`matching`] | contingency tables, assignment, sums by cluster, mean similarities, nearest neighbours |
//! | [`stream`] | random bits addressed by (seed, resample) |
//! | [`permutation`] | sign flips and label permutations, all measures at once |
// `simd` alone allows itself unsafe code, and says at each block why it is sound.
#![deny(unsafe_code)]

pub mod files;
mod finite;
pub mod hash;
pub mod jsonl;
pub mod matching;
mod parallel;
pub mod permutation;
mod simd;
pub mod store;
pub mod stream;

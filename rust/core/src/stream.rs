//! Random bits addressed by (seed, resample) alone, so that resample `b` is the same in every chunk and thread.
//!
//! Source of the bits: the `ChaCha` keystream with 8 rounds, 64-bit block counter from 0 and 64-bit nonce (Bernstein
//! 2008; crate `chacha20`). To rebuild a stream elsewhere:
//!
//! - key, 32 bytes: a 24-byte ASCII tag ([`SIGNS_TAG`] or [`SUBSET_TAG`], padded with zero bytes), then the seed as
//!   8 bytes little-endian;
//! - nonce: the resample's index as 8 bytes little-endian;
//! - word `j`: keystream bytes `8j .. 8j + 8`, little-endian.
//!
//! [`signs`] takes the words as they come: bit `i % 64` of word `i / 64` belongs to row `i`. [`subset`] is Floyd's
//! algorithm (Bentley and Floyd 1987, "A sample of brilliance", CACM 30): for `j = n - k .. n` draw `t` uniform on
//! `0 ..= j` and take `t`, or `j` where `t` is taken already. A uniform integer below `s` is the high half of
//! `word * s`; the word is drawn again while the low half is below `2^64 mod s` (Lemire 2019), so there is no bias.
//!
//! Cost: O(n / 64) words for signs; k draws and n / 64 words of memory for a subset. A golden vector in
//! `tests/stream_matches_naive.rs` pins both.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// First 24 bytes of the key for [`signs`].
pub const SIGNS_TAG: [u8; 24] = *b"diptych signs v1\0\0\0\0\0\0\0\0";

/// First 24 bytes of the key for [`subset`].
pub const SUBSET_TAG: [u8; 24] = *b"diptych subset v1\0\0\0\0\0\0\0";

/// One fair bit for each of `n` rows, 64 to a word; the spare bits of the last word are 0.
///
/// # Examples
///
/// ```
/// let bits = diptych_core::stream::signs(7, 0, 70);
/// assert_eq!(bits.len(), 2);
/// assert_eq!(bits[1] >> 6, 0);
/// assert_eq!(bits, diptych_core::stream::signs(7, 0, 70));
/// ```
#[must_use]
pub fn signs(seed: u64, resample: u64, n: usize) -> Vec<u64> {
    let mut bits = vec![0; n.div_ceil(64)];
    signs_into(seed, resample, n, &mut bits);
    bits
}

/// [`signs`] into a buffer of `n.div_ceil(64)` words; words beyond those become 0.
pub fn signs_into(seed: u64, resample: u64, n: usize, bits: &mut [u64]) {
    let mut words = keystream(SIGNS_TAG, seed, resample);
    for (j, word) in bits.iter_mut().enumerate() {
        *word = match n.saturating_sub(j * 64) {
            0 => 0,
            left @ 1..64 => words.next_u64() & ((1 << left) - 1),
            _ => words.next_u64(),
        };
    }
}

/// A uniformly random subset of `k` of `n` rows, as membership bits, 64 to a word. A `k` above `n` counts as `n`.
///
/// # Examples
///
/// ```
/// let bits = diptych_core::stream::subset(7, 0, 100, 30);
/// assert_eq!(bits.iter().map(|word| word.count_ones()).sum::<u32>(), 30);
/// ```
#[must_use]
pub fn subset(seed: u64, resample: u64, n: usize, k: usize) -> Vec<u64> {
    let mut bits = vec![0; n.div_ceil(64)];
    subset_into(seed, resample, n, k, &mut bits);
    bits
}

/// [`subset`] into a buffer of `n.div_ceil(64)` words, whatever it held.
///
/// # Panics
///
/// If the buffer is shorter than that.
pub fn subset_into(seed: u64, resample: u64, n: usize, k: usize, bits: &mut [u64]) {
    bits.fill(0);
    let mut words = keystream(SUBSET_TAG, seed, resample);
    for j in n - k.min(n)..n {
        let t = below(&mut words, j as u64 + 1);
        let taken = bits[t / 64] >> (t % 64) & 1 == 1;
        let row = if taken { j } else { t };
        bits[row / 64] |= 1 << (row % 64);
    }
}

fn keystream(tag: [u8; 24], seed: u64, resample: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..24].copy_from_slice(&tag);
    key[24..].copy_from_slice(&seed.to_le_bytes());
    let mut words = ChaCha8Rng::from_seed(key);
    words.set_stream(resample);
    words
}

/// Uniform on `0 .. bound`, which is a `usize` plus one at most and never 0.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the low half is meant, and the result is below a row count"
)]
fn below(words: &mut ChaCha8Rng, bound: u64) -> usize {
    let rejected = bound.wrapping_neg() % bound;
    loop {
        let product = u128::from(words.next_u64()) * u128::from(bound);
        if product as u64 >= rejected {
            return (product >> 64) as usize;
        }
    }
}

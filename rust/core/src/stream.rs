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
//! [`signs`] takes the words as they come: bit `i % 64` of word `i / 64` belongs to row `i`.
//!
//! [`subset`] fills coins and corrects their number. Above `n / 2` it draws the `n - k` rows that are left out.
//!
//! 1. Each row is a coin with chance `j / 256`, `j = floor(256 k / n)`, or 0 where `16 k <= n`: for every 64 rows, in
//!    order, the bits of `j` from the lowest set one up to bit 7 take a word each; the coins start at 0 and become
//!    `coins | word` for a set bit, else `coins & word`. Coins beyond row `n` count as tails.
//! 2. While there are not `k` heads: draw a row uniform on `0 .. n`; if it shows what there is too much of, turn it.
//!
//! Given their number the heads are a uniform subset, and a uniform subset plus a uniform row from outside it (or
//! less one from inside) is uniform again, so every k-subset has the same chance. A uniform integer below `s` is the
//! high half of `word * s`; the word is drawn again while the low half is below `2^64 mod s` (Lemire 2019).
//!
//! Cost: O(n / 64) words for signs. For a subset, at most 8 times as many and O(sqrt n + n / 256) corrections, or
//! O(k) for small k; at k = n / 2 that is n / 64 words and about 0.8 sqrt n draws. (Floyd's algorithm, k dependent
//! draws and look-ups, took 60 times as long at n = 20,000.) A golden vector in `tests/stream_matches_naive.rs` pins
//! both.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// First 24 bytes of the key for [`signs`].
pub const SIGNS_TAG: [u8; 24] = *b"diptych signs v1\0\0\0\0\0\0\0\0";

/// First 24 bytes of the key for [`subset`].
pub const SUBSET_TAG: [u8; 24] = *b"diptych subset v2\0\0\0\0\0\0\0";

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
    let k = k.min(n);
    let bits = &mut bits[..n.div_ceil(64)];
    let mut words = keystream(SUBSET_TAG, seed, resample);
    let fewer = k.min(n - k);
    let chance = if 16 * fewer <= n { 0 } else { 256 * fewer / n };
    toss(&mut words, chance, bits);
    trim(n, bits);
    let heads: u64 = bits.iter().map(|word| u64::from(word.count_ones())).sum();
    let surplus = u64::from(heads > fewer as u64);
    let mut wrong = heads.abs_diff(fewer as u64);
    while wrong > 0 {
        let row = below(&mut words, n as u64);
        let turned = u64::from(bits[row / 64] >> (row % 64) & 1 == surplus);
        bits[row / 64] ^= turned << (row % 64);
        wrong -= turned;
    }
    if fewer < k {
        for word in bits.iter_mut() {
            *word = !*word;
        }
        trim(n, bits);
    }
}

/// Coins with chance `chance / 256`, which is 128 at most.
fn toss(words: &mut ChaCha8Rng, chance: usize, bits: &mut [u64]) {
    if chance == 0 {
        bits.fill(0);
        return;
    }
    for coins in bits {
        *coins = 0;
        for bit in chance.trailing_zeros()..8 {
            let word = words.next_u64();
            *coins = if chance >> bit & 1 == 1 {
                *coins | word
            } else {
                *coins & word
            };
        }
    }
}

/// Rows from `n` on are never drawn.
fn trim(n: usize, bits: &mut [u64]) {
    if let (Some(last), 1..) = (bits.last_mut(), n % 64) {
        *last &= (1 << (n % 64)) - 1;
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

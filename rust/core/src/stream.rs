//! Random bits addressed by (seed, resample) alone, so that resample `b` is the same in every chunk and thread.
//!
//! Source of the bits: the `ChaCha` keystream with 8 rounds, 64-bit block counter from 0 and 64-bit nonce (Bernstein
//! 2008; crate `chacha20`). To rebuild a stream elsewhere:
//!
//! - key, 32 bytes: a 24-byte ASCII tag ([`SIGNS_TAG`], [`SUBSET_TAG`] or [`UNIFORM_TAG`], padded with zero bytes), then the seed as
//!   8 bytes little-endian;
//! - nonce: the resample's index as 8 bytes little-endian;
//! - word `j`: keystream bytes `8j .. 8j + 8`, little-endian.
//!
//! [`Uniform`] and [`signs`] take the words as they come. For signs bit `i % 64` of word `i / 64` belongs to row `i`.
//!
//! [`Subsets`] fills coins and corrects their number. Above `n / 2` it draws the `n - k` rows that are left out; so
//! `k` is at most `n / 2` here.
//!
//! 1. Each row is a coin with chance `j / 256`, where `j` of `0 ..= 128` makes `32 w ceil(n / 64) + |n j - 256 k|`
//!    smallest (of equals the smallest `j`), with `w = 8 - trailing zeros of j`, and `w = 0` for `j = 0`. For every 64
//!    rows, in order, the bits of `j` from the lowest set one up to bit 7 take a word each; the coins start at 0 and
//!    become `coins | word` for a set bit, else `coins & word`. Coins beyond row `n` count as tails.
//! 2. While there are not `k` heads: draw a row uniform on `0 .. n`; if it shows what there is too much of, turn it.
//!
//! Given their number the heads are a uniform subset, and a uniform subset plus a uniform row from outside it (or
//! less one from inside) is uniform again, so every k-subset has the same chance. A uniform integer below `s` is the
//! high half of `word * s`; the word is drawn again while the low half is below `2^64 mod s` (Lemire 2019).
//!
//! The rule for `j` weighs words of coins against corrections, of which one costs about 8 words: k = 0.499 n, with the
//! nearest j at or below it, took 7 words for 64 rows and 4 times as long as the one word of k = n / 2.
//!
//! Cost: n / 64 words for signs. For a subset, at most 8 times as many and O(sqrt n + n / 512) corrections, or O(k)
//! for small k; about n = 2 k that is n / 64 words and 0.8 sqrt n + 2 |n - 2 k| draws. (Floyd's algorithm, k dependent
//! draws and look-ups, took 60 times as long at n = 20,000.) A golden vector in `tests/stream_matches_naive.rs` pins
//! both. `ChaCha8` of our own, 8 nonces in the lanes of a register, took twice as long as the crate's.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// First 24 bytes of the key for [`signs`].
pub const SIGNS_TAG: [u8; 24] = *b"diptych signs v1\0\0\0\0\0\0\0\0";

/// First 24 bytes of the key for [`Subsets`].
pub const SUBSET_TAG: [u8; 24] = *b"diptych subset v3\0\0\0\0\0\0\0";

/// First 24 bytes of the key for [`Uniform`].
pub const UNIFORM_TAG: [u8; 24] = *b"diptych uniform v1\0\0\0\0\0\0";

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
#[inline(always)]
pub fn signs_into(seed: u64, resample: u64, n: usize, bits: &mut [u64]) {
    let (mine, beyond) = bits.split_at_mut(n.div_ceil(64).min(bits.len()));
    fill(&mut keystream(SIGNS_TAG, seed, resample), mine);
    trim(n, mine);
    beyond.fill(0);
}

/// Numbers uniform on `[0, 1)`: the high 53 bits of each word in turn, as a multiple of `2^-53`.
///
/// # Examples
///
/// ```
/// use diptych_core::stream::Uniform;
/// let (mut one, mut same) = (Uniform::new(7, 0), Uniform::new(7, 0));
/// assert!((0..100).all(|_| (0.0..1.0).contains(&one.draw())));
/// one = Uniform::new(7, 0);
/// assert_eq!(one.draw(), same.draw());
/// ```
pub struct Uniform {
    words: ChaCha8Rng,
}

impl Uniform {
    /// The numbers of (seed, stream).
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        Self {
            words: keystream(UNIFORM_TAG, seed, stream),
        }
    }

    /// The next number.
    pub fn draw(&mut self) -> f64 {
        (self.words.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
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
    Subsets::new(n, k).draw(seed, resample, &mut bits);
    bits
}

/// Uniformly random subsets of `k` of `n` rows: what all of them share.
#[derive(Clone, Copy, Debug)]
pub struct Subsets {
    n: usize,
    /// Rows that are drawn: `k`, or those left out where they are fewer.
    fewer: usize,
    turned: bool,
    chance: usize,
    /// Words with a smaller low half are drawn again.
    rejected: u64,
}

impl Subsets {
    /// A `k` above `n` counts as `n`.
    #[must_use]
    pub fn new(n: usize, k: usize) -> Self {
        let k = k.min(n);
        let fewer = k.min(n - k);
        let cost = |j: usize| 32 * words_a_row(j) * n.div_ceil(64) + (n * j).abs_diff(256 * fewer);
        Self {
            n,
            fewer,
            turned: fewer < k,
            chance: (0..=128).min_by_key(|&j| cost(j)).unwrap_or(0),
            rejected: (n as u64).wrapping_neg() % (n as u64).max(1),
        }
    }

    /// Membership bits into a buffer of `n.div_ceil(64)` words, whatever it held.
    ///
    /// # Panics
    ///
    /// If the buffer is shorter than that.
    #[inline(always)]
    pub fn draw(&self, seed: u64, resample: u64, bits: &mut [u64]) {
        let bits = &mut bits[..self.n.div_ceil(64)];
        let mut words = keystream(SUBSET_TAG, seed, resample);
        toss(&mut words, self.chance, bits);
        trim(self.n, bits);
        let heads: u64 = bits.iter().map(|word| u64::from(word.count_ones())).sum();
        let surplus = u64::from(heads > self.fewer as u64);
        let mut wrong = heads.abs_diff(self.fewer as u64);
        while wrong > 0 {
            let row = self.row(&mut words);
            // Half of all rows show the other side: a branch here would be mispredicted as often.
            let turned = (bits[row / 64] >> (row % 64) ^ surplus ^ 1) & 1;
            bits[row / 64] ^= turned << (row % 64);
            wrong -= turned;
        }
        if self.turned {
            for word in bits.iter_mut() {
                *word = !*word;
            }
            trim(self.n, bits);
        }
    }

    /// Uniform on `0 .. n`, of which there is at least one.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low half is meant, and the result is below a row count"
    )]
    #[inline(always)]
    fn row(&self, words: &mut ChaCha8Rng) -> usize {
        loop {
            let product = u128::from(words.next_u64()) * self.n as u128;
            if product as u64 >= self.rejected {
                return (product >> 64) as usize;
            }
        }
    }
}

/// Words that coins with chance `j / 256` take for 64 rows.
fn words_a_row(j: usize) -> usize {
    8_usize.saturating_sub(j.trailing_zeros() as usize)
}

/// Coins with chance `chance / 256`, which is 128 at most.
#[inline(always)]
fn toss(words: &mut ChaCha8Rng, chance: usize, bits: &mut [u64]) {
    const GROUP: usize = 16;
    let each = words_a_row(chance);
    if chance == 0 {
        return bits.fill(0);
    }
    if each == 1 {
        return fill(words, bits);
    }
    let mut drawn = [0; 8 * GROUP];
    for group in bits.chunks_mut(GROUP) {
        let drawn = &mut drawn[..group.len() * each];
        fill(words, drawn);
        for (coins, drawn) in group.iter_mut().zip(drawn.chunks_exact(each)) {
            *coins = 0;
            for (word, bit) in drawn.iter().zip(8 - each..) {
                *coins = if chance >> bit & 1 == 1 {
                    *coins | word
                } else {
                    *coins & word
                };
            }
        }
    }
}

/// The next words.
#[inline(always)]
fn fill(words: &mut ChaCha8Rng, out: &mut [u64]) {
    words.fill_bytes(bytemuck::cast_slice_mut(out));
    for word in out {
        *word = u64::from_le(*word);
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

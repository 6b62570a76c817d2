//! 512 resamples side by side: their bits by row, and sums of whole numbers over the drawn rows as bit planes.
//!
//! A block of resamples is a bit matrix. Turned by 90 degrees, a row of data has one bit for each resample, and a
//! column of whole numbers is added up for all of them at once by carry-save adders (Harley and Seal; Mula, Kurz and
//! Lemire 2018): plane `p` of the sum holds bit `p` of 512 counters. A nonzero value costs about 5 operations on 512
//! bits for each bit set in it, a zero nothing, so indicators are the cheapest columns and no product is formed.
//! Comparing 512 sums with a constant takes one operation a plane.

/// Resamples of a block.
pub(super) const LANES: usize = 512;
/// A bit for each resample of a block: resample `i` is bit `i % 64` of word `i / 64`.
pub(super) type Lanes = [u64; LANES / 64];

/// Swap rows and columns of eight 64 x 64 bit matrices: word `g` of every element belongs to matrix `g`.
#[inline(always)]
pub(super) fn turn(rows: &mut [Lanes; 64]) {
    let mut width = 32;
    let mut mask = 0xffff_ffff_u64;
    while width > 0 {
        for low in (0..64).filter(|low| low & width == 0) {
            let (a, b) = (rows[low], rows[low + width]);
            for g in 0..a.len() {
                let swap = (a[g] >> width ^ b[g]) & mask;
                rows[low][g] = a[g] ^ swap << width;
                rows[low + width][g] = b[g] ^ swap;
            }
        }
        width /= 2;
        mask ^= mask << width;
    }
}

/// `words` words a resample become a bit for each resample, by row.
#[inline(always)]
pub(super) fn by_row(by_resample: &[u64], words: usize, out: &mut [Lanes]) {
    for (word, rows) in out.chunks_exact_mut(64).enumerate() {
        let mut square = [Lanes::default(); 64];
        for (i, row) in square.iter_mut().enumerate() {
            for (g, cell) in row.iter_mut().enumerate() {
                *cell = by_resample[(g * 64 + i) * words + word];
            }
        }
        turn(&mut square);
        rows.copy_from_slice(&square);
    }
}

/// A column of whole numbers: what is added when a row is drawn, and for negative numbers when it is not.
pub(super) struct Planes {
    parts: Vec<Part>,
    /// The sum of magnitudes.
    pub most: u64,
}

/// Rows whose number has bit `shift`.
struct Part {
    shift: usize,
    negative: bool,
    rows: Vec<u32>,
}

impl Planes {
    /// Of whole numbers whose magnitudes add up to less than 2^53.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole numbers below 2^53; rows are counted in 32 bits, 34 GB of one column"
    )]
    pub fn new(numbers: impl Iterator<Item = f64>) -> Self {
        let mut by_bit = vec![[Vec::new(), Vec::new()]; 53];
        let mut most = 0;
        for (x, row) in numbers.zip(0_u32..) {
            let mut rest = x.abs() as u64;
            most += rest;
            while rest != 0 {
                by_bit[rest.trailing_zeros() as usize][usize::from(x < 0.0)].push(row);
                rest &= rest - 1;
            }
        }
        let mut parts = Vec::new();
        for (shift, signs) in by_bit.into_iter().enumerate() {
            for (mut rows, negative) in signs.into_iter().zip([false, true]) {
                if !rows.is_empty() {
                    rows.shrink_to_fit();
                    parts.push(Part {
                        shift,
                        negative,
                        rows,
                    });
                }
            }
        }
        Self { parts, most }
    }

    /// How many planes the sum takes.
    pub fn width(&self) -> usize {
        64 - self.most.leading_zeros() as usize
    }

    /// The sums of all resamples; `planes` has three more than the width.
    #[inline(always)]
    pub fn add_up(&self, by_row: &[Lanes], planes: &mut [Lanes]) {
        planes.fill(Lanes::default());
        for part in &self.parts {
            let flip = if part.negative { u64::MAX } else { 0 };
            add(&mut planes[part.shift..], &part.rows, by_row, flip);
        }
    }
}

#[inline(always)]
fn add(planes: &mut [Lanes], rows: &[u32], by_row: &[Lanes], flip: u64) {
    let [ones, twos, fours, higher @ ..] = planes else {
        return;
    };
    let (mut one, mut two, mut four) = (*ones, *twos, *fours);
    let (eights, rest) = rows.as_chunks::<8>();
    for rows in eights {
        let x = |i: usize| by_row[rows[i] as usize].map(|word| word ^ flip);
        let a = full(&mut one, x(0), x(1));
        let b = full(&mut one, x(2), x(3));
        let c = full(&mut two, a, b);
        let a = full(&mut one, x(4), x(5));
        let b = full(&mut one, x(6), x(7));
        let d = full(&mut two, a, b);
        let carry = full(&mut four, c, d);
        ripple(higher, carry);
    }
    for &row in rest {
        let a = half(&mut one, by_row[row as usize].map(|word| word ^ flip));
        let b = half(&mut two, a);
        let carry = half(&mut four, b);
        ripple(higher, carry);
    }
    (*ones, *twos, *fours) = (one, two, four);
}

#[inline(always)]
fn ripple(planes: &mut [Lanes], mut carry: Lanes) {
    for plane in planes {
        carry = half(plane, carry);
    }
}

/// `sum += x`; the carry.
#[inline(always)]
fn half(sum: &mut Lanes, x: Lanes) -> Lanes {
    let mut carry = Lanes::default();
    for i in 0..carry.len() {
        carry[i] = sum[i] & x[i];
        sum[i] ^= x[i];
    }
    carry
}

/// `sum += x + y`; the carry.
#[inline(always)]
fn full(sum: &mut Lanes, x: Lanes, y: Lanes) -> Lanes {
    let mut carry = Lanes::default();
    for i in 0..carry.len() {
        let both = sum[i] ^ x[i];
        carry[i] = sum[i] & x[i] | both & y[i];
        sum[i] = both ^ y[i];
    }
    carry
}

/// Which of the sums are at least `least`.
#[inline(always)]
pub(super) fn at_least(planes: &[Lanes], least: u64) -> Lanes {
    if planes.len() < 64 && least >> planes.len() != 0 {
        return Lanes::default();
    }
    let mut reached = [u64::MAX; LANES / 64];
    for (p, plane) in planes.iter().enumerate() {
        for (yes, bits) in reached.iter_mut().zip(plane) {
            *yes = if least >> p & 1 == 1 {
                *yes & bits
            } else {
                *yes | bits
            };
        }
    }
    reached
}

/// The sum of one resample.
pub(super) fn one(planes: &[Lanes], lane: usize) -> u64 {
    let bit = |plane: &Lanes| plane[lane / 64] >> (lane % 64) & 1;
    planes
        .iter()
        .rev()
        .fold(0, |sum, plane| sum << 1 | bit(plane))
}

/// The sum of every resample.
#[inline(always)]
pub(super) fn spread(planes: &[Lanes], mut put: impl FnMut(usize, u64)) {
    let mut square = [Lanes::default(); 64];
    square[..planes.len()].copy_from_slice(planes);
    turn(&mut square);
    for (i, sums) in square.iter().enumerate() {
        for (g, &sum) in sums.iter().enumerate() {
            put(g * 64 + i, sum);
        }
    }
}

//! Rows rounded to a few integer steps, so that integer products stand for products of floats or bound them.
//!
//! Every row has a scale of its own, and the norm of what rounding dropped is kept. With q for the rounded part and e
//! for the rest, Cauchy and Schwarz give `<x, y> <= <q_x, q_y> + |e_x| (|q_y| + |e_y|) + |q_x| |e_y|`. Integers are
//! exact; the float arithmetic of the bound is covered by [`SLACK`] and [`UNDERFLOW`].
//!
//! Rows are packed in tiles of [`TILE`], one byte a dimension. Rounding a row takes a tenth of the time of a product
//! with 100 others.

use super::{MatchingError, index};
use crate::parallel::{blocks, run};
use crate::simd::scan::{self, GROUP, Query, Step, TILE, Tile, wide};

/// More than the relative rounding errors of an upper bound together (eight roundings of 2^-24).
pub(super) const SLACK: f64 = 2e-6;
/// More than what a bound can lose by underflow (half the least f32 times the largest integer product: 2e-36).
pub(super) const UNDERFLOW: f64 = 1e-35;
/// With more dimensions an i32 could overflow; then nothing is rounded and every bound is that of the norms.
const MOST_DIMENSIONS: usize = 65_000;
/// Independent partial sums of a norm.
const LANES: usize = 16;
/// 1.5 * 2^23: between it and its neighbours in f32 lies 1.
const ROUNDING: f32 = 12_582_912.0;

/// A row rounded to int8.
pub(super) struct Rounded {
    pub codes: Vec<i8>,
    pub scale: f32,
    /// Norm of the rounded part.
    pub norm: f64,
    /// Norm of the rest.
    pub error: f64,
}

/// `row` in at most `steps` steps either way, in `width` codes of which the last are 0.
pub(super) fn round(row: &[f32], width: usize, steps: u8) -> Rounded {
    wide(
        #[inline(always)]
        || round_here(row, width, steps),
    )
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded values lie in -127..=127 at most"
)]
#[inline(always)]
fn round_here(row: &[f32], width: usize, steps: u8) -> Rounded {
    let largest = row
        .iter()
        .fold(0.0_f32, |most, value| most.max(value.abs()));
    let scale = largest / f32::from(steps);
    let inverse = 1.0 / scale;
    let usable =
        scale > 0.0 && scale.is_finite() && inverse.is_finite() && row.len() <= MOST_DIMENSIONS;
    let (scale, inverse) = if usable { (scale, inverse) } else { (0.0, 0.0) };
    let mut codes = vec![0; width];
    let (mut norm, mut error) = ([0.0; LANES], [0.0; LANES]);
    for (codes, values) in codes.chunks_mut(LANES).zip(row.chunks(LANES)) {
        for (lane, (code, &value)) in codes.iter_mut().zip(values).enumerate() {
            // Adding and taking away this number rounds to a whole one.
            let rounded = (value * inverse + ROUNDING) - ROUNDING;
            *code = rounded as i8;
            let kept = f64::from(rounded) * f64::from(scale);
            let dropped = f64::from(value) - kept;
            norm[lane] += kept * kept;
            error[lane] += dropped * dropped;
        }
    }
    let (norm, error): (f64, f64) = (norm.iter().sum(), error.iter().sum());
    Rounded {
        codes,
        scale,
        norm: norm.sqrt(),
        error: error.sqrt(),
    }
}

/// The least f32 that is not below `value`.
#[expect(clippy::cast_possible_truncation, reason = "rounded up afterwards")]
pub(super) fn up(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) < value {
        near.next_up()
    } else {
        near
    }
}

/// Rows in tiles of [`TILE`].
pub(super) struct Packed {
    pub count: usize,
    /// Dimensions.
    pub dim: usize,
    /// The same, rounded up to whole blocks.
    pub width: usize,
    /// Most steps either way.
    pub steps: u8,
    codes: Vec<u8>,
    lanes: Vec<Lanes>,
}

/// What a tile's bounds are made of; see [`Tile`].
#[derive(Clone)]
struct Lanes {
    scale: [f32; TILE],
    reach: [f32; TILE],
    rest: [f32; TILE],
}

impl Packed {
    /// Round rows of `dim` values, after taking off `origin` where there is one. The lanes beyond the last row are 0.
    ///
    /// # Errors
    ///
    /// [`MatchingError::TooLarge`], [`MatchingError::Spawn`].
    pub fn new(
        rows: &[f32],
        dim: usize,
        origin: Option<&[f32]>,
        steps: u8,
        threads: usize,
    ) -> Result<Self, MatchingError> {
        let (count, width) = (rows.len() / dim, dim.next_multiple_of(scan::BLOCK));
        let tiles = count.div_ceil(TILE);
        let empty = Lanes {
            scale: [0.0; TILE],
            reach: [0.0; TILE],
            rest: [0.0; TILE],
        };
        let mut packed = Self {
            count,
            dim,
            width,
            steps,
            codes: super::zeros(tiles * TILE, width)?,
            lanes: vec![empty; tiles],
        };
        let (mut codes, mut lanes) = (&mut packed.codes[..], &mut packed.lanes[..]);
        let mut work = Vec::new();
        for range in blocks(0..tiles as u64, threads) {
            let (first, length) = (index(range.start), index(range.end - range.start));
            let (own, later) = codes.split_at_mut(length * TILE * width);
            codes = later;
            let (bounds, later) = lanes.split_at_mut(length);
            lanes = later;
            let last = count.min((first + length) * TILE);
            work.push((&rows[first * TILE * dim..last * dim], own, bounds));
        }
        let pack = |(rows, codes, lanes): (&[f32], &mut [u8], &mut [Lanes])| {
            let tiles = rows.chunks(TILE * dim).zip(codes.chunks_mut(TILE * width));
            for ((rows, codes), lanes) in tiles.zip(lanes) {
                pack_tile((rows, dim, origin), (width, steps), codes, lanes);
            }
        };
        run(work, pack).map_err(|error| MatchingError::spawn(threads, &error))?;
        Ok(packed)
    }

    /// A tile for [`scan::survivors`].
    pub fn tile<'a>(&'a self, tile: usize, tail: &'a [f32; TILE]) -> Tile<'a> {
        let lanes = &self.lanes[tile];
        Tile {
            codes: self.codes(tile),
            scale: &lanes.scale,
            reach: &lanes.reach,
            rest: &lanes.rest,
            tail,
        }
    }

    /// The codes of a tile.
    pub fn codes(&self, tile: usize) -> &[u8] {
        let size = TILE * self.width;
        &self.codes[tile * size..(tile + 1) * size]
    }

    /// What a step of each row of a tile stands for.
    pub fn scales(&self, tile: usize) -> &[f32; TILE] {
        &self.lanes[tile].scale
    }
}

fn pack_tile(
    (rows, dim, origin): (&[f32], usize, Option<&[f32]>),
    (width, steps): (usize, u8),
    codes: &mut [u8],
    lanes: &mut Lanes,
) {
    codes.fill(steps);
    for (lane, row) in rows.chunks_exact(dim).enumerate() {
        let row = match origin {
            Some(origin) => round(&moved(row, origin), width, steps),
            None => round(row, width, steps),
        };
        for (step, word) in row.codes.chunks_exact(4).enumerate() {
            let place = step * 4 * TILE + lane * 4;
            for (byte, code) in codes[place..place + 4].iter_mut().zip(word) {
                *byte = code.cast_unsigned().wrapping_add(steps);
            }
        }
        lanes.scale[lane] = row.scale;
        lanes.reach[lane] = up((row.norm + row.error) * (1.0 + SLACK));
        lanes.rest[lane] = up(row.error * (1.0 + SLACK) + row.norm * SLACK);
    }
}

/// `row` seen from `origin`.
pub(super) fn moved(row: &[f32], origin: &[f32]) -> Vec<f32> {
    row.iter()
        .zip(origin)
        .map(|(value, origin)| value - origin)
        .collect()
}

/// The codes of a group, the last query repeated where it is not full.
pub(super) fn side_by_side(group: &[Rounded]) -> Vec<Step<GROUP>> {
    let words = |i: usize| group[i.min(group.len() - 1)].codes.as_chunks::<4>().0;
    (0..words(0).len())
        .map(|step| std::array::from_fn(|i| words(i)[step]))
        .collect()
}

/// What bounds the products of a row with packed ones of so many steps; nothing is below its threshold yet.
pub(super) fn bound(row: &Rounded, steps: u8) -> Query {
    Query {
        offset: i32::from(steps) * row.codes.iter().map(|&code| i32::from(code)).sum::<i32>(),
        scale: row.scale,
        error: up(row.error * (1.0 + SLACK)),
        norm: up(row.norm * (1.0 + SLACK)),
        tail: 0.0,
        threshold: f32::NEG_INFINITY,
    }
}

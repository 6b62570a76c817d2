//! The one module with `unsafe`: the same arithmetic compiled for wider vectors, and the int8 scan on VNNI.
//!
//! Instructions are chosen at run time. [`wide`] compiles a safe closure again for AVX-512 or AVX2; no multiply and
//! add are fused, so its bits do not depend on the machine. [`survivors`] has a portable twin that is compared with it
//! bit for bit. Measured on Zen 4: neighbours of 20,000 in 20,000 take less than half the time of f32 products; tried
//! and dropped: one code slice a query (bounds checks spilled the accumulators: twice the time).
#![allow(
    clippy::inline_always,
    clippy::needless_range_loop,
    clippy::similar_names,
    clippy::type_complexity,
    clippy::cast_possible_wrap,
    clippy::cast_possible_truncation,
    clippy::too_many_arguments,
    reason = "lanes are written out so that wide vectors take them; indices fit a slice"
)]
#![allow(unsafe_code)]

use super::width::{Job, Width};

/// Targets in a tile: four vectors of 16.
pub(crate) const TILE: usize = 64;
/// Queries that share the loads of a tile: 6 x 4 accumulators fit the registers.
pub(crate) const GROUP: usize = 6;

/// Up to [`TILE`] targets, quantised: four dimensions of a target side by side, then the next target.
pub(crate) struct Tile<'a> {
    /// `128 + code`, `TILE * dim` bytes, `dim` a multiple of four.
    pub codes: &'a [u8],
    /// What one step of the code stands for.
    pub scale: &'a [f32; TILE],
    /// What the query's rounding error is multiplied by.
    pub reach: &'a [f32; TILE],
    /// What the query's norm is multiplied by.
    pub rest: &'a [f32; TILE],
}

/// What bounds a quantised query's similarities.
#[derive(Clone, Copy)]
pub(crate) struct Query {
    /// 128 times the sum of the codes.
    pub offset: i32,
    /// What one step of the code stands for.
    pub scale: f32,
    /// Norm of what rounding dropped.
    pub error: f32,
    /// Norm of what rounding left.
    pub norm: f32,
    /// A target whose similarity cannot reach this does not survive.
    pub threshold: f32,
}

/// Four codes of each query of a group, side by side.
pub(crate) type Step = [[i8; 4]; GROUP];

/// Run `work`, compiled for the widest vectors that this machine has.
#[inline]
pub(crate) fn wide<R>(work: impl FnOnce() -> R) -> R {
    Width::widest().run(Closure(work))
}

struct Closure<F>(F);

impl<R, F: FnOnce() -> R> Job for Closure<F> {
    type Out = R;

    #[inline(always)]
    fn run(self) -> R {
        (self.0)()
    }
}

/// For each query the targets, as bits, whose upper bound is not below its threshold.
pub(crate) fn survivors(tile: &Tile<'_>, codes: &[Step], queries: &[Query; GROUP]) -> [u64; GROUP] {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512f") {
        // # Safety
        // The features that the function is compiled for were detected in the line above.
        return unsafe { survivors_vnni(tile, codes, queries) };
    }
    survivors_portable(tile, codes, queries)
}

fn survivors_portable(tile: &Tile<'_>, codes: &[Step], queries: &[Query; GROUP]) -> [u64; GROUP] {
    std::array::from_fn(|i| {
        let query = &queries[i];
        let dots = wide(
            #[inline(always)]
            || dots(tile.codes, codes, i),
        );
        (0..TILE).fold(0, |bits, lane| {
            let upper = (dots[lane] - query.offset) as f32 * (query.scale * tile.scale[lane])
                + query.error * tile.reach[lane]
                + query.norm * tile.rest[lane];
            let below = upper < query.threshold;
            bits | u64::from(!below) << lane
        })
    })
}

#[inline(always)]
fn dots(tile: &[u8], codes: &[Step], query: usize) -> [i32; TILE] {
    let mut dots = [0; TILE];
    for (targets, step) in tile.chunks_exact(4 * TILE).zip(codes) {
        let word = step[query].map(i32::from);
        for (dot, bytes) in dots.iter_mut().zip(targets.as_chunks::<4>().0) {
            for place in 0..4 {
                *dot += i32::from(bytes[place]) * word[place];
            }
        }
    }
    dots
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
fn survivors_vnni(tile: &Tile<'_>, codes: &[Step], queries: &[Query; GROUP]) -> [u64; GROUP] {
    use std::arch::x86_64::{
        __m512i, _CMP_NLT_UQ, _mm512_add_ps, _mm512_cmp_ps_mask, _mm512_cvtepi32_ps,
        _mm512_dpbusd_epi32, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mul_ps, _mm512_set1_epi32,
        _mm512_set1_ps, _mm512_setzero_si512, _mm512_sub_epi32,
    };
    let mut sums: [[__m512i; 4]; GROUP] = [[_mm512_setzero_si512(); 4]; GROUP];
    for (targets, step) in tile.codes.as_chunks::<{ 4 * TILE }>().0.iter().zip(codes) {
        // # Safety
        // `targets` has 256 bytes: four loads of 64, of any alignment.
        let parts: [__m512i; 4] = std::array::from_fn(|part| unsafe {
            _mm512_loadu_si512(targets.as_ptr().add(64 * part).cast())
        });
        for (sums, word) in sums.iter_mut().zip(step) {
            let word = _mm512_set1_epi32(i32::from_le_bytes(word.map(i8::cast_unsigned)));
            for (sum, part) in sums.iter_mut().zip(parts) {
                *sum = _mm512_dpbusd_epi32(*sum, part, word);
            }
        }
    }
    // # Safety
    // Each of the three arrays has `TILE` = 64 values: four loads of 16, of any alignment.
    let load = |values: &[f32; TILE], part: usize| unsafe {
        _mm512_loadu_ps(values.as_ptr().add(16 * part))
    };
    std::array::from_fn(|i| {
        let (query, sums) = (&queries[i], &sums[i]);
        (0..4).fold(0, |bits, part| {
            let dot = _mm512_cvtepi32_ps(_mm512_sub_epi32(
                sums[part],
                _mm512_set1_epi32(query.offset),
            ));
            let scale = _mm512_mul_ps(_mm512_set1_ps(query.scale), load(tile.scale, part));
            let error = _mm512_mul_ps(_mm512_set1_ps(query.error), load(tile.reach, part));
            let rest = _mm512_mul_ps(_mm512_set1_ps(query.norm), load(tile.rest, part));
            let upper = _mm512_add_ps(_mm512_add_ps(_mm512_mul_ps(dot, scale), error), rest);
            let mask = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(upper, _mm512_set1_ps(query.threshold));
            bits | u64::from(mask) << (16 * part)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{GROUP, Query, Step, TILE, Tile, survivors, survivors_portable};

    /// A stream that needs no library: any values do.
    fn values(seed: u32) -> impl FnMut() -> u32 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        }
    }

    #[test]
    fn every_path_lets_the_same_targets_survive() {
        let mut next = values(1);
        for dim in [4, 8, 384, 1000] {
            let bytes: Vec<u8> = (0..dim * TILE).map(|_| (1 + next() % 255) as u8).collect();
            let mut lanes = || std::array::from_fn(|_| next() as f32 / 1e9);
            let (scale, reach, rest) = (lanes(), lanes(), lanes());
            let tile = Tile {
                codes: &bytes,
                scale: &scale,
                reach: &reach,
                rest: &rest,
            };
            let codes: Vec<Step> = (0..dim / 4)
                .map(|_| std::array::from_fn(|_| std::array::from_fn(|_| (next() % 255) as i8)))
                .collect();
            let offset =
                |i: usize| 128 * codes.iter().flat_map(|s| s[i]).map(i32::from).sum::<i32>();
            for threshold in [-1e9, -1.0, 0.0, 0.01, 0.1, 1.0, 1e9, f32::NEG_INFINITY] {
                let queries: [Query; GROUP] = std::array::from_fn(|i| Query {
                    offset: offset(i),
                    scale: 1e-3,
                    error: 1e-2,
                    norm: if i == 5 { f32::INFINITY } else { 0.5 },
                    threshold,
                });
                assert_eq!(
                    survivors(&tile, &codes, &queries),
                    survivors_portable(&tile, &codes, &queries)
                );
            }
        }
    }
}

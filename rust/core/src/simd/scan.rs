//! The same arithmetic compiled for wider vectors, and the integer scan that bounds similarities.
//!
//! Instructions are chosen at run time. [`wide`] compiles a safe closure again for AVX-512 or AVX2; no multiply and
//! add are fused, so its bits do not depend on the machine. [`survivors`] has a portable twin that is compared with it
//! bit for bit.
//!
//! VNNI multiplies bytes and adds up fours in one instruction. AVX2 has `vpmaddubsw`, whose sums of two products
//! saturate at 16 bits. With codes of at most [`SMALL`] = 45 steps either way, targets shifted to `0..=90`, eight
//! products stay below 8 x 90 x 45 = 32,400, so four instructions share one widening: 128 products take 5 operations
//! on the two multiplying ports where f32 takes 16. The codes are coarser, so more targets survive.
//!
//! Tried and dropped: one code slice a query (bounds checks spilled the accumulators: twice the time).
#![allow(unsafe_code)]

use super::width::{Job, Width};

/// Targets in a tile.
pub(crate) const TILE: usize = 64;
/// Queries that share the loads of a tile: with AVX-512, 6 x 4 accumulators fit the registers.
pub(crate) const GROUP: usize = 6;
/// Dimensions come in blocks of so many, the last filled with zeros.
pub(crate) const BLOCK: usize = 16;
/// Most steps of a code either way where 16-bit sums of eight products must not saturate.
pub(crate) const SMALL: u8 = 45;
/// The same where every product is summed in 32 bits.
pub(crate) const LARGE: u8 = 127;

/// Up to [`TILE`] targets, rounded: four dimensions of a target side by side, then the next target.
#[derive(Clone, Copy)]
pub(crate) struct Tile<'a> {
    /// The most steps of a code plus the code; `TILE` bytes a dimension, in whole blocks of dimensions.
    pub codes: &'a [u8],
    /// What one step of the code stands for.
    pub scale: &'a [f32; TILE],
    /// What the query's rounding error is multiplied by.
    pub reach: &'a [f32; TILE],
    /// What the query's norm is multiplied by.
    pub rest: &'a [f32; TILE],
    /// What the norm of the query's other dimensions is multiplied by.
    pub tail: &'a [f32; TILE],
}

/// What bounds a rounded query's similarities.
#[derive(Clone, Copy)]
pub(crate) struct Query {
    /// The most steps of a target's code times the sum of the query's codes.
    pub offset: i32,
    /// What one step of the code stands for.
    pub scale: f32,
    /// Norm of what rounding dropped.
    pub error: f32,
    /// Norm of what rounding left.
    pub norm: f32,
    /// Norm of the dimensions that have no code here.
    pub tail: f32,
    /// A target whose similarity cannot reach this does not survive.
    pub threshold: f32,
}

/// Four codes of each of `N` queries, side by side.
pub(crate) type Step<const N: usize> = [[i8; 4]; N];

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

/// The most steps of a code either way that [`survivors`] takes on this machine.
pub(crate) fn steps() -> u8 {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() && !has_vnni() {
        return SMALL;
    }
    LARGE
}

#[cfg(target_arch = "x86_64")]
fn has_vnni() -> bool {
    is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512f")
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// For each query the targets, as bits, whose upper bound is not below its threshold. No code has more than [`steps`].
pub(crate) fn survivors<const N: usize>(
    tile: Tile<'_>,
    codes: &[Step<N>],
    queries: &[Query; N],
) -> [u64; N] {
    #[cfg(target_arch = "x86_64")]
    {
        if has_vnni() {
            // # Safety
            // The features that the function is compiled for were detected in the line above.
            return unsafe { survivors_vnni(tile, codes, queries) };
        }
        if has_avx2() {
            // # Safety
            // As above.
            return unsafe { survivors_avx2(tile, codes, queries) };
        }
    }
    survivors_portable(tile, codes, queries)
}

/// The products of each query's codes with those of every target, shift and all: `offset` is still to be taken off.
///
/// The same integers on every machine. No code has more than [`SMALL`] steps.
pub(crate) fn products<const N: usize>(tile: &[u8], queries: &[Step<N>]) -> [[i32; TILE]; N] {
    #[cfg(target_arch = "x86_64")]
    {
        if has_vnni() {
            // # Safety
            // The features that the function is compiled for were detected in the line above.
            return unsafe { products_vnni(tile, queries) };
        }
        if has_avx2() {
            // # Safety
            // As above.
            return unsafe { products_avx2(tile, queries) };
        }
    }
    products_portable(tile, queries)
}

fn products_portable<const N: usize>(tile: &[u8], queries: &[Step<N>]) -> [[i32; TILE]; N] {
    std::array::from_fn(|i| {
        wide(
            #[inline(always)]
            || dots(tile, queries, i),
        )
    })
}

fn survivors_portable<const N: usize>(
    tile: Tile<'_>,
    codes: &[Step<N>],
    queries: &[Query; N],
) -> [u64; N] {
    std::array::from_fn(|i| {
        let query = &queries[i];
        let dots = wide(
            #[inline(always)]
            || dots(tile.codes, codes, i),
        );
        (0..TILE).fold(0, |bits, lane| {
            let slack = query.error.mul_add(tile.reach[lane], -query.threshold);
            let slack = query.norm.mul_add(tile.rest[lane], slack);
            let slack = query.tail.mul_add(tile.tail[lane], slack);
            let dot = (dots[lane] - query.offset) as f32;
            let below = dot.mul_add(query.scale * tile.scale[lane], slack) < 0.0;
            bits | u64::from(!below) << lane
        })
    })
}

#[inline(always)]
fn dots<const N: usize>(tile: &[u8], codes: &[Step<N>], query: usize) -> [i32; TILE] {
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

/// The products of targets `8 part .. 8 part + 8`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn sums_avx2<const N: usize>(
    tile: &[u8],
    queries: &[Step<N>],
    part: usize,
) -> [std::arch::x86_64::__m256i; N] {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi16, _mm256_add_epi32, _mm256_loadu_si256, _mm256_madd_epi16,
        _mm256_maddubs_epi16, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
    };
    assert!(part < TILE / 8);
    let ones = _mm256_set1_epi16(1);
    let mut sums: [__m256i; N] = [_mm256_setzero_si256(); N];
    let blocks = tile.as_chunks::<{ BLOCK * TILE }>().0.iter();
    for (targets, steps) in blocks.zip(queries.as_chunks::<{ BLOCK / 4 }>().0) {
        // # Safety
        // `targets` has 1,024 bytes: `step` is below 4 and `part` below 8, so 32 bytes lie behind 256 x 3 + 32 x 7.
        let rows: [__m256i; 4] = std::array::from_fn(|step| unsafe {
            _mm256_loadu_si256(targets.as_ptr().add(4 * TILE * step + 32 * part).cast())
        });
        for (i, sum) in sums.iter_mut().enumerate() {
            let pairs = |step: usize| {
                let word = i32::from_le_bytes(steps[step][i].map(i8::cast_unsigned));
                _mm256_maddubs_epi16(rows[step], _mm256_set1_epi32(word))
            };
            let first = _mm256_add_epi16(pairs(0), pairs(1));
            let second = _mm256_add_epi16(pairs(2), pairs(3));
            let eights = _mm256_add_epi16(first, second);
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(eights, ones));
        }
    }
    sums
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn products_avx2<const N: usize>(tile: &[u8], queries: &[Step<N>]) -> [[i32; TILE]; N] {
    use std::arch::x86_64::_mm256_storeu_si256;
    let mut products = [[0; TILE]; N];
    for part in 0..TILE / 8 {
        for (products, sum) in products.iter_mut().zip(sums_avx2(tile, queries, part)) {
            // # Safety
            // `products` has 64 integers and `part` is below 8: a store of 8, of any alignment.
            unsafe { _mm256_storeu_si256(products.as_mut_ptr().add(8 * part).cast(), sum) };
        }
    }
    products
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn survivors_avx2<const N: usize>(
    tile: Tile<'_>,
    codes: &[Step<N>],
    queries: &[Query; N],
) -> [u64; N] {
    use std::arch::x86_64::{
        _CMP_NLT_UQ, _mm256_cmp_ps, _mm256_cvtepi32_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
        _mm256_movemask_ps, _mm256_mul_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps,
        _mm256_sub_epi32,
    };
    let mut found = [0; N];
    for part in 0..TILE / 8 {
        let sums = sums_avx2(tile.codes, codes, part);
        // # Safety
        // Each of the four arrays has `TILE` = 64 values: eight loads of 8, of any alignment.
        let load = |values: &[f32; TILE]| unsafe { _mm256_loadu_ps(values.as_ptr().add(8 * part)) };
        for (i, (query, sum)) in queries.iter().zip(sums).enumerate() {
            let slack = _mm256_set1_ps(-query.threshold);
            let slack = _mm256_fmadd_ps(_mm256_set1_ps(query.error), load(tile.reach), slack);
            let slack = _mm256_fmadd_ps(_mm256_set1_ps(query.norm), load(tile.rest), slack);
            let slack = _mm256_fmadd_ps(_mm256_set1_ps(query.tail), load(tile.tail), slack);
            let scale = _mm256_mul_ps(_mm256_set1_ps(query.scale), load(tile.scale));
            let dot = _mm256_cvtepi32_ps(_mm256_sub_epi32(sum, _mm256_set1_epi32(query.offset)));
            let over = _mm256_fmadd_ps(dot, scale, slack);
            let not_below = _mm256_cmp_ps::<_CMP_NLT_UQ>(over, _mm256_setzero_ps());
            let mask = _mm256_movemask_ps(not_below).cast_unsigned();
            found[i] |= u64::from(mask) << (8 * part);
        }
    }
    found
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
#[inline]
fn sums_vnni<const N: usize>(
    tile: &[u8],
    queries: &[Step<N>],
) -> [[std::arch::x86_64::__m512i; 4]; N] {
    use std::arch::x86_64::{
        __m512i, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_si512,
    };
    let mut sums: [[__m512i; 4]; N] = [[_mm512_setzero_si512(); 4]; N];
    for (targets, step) in tile.as_chunks::<{ 4 * TILE }>().0.iter().zip(queries) {
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
    sums
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
fn products_vnni<const N: usize>(tile: &[u8], queries: &[Step<N>]) -> [[i32; TILE]; N] {
    use std::arch::x86_64::_mm512_storeu_si512;
    let mut products = [[0; TILE]; N];
    for (products, sums) in products.iter_mut().zip(sums_vnni(tile, queries)) {
        for (part, sum) in sums.into_iter().enumerate() {
            // # Safety
            // `products` has 64 integers and `part` is below 4: a store of 16, of any alignment.
            unsafe { _mm512_storeu_si512(products.as_mut_ptr().add(16 * part).cast(), sum) };
        }
    }
    products
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
fn survivors_vnni<const N: usize>(
    tile: Tile<'_>,
    codes: &[Step<N>],
    queries: &[Query; N],
) -> [u64; N] {
    use std::arch::x86_64::{
        _CMP_NLT_UQ, _mm512_cmp_ps_mask, _mm512_cvtepi32_ps, _mm512_fmadd_ps, _mm512_loadu_ps,
        _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_sub_epi32,
    };
    let sums = sums_vnni(tile.codes, codes);
    // # Safety
    // Each of the four arrays has `TILE` = 64 values: four loads of 16, of any alignment.
    let load = |values: &[f32; TILE], part: usize| unsafe {
        _mm512_loadu_ps(values.as_ptr().add(16 * part))
    };
    std::array::from_fn(|i| {
        let (query, sums) = (&queries[i], &sums[i]);
        (0..4).fold(0, |bits, part| {
            let slack = _mm512_set1_ps(-query.threshold);
            let slack = _mm512_fmadd_ps(_mm512_set1_ps(query.error), load(tile.reach, part), slack);
            let slack = _mm512_fmadd_ps(_mm512_set1_ps(query.norm), load(tile.rest, part), slack);
            let slack = _mm512_fmadd_ps(_mm512_set1_ps(query.tail), load(tile.tail, part), slack);
            let scale = _mm512_mul_ps(_mm512_set1_ps(query.scale), load(tile.scale, part));
            let offset = _mm512_set1_epi32(query.offset);
            let dot = _mm512_cvtepi32_ps(_mm512_sub_epi32(sums[part], offset));
            let over = _mm512_fmadd_ps(dot, scale, slack);
            let mask = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(over, _mm512_setzero_ps());
            bits | u64::from(mask) << (16 * part)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{
        BLOCK, GROUP, Query, Step, TILE, Tile, products, products_portable, steps, survivors,
        survivors_portable,
    };

    /// A stream that needs no library: any values do.
    fn values(seed: u32) -> impl FnMut() -> u32 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        }
    }

    /// Targets and queries of `dim` dimensions by `target` and `query`; every path must agree at every threshold.
    fn compare<const N: usize>(
        dim: usize,
        mut target: impl FnMut() -> u8,
        mut query: impl FnMut() -> i8,
    ) {
        let mut next = values(7);
        let mut lanes = || std::array::from_fn(|_| next() as f32 / 1e9);
        let (scale, reach, rest, tail) = (lanes(), lanes(), lanes(), lanes());
        let bytes: Vec<u8> = (0..dim * TILE).map(|_| target()).collect();
        let tile = Tile {
            codes: &bytes,
            scale: &scale,
            reach: &reach,
            rest: &rest,
            tail: &tail,
        };
        let codes: Vec<Step<N>> = (0..dim / 4)
            .map(|_| std::array::from_fn(|_| std::array::from_fn(|_| query())))
            .collect();
        assert_eq!(products(&bytes, &codes), products_portable(&bytes, &codes));
        let sum = |i: usize| codes.iter().flat_map(|s| s[i]).map(i32::from).sum::<i32>();
        for threshold in [-1e9, -1.0, 0.0, 0.01, 0.1, 1.0, 1e9, f32::NEG_INFINITY] {
            let queries: [Query; N] = std::array::from_fn(|i| Query {
                offset: i32::from(steps()) * sum(i),
                scale: 1e-3,
                error: 1e-2,
                norm: if i == 5 { f32::INFINITY } else { 0.5 },
                tail: 0.1,
                threshold,
            });
            assert_eq!(
                survivors(tile, &codes, &queries),
                survivors_portable(tile, &codes, &queries)
            );
        }
    }

    #[test]
    fn every_path_lets_the_same_targets_survive() {
        let (mut next, mut other) = (values(1), values(2));
        let (most, range) = (i64::from(steps()), u32::from(steps()) * 2 + 1);
        for dim in [BLOCK, 2 * BLOCK, 384, 1008] {
            let mut target = || u8::try_from(next() % range).unwrap();
            let mut query = || i8::try_from(i64::from(other() % range) - most).unwrap();
            compare::<GROUP>(dim, &mut target, &mut query);
            compare::<1>(dim, target, query);
        }
    }

    #[test]
    fn the_largest_codes_do_not_saturate() {
        let most = i8::try_from(steps()).unwrap();
        for sign in [-1, 1] {
            compare::<GROUP>(384, || 2 * steps(), || sign * most);
        }
    }
}

//! BLAKE3 of 16 (AVX-512) or 8 (AVX2) short messages at once, one message a lane: the only module with `unsafe`.
//!
//! The crate `blake3` compresses several chunks of one message at once; a message of up to 1,024 bytes is one chunk, whose blocks
//! depend on each other, so it gets one lane. Here word `w` of all messages stands in one register, so one round
//! serves all of them. Where the processor has neither extension, [`lanes`] is 0 and the caller goes message by message.
//!
//! Tried and dropped: arrays `[u32; 16]` for LLVM to vectorise under `target_feature`: it unrolls first and stays scalar
//! (as slow as one message at a time).
#![allow(
    unsafe_code,
    reason = "vector instructions that the processor must have; measured at more than 2x"
)]

/// Bytes in a block.
pub(crate) const BLOCK_BYTES: usize = 64;
/// Bytes in a chunk: the longest message that has one lane to itself.
pub(crate) const CHUNK_BYTES: usize = 1024;
/// The most lanes that any processor has.
pub(crate) const MAX_LANES: usize = 16;

/// Messages of one block count. What lies in a slot after its message is zero.
pub(crate) struct Group<'a> {
    /// Blocks in each message, 1 to 16.
    pub(crate) n_blocks: usize,
    /// One slot of `n_blocks` blocks a lane.
    pub(crate) slots: &'a [u8],
    /// Bytes of each message: above `(n_blocks - 1) * 64` (or 0 in one block), at most `n_blocks * 64`.
    pub(crate) lengths: &'a [usize],
}

/// Messages that are hashed at once on this processor; 0 where one at a time is as fast.
pub(crate) fn lanes() -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return 16;
        }
        if is_x86_feature_detected!("avx2") {
            return 8;
        }
    }
    0
}

/// One digest for each message of a group of at most [`MAX_LANES`]; the rest of the array means nothing.
pub(crate) fn hash_group(group: &Group<'_>) -> [[u8; 32]; MAX_LANES] {
    let lanes = group.lengths.len();
    assert_eq!(group.slots.len(), lanes * group.n_blocks * BLOCK_BYTES);
    #[cfg(target_arch = "x86_64")]
    {
        if lanes == 16 && is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has AVX-512F, which is all that the function asks for.
            return unsafe { avx512::hash(group) };
        }
        if lanes == 8 && is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2, which is all that the function asks for.
            return unsafe { avx2::hash(group) };
        }
    }
    one_by_one(group)
}

/// The same digests from the crate `blake3`.
fn one_by_one(group: &Group<'_>) -> [[u8; 32]; MAX_LANES] {
    let mut out = [[0; 32]; MAX_LANES];
    let slots = group.slots.chunks_exact(group.n_blocks * BLOCK_BYTES);
    for ((digest, slot), length) in out.iter_mut().zip(slots).zip(group.lengths) {
        *digest = blake3::hash(&slot[..*length]).into();
    }
    out
}

#[cfg(target_arch = "x86_64")]
const IV: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Order of the message words in each round.
#[cfg(target_arch = "x86_64")]
const SCHEDULE: [[usize; 16]; 7] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8],
    [3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1],
    [10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6],
    [12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4],
    [9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7],
    [11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13],
];

/// The compression function and its chain over the blocks, for one width of vector.
#[cfg(target_arch = "x86_64")]
macro_rules! chain {
    ($vector:ty, $n:literal, $feature:literal, $add:ident, $xor:ident, $splat:ident) => {
        const CHUNK_START: i32 = 1;
        const CHUNK_END_AND_ROOT: i32 = 2 | 8;

        #[inline]
        #[target_feature(enable = $feature)]
        fn mix(v: &mut [$vector; 16], at: [usize; 4], x: $vector, y: $vector) {
            let [a, b, c, d] = at;
            v[a] = $add($add(v[a], v[b]), x);
            v[d] = rotate::<16, 16>($xor(v[d], v[a]));
            v[c] = $add(v[c], v[d]);
            v[b] = rotate::<12, 20>($xor(v[b], v[c]));
            v[a] = $add($add(v[a], v[b]), y);
            v[d] = rotate::<8, 24>($xor(v[d], v[a]));
            v[c] = $add(v[c], v[d]);
            v[b] = rotate::<7, 25>($xor(v[b], v[c]));
        }

        #[inline]
        #[target_feature(enable = $feature)]
        fn round<const INDEX: usize>(v: &mut [$vector; 16], m: &[$vector; 16]) {
            let order = const { SCHEDULE[INDEX] };
            mix(v, [0, 4, 8, 12], m[order[0]], m[order[1]]);
            mix(v, [1, 5, 9, 13], m[order[2]], m[order[3]]);
            mix(v, [2, 6, 10, 14], m[order[4]], m[order[5]]);
            mix(v, [3, 7, 11, 15], m[order[6]], m[order[7]]);
            mix(v, [0, 5, 10, 15], m[order[8]], m[order[9]]);
            mix(v, [1, 6, 11, 12], m[order[10]], m[order[11]]);
            mix(v, [2, 7, 8, 13], m[order[12]], m[order[13]]);
            mix(v, [3, 4, 9, 14], m[order[14]], m[order[15]]);
        }

        #[target_feature(enable = $feature)]
        pub(super) fn hash(group: &Group<'_>) -> [[u8; 32]; MAX_LANES] {
            let mut last = [0_i32; $n];
            for (word, length) in last.iter_mut().zip(group.lengths) {
                // At most 64.
                *word = i32::try_from(length - (group.n_blocks - 1) * BLOCK_BYTES).unwrap_or(0);
            }
            let mut chained = [$splat(0); 8];
            for (vector, word) in chained.iter_mut().zip(IV) {
                *vector = $splat(word.cast_signed());
            }
            for block in 0..group.n_blocks {
                let words = words(group, block);
                let is_last = block + 1 == group.n_blocks;
                let flags = if block == 0 { CHUNK_START } else { 0 }
                    | if is_last { CHUNK_END_AND_ROOT } else { 0 };
                let zero = $splat(0);
                let mut v = [zero; 16];
                v[..8].copy_from_slice(&chained);
                for (vector, word) in v[8..12].iter_mut().zip(IV) {
                    *vector = $splat(word.cast_signed());
                }
                v[14] = if is_last { load(&last) } else { $splat(64) };
                v[15] = $splat(flags);
                round::<0>(&mut v, &words);
                round::<1>(&mut v, &words);
                round::<2>(&mut v, &words);
                round::<3>(&mut v, &words);
                round::<4>(&mut v, &words);
                round::<5>(&mut v, &words);
                round::<6>(&mut v, &words);
                for i in 0..8 {
                    chained[i] = $xor(v[i], v[i + 8]);
                }
            }
            let mut out = [[0; 32]; MAX_LANES];
            for (w, vector) in chained.into_iter().enumerate() {
                for (digest, word) in out.iter_mut().zip(store(vector)) {
                    digest[4 * w..4 * w + 4].copy_from_slice(&word.to_le_bytes());
                }
            }
            out
        }

        /// Block `block` of the message in `lane`, as a slot holds it; x86 reads words as BLAKE3 does, low byte first.
        #[inline]
        #[target_feature(enable = $feature)]
        fn block_of<'a>(group: &Group<'a>, lane: usize, block: usize) -> &'a [u8; BLOCK_BYTES] {
            let start = (lane * group.n_blocks + block) * BLOCK_BYTES;
            group.slots[start..]
                .first_chunk()
                .expect("hash_group has checked the length of the slots")
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        __m512i, _mm512_add_epi32, _mm512_ror_epi32, _mm512_set1_epi32, _mm512_setzero_si512,
        _mm512_shuffle_i32x4, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
        _mm512_unpacklo_epi64, _mm512_xor_si512,
    };
    use std::mem::transmute;

    use super::{BLOCK_BYTES, Group, IV, MAX_LANES, SCHEDULE};

    chain!(
        __m512i,
        16,
        "avx512f",
        _mm512_add_epi32,
        _mm512_xor_si512,
        _mm512_set1_epi32
    );

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn rotate<const RIGHT: i32, const LEFT: i32>(v: __m512i) -> __m512i {
        _mm512_ror_epi32::<RIGHT>(v)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(words: &[i32; 16]) -> __m512i {
        // SAFETY: both types are 64 bytes in which every bit pattern is a value.
        unsafe { transmute(*words) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store(v: __m512i) -> [u32; 16] {
        // SAFETY: both types are 64 bytes in which every bit pattern is a value.
        unsafe { transmute(v) }
    }

    /// Word `w` of block `block` of all messages in vector `w`: a transposition, four rows at a time, then by quarters.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn words(group: &Group<'_>, block: usize) -> [__m512i; 16] {
        let mut quads = [[_mm512_setzero_si512(); 4]; 4];
        for (g, quad) in quads.iter_mut().enumerate() {
            let mut rows = [_mm512_setzero_si512(); 4];
            for (r, row) in rows.iter_mut().enumerate() {
                // SAFETY: both types are 64 bytes in which every bit pattern is a value.
                *row = unsafe {
                    transmute::<[u8; BLOCK_BYTES], __m512i>(*block_of(group, 4 * g + r, block))
                };
            }
            let low = [
                _mm512_unpacklo_epi32(rows[0], rows[1]),
                _mm512_unpacklo_epi32(rows[2], rows[3]),
            ];
            let high = [
                _mm512_unpackhi_epi32(rows[0], rows[1]),
                _mm512_unpackhi_epi32(rows[2], rows[3]),
            ];
            *quad = [
                _mm512_unpacklo_epi64(low[0], low[1]),
                _mm512_unpackhi_epi64(low[0], low[1]),
                _mm512_unpacklo_epi64(high[0], high[1]),
                _mm512_unpackhi_epi64(high[0], high[1]),
            ];
        }
        let mut out = [_mm512_setzero_si512(); 16];
        for c in 0..4 {
            let even = [
                _mm512_shuffle_i32x4::<0x88>(quads[0][c], quads[1][c]),
                _mm512_shuffle_i32x4::<0x88>(quads[2][c], quads[3][c]),
            ];
            let odd = [
                _mm512_shuffle_i32x4::<0xdd>(quads[0][c], quads[1][c]),
                _mm512_shuffle_i32x4::<0xdd>(quads[2][c], quads[3][c]),
            ];
            out[c] = _mm512_shuffle_i32x4::<0x88>(even[0], even[1]);
            out[4 + c] = _mm512_shuffle_i32x4::<0x88>(odd[0], odd[1]);
            out[8 + c] = _mm512_shuffle_i32x4::<0xdd>(even[0], even[1]);
            out[12 + c] = _mm512_shuffle_i32x4::<0xdd>(odd[0], odd[1]);
        }
        out
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi32, _mm256_or_si256, _mm256_permute2x128_si256, _mm256_set1_epi32,
        _mm256_setr_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_slli_epi32,
        _mm256_srli_epi32, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32,
        _mm256_unpacklo_epi64, _mm256_xor_si256,
    };
    use std::mem::transmute;

    use super::{BLOCK_BYTES, Group, IV, MAX_LANES, SCHEDULE};

    chain!(
        __m256i,
        8,
        "avx2",
        _mm256_add_epi32,
        _mm256_xor_si256,
        _mm256_set1_epi32
    );

    /// By whole bytes it is one shuffle; else AVX2 has no rotation, and it is two shifts.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn rotate<const RIGHT: i32, const LEFT: i32>(v: __m256i) -> __m256i {
        match RIGHT {
            16 => _mm256_shuffle_epi8(
                v,
                _mm256_setr_epi8(
                    2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, //
                    2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13,
                ),
            ),
            8 => _mm256_shuffle_epi8(
                v,
                _mm256_setr_epi8(
                    1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12, //
                    1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12,
                ),
            ),
            _ => _mm256_or_si256(_mm256_srli_epi32::<RIGHT>(v), _mm256_slli_epi32::<LEFT>(v)),
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(words: &[i32; 8]) -> __m256i {
        // SAFETY: both types are 32 bytes in which every bit pattern is a value.
        unsafe { transmute(*words) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn store(v: __m256i) -> [u32; 8] {
        // SAFETY: both types are 32 bytes in which every bit pattern is a value.
        unsafe { transmute(v) }
    }

    /// Word `w` of block `block` of all messages in vector `w`: a transposition of each half block.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn words(group: &Group<'_>, block: usize) -> [__m256i; 16] {
        let mut out = [_mm256_setzero_si256(); 16];
        for half in 0..2 {
            let mut quads = [[_mm256_setzero_si256(); 4]; 2];
            for (g, quad) in quads.iter_mut().enumerate() {
                let mut rows = [_mm256_setzero_si256(); 4];
                for (r, row) in rows.iter_mut().enumerate() {
                    // SAFETY: both types are 64 bytes in which every bit pattern is a value.
                    let halves: [__m256i; 2] = unsafe {
                        transmute::<[u8; BLOCK_BYTES], [__m256i; 2]>(*block_of(
                            group,
                            4 * g + r,
                            block,
                        ))
                    };
                    *row = halves[half];
                }
                let low = [
                    _mm256_unpacklo_epi32(rows[0], rows[1]),
                    _mm256_unpacklo_epi32(rows[2], rows[3]),
                ];
                let high = [
                    _mm256_unpackhi_epi32(rows[0], rows[1]),
                    _mm256_unpackhi_epi32(rows[2], rows[3]),
                ];
                *quad = [
                    _mm256_unpacklo_epi64(low[0], low[1]),
                    _mm256_unpackhi_epi64(low[0], low[1]),
                    _mm256_unpacklo_epi64(high[0], high[1]),
                    _mm256_unpackhi_epi64(high[0], high[1]),
                ];
            }
            for c in 0..4 {
                let (a, b) = (quads[0][c], quads[1][c]);
                out[8 * half + c] = _mm256_permute2x128_si256::<0x20>(a, b);
                out[8 * half + 4 + c] = _mm256_permute2x128_si256::<0x31>(a, b);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK_BYTES, Group, hash_group, lanes, one_by_one};

    /// Every width that this processor has, and one that none has.
    fn widths() -> Vec<usize> {
        [8, 16, 4]
            .into_iter()
            .filter(|n| *n <= lanes().max(4))
            .collect()
    }

    #[test]
    fn lanes_give_the_digests_of_the_crate_at_every_length() {
        for width in widths() {
            for n_blocks in 1..=16 {
                for shift in 0..BLOCK_BYTES {
                    let lengths: Vec<usize> = (0..width)
                        .map(|lane| {
                            (n_blocks - 1) * BLOCK_BYTES + 1 + (lane * 13 + shift) % BLOCK_BYTES
                        })
                        .collect();
                    let mut slots = vec![0; width * n_blocks * BLOCK_BYTES];
                    for (lane, slot) in slots.chunks_exact_mut(n_blocks * BLOCK_BYTES).enumerate() {
                        for (i, byte) in slot[..lengths[lane]].iter_mut().enumerate() {
                            *byte = u8::try_from((i * 31 + lane * 7 + shift) % 251).unwrap();
                        }
                    }
                    let group = Group {
                        n_blocks,
                        slots: &slots,
                        lengths: &lengths,
                    };
                    assert_eq!(
                        hash_group(&group),
                        one_by_one(&group),
                        "{width} lanes, {lengths:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_empty_message_has_one_block() {
        for width in widths() {
            let group = Group {
                n_blocks: 1,
                slots: &vec![0; width * BLOCK_BYTES],
                lengths: &vec![0; width],
            };
            assert_eq!(hash_group(&group), one_by_one(&group));
        }
    }
}

//! Where the quotes, backslashes and line ends of a text are: one bit a byte, 64 bytes a word.
//!
//! A scanner of JSON strings asks for the next quote from anywhere; with the bits at hand that is a shift and a count of zeros,
//! where a search of its own a string costs a call and its ramp. O(bytes) time, an eighth of the bytes twice in memory.
#![allow(
    unsafe_code,
    reason = "vector instructions that the processor must have"
)]

/// Bytes that a word of marks stands for.
pub(crate) const BLOCK: usize = 64;

/// The marks of one text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Quotes and backslashes.
    pub(crate) quotes: Vec<u64>,
    /// Line feeds.
    pub(crate) newlines: Vec<u64>,
    /// Whether there is a control character other than a line feed.
    pub(crate) controls: bool,
}

impl Marks {
    /// Mark another text; memory is used again.
    pub(crate) fn read(&mut self, text: &[u8]) {
        self.quotes.clear();
        self.newlines.clear();
        self.controls = false;
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        self.blocks(blocks);
        if !rest.is_empty() {
            // A space is no mark and no control character.
            let mut block = [b' '; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            self.blocks(&[block]);
        }
    }

    fn blocks(&mut self, blocks: &[[u8; BLOCK]]) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2, which is all that the function asks for.
            return unsafe { avx2(self, blocks) };
        }
        portable(self, blocks);
    }

    /// The first quote or backslash at or after byte `at`.
    #[inline]
    pub(crate) fn quote(&self, at: usize) -> Option<usize> {
        next(&self.quotes, at)
    }

    /// The first line feed at or after byte `at`.
    #[inline]
    pub(crate) fn newline(&self, at: usize) -> Option<usize> {
        next(&self.newlines, at)
    }
}

#[inline]
fn next(words: &[u64], at: usize) -> Option<usize> {
    let mut block = at / BLOCK;
    let mut word = words.get(block)? & (u64::MAX << (at % BLOCK));
    while word == 0 {
        block += 1;
        word = *words.get(block)?;
    }
    Some(block * BLOCK + word.trailing_zeros() as usize)
}

fn portable(marks: &mut Marks, blocks: &[[u8; BLOCK]]) {
    for block in blocks {
        let bits = |wanted: fn(u8) -> bool| {
            block
                .iter()
                .rev()
                .fold(0, |bits, byte| bits << 1 | u64::from(wanted(*byte)))
        };
        marks.quotes.push(bits(|byte| matches!(byte, b'"' | b'\\')));
        marks.newlines.push(bits(|byte| byte == b'\n'));
        marks.controls |= block.iter().any(|byte| *byte < b' ' && *byte != b'\n');
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(marks: &mut Marks, blocks: &[[u8; BLOCK]]) {
    use std::arch::x86_64::{
        __m256i, _mm256_cmpeq_epi8, _mm256_max_epu8, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set1_epi8,
    };
    let quote = _mm256_set1_epi8(b'"'.cast_signed());
    let backslash = _mm256_set1_epi8(b'\\'.cast_signed());
    let newline = _mm256_set1_epi8(b'\n'.cast_signed());
    let last_control = _mm256_set1_epi8(0x1f);
    let first = marks.quotes.len();
    marks.quotes.resize(first + blocks.len(), 0);
    marks.newlines.resize(first + blocks.len(), 0);
    let words = marks.quotes[first..].iter_mut();
    let words = words.zip(&mut marks.newlines[first..]);
    let mut n_controls = 0;
    for (block, (quotes, newlines)) in blocks.iter().zip(words) {
        // SAFETY: both types are 64 bytes in which every bit pattern is a value.
        let halves: [__m256i; 2] = unsafe { std::mem::transmute(*block) };
        let mut controls = 0;
        (*quotes, *newlines) = (0, 0);
        for (half, shift) in halves.into_iter().zip([0, 32]) {
            let of_string = _mm256_or_si256(
                _mm256_cmpeq_epi8(half, quote),
                _mm256_cmpeq_epi8(half, backslash),
            );
            let low = _mm256_cmpeq_epi8(_mm256_max_epu8(half, last_control), last_control);
            let line_end = _mm256_cmpeq_epi8(half, newline);
            *quotes |= u64::from(_mm256_movemask_epi8(of_string).cast_unsigned()) << shift;
            *newlines |= u64::from(_mm256_movemask_epi8(line_end).cast_unsigned()) << shift;
            controls |= u64::from(_mm256_movemask_epi8(low).cast_unsigned()) << shift;
        }
        n_controls |= controls & !*newlines;
    }
    marks.controls |= n_controls != 0;
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Marks, portable};

    #[test]
    fn every_path_marks_the_same_bytes() {
        let mut state = 1_u32;
        let text: Vec<u8> = (0..BLOCK * 40)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                b"\"\\\n\t\x00\x1f \x20a\x7f\x80\xff"[(state >> 16) as usize % 12]
            })
            .collect();
        for end in (0..text.len()).step_by(37) {
            for start in [0, 1, 63, 64] {
                let text = text.get(start..end).unwrap_or_default();
                let (blocks, _) = text.as_chunks::<BLOCK>();
                let (mut found, mut twin) = (Marks::default(), Marks::default());
                found.blocks(blocks);
                portable(&mut twin, blocks);
                assert_eq!(found, twin);
                found.read(text);
                let wanted = |bytes: &[u8], at| {
                    (at..text.len()).find(|at: &usize| bytes.contains(&text[*at]))
                };
                for at in [0, 1, 64, 65, 130] {
                    assert_eq!(found.quote(at), wanted(b"\"\\", at));
                    assert_eq!(found.newline(at), wanted(b"\n", at));
                }
            }
        }
        let mut marks = Marks::default();
        marks.read(b"a\n");
        assert!(!marks.controls);
        marks.read(b"a\r\n");
        assert!(marks.controls);
    }
}

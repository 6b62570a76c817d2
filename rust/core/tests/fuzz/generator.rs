//! Bytes for the targets, the same in every run.
#![allow(clippy::print_stderr, reason = "a failing case must be seen")]

use std::env;
use std::thread;

use arbitrary::{Arbitrary, Unstructured};

const LONGEST: usize = 300;

/// Call `target` on the corpus, then on as many cases as `FUZZ_CASES` says, or `few`.
pub fn drive(few: u64, corpus: &[impl AsRef<[u8]>], target: impl Fn(&[u8])) {
    let cases = env::var("FUZZ_CASES").map_or(few, |cases| {
        // `few` is in proportion to how fast a target is; 3,000 stand for all cases.
        cases.parse::<u64>().unwrap() * few.min(3_000) / 3_000
    });
    for seed in corpus {
        case(seed.as_ref(), &target);
    }
    for number in 0..cases {
        case(&made(number, corpus), &target);
    }
}

fn case(data: &[u8], target: &impl Fn(&[u8])) {
    let _shown = Shown(data);
    target(data);
}

/// Prints the bytes of a case that panics.
struct Shown<'a>(&'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the failing case: {:02x?}", self.0);
        }
    }
}

/// Half the cases are mutated pieces of the corpus, half are bytes at random.
fn made(number: u64, corpus: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut random = Random(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut data = if number.is_multiple_of(2) && !corpus.is_empty() {
        corpus[random.below(corpus.len())].as_ref().to_vec()
    } else {
        let length = random.below(LONGEST);
        (0..length).map(|_| random.byte()).collect()
    };
    for _ in 0..random.below(6) {
        let at = random.below(data.len() + 1);
        match random.below(5) {
            0 => data.insert(at, random.byte()),
            1 => data.truncate(at),
            2 if at < data.len() => data[at] ^= 1 << random.below(8),
            3 if at < data.len() => drop(data.remove(at)),
            _ => {
                let other = corpus.get(random.below(corpus.len().max(1)));
                let other = other.map_or(&[][..], AsRef::as_ref);
                let from = random.below(other.len() + 1);
                data.splice(at..at, other[from..].iter().copied().take(64));
            }
        }
    }
    data
}

struct Random(u64);

impl Random {
    /// Xorshift64 (Marsaglia 2003).
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[4]
    }
}

/// Values of a type read from the bytes of a case; when they run out, zeros.
pub struct Bytes<'a>(Unstructured<'a>);

impl<'a> Bytes<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self(Unstructured::new(data))
    }

    pub fn value<T: Arbitrary<'a>>(&mut self) -> T {
        self.0.arbitrary().unwrap()
    }

    pub fn values<T: Arbitrary<'a>>(&mut self, n: usize) -> Vec<T> {
        (0..n).map(|_| self.value()).collect()
    }

    /// From 0 to `most`.
    pub fn size(&mut self, most: usize) -> usize {
        self.0.int_in_range(0..=most).unwrap()
    }

    /// Mostly tame numbers, sometimes NaN, infinite, huge or tiny ones.
    pub fn number(&mut self) -> f64 {
        match self.size(40) {
            0 => self.value(),
            1 => f64::NAN,
            2 => 1e300,
            3 => -1e-300,
            _ => f64::from(self.value::<i8>()) / 4.0,
        }
    }

    pub fn numbers(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.number()).collect()
    }
}

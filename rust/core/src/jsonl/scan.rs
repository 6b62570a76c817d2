//! The fields of one line that are wanted, without the others: a scanner that checks all and builds little.
//!
//! It may give up on any line, which then goes through `refusal::parse_object`; what it takes, that takes with the same
//! values. So it knows the plain cases only: no control characters, no escapes in keys, objects of at most 16 keys, numbers that
//! are surely finite, half as many levels as are allowed. Refusals, their columns and their words are never its own.
//!
//! A string is searched for its quote and for backslashes alone, 8 bytes at a time and then by `memchr`: that there is no
//! control character is seen once for the whole line, where the compiler makes it a vector loop.

use std::borrow::Cow;
use std::cell::Cell;

use super::value::{self, MAX_DEPTH, Value};

/// Containers inside one another that the scanner follows.
const DEPTH: usize = MAX_DEPTH / 2;
/// Keys of one object that it keeps apart.
const KEYS: usize = 16;
/// Digits before the point of a number that is surely finite, with an exponent of at most two digits.
const DIGITS: usize = 200;
/// Digits of an integer that surely fits 64 bits with its sign.
const INT_DIGITS: usize = 18;

/// The values of `keys` to the end of `values`; `None`, and anything at the end of `values`, where the line is not plain.
pub(super) fn fields<'a, K: AsRef<str>>(
    line: &'a [u8],
    keys: &[K],
    values: &mut Vec<Value<'a>>,
) -> Option<()> {
    if line.iter().fold(u8::MAX, |least, byte| least.min(*byte)) < b' ' {
        return None;
    }
    let mut scanner = Scanner {
        text: str::from_utf8(line).ok()?,
        at: 0,
        seen: Vec::with_capacity(KEYS),
    };
    let first = values.len();
    values.resize(first + keys.len(), Value::Null);
    scanner.spaces();
    scanner.outer(keys, &mut values[first..])?;
    scanner.spaces();
    (scanner.at == line.len()).then_some(())
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// Keys of the objects that are open, innermost last.
    seen: Vec<&'a str>,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn spaces(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    /// The object that the line is; all `keys` must be in it.
    fn outer<K: AsRef<str>>(&mut self, keys: &[K], values: &mut [Value<'a>]) -> Option<()> {
        let mut left = keys.len();
        self.object(|scanner, key| {
            match keys.iter().position(|wanted| wanted.as_ref() == key) {
                Some(index) => {
                    values[index] = scanner.value()?;
                    left -= 1;
                }
                None => scanner.skip(1)?,
            }
            Some(())
        })?;
        (left == 0).then_some(())
    }

    /// An object; `field` takes the value of each key.
    fn object(&mut self, mut field: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        let outer = self.seen.len();
        self.take(b'{')?;
        self.spaces();
        if self.take(b'}').is_some() {
            return Some(());
        }
        loop {
            self.take(b'"')?;
            let end = self.quote_or_backslash()?;
            let key = &self.text[self.at..end];
            self.at = end;
            self.take(b'"')?;
            let known = &self.seen[outer..];
            if known.len() == KEYS || known.contains(&key) {
                return None;
            }
            self.seen.push(key);
            self.spaces();
            self.take(b':')?;
            self.spaces();
            field(self, key)?;
            self.spaces();
            if self.take(b',').is_none() {
                self.take(b'}')?;
                self.seen.truncate(outer);
                return Some(());
            }
            self.spaces();
        }
    }

    /// A value inside `depth` containers, checked and dropped.
    fn skip(&mut self, depth: usize) -> Option<()> {
        if depth > DEPTH {
            return None;
        }
        match self.peek()? {
            b'"' => self.skip_string(),
            b'{' => self.object(|scanner, _| scanner.skip(depth + 1)),
            b'[' => self.array(depth),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number().map(|_| ()),
        }
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.take(b'[')?;
        self.spaces();
        if self.take(b']').is_some() {
            return Some(());
        }
        loop {
            self.skip(depth + 1)?;
            self.spaces();
            if self.take(b',').is_none() {
                return self.take(b']');
            }
            self.spaces();
        }
    }

    /// A value of the outer object that is wanted.
    fn value(&mut self) -> Option<Value<'a>> {
        match self.peek()? {
            b'"' => self.string().map(Value::String),
            b't' => self.word("true").map(|()| Value::Bool(true)),
            b'f' => self.word("false").map(|()| Value::Bool(false)),
            b'n' => self.word("null").map(|()| Value::Null),
            b'{' | b'[' => {
                let start = self.at;
                self.skip(1)?;
                value::parse(&self.text[start..self.at], &Cell::new(None)).ok()
            }
            _ => {
                let text = self.number()?;
                if text.contains(['.', 'e', 'E']) {
                    return text.parse().ok().map(Value::Float);
                }
                (text.len() <= INT_DIGITS).then_some(())?;
                text.parse().ok().map(Value::Int)
            }
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text.as_bytes()[self.at..]
            .starts_with(word.as_bytes())
            .then(|| self.at += word.len())
    }

    /// The text of a number that is surely finite.
    fn number(&mut self) -> Option<&'a str> {
        let start = self.at;
        let _ = self.take(b'-');
        let whole = self.digits();
        let leading_zero = whole > 1 && self.text.as_bytes()[self.at - whole] == b'0';
        if whole == 0 || whole > DIGITS || leading_zero {
            return None;
        }
        if self.take(b'.').is_some() && self.digits() == 0 {
            return None;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !matches!(self.digits(), 1 | 2) {
                return None;
            }
        }
        Some(&self.text[start..self.at])
    }

    /// How many digits come next; they are passed.
    fn digits(&mut self) -> usize {
        let rest = &self.text.as_bytes()[self.at..];
        let n = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += n;
        n
    }

    /// Where the next quote or backslash is.
    fn quote_or_backslash(&self) -> Option<usize> {
        let rest = &self.text.as_bytes()[self.at..];
        let (words, _) = rest.as_chunks::<8>();
        for (i, word) in words.iter().take(3).enumerate() {
            let word = u64::from_le_bytes(*word);
            let found = zero_bytes(word ^ (SPLAT * 0x22)) | zero_bytes(word ^ (SPLAT * 0x5c));
            if found != 0 {
                return Some(self.at + 8 * i + found.trailing_zeros() as usize / 8);
            }
        }
        let passed = 8 * words.len().min(3);
        memchr::memchr2(b'"', b'\\', &rest[passed..]).map(|found| self.at + passed + found)
    }

    fn skip_string(&mut self) -> Option<()> {
        self.take(b'"')?;
        loop {
            self.at = self.quote_or_backslash()?;
            if self.take(b'"').is_some() {
                return Some(());
            }
            self.escape()?;
        }
    }

    /// A string, borrowed where nothing is escaped.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        self.take(b'"')?;
        let mut text = String::new();
        loop {
            let end = self.quote_or_backslash()?;
            let plain = &self.text[self.at..end];
            self.at = end;
            if self.take(b'"').is_some() {
                if text.is_empty() {
                    return Some(Cow::Borrowed(plain));
                }
                text.push_str(plain);
                return Some(Cow::Owned(text));
            }
            text.push_str(plain);
            text.push(self.escape()?);
        }
    }

    /// The character that an escape stands for.
    fn escape(&mut self) -> Option<char> {
        self.take(b'\\')?;
        let byte = self.peek()?;
        self.at += 1;
        Some(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hexadecimal()?;
                if !(0xd800..0xe000).contains(&first) {
                    return char::from_u32(first);
                }
                self.take(b'\\')?;
                self.take(b'u')?;
                let second = self.hexadecimal()?;
                if first >= 0xdc00 || !(0xdc00..0xe000).contains(&second) {
                    return None;
                }
                char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))?
            }
            _ => return None,
        })
    }

    /// Four hexadecimal digits.
    fn hexadecimal(&mut self) -> Option<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |number, digit| {
            Some(number * 16 + char::from(*digit).to_digit(16)?)
        })
    }
}

const SPLAT: u64 = 0x0101_0101_0101_0101;

/// The lowest byte that is zero has its high bit set, and none below it has.
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(SPLAT) & !word & (SPLAT << 7)
}

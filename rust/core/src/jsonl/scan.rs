//! The fields of one line that are wanted, without the others: a scanner that checks all and builds little.
//!
//! It may give up on any line, which then goes through `refusal::parse_object`; what it takes, that takes with the same
//! values. So it knows the plain cases only: no control characters, no escapes in keys, objects of at most 16 keys, numbers that
//! are surely finite, half as many levels as are allowed. Refusals, their columns and their words are never its own.
//!
//! Lines of one file mostly have the same keys in the same order and spacing. So the bytes from a key's quote to its value are first
//! compared with those of the line before; while they agree, and so do the objects that the keys are in, no key is looked up and
//! none can be there twice, because none was. The next quote is read from marks ([`Marks`]) of the whole window.

use std::cell::Cell;
use std::ops::Range;

use super::value::{self, MAX_DEPTH, Value};
use super::window::{Fields, Slot};
use crate::simd::marks::Marks;

/// Containers inside one another that the scanner follows.
const DEPTH: usize = MAX_DEPTH / 2;
/// Keys of one object that it keeps apart.
const KEYS: usize = 16;
/// Digits before the point of a number that is surely finite, with an exponent of at most two digits.
const DIGITS: usize = 200;
/// Digits of an integer that surely fits 64 bits with its sign.
const INT_DIGITS: usize = 18;

/// Where a key stands among the wanted ones of the outer object.
type Wanted = Option<usize>;

/// A key of the line before.
struct Hint {
    /// From its quote to its value.
    literal: Range<usize>,
    /// Bytes of the key between its quotes.
    key_bytes: usize,
    /// The number of the first key of its object.
    object: usize,
    /// Whether it is wanted.
    wanted: Wanted,
}

/// Goes through the lines of one window; they must be UTF-8 without control characters.
pub(super) struct Scanner<'a> {
    data: &'a [u8],
    marks: &'a Marks,
    at: usize,
    /// Where the line ends.
    end: usize,
    /// Keys of the objects that are open, innermost last.
    seen: Vec<&'a [u8]>,
    /// Keys of the line before, as far as this one had the same; then its own.
    hints: Vec<Hint>,
    /// Keys of this line so far.
    n_keys: usize,
    /// Whether all of them were those of the line before.
    on_track: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(data: &'a [u8], marks: &'a Marks) -> Self {
        Self {
            data,
            marks,
            at: 0,
            end: 0,
            seen: Vec::new(),
            hints: Vec::new(),
            n_keys: 0,
            on_track: false,
        }
    }

    /// The values of `keys` to the end of `fields`; `None`, and anything at the end of `fields`, where the line is not plain.
    pub(super) fn fields(
        &mut self,
        line: Range<usize>,
        keys: &[String],
        fields: &mut Fields,
    ) -> Option<()> {
        (self.at, self.end) = (line.start, line.end);
        (self.n_keys, self.on_track) = (0, true);
        self.seen.clear();
        let first = fields.slots.len();
        fields.slots.resize(first + keys.len(), Slot::Other(0));
        self.spaces();
        let mut left = keys.len();
        self.object(keys, |scanner, wanted| match wanted {
            Some(index) => {
                left -= 1;
                fields.slots[first + index] = scanner.value(fields)?;
                Some(())
            }
            None => scanner.skip(1),
        })?;
        self.spaces();
        (left == 0 && self.at == self.end).then_some(())
    }

    fn peek(&self) -> Option<u8> {
        (self.at < self.end).then(|| self.data[self.at])
    }

    fn rest(&self) -> &'a [u8] {
        &self.data[self.at..self.end]
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn spaces(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    /// An object; `field` takes the value of each key and is told where it stands among `keys`.
    fn object(
        &mut self,
        keys: &[String],
        mut field: impl FnMut(&mut Self, Wanted) -> Option<()>,
    ) -> Option<()> {
        let (outer, object) = (self.seen.len(), self.n_keys);
        self.take(b'{')?;
        self.spaces();
        if self.take(b'}').is_some() {
            return Some(());
        }
        loop {
            let wanted = match self.same_key(object) {
                Some(wanted) => wanted,
                None => self.key(outer, object, keys)?,
            };
            self.n_keys += 1;
            self.spaces();
            field(self, wanted)?;
            self.spaces();
            if self.take(b',').is_none() {
                self.take(b'}')?;
                self.seen.truncate(outer);
                return Some(());
            }
            self.spaces();
        }
    }

    /// Pass the key that the line before had here; what it is among the wanted ones.
    fn same_key(&mut self, object: usize) -> Option<Wanted> {
        let hint = self.hints.get(self.n_keys).filter(|_| self.on_track)?;
        let end = self.at + hint.literal.len();
        if hint.object != object || self.data.get(self.at..end)? != &self.data[hint.literal.clone()]
        {
            return None;
        }
        self.seen
            .push(&self.data[self.at + 1..self.at + 1 + hint.key_bytes]);
        self.at = end;
        Some(hint.wanted)
    }

    /// Pass a key that must be checked, and remember it for the line after.
    fn key(&mut self, outer: usize, object: usize, keys: &[String]) -> Option<Wanted> {
        let start = self.at;
        self.on_track = false;
        self.hints.truncate(self.n_keys);
        self.take(b'"')?;
        let end = self.marks.quote(self.at).filter(|end| *end < self.end)?;
        let key = &self.data[self.at..end];
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
        let wanted = keys.iter().position(|wanted| wanted.as_bytes() == key);
        self.hints.push(Hint {
            literal: start..self.at,
            key_bytes: key.len(),
            object,
            wanted,
        });
        Some(wanted)
    }

    /// A value inside `depth` containers, checked and dropped.
    fn skip(&mut self, depth: usize) -> Option<()> {
        if depth > DEPTH {
            return None;
        }
        match self.peek()? {
            b'"' => self.skip_string(),
            b'{' => self.object(&[], |scanner, _| scanner.skip(depth + 1)),
            b'[' => self.array(depth),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number(),
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
    fn value(&mut self, fields: &mut Fields) -> Option<Slot> {
        let value = match self.peek()? {
            b'"' => return self.string(&mut fields.unescaped),
            b't' => self.word("true").map(|()| Value::Bool(true))?,
            b'f' => self.word("false").map(|()| Value::Bool(false))?,
            b'n' => self.word("null").map(|()| Value::Null)?,
            b'{' | b'[' => {
                let start = self.at;
                self.skip(1)?;
                let text = str::from_utf8(&self.data[start..self.at]).ok()?;
                value::parse(text, &Cell::new(None)).ok()?.into_owned()
            }
            _ => {
                let start = self.at;
                self.number()?;
                let text = str::from_utf8(&self.data[start..self.at]).ok()?;
                if text.contains(['.', 'e', 'E']) {
                    Value::Float(text.parse().ok()?)
                } else {
                    (text.len() <= INT_DIGITS).then_some(())?;
                    Value::Int(text.parse().ok()?)
                }
            }
        };
        fields.others.push(value);
        Some(Slot::Other(fields.others.len() - 1))
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.rest()
            .starts_with(word.as_bytes())
            .then(|| self.at += word.len())
    }

    /// A number that is surely finite.
    fn number(&mut self) -> Option<()> {
        let _ = self.take(b'-');
        let whole = self.digits();
        let leading_zero = whole > 1 && self.data[self.at - whole] == b'0';
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
        Some(())
    }

    /// How many digits come next; they are passed.
    fn digits(&mut self) -> usize {
        let rest = self.rest();
        let n = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += n;
        n
    }

    /// Go to the next quote or backslash.
    fn next_mark(&mut self) -> Option<()> {
        self.at = self.marks.quote(self.at).filter(|at| *at < self.end)?;
        Some(())
    }

    fn skip_string(&mut self) -> Option<()> {
        self.take(b'"')?;
        loop {
            self.next_mark()?;
            if self.take(b'"').is_some() {
                return Some(());
            }
            self.escape()?;
        }
    }

    /// A string, where it is if nothing is escaped, else in `unescaped`.
    fn string(&mut self, unescaped: &mut Vec<u8>) -> Option<Slot> {
        self.take(b'"')?;
        let first = unescaped.len();
        let mut start = self.at;
        loop {
            self.next_mark()?;
            let end = self.at;
            if self.take(b'"').is_some() {
                if unescaped.len() == first {
                    return Some(Slot::Text { start, end });
                }
                unescaped.extend_from_slice(&self.data[start..end]);
                let (start, end) = (first, unescaped.len());
                return Some(Slot::Unescaped { start, end });
            }
            unescaped.extend_from_slice(&self.data[start..end]);
            let character = self.escape()?;
            unescaped.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            start = self.at;
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
        let digits = self.rest().get(..4)?;
        self.at += 4;
        digits.iter().try_fold(0, |number, digit| {
            Some(number * 16 + char::from(*digit).to_digit(16)?)
        })
    }
}

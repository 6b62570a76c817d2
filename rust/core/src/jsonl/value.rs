//! JSON values, read with `serde_json` and refused where RFC 8259 leaves room for two readings.
//!
//! Integers of 64 bits arrive as such, all other numbers as text (feature `arbitrary_precision`): integers stay exact, floats are rounded once, by the standard library's
//! parser, which is correctly rounded as Python's is. That feature presents a number as a map with one magic key; the magic key
//! never answers `deserialize_option` with "some", a real key always does, so no object in a file can pass for a number.
//!
//! Not used: the feature `float_roundtrip` alone, which turns integers of more than 64 bits into floats.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::refusal::{Refusal, excerpt};

/// Containers inside one another, the outer object included.
pub(super) const MAX_DEPTH: usize = 128;

/// Digits that Python's `int` reads from text by default (`sys.int_info.default_max_str_digits`).
const MAX_INT_DIGITS: usize = 4300;

/// Keys from which on duplicates are looked up by hash.
const HASHED_KEYS: usize = 16;

/// A JSON value; text without escapes is borrowed from the line.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// An integer of 64 bits with sign.
    Int(i64),
    /// An integer from 2^63 to 2^64 - 1.
    UInt(u64),
    /// Any other integer, as written: an optional minus and up to 4300 digits.
    BigInt(String),
    /// A number with a fraction or an exponent; finite.
    Float(f64),
    /// Text.
    String(Cow<'a, str>),
    /// Values in order.
    Array(Vec<Value<'a>>),
    /// Keys and values in order; no key twice.
    Object(Record<'a>),
}

/// The keys and values of one object, in order.
pub type Record<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

impl Value<'_> {
    /// The same, borrowing nothing.
    pub(super) fn into_owned(self) -> Value<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(value),
            Value::Int(value) => Value::Int(value),
            Value::UInt(value) => Value::UInt(value),
            Value::BigInt(text) => Value::BigInt(text),
            Value::Float(value) => Value::Float(value),
            Value::String(text) => Value::String(owned(text)),
            Value::Array(items) => Value::Array(items.into_iter().map(Value::into_owned).collect()),
            Value::Object(record) => Value::Object(
                record
                    .into_iter()
                    .map(|(key, value)| (owned(key), value.into_owned()))
                    .collect(),
            ),
        }
    }

    /// The kind of value, with its article, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::UInt(_) | Value::BigInt(_) | Value::Float(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        }
    }
}

/// Parse one line. A refusal that is not a matter of grammar is left in `refusal`.
pub(super) fn parse<'a>(
    text: &'a str,
    refusal: &Cell<Option<Refusal>>,
) -> serde_json::Result<Value<'a>> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.disable_recursion_limit();
    let value = ValueSeed { depth: 0, refusal }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct ValueSeed<'r> {
    /// Containers around this value.
    depth: usize,
    refusal: &'r Cell<Option<Refusal>>,
}

impl<'r> ValueSeed<'r> {
    fn refuse<E: Error>(self, refusal: Refusal) -> E {
        self.refusal.set(Some(refusal));
        E::custom("refused")
    }

    fn inner<E: Error>(self) -> Result<ValueSeed<'r>, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.refuse(Refusal::TooDeep));
        }
        Ok(ValueSeed {
            depth: self.depth + 1,
            ..self
        })
    }

    /// A number that is not an integer of 64 bits, or is `-0`.
    fn number<'a, E: Error>(self, text: String) -> Result<Value<'a>, E> {
        if text.contains(['.', 'e', 'E']) {
            return match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Value::Float(number)),
                _ => Err(self.refuse(Refusal::Overflow)),
            };
        }
        if text == "-0" {
            return Ok(Value::Int(0));
        }
        let digits = text.trim_start_matches('-').len();
        if digits > MAX_INT_DIGITS {
            return Err(self.refuse(Refusal::TooManyDigits {
                digits,
                max: MAX_INT_DIGITS,
            }));
        }
        Ok(Value::BigInt(text))
    }

    fn object<'de, M: MapAccess<'de>>(
        self,
        first: Cow<'de, str>,
        mut map: M,
    ) -> Result<Value<'de>, M::Error> {
        let inner = self.inner()?;
        let mut record = Record::new();
        let mut hashed = HashSet::new();
        let mut next = Some(first);
        while let Some(key) = next {
            if seen(&record, &mut hashed, &key) {
                return Err(self.refuse(Refusal::DuplicateKey {
                    key: excerpt(key.as_bytes()),
                }));
            }
            let value = map.next_value_seed(inner)?;
            record.push((key, value));
            next = match map.next_key_seed(KeySeed)? {
                Some(Key::Name(key)) => Some(key),
                Some(Key::Number) | None => None,
            };
        }
        Ok(Value::Object(record))
    }
}

/// Whether the object already has this key. No key is in `record` twice, so `hashed.len()` of its keys are hashed.
fn seen<'a>(record: &Record<'a>, hashed: &mut HashSet<Cow<'a, str>>, key: &str) -> bool {
    if record.len() < HASHED_KEYS {
        return record.iter().any(|(known, _)| known == key);
    }
    let new = &record[hashed.len()..];
    hashed.extend(new.iter().map(|(known, _)| known.clone()));
    hashed.contains(key)
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(i64::try_from(value).map_or(Value::UInt(value), Value::Int))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::String(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::String(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<Value<'de>, S::Error> {
        let inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Value<'de>, M::Error> {
        match map.next_key_seed(KeySeed)? {
            Some(Key::Number) => {
                let text = map.next_value()?;
                self.number(text)
            }
            Some(Key::Name(first)) => self.object(first, map),
            None => self.inner().map(|_| Value::Object(Record::new())),
        }
    }
}

enum Key<'a> {
    /// The magic key: its value is the text of a number.
    Number,
    Name(Cow<'a, str>),
}

#[derive(Clone, Copy)]
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key<'de>, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Key<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, _magic: &'de str) -> Result<Key<'de>, E> {
        Ok(Key::Number)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key<'de>, D::Error> {
        deserializer.deserialize_str(NameVisitor).map(Key::Name)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

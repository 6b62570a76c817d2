//! Why a line is refused, and at which byte: the parser's error, made exact and put into words.
//!
//! A column is the 1-based byte, within the JSON text of the line, where the fault starts: the opening quote of a repeated
//! key, the first character of a number or of `NaN`, the backslash of a lone surrogate, the bracket that nests too deep. Where
//! text is missing at the end it is the last byte that is there.

use std::cell::Cell;

use serde_json::error::Category;
use thiserror::Error;

use super::value::{self, MAX_DEPTH, Value};

/// Characters of the line that a reason shows.
const EXCERPT_CHARS: usize = 40;

/// Bytes shown before the fault.
const EXCERPT_LEAD: usize = 12;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Refusal {
    #[error(
        "the line has {found} bytes, max_line_bytes is {max}; raise the limit if so long a line is meant"
    )]
    TooLong { found: usize, max: usize },
    #[error("byte 0x{byte:02X} is not UTF-8; save the file as UTF-8")]
    NotUtf8 { byte: u8 },
    #[error(
        "the file seems cut off: its last line ends inside a value; copy the file again or delete that line"
    )]
    CutOff,
    #[error("the line ends inside a value; write each object on one line")]
    EndsEarly,
    #[error("expected an object, found {kind}; each line must be one object")]
    NotObject { kind: &'static str },
    #[error("the key \"{key}\" appears twice in one object; keep one of them")]
    DuplicateKey { key: String },
    #[error("{name} is not JSON; remove the field or use null")]
    NotFinite { name: &'static str },
    #[error("the number is too large for a float; write it as a string or use null")]
    Overflow,
    #[error("the integer has {digits} digits, Python reads at most {max}; write it as a string")]
    TooManyDigits { digits: usize, max: usize },
    #[error("nested deeper than {MAX_DEPTH} levels; flatten the value or write it as a string")]
    TooDeep,
    #[error("more text after the value; put each object on a line of its own")]
    Trailing,
    #[error("a \\u escape is half of a surrogate pair; write both halves or the character itself")]
    LoneSurrogate,
    #[error("control character U+{byte:04X} inside a string; write it as \\u{byte:04x}")]
    ControlCharacter { byte: u8 },
    #[error("a byte order mark inside the file; if files were joined, remove it")]
    ByteOrderMark,
    #[error("not valid JSON: {what}; mend the line or delete it")]
    Malformed { what: String },
}

/// The fault in the JSON text of a line, and its column.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) column: usize,
    pub(super) refusal: Refusal,
}

/// Parse the JSON text of one line, which must be one object.
pub(super) fn parse_object(text: &[u8], torn: bool) -> Result<value::Record<'_>, Fault> {
    let text = str::from_utf8(text).map_err(|error| not_utf8(text, error, torn))?;
    let refusal = Cell::new(None);
    match value::parse(text, &refusal) {
        Ok(Value::Object(record)) => Ok(record),
        Ok(other) => Err(Fault {
            column: first_byte(text.as_bytes()),
            refusal: Refusal::NotObject { kind: other.kind() },
        }),
        Err(error) => Err(match refusal.take() {
            Some(refusal) => Fault {
                column: column_of(&refusal, text.as_bytes(), error.column()),
                refusal,
            },
            None => grammar(text.as_bytes(), &error, torn),
        }),
    }
}

/// Up to 40 printable characters of `bytes`; what a terminal could act on is escaped.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    // Four bytes a character at most, so the cut below never shortens what is shown.
    let bytes = &bytes[..bytes.len().min(4 * (EXCERPT_CHARS + 1))];
    let mut out = String::new();
    let mut left = EXCERPT_CHARS;
    let mut push = |piece: &str| {
        let n = piece.chars().count();
        let fits = n <= left;
        if fits {
            out.push_str(piece);
            left -= n;
        } else {
            left = 0;
        }
        fits
    };
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            let shown = match character {
                '"' | '\'' => character.to_string(),
                other => other.escape_debug().to_string(),
            };
            if !push(&shown) {
                return out;
            }
        }
        for byte in chunk.invalid() {
            if !push(&format!("\\x{byte:02x}")) {
                return out;
            }
        }
    }
    out
}

/// What a reason says about a fault: the refusal and the text around it.
pub(super) fn reason(text: &[u8], fault: &Fault) -> String {
    if matches!(fault.refusal, Refusal::TooLong { .. }) {
        return fault.refusal.to_string();
    }
    let at = fault.column.saturating_sub(1).min(text.len());
    let mut start = at.saturating_sub(EXCERPT_LEAD);
    while start < at && text[start] & 0xc0 == 0x80 {
        start += 1;
    }
    format!("{}. Near: {}", fault.refusal, excerpt(&text[start..]))
}

fn not_utf8(text: &[u8], error: std::str::Utf8Error, torn: bool) -> Fault {
    let at = error.valid_up_to();
    if torn && error.error_len().is_none() {
        return Fault {
            column: text.len(),
            refusal: Refusal::CutOff,
        };
    }
    Fault {
        column: at + 1,
        refusal: Refusal::NotUtf8 { byte: text[at] },
    }
}

/// A fault of grammar, from the parser's category and message; `error.column()` is the 1-based byte it stopped at.
fn grammar(text: &[u8], error: &serde_json::Error, torn: bool) -> Fault {
    if error.classify() == Category::Eof {
        let refusal = if torn {
            Refusal::CutOff
        } else {
            Refusal::EndsEarly
        };
        return Fault {
            column: text.len(),
            refusal,
        };
    }
    let column = error.column().clamp(1, text.len());
    let message = error.to_string();
    let what = message.split(" at line ").next().unwrap_or_default();
    if text[column - 1..].starts_with("\u{feff}".as_bytes()) {
        return Fault {
            column,
            refusal: Refusal::ByteOrderMark,
        };
    }
    match what {
        "expected value" | "expected ident" | "invalid number" => not_finite(text, column),
        "trailing characters" => Some(Fault {
            column,
            refusal: Refusal::Trailing,
        }),
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" => Some(Fault {
            column: surrogate_column(text, column),
            refusal: Refusal::LoneSurrogate,
        }),
        other if other.starts_with("control character") => Some(Fault {
            column,
            refusal: Refusal::ControlCharacter {
                byte: text[column - 1],
            },
        }),
        _ => None,
    }
    .unwrap_or_else(|| Fault {
        column,
        refusal: Refusal::Malformed {
            what: what.to_owned(),
        },
    })
}

/// `NaN` and its like, in any case, as other writers spell them.
fn not_finite(text: &[u8], column: usize) -> Option<Fault> {
    let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let start = column
        - 1
        - text[..column - 1]
            .iter()
            .rev()
            .take_while(|byte| in_word(byte))
            .count();
    let end = start
        + text[start..]
            .iter()
            .take_while(|byte| in_word(byte))
            .count();
    let word = text[start..end].to_ascii_lowercase();
    let name = match word.as_slice() {
        b"nan" | b"-nan" | b"+nan" => "NaN",
        b"infinity" | b"inf" | b"+infinity" | b"+inf" => "Infinity",
        b"-infinity" | b"-inf" => "-Infinity",
        _ => return None,
    };
    Some(Fault {
        column: start + 1,
        refusal: Refusal::NotFinite { name },
    })
}

/// Column of a refusal of ours, from the number of bytes the parser had consumed.
fn column_of(refusal: &Refusal, text: &[u8], consumed: usize) -> usize {
    let before = &text[..consumed.min(text.len())];
    match refusal {
        Refusal::DuplicateKey { .. } => key_column(before),
        Refusal::TooDeep => bracket_column(text),
        _ => {
            before.len()
                - before
                    .iter()
                    .rev()
                    .take_while(|byte| is_number_byte(**byte))
                    .count()
                + 1
        }
    }
}

fn is_number_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E')
}

/// The opening quote of the last string in `before`: inside a string every quote follows an odd number of backslashes.
fn key_column(before: &[u8]) -> usize {
    let quote = |end: usize| before[..end].iter().rposition(|byte| *byte == b'"');
    let Some(closing) = quote(before.len()) else {
        return before.len().max(1);
    };
    let mut end = closing;
    while let Some(at) = quote(end) {
        if backslashes(before, at).is_multiple_of(2) {
            return at + 1;
        }
        end = at;
    }
    closing + 1
}

/// Backslashes directly before `at`.
fn backslashes(text: &[u8], at: usize) -> usize {
    text[..at]
        .iter()
        .rev()
        .take_while(|byte| **byte == b'\\')
        .count()
}

/// The bracket that opens level 129. Everything before it has been parsed, so brackets outside strings are structure.
fn bracket_column(text: &[u8]) -> usize {
    let (mut depth, mut in_string, mut at) = (0, false, 0);
    while at < text.len() {
        match (in_string, text[at]) {
            (true, b'\\') => at += 1,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') if depth == MAX_DEPTH => return at + 1,
            (false, b'[' | b'{') => depth += 1,
            (false, b']' | b'}') => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// The backslash of the escape that lacks its other half; the parser may have stopped one escape later.
fn surrogate_column(text: &[u8], column: usize) -> usize {
    let Some(last) = text[..column].iter().rposition(|byte| *byte == b'\\') else {
        return column;
    };
    let before = last.saturating_sub(6);
    let is_high = matches!(
        &text[before..last],
        [
            b'\\',
            b'u',
            b'd' | b'D',
            b'8' | b'9' | b'a'..=b'b' | b'A'..=b'B',
            _,
            _,
        ]
    );
    if is_high && backslashes(text, before).is_multiple_of(2) {
        before + 1
    } else {
        last + 1
    }
}

fn first_byte(text: &[u8]) -> usize {
    text.iter()
        .position(|byte| !byte.is_ascii_whitespace())
        .unwrap_or(0)
        + 1
}

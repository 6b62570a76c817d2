//! Objects without a wanted field, or with one of another type: what was found, what was wanted, what to do.
//!
//! Only lines that are refused come here, so everything is found again from the text of the line.

use super::refusal::excerpt;
use super::value::Record;

/// Keys of an object that a reason names.
const NAMED_KEYS: usize = 20;

/// What a reason says about an object that lacks a key: the keys that it has instead, and the one that was perhaps meant.
pub(super) fn no_field(key: &str, record: &Record<'_>) -> String {
    let quoted = |name: &str| format!("'{}'", excerpt(name.as_bytes()));
    let found: Vec<String> = record
        .iter()
        .take(NAMED_KEYS)
        .map(|(name, _)| quoted(name))
        .collect();
    let found = match record.len() {
        0 => "no fields".to_owned(),
        n if n > NAMED_KEYS => format!("{}, ...", found.join(", ")),
        _ => found.join(", "),
    };
    let remedy = match nearest(key, record) {
        Some(name) => format!("did you mean {}?", quoted(name)),
        None => "add it, or ask for another".to_owned(),
    };
    format!("no field {}; found {found}; {remedy}", quoted(key))
}

/// What a reason says about a field that is not text where only text can be.
pub(super) fn not_text(key: &str, kind: &str) -> String {
    format!(
        "field '{}': expected a string, found {kind}; write it as a string or leave the line out",
        excerpt(key.as_bytes())
    )
}

/// The 1-based byte at which the value of `key` starts; `text` is one object, and has the key.
pub(super) fn value_column(text: &[u8], key: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        match text[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let start = at;
                at = string_end(text, start);
                let colon = skip_spaces(text, at);
                let is_key = depth == 1 && text.get(colon) == Some(&b':');
                let name = || serde_json::from_slice::<String>(&text[start..at]).ok();
                if is_key && name().as_deref() == Some(key) {
                    return skip_spaces(text, colon + 1) + 1;
                }
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    0
}

/// Where the string that starts at `start` is over.
fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < text.len() && text[at] != b'"' {
        at += 1 + usize::from(text[at] == b'\\');
    }
    (at + 1).min(text.len())
}

fn skip_spaces(text: &[u8], at: usize) -> usize {
    let spaces = text.iter().skip(at).take_while(|b| b.is_ascii_whitespace());
    at + spaces.count()
}

/// The key that `key` is perhaps a misspelling of: at most a third of its letters differ, case aside.
fn nearest<'a>(key: &str, record: &'a Record<'_>) -> Option<&'a str> {
    let letters = |text: &str| text.to_lowercase().chars().take(100).collect::<Vec<_>>();
    let wanted = letters(key);
    record
        .iter()
        .take(NAMED_KEYS)
        .map(|(name, _)| (distance(&wanted, &letters(name)), name.as_ref()))
        .filter(|(distance, name)| 3 * distance <= wanted.len().max(name.chars().count()))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Letters to insert, delete or replace to make one text of the other (Levenshtein).
fn distance(first: &[char], second: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=second.len()).collect();
    for (i, a) in first.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in second.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[second.len()]
}

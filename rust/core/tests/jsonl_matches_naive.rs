//! `parse_jsonl` against its twin, on lines that are good, nearly good and anything at all.

use std::num::NonZeroUsize;

use diptych_core::jsonl::{OnBadLine, Options, Parsed, Record, Value, parse_jsonl};
use proptest::prelude::*;

#[path = "naive/jsonl.rs"]
mod naive;
use naive::Outcome;

const SKIP: Options = Options {
    on_bad_line: OnBadLine::Skip,
    max_line_bytes: usize::MAX,
    threads: NonZeroUsize::MIN,
    piece_bytes: NonZeroUsize::MIN,
};

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
        any::<i64>().prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| n.to_string()),
        Just("-0".to_owned()),
        Just("-0.0".to_owned()),
        Just("NaN".to_owned()),
    ]
}

fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-c]{0,3}",
        "\\\\[\"\\\\/bfnrtu]",
        "\\\\u[0-9a-fA-F]{4}",
        "\\\\u[dD][89abAB][0-9a-f]{2}\\\\u[dD][c-fC-F][0-9a-f]{2}",
        "\\PC",
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        number(),
        string(),
        prop::sample::select(vec!["null", "true", "false"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(" ,"))),
            object(inner),
        ]
    })
}

fn object(inner: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let pair = ("\"[a-f]{1,2}\"|\"\\$serde_json::private::Number\"", inner);
    prop::collection::vec(
        pair.prop_map(|(key, value)| format!("{key} : {value}")),
        0..5,
    )
    .prop_map(|pairs| format!("{{{}}}", pairs.join(", ")))
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![6 => object(value()), 1 => value(), 1 => "[ \t\r]{0,3}".prop_map(|s| s)];
    let ended =
        (line, prop::sample::select(vec!["\n", "\r\n", " \n"])).prop_map(|(line, end)| line + end);
    (
        any::<bool>(),
        prop::collection::vec(ended, 0..6),
        any::<bool>(),
    )
        .prop_map(|(mark, lines, torn)| {
            let mut bytes = if mark {
                b"\xef\xbb\xbf".to_vec()
            } else {
                Vec::new()
            };
            bytes.extend(lines.concat().bytes());
            bytes.truncate(bytes.len().saturating_sub(usize::from(torn)));
            bytes
        })
}

/// A few bytes of the file replaced, inserted or removed.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        any::<u8>(),
        prop::sample::select(b"{}[]\",:\\\n\r \t-.eu0".to_vec())
    ];
    let edit = (any::<prop::sample::Index>(), byte, 0..3);
    (file(), prop::collection::vec(edit, 0..4)).prop_map(|(mut bytes, edits)| {
        for (at, byte, kind) in edits {
            let at = at.index(bytes.len() + 1);
            match kind {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

fn outcomes(parsed: Parsed<Record<'_>>) -> Vec<Outcome<'_>> {
    let mut outcomes: Vec<_> = (0..parsed.n_lines).map(|_| Outcome::Blank).collect();
    for bad in &parsed.rejects {
        outcomes[bad.line - 1] = Outcome::Bad;
    }
    for (line, record) in parsed.lines.into_iter().zip(parsed.records) {
        outcomes[line - 1] = Outcome::Good(record);
    }
    outcomes
}

fn encoded_otherwise(bytes: &[u8]) -> bool {
    [&b"\xff\xfe"[..], b"\xfe\xff", b"\0\0\xfe\xff"]
        .iter()
        .any(|mark| bytes.starts_with(mark))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_same_lines_are_accepted_with_the_same_values(bytes in mutated()) {
        prop_assume!(!encoded_otherwise(&bytes));
        let parsed = parse_jsonl(&bytes, SKIP).unwrap();
        prop_assert_eq!(parsed.records.len() + parsed.rejects.len() + parsed.n_blank, parsed.n_lines);
        prop_assert_eq!(outcomes(parsed), naive::lines(&bytes));
    }

    #[test]
    fn threads_and_pieces_change_nothing(bytes in mutated(), threads in 1_usize..9, piece in 1_usize..60) {
        for on_bad_line in [OnBadLine::Error, OnBadLine::Skip] {
            let whole = Options { on_bad_line, ..Options::default() };
            let cut = Options {
                threads: NonZeroUsize::new(threads).unwrap(),
                piece_bytes: NonZeroUsize::new(piece).unwrap(),
                ..whole
            };
            prop_assert_eq!(parse_jsonl(&bytes, cut), parse_jsonl(&bytes, whole));
        }
    }

    #[test]
    fn every_reason_is_short_printable_and_points_into_its_line(bytes in mutated()) {
        prop_assume!(!encoded_otherwise(&bytes));
        let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        for bad in parse_jsonl(&bytes, SKIP).unwrap().rejects {
            prop_assert!(bad.reason.chars().count() <= 200, "{}", bad.reason);
            prop_assert!(!bad.reason.chars().any(char::is_control), "{:?}", bad.reason);
            prop_assert!((1..=lines[bad.line - 1].len()).contains(&bad.column), "{bad:?}");
        }
    }

    #[test]
    fn any_bytes_whatever_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = parse_jsonl(&bytes, SKIP);
    }

    #[test]
    fn floats_survive_bit_for_bit(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
        let line = format!("{{\"x\": {number:e}}}");
        let parsed = parse_jsonl(line.as_bytes(), SKIP).unwrap();
        let Value::Float(read) = parsed.records[0][0].1 else { panic!("{line}") };
        prop_assert_eq!(read.to_bits(), number.to_bits());
    }
}

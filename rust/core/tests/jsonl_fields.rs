//! `parse_fields` and `Reader` against `parse_jsonl`, which is itself held against its twin: same values, same refusals.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic as they do")]

use std::io::Write;
use std::num::NonZeroUsize;

use diptych_core::jsonl::{
    BadLine, Item, OnBadLine, Options, Parsed, ReadError, Reader, Record, TextColumn, Value,
    parse_jsonl,
};
use proptest::prelude::*;

mod fields;
use fields::parse_fields;

fn options(threads: usize, piece_bytes: usize) -> Options {
    Options {
        on_bad_line: OnBadLine::Skip,
        threads: NonZeroUsize::new(threads).unwrap(),
        piece_bytes: NonZeroUsize::new(piece_bytes).unwrap(),
        ..Options::default()
    }
}

/// The fields by way of whole objects: every object that lacks a key becomes a reject.
fn expected<'a>(data: &'a [u8], keys: &[&str]) -> (Vec<Value<'a>>, Vec<usize>, Vec<usize>) {
    let whole = parse_jsonl(data, options(1, 1 << 20)).unwrap();
    let mut bad: Vec<usize> = whole.rejects.iter().map(|bad| bad.line).collect();
    let (mut values, mut lines) = (Vec::new(), Vec::new());
    for (record, line) in whole.records.into_iter().zip(whole.lines) {
        let found: Option<Vec<_>> = keys.iter().map(|key| field(&record, key)).collect();
        match found {
            Some(found) => {
                values.extend(found);
                lines.push(line);
            }
            None => bad.push(line),
        }
    }
    bad.sort_unstable();
    (values, lines, bad)
}

fn field<'a>(record: &Record<'a>, key: &str) -> Option<Value<'a>> {
    let (_, value) = record.iter().find(|(name, _)| name == key)?;
    Some(value.clone())
}

/// Floats bit for bit: -0.0 is not 0.0.
fn bits(values: &[Value<'_>]) -> String {
    format!("{values:?}")
}

fn check(data: &[u8], keys: &[&str]) {
    let (values, lines, bad) = expected(data, keys);
    let whole = parse_jsonl(data, options(1, 1 << 20)).unwrap();
    for (threads, piece_bytes) in [(1, 1 << 20), (3, 1), (2, 40)] {
        let found = parse_fields(data, keys, options(threads, piece_bytes)).unwrap();
        let numbers: Vec<usize> = found.rejects.iter().map(|bad| bad.line).collect();
        assert_eq!(
            bits(&found.records),
            bits(&values),
            "{}",
            String::from_utf8_lossy(data)
        );
        assert_eq!(found.lines, lines);
        assert_eq!(numbers, bad);
        assert_eq!(
            (found.n_lines, found.n_blank, found.byte_order_mark),
            (whole.n_lines, whole.n_blank, whole.byte_order_mark)
        );
        let same = |refused: &BadLine| whole.rejects.contains(refused);
        let worded = |refused: &BadLine| same(refused) || refused.reason.starts_with("no field '");
        assert!(found.rejects.iter().all(worded), "{:?}", found.rejects);
    }
}

/// Pieces of JSON and of what is almost JSON.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", " ", "\"a\"", "\"b\"", "\"a\":", "\"b\":", "\"c\":", "\"\"", "{}", "[]", "{\"a\":",
            "true", "false", "null", "tru", "NaN", "-Infinity", "0", "-0", "-0.0", "01", "1.", ".5", "1e5", "1E+99", "1e999",
            "1e-999", "123456789012345678", "1234567890123456789", "18446744073709551616", "-9223372036854775808", "0.1", "\"",
            "\\", "\\n", "\"\\n\"", "\"\\u0041\"", "\"\\ud83d\\ude00\"", "\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83d\\u0041\"",
            "\"\\x\"", "\"\\u12\"", "\"\\u004g\"", "\t", "\r", "\u{1}", "\u{7f}", "\u{feff}", "\"\u{e9}\u{1f600}\"", "\"\\u0061\":",
        ]).prop_map(str::to_owned),
        1 => ".{0,3}",
    ]
}

fn json(depth: u32) -> BoxedStrategy<String> {
    let text = prop_oneof![
        "[ a-z\u{e9}\u{1f600}]{0,40}",
        r#"([a-z]|\\n|\\"|\\\\|\\/|\\u00e9|\\ud83d\\ude00|\\t){0,20}"#,
    ]
    .prop_map(|text| format!("\"{text}\""));
    let number = r"-?(0|[1-9][0-9]{0,21})(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?";
    let leaf = prop_oneof![text, number, Just("true".into()), Just("null".into())].boxed();
    if depth == 0 {
        return leaf;
    }
    let inner = json(depth - 1);
    prop_oneof![
        3 => leaf,
        1 => prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
        2 => object(inner),
    ]
    .boxed()
}

fn object(value: BoxedStrategy<String>) -> BoxedStrategy<String> {
    prop::collection::vec(("[abcd]{1,2}|\\\\u0061", value), 0..6)
        .prop_map(|fields| {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("\"{key}\" :{value}"))
                .collect();
            format!("{{{}}}", fields.join(","))
        })
        .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn objects_give_the_same_fields(lines in prop::collection::vec(object(json(2)), 0..5)) {
        check(lines.join("\n").as_bytes(), &["a"]);
        check(lines.join("\r\n").as_bytes(), &["b", "a"]);
    }

    #[test]
    fn a_changed_byte_is_seen_alike(line in object(json(2)), at in 0_usize..400, byte in any::<u8>()) {
        let mut bytes = line.into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        check(&bytes, &["a"]);
        bytes.truncate(at);
        check(&bytes, &["a"]);
    }

    #[test]
    fn what_is_almost_json_is_taken_alike(pieces in prop::collection::vec(piece(), 0..9)) {
        check(format!("{{\"a\":{}}}", pieces.concat()).as_bytes(), &["a"]);
        check(format!("{{\"b\":{},\"a\":1}}", pieces.concat()).as_bytes(), &["a"]);
        check(pieces.concat().as_bytes(), &["a"]);
    }
}

#[test]
fn depth_width_and_long_numbers_are_taken_alike() {
    for n in [1, 62, 63, 64, 65, 126, 127, 128, 129] {
        check(
            format!("{{\"b\":{}{},\"a\":1}}", "[".repeat(n), "]".repeat(n)).as_bytes(),
            &["a"],
        );
        check(
            format!("{{\"a\":{}1{}}}", "{\"x\":".repeat(n), "}".repeat(n)).as_bytes(),
            &["a"],
        );
        let keys: Vec<String> = (0..n).map(|i| format!("\"k{i}\":{i}")).collect();
        check(
            format!("{{{},\"a\":2}}", keys.join(",")).as_bytes(),
            &["a", "k0"],
        );
        check(
            format!("{{{},\"k0\":2,\"a\":1}}", keys.join(",")).as_bytes(),
            &["a"],
        );
    }
    for n in [17, 18, 19, 20, 199, 200, 201, 308, 309, 310, 4300, 4301] {
        let digits = "9".repeat(n);
        for number in [
            digits.clone(),
            format!("-{digits}"),
            format!("{digits}e99"),
            format!("{digits}.5"),
        ] {
            check(format!("{{\"a\":{number}}}").as_bytes(), &["a"]);
            check(format!("{{\"b\":{number},\"a\":0}}").as_bytes(), &["a"]);
        }
    }
    check(
        b"\xef\xbb\xbf{\"a\": 1}\n{\"a\": 2}\n\n{\"a\": \"\xff\"}\n{\"b\": \"\xff\", \"a\": 1}",
        &["a"],
    );
}

#[test]
fn a_line_that_lacks_a_key_says_what_it_has() {
    let found = parse_fields(b"{\"a\": 1, \"c\": 2}", &["b"], options(1, 1)).unwrap();
    let refused = BadLine {
        line: 1,
        column: 0,
        reason: "no field 'b'; found 'a', 'c'; add it, or ask for another".into(),
        truncated: false,
        text: Some(b"{\"a\": 1, \"c\": 2}".into()),
    };
    assert_eq!(found.rejects, [refused]);
}

#[test]
fn a_misspelt_field_is_named() {
    for (wanted, there, meant) in [
        ("response", "reponse", true),
        ("prompt", "Prompt", true),
        ("prompt", "pormpt", true),
        ("label", "labels", true),
        ("a", "b", false),
        ("prompt", "response", false),
        ("id", "idx", true),
        ("text", "", false),
    ] {
        let line = format!("{{\"other\": 1, \"{there}\": 2}}");
        let found = parse_fields(line.as_bytes(), &[wanted], options(1, 1)).unwrap();
        let reason = &found.rejects[0].reason;
        let named = reason.ends_with(&format!("; did you mean '{there}'?"));
        assert_eq!(named, meant, "{reason}");
    }
    let none = parse_fields(b"{}", &["a"], options(1, 1)).unwrap();
    let reason = "no field 'a'; found no fields; add it, or ask for another";
    assert_eq!(none.rejects[0].reason, reason);
}

#[test]
fn a_refused_line_is_kept_unless_it_is_too_long() {
    let data = b"\xef\xbb\xbf{\"a\": x\xff}\r\n{\"b\": 1}\n{\"a\": \"long enough\"}\n{\"a\"";
    for piece_bytes in [1, 1 << 20] {
        let short = Options {
            max_line_bytes: 15,
            ..options(2, piece_bytes)
        };
        let texts: [Option<&[u8]>; 4] = [
            Some(b"\xef\xbb\xbf{\"a\": x\xff}"),
            Some(b"{\"b\": 1}"),
            None,
            Some(b"{\"a\""),
        ];
        let found = parse_fields(data, &["a"], short).unwrap();
        let kept: Vec<_> = found
            .rejects
            .iter()
            .map(|bad| bad.text.as_deref())
            .collect();
        assert_eq!(kept, texts);
        assert!(found.byte_order_mark);
        let whole = parse_jsonl(data, short).unwrap();
        let kept: Vec<_> = whole
            .rejects
            .iter()
            .map(|bad| bad.text.as_deref())
            .collect();
        assert_eq!(kept, [texts[0], texts[2], texts[3]]);
        assert!(whole.byte_order_mark);
    }
    let plain = parse_jsonl(b"{}\n\xef\xbb\xbf{}\n", options(1, 1)).unwrap();
    assert!(!plain.byte_order_mark);
}

fn file(data: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(data).unwrap();
    file
}

fn read_all(path: &std::path::Path, threads: usize) -> (Vec<String>, Vec<usize>, Vec<BadLine>) {
    let mut reader =
        Reader::open(path, vec!["a".into()], options(threads, 1 << 20), false).unwrap();
    let (mut values, mut lines, mut rejects) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(window) = reader.next_window().unwrap() {
        values.extend(window.items().map(|item| match item {
            Item::Text(text) => format!("{:?}", str::from_utf8(text).unwrap()),
            Item::Value(value) => format!("{value:?}"),
        }));
        lines.append(&mut window.lines);
        rejects.append(&mut window.rejects);
    }
    (values, lines, rejects)
}

#[test]
fn windows_join_to_the_whole_file_whatever_the_threads() {
    let mut data = Vec::new();
    for i in 0..60_000 {
        match i % 1000 {
            7 => writeln!(data, "{{\"a\": broken {i}"),
            8 => writeln!(data),
            _ => writeln!(data, "{{\"b\": \"{}\", \"a\": {i}}}", "x".repeat(i % 300)),
        }
        .unwrap();
    }
    // A line that is longer than a window, and a torn one.
    writeln!(data, "{{\"a\": \"{}\"}}", "y".repeat(9 << 20)).unwrap();
    write!(data, "{{\"a\": 5").unwrap();
    let whole = parse_fields(&data, &["a"], options(1, 1 << 20)).unwrap();
    let Parsed {
        records,
        lines,
        rejects,
        ..
    } = whole;
    let values: Vec<String> = records
        .iter()
        .map(|value| match value {
            Value::String(text) => format!("{text:?}"),
            value => format!("{value:?}"),
        })
        .collect();
    let file = file(&data);
    for threads in [1, 2, 5] {
        assert_eq!(
            read_all(file.path(), threads),
            (values.clone(), lines.clone(), rejects.clone())
        );
    }
    let packed = self::file(&zstd::encode_all(data.as_slice(), 1).unwrap());
    assert_eq!(read_all(packed.path(), 2), (values, lines, rejects));
}

#[test]
fn the_first_bad_line_stops_with_its_number_in_the_file() {
    let data = [b"{\"a\": 1}\n".repeat(1_200_000), b"nonsense\n".to_vec()].concat();
    let stop = Options {
        on_bad_line: OnBadLine::Error,
        ..options(2, 1 << 20)
    };
    let mut reader = Reader::open(file(&data).path(), vec!["a".into()], stop, false).unwrap();
    let error = loop {
        match reader.next_window() {
            Ok(window) => assert!(window.is_some()),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ReadError::Jsonl(_)));
    assert!(
        error.to_string().starts_with("line 1200001, column 2: "),
        "{error}"
    );
}

#[test]
fn text_columns_hold_the_texts_and_refuse_all_else() {
    let file = file(
        "{\"a\": \"x\"}\n{\"b\": {\"a\": \"\\\"a\\\":\"}, \"\\u0061\" : [5]}\n{\"a\": \"\"}\n{\"a\": \"\u{e9}\\n\"}\n"
            .as_bytes(),
    );
    let mut reader =
        Reader::open(file.path(), vec!["a".into()], options(1, 1 << 20), true).unwrap();
    let window = reader.next_window().unwrap().unwrap();
    assert_eq!(window.lines, [1, 3, 4]);
    assert_eq!((window.rejects[0].line, window.rejects[0].column), (2, 35));
    assert_eq!(
        window.rejects[0].reason,
        "field 'a': expected a string, found an array; write it as a string or leave the line out"
    );
    let column = TextColumn {
        offsets: vec![0, 1, 1, 4],
        bytes: "x\u{e9}\n".into(),
    };
    assert_eq!(window.columns, [column]);
}

#[test]
fn a_value_of_the_wrong_type_is_found_at_its_byte() {
    for value in ["5", "null", "{\"a\": 1}", "[\"a\"]", "-1.5e3"] {
        for before in [
            "",
            "\"x\": \"\\\\\", ",
            "\"x\": {\"a\": [\"a\", {}]}, ",
            "\"\u{e9}\":1 ,",
        ] {
            for mark in ["", "\u{feff}"] {
                let start = format!("{mark} {{{before}\"a\" :  ");
                let data = format!("{start}{value}}}\n");
                let source = Box::new(std::io::Cursor::new(data.into_bytes()));
                let mut reader = Reader::new(source, vec!["a".into()], options(1, 1 << 20), true);
                let window = reader.next_window().unwrap().unwrap();
                assert_eq!(window.rejects[0].column, start.len() + 1, "{start}{value}");
            }
        }
    }
}

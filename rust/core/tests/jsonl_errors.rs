//! The position and the full text of every refusal.

use std::num::NonZeroUsize;

use diptych_core::jsonl::{JsonlError, OnBadLine, Options, Value, parse_jsonl};

fn first_error(data: &[u8]) -> (usize, usize, String) {
    match parse_jsonl(data, Options::default()) {
        Err(JsonlError::BadLine(bad)) => (bad.line, bad.column, bad.reason),
        other => panic!("{other:?}"),
    }
}

/// File, line, byte column, reason.
const REFUSED: &[(&[u8], usize, usize, &str)] = &[
    (
        b"{\"a\": tru",
        1,
        9,
        "the file seems cut off: its last line ends inside a value; copy the file again or delete that line. Near: {\"a\": tru",
    ),
    (
        b"{\"a\": \"\xc3",
        1,
        8,
        "the file seems cut off: its last line ends inside a value; copy the file again or delete that line. Near: {\"a\": \"\\xc3",
    ),
    (
        b"{}\r\n{\"a\":\r\n",
        2,
        5,
        "the line ends inside a value; write each object on one line. Near: {\"a\":",
    ),
    (
        b"\n [1]\n",
        2,
        2,
        "expected an object, found an array; each line must be one object. Near:  [1]",
    ),
    (
        b"null\n",
        1,
        1,
        "expected an object, found null; each line must be one object. Near: null",
    ),
    (
        b"true\n",
        1,
        1,
        "expected an object, found a boolean; each line must be one object. Near: true",
    ),
    (
        b"1.5\n",
        1,
        1,
        "expected an object, found a number; each line must be one object. Near: 1.5",
    ),
    (
        b"\"a\"\n",
        1,
        1,
        "expected an object, found a string; each line must be one object. Near: \"a\"",
    ),
    (
        b"{\"k\":1, \"k\":2}\n",
        1,
        9,
        "the key \"k\" appears twice in one object; keep one of them. Near: {\"k\":1, \"k\":2}",
    ),
    (
        b"{\"x\":[{\"\\\"k\":1,\"\\u0022k\" }]}\n",
        1,
        16,
        "the key \"\"k\" appears twice in one object; keep one of them. Near: \":[{\"\\\\\"k\":1,\"\\\\u0022k\" }]}",
    ),
    (
        b"\xef\xbb\xbf{\"a\":NaN}\n",
        1,
        9,
        "NaN is not JSON; remove the field or use null. Near: {\"a\":NaN}",
    ),
    (
        b"{\"a\":-Infinity}\n",
        1,
        6,
        "-Infinity is not JSON; remove the field or use null. Near: {\"a\":-Infinity}",
    ),
    (
        b"{\"a\":[1,Infinity]}\n",
        1,
        9,
        "Infinity is not JSON; remove the field or use null. Near: {\"a\":[1,Infinity]}",
    ),
    (
        b"{\"a\":nan}\n",
        1,
        6,
        "NaN is not JSON; remove the field or use null. Near: {\"a\":nan}",
    ),
    (
        b"{\"a\":-1e400 }\n",
        1,
        6,
        "the number is too large for a float; write it as a string or use null. Near: {\"a\":-1e400 }",
    ),
    (
        b"{\"a\":1} {\"b\":2}\n",
        1,
        9,
        "more text after the value; put each object on a line of its own. Near: {\"a\":1} {\"b\":2}",
    ),
    (
        b"{\"a\":\"x\\udc00\"}\n",
        1,
        8,
        "a \\u escape is half of a surrogate pair; write both halves or the character itself. Near: {\"a\":\"x\\\\udc00\"}",
    ),
    (
        b"{\"a\":\"\\uD83D\\u0041\"}\n",
        1,
        7,
        "a \\u escape is half of a surrogate pair; write both halves or the character itself. Near: {\"a\":\"\\\\uD83D\\\\u0041\"}",
    ),
    (
        b"{\"a\":\"\\\\ud83d\\udc00\"}\n",
        1,
        14,
        "a \\u escape is half of a surrogate pair; write both halves or the character itself. Near: \"a\":\"\\\\\\\\ud83d\\\\udc00\"}",
    ),
    (
        b"{\"a\":\"\x1b[2J\"}\n",
        1,
        7,
        "control character U+001B inside a string; write it as \\u001b. Near: {\"a\":\"\\u{1b}[2J\"}",
    ),
    (
        b"{}\n\xef\xbb\xbf{}\n",
        2,
        1,
        "a byte order mark inside the file; if files were joined, remove it. Near: \\u{feff}{}",
    ),
    (
        b"{\"a\":\"\xe9t\xe9\"}\n",
        1,
        7,
        "byte 0xE9 is not UTF-8; save the file as UTF-8. Near: {\"a\":\"\\xe9t\\xe9\"}",
    ),
    (
        b"{\"a\":1,}\n",
        1,
        8,
        "not valid JSON: trailing comma; mend the line or delete it. Near: {\"a\":1,}",
    ),
    (
        b"{'a':1}\n",
        1,
        2,
        "not valid JSON: key must be a string; mend the line or delete it. Near: {'a':1}",
    ),
    (
        b"{\"a\":01}\n",
        1,
        7,
        "not valid JSON: invalid number; mend the line or delete it. Near: {\"a\":01}",
    ),
    (
        b"{\"a\":\"\\x\"}\n",
        1,
        8,
        "not valid JSON: invalid escape; mend the line or delete it. Near: {\"a\":\"\\\\x\"}",
    ),
    (
        b"\x0c{}\n",
        1,
        1,
        "not valid JSON: expected value; mend the line or delete it. Near: \\u{c}{}",
    ),
];

#[test]
fn errors_say_what_is_wrong_where_and_what_to_do() {
    for &(data, line, column, reason) in REFUSED {
        assert_eq!(
            first_error(data),
            (line, column, reason.to_owned()),
            "{}",
            data.escape_ascii()
        );
    }
}

#[test]
fn an_error_names_its_position() {
    let error = parse_jsonl(b"{}\n7\n", Options::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 2, column 1: expected an object, found a number; each line must be one object. Near: 7"
    );
}

#[test]
fn other_encodings_are_refused_by_name() {
    for (mark, name) in [
        (&b"\xff\xfe{\0"[..], "UTF-16"),
        (b"\xfe\xff\0{", "UTF-16"),
        (b"\xff\xfe\0\0{", "UTF-32"),
        (b"\0\0\xfe\xff", "UTF-32"),
    ] {
        let error = parse_jsonl(
            mark,
            Options {
                on_bad_line: OnBadLine::Skip,
                ..Options::default()
            },
        )
        .unwrap_err();
        let text = format!(
            "the file is {name}, expected UTF-8; convert it, for example with: iconv -f {name} -t UTF-8"
        );
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn nesting_is_allowed_to_level_128_and_refused_at_the_bracket_beyond() {
    for (open, close) in [("[", "]"), ("{\"k\":", "}"), ("{\"[\\\"\":[", "]}")] {
        let levels = open.matches(['{']).count() + usize::from(open.ends_with('['));
        let nested = |n: usize| format!("{{\"a\":{}1{}}}\n", open.repeat(n), close.repeat(n));
        let most = 127 / levels;
        assert!(
            parse_jsonl(nested(most).as_bytes(), Options::default()).is_ok(),
            "{open}"
        );
        let (_, column, reason) = first_error(nested(128).as_bytes());
        assert!(reason.starts_with(
            "nested deeper than 128 levels; flatten the value or write it as a string. Near: "
        ));
        // Level 129 opens after 127 inner brackets.
        let expected = 6
            + most * open.len()
            + if levels == 2 && 127 % 2 == 1 {
                open.len() - 1
            } else {
                0
            };
        assert_eq!(column, expected, "{open}");
    }
    let empty = format!("{{\"a\":{}{{ }}{}}}\n", "[".repeat(127), "]".repeat(127));
    assert_eq!(first_error(empty.as_bytes()).1, 133);
}

#[test]
fn a_line_longer_than_the_limit_is_refused_and_one_of_that_length_is_not() {
    let options = Options {
        max_line_bytes: 8,
        ..Options::default()
    };
    assert_eq!(
        parse_jsonl(b"{\"a\": 1}\r\n{\"a\": 2}", options)
            .unwrap()
            .records
            .len(),
        2
    );
    let Err(JsonlError::BadLine(bad)) = parse_jsonl(b"{\"a\": 1}\n{\"a\": 11}\n", options) else {
        panic!()
    };
    assert_eq!((bad.line, bad.column), (2, 0));
    assert_eq!(
        bad.reason,
        "the line has 9 bytes, max_line_bytes is 8; raise the limit if so long a line is meant"
    );
}

#[test]
fn integers_are_exact_up_to_the_digits_that_python_reads() {
    let line = |digits: usize| format!("{{\"n\": -{}}}\n", "9".repeat(digits));
    let longest = line(4300);
    let parsed = parse_jsonl(longest.as_bytes(), Options::default()).unwrap();
    assert_eq!(
        parsed.records[0][0].1,
        Value::BigInt(longest[6..longest.len() - 2].to_owned())
    );
    let (_, column, reason) = first_error(line(4301).as_bytes());
    assert_eq!(column, 7);
    assert!(reason.starts_with(
        "the integer has 4301 digits, Python reads at most 4300; write it as a string. Near: "
    ));
}

#[test]
fn a_duplicate_among_many_keys_is_found() {
    for n in [1, 15, 16, 17, 40] {
        let keys: Vec<String> = (0..n).map(|i| format!("\"k{i}\":{i}")).collect();
        let good = format!("{{{}}}\n", keys.join(","));
        assert_eq!(
            parse_jsonl(good.as_bytes(), Options::default())
                .unwrap()
                .records[0]
                .len(),
            n
        );
        for repeated in [0, n - 1] {
            let bad = format!("{{{},\"k{repeated}\":0}}\n", keys.join(","));
            let (_, column, reason) = first_error(bad.as_bytes());
            assert_eq!(column, good.len(), "{n} keys");
            assert!(reason.contains(&format!("the key \"k{repeated}\" appears twice")));
        }
    }
}

#[test]
fn the_first_bad_line_wins_for_every_thread_count() {
    let mut data = "{\"k\": \"v\"}\n".repeat(3000);
    data.push_str("?\n");
    data.push_str(&"[]\n".repeat(3000));
    for threads in [1, 2, 4, 8] {
        for piece_bytes in [1, 100, 10_000] {
            let options = Options {
                threads: NonZeroUsize::new(threads).unwrap(),
                piece_bytes: NonZeroUsize::new(piece_bytes).unwrap(),
                ..Options::default()
            };
            let Err(JsonlError::BadLine(bad)) = parse_jsonl(data.as_bytes(), options) else {
                panic!()
            };
            assert_eq!((bad.line, bad.column), (3001, 1));
        }
    }
}

#[test]
fn an_empty_file_has_no_lines() {
    for data in [&b""[..], b"\xef\xbb\xbf"] {
        let parsed = parse_jsonl(data, Options::default()).unwrap();
        assert!(parsed.records.is_empty());
        assert_eq!(parsed.n_blank, parsed.n_lines);
    }
}

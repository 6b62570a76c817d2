//! The parser of JSON lines, the reader of fields, and compressed files.

use std::io::Write;
use std::num::NonZeroUsize;

use diptych_core::files::decompress;
use diptych_core::jsonl::{OnBadLine, Options, parse_jsonl};

use crate::fields::parse_fields;

pub const CORPUS: &[&[u8]] = &[
    b"{\"prompt\": \"a\", \"n\": [1, -2.5e3, true, null]}\n{\"prompt\": \"\\u00e9\\ud83d\\ude00\"}\n",
    b"\xef\xbb\xbf{\"prompt\":{}}\r\n\r\n  \n{\"prompt\": 1",
    b"{\"prompt\": 1e400}\n{\"prompt\": 123456789012345678901234567890}\n{\"a\": 1, \"a\": 2}\n",
    b"\xff\xfe{\0}\0",
    b"{\"prompt\": \"\\\\\\\"\xe2\x80\xa8\"}\n[{\"prompt\": NaN}]\n{\"prompt\": tru}\n",
];

/// One, two or three threads and pieces of a few bytes, by the length of the case.
fn options(data: &[u8], threads: usize) -> Options {
    Options {
        on_bad_line: OnBadLine::Skip,
        max_line_bytes: if data.len().is_multiple_of(7) {
            40
        } else {
            1 << 20
        },
        threads: NonZeroUsize::new(threads).unwrap(),
        piece_bytes: NonZeroUsize::new(1 + data.len() % 50).unwrap(),
    }
}

pub fn lines(data: &[u8]) {
    let parsed = parse_jsonl(data, options(data, 1));
    assert_eq!(parsed, parse_jsonl(data, options(data, 3)));
    let Ok(parsed) = parsed else { return };
    let (good, bad) = (parsed.records.len(), parsed.rejects.len());
    assert_eq!(good + bad + parsed.n_blank, parsed.n_lines);
    assert_eq!(good, parsed.lines.len());
    let physical: Vec<&[u8]> = data.split(|&byte| byte == b'\n').collect();
    for (&line, record) in parsed.lines.iter().zip(&parsed.records) {
        let text = physical[line - 1];
        let text = if line == 1 {
            text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
        } else {
            text
        };
        let again: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(text)
            .unwrap_or_else(|error| panic!("line {line} was accepted, serde_json says: {error}"));
        assert_eq!(again.len(), record.len());
    }
    let strict = Options {
        on_bad_line: OnBadLine::Error,
        ..options(data, 2)
    };
    assert_eq!(parse_jsonl(data, strict).is_ok(), bad == 0);
}

pub fn fields(data: &[u8]) {
    let parsed = parse_fields(data, &["prompt", "n"], options(data, 1));
    assert_eq!(
        parsed,
        parse_fields(data, &["prompt", "n"], options(data, 3))
    );
    if let Ok(parsed) = parsed {
        assert_eq!(parsed.records.len(), 2 * parsed.lines.len());
        assert_eq!(
            parsed.lines.len() + parsed.rejects.len() + parsed.n_blank,
            parsed.n_lines
        );
    }
}

pub fn compressed_corpus() -> Vec<Vec<u8>> {
    let text = CORPUS.concat();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&text).unwrap();
    let gz = encoder.finish().unwrap();
    let zst = zstd::bulk::compress(&text, 1).unwrap();
    vec![
        [gz.clone(), gz.clone()].concat(),
        [zst.clone(), zst.clone()].concat(),
        gz,
        zst,
        text,
    ]
}

pub fn compressed(data: &[u8]) {
    // What decompresses is one of the texts, or was never compressed.
    if let Ok(plain) = decompress(data.to_vec(), 1 << 20) {
        assert!(plain.len() <= (1 << 20) + 200 * data.len());
        let _ = parse_jsonl(&plain, options(&plain, 2));
    }
}

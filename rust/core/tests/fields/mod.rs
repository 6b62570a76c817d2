//! All that `Reader` gives of a text in memory, as values of their own.

use std::io::Cursor;

use diptych_core::jsonl::{BadLine, Item, JsonlError, Options, Parsed, ReadError, Reader, Value};

/// The fields `keys` of each object, object by object.
pub fn parse_fields(
    data: &[u8],
    keys: &[&str],
    options: Options,
) -> Result<Parsed<Value<'static>>, JsonlError> {
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    let source = Box::new(Cursor::new(data.to_vec()));
    let mut reader = Reader::new(source, keys, options, false);
    let mut parsed = Parsed::default();
    loop {
        let window = match reader.next_window() {
            Ok(Some(window)) => window,
            Ok(None) => return Ok(parsed),
            Err(ReadError::Jsonl(error)) => return Err(error),
            Err(ReadError::File(error)) => {
                return Err(JsonlError::BadLine(BadLine {
                    line: 0,
                    column: 0,
                    reason: error.to_string(),
                    truncated: false,
                    text: None,
                }));
            }
        };
        parsed.records.extend(window.items().map(|item| match item {
            Item::Text(text) => Value::String(String::from_utf8_lossy(text).into_owned().into()),
            Item::Value(value) => value.clone(),
        }));
        parsed.lines.append(&mut window.lines);
        parsed.rejects.append(&mut window.rejects);
        parsed.n_blank += window.n_blank;
        parsed.n_lines += window.n_lines;
        parsed.byte_order_mark |= window.byte_order_mark;
    }
}

//! Some whole lines of a file and the wanted fields in them: where each is, not a copy of it.
//!
//! A window owns its bytes, so that one thread can read and parse it while another uses the one before; its memory is used again.

use super::bytes::Bytes;
use super::refusal::Refusal;
use super::scan::Scanner;
use super::schema;
use super::value::Value;
use super::{BadLine, Line, OnBadLine, Options, Refused};
use crate::simd::marks::Marks;

/// A column of texts: text `i` is `bytes[offsets[i]..offsets[i + 1]]`, UTF-8.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct TextColumn {
    /// One more than texts; the first is 0.
    pub offsets: Vec<i64>,
    /// The texts, one after another.
    pub bytes: Vec<u8>,
}

/// A wanted field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Item<'a> {
    /// Text, UTF-8.
    Text(&'a [u8]),
    /// Anything else.
    Value(&'a Value<'static>),
}

/// Where a wanted field is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Slot {
    /// In the lines themselves.
    Text { start: usize, end: usize },
    /// In the copy that was made because of escapes.
    Unescaped { start: usize, end: usize },
    /// Among what is no text.
    Other(usize),
}

/// The wanted fields of some lines.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) slots: Vec<Slot>,
    pub(super) unescaped: Vec<u8>,
    pub(super) others: Vec<Value<'static>>,
}

impl Fields {
    fn lengths(&self) -> [usize; 3] {
        [self.slots.len(), self.unescaped.len(), self.others.len()]
    }

    fn truncate(&mut self, [slots, unescaped, others]: [usize; 3]) {
        self.slots.truncate(slots);
        self.unescaped.truncate(unescaped);
        self.others.truncate(others);
    }

    /// A value that was parsed with its whole object.
    fn push(&mut self, value: Value<'_>) {
        let slot = if let Value::String(text) = value {
            let start = self.unescaped.len();
            self.unescaped.extend_from_slice(text.as_bytes());
            let end = self.unescaped.len();
            Slot::Unescaped { start, end }
        } else {
            self.others.push(value.into_owned());
            Slot::Other(self.others.len() - 1)
        };
        self.slots.push(slot);
    }

    fn item<'a>(&'a self, buffer: &'a [u8], slot: Slot) -> Item<'a> {
        match slot {
            Slot::Text { start, end } => Item::Text(&buffer[start..end]),
            Slot::Unescaped { start, end } => Item::Text(&self.unescaped[start..end]),
            Slot::Other(index) => Item::Value(&self.others[index]),
        }
    }
}

/// A line of more bytes than are allowed, of which only the length is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct TooLong {
    pub(super) found: usize,
}

/// Lines of a file that were read together, and the wanted fields in them.
#[derive(Debug, Default)]
pub struct Window {
    /// Whole lines; or, at the end of the file, what is left.
    pub(super) buffer: Bytes,
    /// A line that stands in the place of the buffer.
    pub(super) too_long: Option<TooLong>,
    fields: Fields,
    marks: Marks,
    /// Each key's texts, where only text was wanted.
    pub columns: Vec<TextColumn>,
    /// Physical line of each object, from 1.
    pub lines: Vec<usize>,
    /// Skipped lines in file order.
    pub rejects: Vec<BadLine>,
    /// Lines of white space.
    pub n_blank: usize,
    /// Physical lines; a last one without line end counts.
    pub n_lines: usize,
    /// Whether a byte order mark at the start of the file was dropped.
    pub byte_order_mark: bool,
}

/// What is wanted of every line.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) keys: Vec<String>,
    pub(super) options: Options,
    /// Whether a wanted value that is no text makes a bad line, and columns are made.
    pub(super) text_only: bool,
}

impl Window {
    /// The fields of all objects, in the order of the keys, object by object; empty where only text was wanted.
    #[must_use]
    pub fn items(&self) -> impl ExactSizeIterator<Item = Item<'_>> {
        self.fields
            .slots
            .iter()
            .map(|slot| self.fields.item(&self.buffer, *slot))
    }

    /// Forget all but the memory.
    pub(super) fn clear(&mut self) {
        self.buffer.clear();
        self.too_long = None;
        self.fields.truncate([0; 3]);
        self.columns.clear();
        self.lines.clear();
        self.rejects.clear();
        (self.n_blank, self.n_lines, self.byte_order_mark) = (0, 0, false);
    }

    /// Parse what the buffer holds; lines are numbered from its start.
    pub(super) fn parse(&mut self, job: &Job, first_of_file: bool) {
        if let Some(TooLong { found }) = self.too_long {
            let max = job.options.max_line_bytes;
            self.n_lines = 1;
            self.rejects.push(BadLine {
                line: 1,
                column: 0,
                reason: Refusal::TooLong { found, max }.to_string(),
                truncated: false,
                text: None,
            });
        }
        self.parse_lines(job, first_of_file);
        if job.text_only {
            self.columns = (0..job.keys.len())
                .map(|column| self.text_column(column, job.keys.len()))
                .collect();
            self.fields.truncate([0; 3]);
        }
    }

    fn parse_lines(&mut self, job: &Job, first_of_file: bool) {
        let Self {
            buffer,
            fields,
            marks,
            lines,
            rejects,
            ..
        } = self;
        marks.read(buffer);
        let plain = !marks.controls && simdutf8::basic::from_utf8(buffer).is_ok();
        let mut scanner = Scanner::new(buffer, marks);
        let mut start = 0;
        while start < buffer.len() {
            let end = marks.newline(start).map_or(buffer.len(), |at| at + 1);
            let line = Line::new(&buffer[start..end], first_of_file && start == 0);
            let text = start + line.mark;
            start = end;
            self.n_lines += 1;
            self.byte_order_mark |= line.mark > 0;
            let outcome = match line.refused_for_length(job.options.max_line_bytes) {
                Some(refused) => Err(refused),
                None if line.is_blank() => {
                    self.n_blank += 1;
                    continue;
                }
                None => wanted(&line, text, plain, &mut scanner, job, fields),
            };
            match outcome {
                Ok(()) => lines.push(self.n_lines),
                Err(refused) => {
                    let text = line.kept(job.options.max_line_bytes);
                    rejects.push(refused.at_line(self.n_lines, text));
                    if job.options.on_bad_line == OnBadLine::Error {
                        return;
                    }
                }
            }
        }
    }

    fn text_column(&self, column: usize, n_columns: usize) -> TextColumn {
        let texts = || {
            let slots = self.fields.slots.iter().skip(column).step_by(n_columns);
            slots.map(|slot| match self.fields.item(&self.buffer, *slot) {
                Item::Text(text) => text,
                Item::Value(_) => &[],
            })
        };
        let mut bytes = Vec::with_capacity(texts().map(<[u8]>::len).sum());
        let mut offsets = Vec::with_capacity(self.lines.len() + 1);
        offsets.push(0);
        for text in texts() {
            bytes.extend_from_slice(text);
            offsets.push(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        }
        TextColumn { offsets, bytes }
    }
}

/// The wanted fields of one line, whose text starts at byte `text` of the window, to the end of `fields`. What the scanner is not
/// sure of goes the way of whole objects.
fn wanted(
    line: &Line<'_>,
    text: usize,
    plain: bool,
    scanner: &mut Scanner<'_>,
    job: &Job,
    fields: &mut Fields,
) -> Result<(), Refused> {
    let before = fields.lengths();
    let end = text + line.text().len();
    let plain = plain || is_plain(line.text());
    if !plain || scanner.fields(text..end, &job.keys, fields).is_none() {
        fields.truncate(before);
        let record = line.record()?;
        for key in &job.keys {
            let Some((_, value)) = record.iter().find(|(name, _)| name == key) else {
                fields.truncate(before);
                return Err(Refused::whole(schema::no_field(key, &record)));
            };
            fields.push(value.clone());
        }
    }
    if job.text_only {
        for (key, slot) in job.keys.iter().zip(&fields.slots[before[0]..]) {
            if let Slot::Other(index) = slot {
                let refused = Refused {
                    column: line.mark + schema::value_column(line.text(), key),
                    reason: schema::not_text(key, fields.others[*index].kind()),
                    truncated: false,
                };
                fields.truncate(before);
                return Err(refused);
            }
        }
    }
    Ok(())
}

/// Whether a line is UTF-8 without control characters.
fn is_plain(line: &[u8]) -> bool {
    line.iter().fold(u8::MAX, |least, byte| least.min(*byte)) >= b' '
        && simdutf8::basic::from_utf8(line).is_ok()
}

//! JSON lines, strictly: one RFC 8259 object a line, and the line and byte column of everything that is not one.
//!
//! Framing is on byte `0A` alone; a `0D` before it belongs to the line end. Lines of white space are skipped, one UTF-8 byte order
//! mark at the start of the file is dropped, UTF-16 and UTF-32 are refused by name. Refused beyond plain bad grammar, because
//! readers disagree about them: repeated keys, `NaN` and infinities, numbers that a float cannot hold, lone surrogates, a second
//! value on the line, anything but an object, more than 128 levels.
//!
//! Columns count the bytes of the physical line from 1, a byte order mark included. `records + rejects + n_blank = n_lines`.
//!
//! O(bytes) time. The file is cut at newlines into pieces that threads take in order; lines are numbered afterwards by a prefix
//! sum, and a fault in an earlier piece always wins, so the result is the same for every thread count.

mod bytes;
mod reader;
mod refusal;
mod scan;
mod schema;
mod value;
mod window;

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use thiserror::Error;

pub use reader::{ReadError, Reader};
use refusal::Refusal;
pub use value::{Record, Value};
pub use window::{Item, TextColumn, Window};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// What to do at a bad line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnBadLine {
    /// Stop and report the first.
    Error,
    /// Collect it and go on.
    Skip,
}

/// How to read.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// What to do at a bad line.
    pub on_bad_line: OnBadLine,
    /// A line with more bytes, its line end not counted, is a bad line.
    pub max_line_bytes: usize,
    /// Threads to parse with.
    pub threads: NonZeroUsize,
    /// Bytes a thread takes at a time, rounded up to a whole line.
    pub piece_bytes: NonZeroUsize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            on_bad_line: OnBadLine::Error,
            max_line_bytes: 64 << 20,
            threads: NonZeroUsize::MIN,
            piece_bytes: NonZeroUsize::MIN.saturating_add((1 << 20) - 1),
        }
    }
}

/// A line that is not one JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Physical line, from 1.
    pub line: usize,
    /// Byte column, from 1; 0 when the whole line is meant.
    pub column: usize,
    /// What is wrong, what to do, and some of the text; at most 200 characters, control characters escaped.
    pub reason: String,
    /// Whether the file ends inside the value: its writer was stopped, or a copy of it was.
    pub truncated: bool,
    /// The line itself, a byte order mark included and its line end not; `None` where it is too long to be kept.
    pub text: Option<Vec<u8>>,
}

/// Why a file cannot be read as JSON lines.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JsonlError {
    /// The first bad line, unless bad lines are skipped.
    #[error("line {}, column {}: {}", .0.line, .0.column, .0.reason)]
    BadLine(BadLine),
    /// The byte order mark of another encoding.
    #[error(
        "the file is {encoding}, expected UTF-8; convert it, for example with: iconv -f {encoding} -t UTF-8"
    )]
    Encoding {
        /// `UTF-16` or `UTF-32`.
        encoding: &'static str,
    },
}

/// What was read; an item is a whole object, or one of its fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed<T> {
    /// The objects in file order; where only some fields were asked for, those of each object in the order asked for.
    pub records: Vec<T>,
    /// Physical line of each record, from 1.
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

impl<T> Default for Parsed<T> {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            lines: Vec::new(),
            rejects: Vec::new(),
            n_blank: 0,
            n_lines: 0,
            byte_order_mark: false,
        }
    }
}

/// Parse JSON lines.
///
/// # Errors
///
/// [`JsonlError::Encoding`] for UTF-16 and UTF-32; [`JsonlError::BadLine`] at the first bad line unless those are skipped.
///
/// # Examples
///
/// ```
/// use diptych_core::jsonl::{Options, Value, parse_jsonl};
///
/// let parsed = parse_jsonl(b"{\"n\": 1}\n\n{\"n\": 2}\n", Options::default())?;
/// assert_eq!(parsed.lines, [1, 3]);
/// assert_eq!(parsed.records[1], [("n".into(), Value::Int(2))]);
/// # Ok::<(), diptych_core::jsonl::JsonlError>(())
/// ```
pub fn parse_jsonl(data: &[u8], options: Options) -> Result<Parsed<Record<'_>>, JsonlError> {
    parse_lines(data, true, options, |line, records| {
        records.push(line.record()?);
        Ok(())
    })
}

/// Why a line is refused, without its number.
struct Refused {
    column: usize,
    reason: String,
    truncated: bool,
}

impl Refused {
    /// For what the whole line lacks.
    fn whole(reason: String) -> Self {
        Self {
            column: 0,
            reason,
            truncated: false,
        }
    }

    fn at_line(self, line: usize, text: Option<&[u8]>) -> BadLine {
        BadLine {
            line,
            column: self.column,
            reason: self.reason,
            truncated: self.truncated,
            text: text.map(<[u8]>::to_vec),
        }
    }
}

/// Parse the lines of `data`, which is the start of a file or follows a line end.
fn parse_lines<'a, T: Send>(
    data: &'a [u8],
    first_of_file: bool,
    options: Options,
    parse: impl Fn(&Line<'a>, &mut Vec<T>) -> Result<(), Refused> + Sync,
) -> Result<Parsed<T>, JsonlError> {
    if let Some(encoding) = other_encoding(data).filter(|_| first_of_file) {
        return Err(JsonlError::Encoding { encoding });
    }
    let pieces = cut(data, options.piece_bytes.get());
    let mut parsed = Parsed::default();
    for piece in parse_pieces(&pieces, first_of_file, options, &parse) {
        append(&mut parsed, piece);
        if options.on_bad_line == OnBadLine::Error
            && let Some(first) = parsed.rejects.pop()
        {
            return Err(JsonlError::BadLine(first));
        }
    }
    Ok(parsed)
}

/// UTF-32 first: its little-endian mark starts with that of UTF-16.
fn other_encoding(data: &[u8]) -> Option<&'static str> {
    match data {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        _ => None,
    }
}

/// Pieces of at least `piece_bytes` that end with a line, except the last.
fn cut(data: &[u8], piece_bytes: usize) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let newline = rest
            .get(piece_bytes - 1..)
            .and_then(|tail| memchr::memchr(b'\n', tail));
        let (piece, tail) = rest.split_at(newline.map_or(rest.len(), |at| piece_bytes + at));
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

/// Parse pieces in order of taking. After a fault that stops, no later piece is taken: all earlier ones already were.
fn parse_pieces<'a, T: Send>(
    pieces: &[&'a [u8]],
    first_of_file: bool,
    options: Options,
    parse: &(impl Fn(&Line<'a>, &mut Vec<T>) -> Result<(), Refused> + Sync),
) -> Vec<Parsed<T>> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let done = Mutex::new(Vec::with_capacity(pieces.len()));
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(piece) = pieces.get(index) else {
                return;
            };
            let parsed = parse_piece(piece, first_of_file && index == 0, options, parse);
            if options.on_bad_line == OnBadLine::Error && !parsed.rejects.is_empty() {
                stop.store(true, Ordering::Relaxed);
            }
            done.lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .push((index, parsed));
        }
    };
    let helpers = options.threads.get().min(pieces.len()).saturating_sub(1);
    thread::scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, parsed)| parsed).collect()
}

/// Parse the lines of one piece, numbered from its start.
fn parse_piece<'a, T>(
    piece: &'a [u8],
    first_of_file: bool,
    options: Options,
    parse: &impl Fn(&Line<'a>, &mut Vec<T>) -> Result<(), Refused>,
) -> Parsed<T> {
    let mut parsed = Parsed::default();
    let mut rest = piece;
    while !rest.is_empty() {
        let newline = memchr::memchr(b'\n', rest);
        let (line, tail) = rest.split_at(newline.map_or(rest.len(), |at| at + 1));
        rest = tail;
        parsed.n_lines += 1;
        let line = Line::new(line, first_of_file && parsed.n_lines == 1);
        parsed.byte_order_mark |= line.mark > 0;
        let outcome = match line.refused_for_length(options.max_line_bytes) {
            Some(refused) => Err(refused),
            None if line.is_blank() => {
                parsed.n_blank += 1;
                continue;
            }
            None => parse(&line, &mut parsed.records),
        };
        match outcome {
            Ok(()) => parsed.lines.push(parsed.n_lines),
            Err(refused) => {
                let text = line.kept(options.max_line_bytes);
                parsed.rejects.push(refused.at_line(parsed.n_lines, text));
                if options.on_bad_line == OnBadLine::Error {
                    return parsed;
                }
            }
        }
    }
    parsed
}

/// Put the lines of a piece after those before it.
fn append<T>(all: &mut Parsed<T>, piece: Parsed<T>) {
    if all.n_lines == 0 {
        *all = piece;
        return;
    }
    let before = all.n_lines;
    all.records.extend(piece.records);
    all.lines
        .extend(piece.lines.into_iter().map(|line| line + before));
    all.rejects
        .extend(piece.rejects.into_iter().map(|bad| BadLine {
            line: bad.line + before,
            ..bad
        }));
    all.n_blank += piece.n_blank;
    all.n_lines += piece.n_lines;
}

/// A physical line without its line end.
struct Line<'a> {
    bytes: &'a [u8],
    /// Bytes of a byte order mark in front of the JSON text.
    mark: usize,
    /// Whether the file ends before the line does.
    torn: bool,
}

impl<'a> Line<'a> {
    fn new(line: &'a [u8], first_of_file: bool) -> Self {
        let (bytes, torn) = match line {
            [bytes @ .., b'\r', b'\n'] | [bytes @ .., b'\n'] => (bytes, false),
            bytes => (bytes, true),
        };
        let mark = if first_of_file && bytes.starts_with(BOM) {
            BOM.len()
        } else {
            0
        };
        Self { bytes, mark, torn }
    }

    /// The JSON text: the line without a byte order mark.
    fn text(&self) -> &'a [u8] {
        &self.bytes[self.mark..]
    }

    fn refused_for_length(&self, max: usize) -> Option<Refused> {
        let found = self.bytes.len();
        (found > max).then(|| Refused::whole(Refusal::TooLong { found, max }.to_string()))
    }

    /// The line, unless it is longer than `max` bytes.
    fn kept(&self, max: usize) -> Option<&'a [u8]> {
        (self.bytes.len() <= max).then_some(self.bytes)
    }

    fn is_blank(&self) -> bool {
        self.text()
            .iter()
            .all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
    }

    /// The whole object.
    fn record(&self) -> Result<Record<'a>, Refused> {
        refusal::parse_object(self.text(), self.torn).map_err(|fault| {
            let reason = refusal::reason(self.text(), &fault);
            Refused {
                column: self.mark + fault.column,
                reason,
                truncated: matches!(fault.refusal, Refusal::CutOff),
            }
        })
    }
}

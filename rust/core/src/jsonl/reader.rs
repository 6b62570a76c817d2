//! A file of JSON lines, window by window: memory for one window, whatever the file's size.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use super::{JsonlError, Options, Parsed, Value, parse_lines, refusal};
use crate::files::{self, FileError};

/// Bytes of whole lines that are parsed together, for each thread; a longer line makes its window longer.
const WINDOW_BYTES_PER_THREAD: usize = 4 << 20;

/// Why a window cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its content.
    #[error(transparent)]
    Jsonl(#[from] JsonlError),
}

/// Reads the fields `keys` of a file of JSON lines. A compressed file is decompressed whole; a plain one needs memory for one
/// window of 4 MiB a thread and what is kept of it.
pub struct Reader {
    source: Box<dyn Read + Send + Sync>,
    keys: Vec<String>,
    options: Options,
    /// What was read; the lines that were handed out come first.
    buffer: Vec<u8>,
    /// Bytes of the lines that were handed out.
    passed: usize,
    /// Lines that were handed out.
    n_lines: usize,
}

impl Reader {
    /// Open a file.
    ///
    /// # Errors
    ///
    /// As [`files::read_file`].
    pub fn open(path: &Path, keys: Vec<String>, options: Options) -> Result<Self, FileError> {
        let mut start = Vec::new();
        let mut file = File::open(path)?;
        Read::by_ref(&mut file).take(4).read_to_end(&mut start)?;
        let source: Box<dyn Read + Send + Sync> = if files::is_compressed(&start) {
            start.clear();
            Box::new(Cursor::new(files::read_file(path)?))
        } else {
            Box::new(file)
        };
        Ok(Self {
            source,
            keys,
            options,
            buffer: start,
            passed: 0,
            n_lines: 0,
        })
    }

    /// The values of the next lines, `keys.len()` an object, with the line numbers of the file; `None` at its end. Where
    /// `text_only`, a wanted value that is not a string makes a bad line.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or as [`super::parse_fields`]. Nothing should be read after an error.
    pub fn next_window(&mut self, text_only: bool) -> Result<Option<Parsed<Value<'_>>>, ReadError> {
        let first_of_file = self.n_lines == 0;
        let end = self.fill().map_err(FileError::Io)?;
        if end == 0 {
            return Ok(None);
        }
        self.passed = end;
        let (data, keys, before) = (&self.buffer[..end], &self.keys, self.n_lines);
        let parsed = parse_lines(data, first_of_file, self.options, |line, values| {
            let before = values.len();
            line.fields(keys, values)?;
            let other = |value: &Value<'_>| !matches!(value, Value::String(_));
            match values[before..]
                .iter()
                .position(other)
                .filter(|_| text_only)
            {
                None => Ok(()),
                Some(index) => {
                    let kind = values[before + index].kind();
                    values.truncate(before);
                    Err((0, refusal::not_text(&keys[index], kind)))
                }
            }
        });
        let mut parsed = parsed.map_err(|error| match error {
            JsonlError::BadLine(mut bad) => {
                bad.line += before;
                JsonlError::BadLine(bad)
            }
            error @ JsonlError::Encoding { .. } => error,
        })?;
        self.n_lines += parsed.n_lines;
        parsed.lines.iter_mut().for_each(|line| *line += before);
        parsed.rejects.iter_mut().for_each(|bad| bad.line += before);
        Ok(Some(parsed))
    }

    /// Read on until there is a window; how many bytes of `buffer` are whole lines, or all that is left.
    fn fill(&mut self) -> io::Result<usize> {
        self.buffer.drain(..self.passed);
        self.passed = 0;
        let window = WINDOW_BYTES_PER_THREAD * self.options.threads.get().min(16);
        // Bytes that are known to hold no line end.
        let mut searched = 0;
        loop {
            let wanted = window.max(2 * searched).saturating_sub(self.buffer.len());
            let n = Read::by_ref(&mut self.source)
                .take(wanted as u64)
                .read_to_end(&mut self.buffer)?;
            if n < wanted {
                return Ok(self.buffer.len());
            }
            if let Some(at) = memchr::memrchr(b'\n', &self.buffer[searched..]) {
                return Ok(searched + at + 1);
            }
            searched = self.buffer.len();
        }
    }
}

/// A column of texts: text `i` is `bytes[offsets[i]..offsets[i + 1]]`, UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextColumn {
    /// One more than texts; the first is 0.
    pub offsets: Vec<i64>,
    /// The texts, one after another.
    pub bytes: Vec<u8>,
}

/// Values of `n_columns` an object as columns; what is not text becomes an empty one.
#[must_use]
pub fn text_columns(values: &[Value<'_>], n_columns: usize) -> Vec<TextColumn> {
    let text = |value: &'_ Value<'_>| -> usize {
        if let Value::String(text) = value {
            text.len()
        } else {
            0
        }
    };
    (0..n_columns)
        .map(|column| {
            let values = || values.iter().skip(column).step_by(n_columns);
            let mut bytes = Vec::with_capacity(values().map(text).sum());
            let mut offsets = Vec::with_capacity(values().len() + 1);
            offsets.push(0);
            for value in values() {
                if let Value::String(text) = value {
                    bytes.extend_from_slice(text.as_bytes());
                }
                offsets.push(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
            }
            TextColumn { offsets, bytes }
        })
        .collect()
}

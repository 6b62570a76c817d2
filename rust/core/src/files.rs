//! Files, whole or as streams, with gzip and zstandard recognised by their first bytes, never by their name.
//!
//! Formats: gzip, RFC 1952 (magic `1F 8B`, any number of members); zstandard, RFC 8878 (magic `28 B5 2F FD`, any number of
//! frames, skippable ones `50..5F 2A 4D 18` among them). Members are decoded one by one, so what lies after the last is seen:
//! a stream that is cut short, fails its checksum or is followed by anything else is refused as a whole. Zero padding counts
//! as something else.
//!
//! O(output) time. [`open`] needs memory for one buffer of 64 KiB and the decoder's window (zstandard: 8 MiB unless its writer asked
//! for more, at most 128 MiB); [`read_file`] also holds the output. Output stops at the larger of 1 GiB and 200 times the compressed size.
//!
//! Not used: `flate2::MultiGzDecoder`, which takes what follows the last member for the header of another.

use std::fs::File;
use std::io::{self, BufRead, Cursor, Read};
use std::path::Path;

use thiserror::Error;

/// Decompressed bytes that are always allowed, whatever the ratio: 1 GiB.
pub const FREE_BYTES: u64 = 1 << 30;

/// Decompressed bytes for each compressed byte beyond which a larger output is taken for a bomb.
pub const MAX_RATIO: u64 = 200;

/// Why a file cannot be read.
#[derive(Debug, Error)]
pub enum FileError {
    /// The operating system refused.
    #[error("{0}")]
    Io(io::Error),
    /// The compressed stream ends inside a member.
    #[error(
        "the {format} stream is cut short after {produced} decompressed bytes; copy or download the file again"
    )]
    CutShort {
        /// `gzip` or `zstandard`.
        format: &'static str,
        /// Bytes decompressed before the end.
        produced: usize,
    },
    /// A checksum or a structure of the stream is wrong.
    #[error(
        "the {format} stream is damaged after {produced} decompressed bytes ({detail}); copy or download the file again"
    )]
    Damaged {
        /// `gzip` or `zstandard`.
        format: &'static str,
        /// Bytes decompressed before the fault.
        produced: usize,
        /// What the decoder said.
        detail: String,
    },
    /// Something that is not a member follows the last one.
    #[error(
        "{extra} bytes of other data follow the {format} stream at byte {at}; remove them or compress the file again"
    )]
    TrailingGarbage {
        /// `gzip` or `zstandard`.
        format: &'static str,
        /// Offset of the first byte that does not belong.
        at: usize,
        /// How many there are.
        extra: usize,
    },
    /// Far more output than the input can honestly hold.
    #[error(
        "{compressed} compressed {format} bytes grew past {limit} bytes (a ratio above 200), which looks like a decompression \
         bomb; decompress the file yourself if it is genuine"
    )]
    Bomb {
        /// `gzip` or `zstandard`.
        format: &'static str,
        /// Size of the compressed file.
        compressed: usize,
        /// Output at which decoding stopped.
        limit: u64,
    },
}

impl From<io::Error> for FileError {
    /// A stream's own fault travels inside an [`io::Error`], and comes out of it here.
    fn from(error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(Self::Io)
    }
}

/// What bytes come from.
pub type Source = Box<dyn Read + Send>;

/// The bytes of the file as a stream, decompressed if it is gzip or zstandard. A fault in a compressed stream is an
/// [`io::Error`] that becomes its [`FileError`] by `From`; what was read before it is no whole file.
///
/// # Errors
///
/// [`FileError::Io`] as the operating system says.
///
/// # Examples
///
/// ```no_run
/// let mut bytes = Vec::new();
/// diptych_core::files::open("responses.jsonl.gz".as_ref())?.read_to_end(&mut bytes)?;
/// # Ok::<(), diptych_core::files::FileError>(())
/// ```
pub fn open(path: &Path) -> Result<Source, FileError> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    stream(Box::new(file), size, FREE_BYTES)
}

/// All bytes of the file, decompressed if it is gzip or zstandard.
///
/// # Errors
///
/// [`FileError::Io`] as the operating system says; the others if the compressed stream is not whole and clean.
///
/// # Examples
///
/// ```no_run
/// let bytes = diptych_core::files::read_file("responses.jsonl.gz".as_ref())?;
/// # Ok::<(), diptych_core::files::FileError>(())
/// ```
pub fn read_file(path: &Path) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The bytes themselves, or what they decompress to; `free_bytes` of output are allowed whatever the ratio.
///
/// # Errors
///
/// As [`read_file`], without [`FileError::Io`].
///
/// # Examples
///
/// ```
/// use diptych_core::files::{FREE_BYTES, decompress};
///
/// assert_eq!(decompress(b"plain".to_vec(), FREE_BYTES)?, b"plain");
/// # Ok::<(), diptych_core::files::FileError>(())
/// ```
pub fn decompress(raw: Vec<u8>, free_bytes: u64) -> Result<Vec<u8>, FileError> {
    let size = raw.len() as u64;
    let mut bytes = Vec::new();
    stream(Box::new(Cursor::new(raw)), size, free_bytes)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// `source` itself, or its decompressed bytes; `size` is what is known of its length.
fn stream(source: Source, size: u64, free_bytes: u64) -> Result<Source, FileError> {
    let mut input = Input::new(source);
    let Some(format) = Format::of(input.start()?) else {
        input.buffer.truncate(input.end);
        return Ok(Box::new(Cursor::new(input.buffer).chain(input.source)));
    };
    Ok(Box::new(Members {
        format,
        state: State::Between(input),
        size,
        free_bytes,
        produced: 0,
    }))
}

/// Bytes that are read from a compressed file at a time.
const INPUT_BYTES: usize = 64 << 10;

/// A buffered reader that can look four bytes ahead and counts.
struct Input {
    source: Source,
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    /// Bytes that were consumed.
    taken: usize,
}

impl Input {
    fn new(source: Source) -> Self {
        Self {
            source,
            buffer: vec![0; INPUT_BYTES],
            at: 0,
            end: 0,
            taken: 0,
        }
    }

    /// The next four bytes, or all there are.
    fn start(&mut self) -> io::Result<&[u8]> {
        if self.end - self.at < 4 {
            self.buffer.copy_within(self.at..self.end, 0);
            (self.at, self.end) = (0, self.end - self.at);
            while self.end < 4 && self.more()? > 0 {}
        }
        Ok(&self.buffer[self.at..self.end.min(self.at + 4)])
    }

    fn more(&mut self) -> io::Result<usize> {
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => {
                    let n = read?;
                    self.end += n;
                    return Ok(n);
                }
            }
        }
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(out)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.end {
            (self.at, self.end) = (0, 0);
            self.more()?;
        }
        Ok(&self.buffer[self.at..self.end])
    }

    fn consume(&mut self, n: usize) {
        self.at += n;
        self.taken += n;
    }
}

/// The decompressed bytes of all members, one after another.
struct Members {
    format: Format,
    state: State,
    /// Bytes of the compressed file, as far as is known.
    size: u64,
    free_bytes: u64,
    produced: usize,
}

enum State {
    Between(Input),
    Gzip(flate2::bufread::GzDecoder<Input>),
    Zstandard(zstd::stream::read::Decoder<'static, Input>),
    /// At the end, or after a fault.
    Over,
}

impl Read for Members {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            let (n, state) = match std::mem::replace(&mut self.state, State::Over) {
                State::Over => return Ok(0),
                State::Between(input) => (0, self.next_member(input)?),
                State::Gzip(mut decoder) => match self.worded(decoder.read(out))? {
                    0 => (0, State::Between(decoder.into_inner())),
                    n => (n, State::Gzip(decoder)),
                },
                State::Zstandard(mut decoder) => match self.worded(decoder.read(out))? {
                    0 => {
                        let finished = decoder.finish_frame().map(|()| 0);
                        self.worded(finished)?;
                        (0, State::Between(decoder.finish()))
                    }
                    n => (n, State::Zstandard(decoder)),
                },
            };
            self.state = state;
            self.produced += n;
            self.check_ratio()?;
            if n > 0 {
                return Ok(n);
            }
        }
    }
}

impl Members {
    /// The decoder of what comes next; only the end of the file or another member may.
    fn next_member(&self, mut input: Input) -> io::Result<State> {
        let start = input.start()?;
        if start.is_empty() {
            return Ok(State::Over);
        }
        if Format::of(start) != Some(self.format) {
            let at = input.taken;
            io::copy(&mut input, &mut io::sink())?;
            return Err(io::Error::other(FileError::TrailingGarbage {
                format: self.format.name(),
                at,
                extra: input.taken - at,
            }));
        }
        Ok(match self.format {
            Format::Gzip => State::Gzip(flate2::bufread::GzDecoder::new(input)),
            Format::Zstandard => {
                State::Zstandard(zstd::stream::read::Decoder::with_buffer(input)?.single_frame())
            }
        })
    }

    fn check_ratio(&self) -> io::Result<()> {
        let taken = match &self.state {
            State::Between(input) => input.taken,
            State::Gzip(decoder) => decoder.get_ref().taken,
            State::Zstandard(decoder) => decoder.get_ref().taken,
            State::Over => return Ok(()),
        };
        let compressed = self.size.max(taken as u64);
        let limit = self.free_bytes.max(MAX_RATIO.saturating_mul(compressed));
        if self.produced as u64 <= limit {
            return Ok(());
        }
        Err(io::Error::other(FileError::Bomb {
            format: self.format.name(),
            compressed: usize::try_from(compressed).unwrap_or(usize::MAX),
            limit,
        }))
    }

    /// What a decoder said, as the fault that it is; an error of the operating system stays one.
    fn worded(&self, read: io::Result<usize>) -> io::Result<usize> {
        let (format, produced) = (self.format.name(), self.produced);
        read.map_err(|error| match error.kind() {
            _ if error.raw_os_error().is_some() => error,
            io::ErrorKind::OutOfMemory => error,
            io::ErrorKind::UnexpectedEof => {
                io::Error::other(FileError::CutShort { format, produced })
            }
            _ => io::Error::other(FileError::Damaged {
                format,
                produced,
                detail: error.to_string(),
            }),
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Gzip,
    Zstandard,
}

impl Format {
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                Some(Self::Zstandard)
            }
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstandard => "zstandard",
        }
    }
}

//! Whole files, with gzip and zstandard recognised by their first bytes, never by their name.
//!
//! Formats: gzip, RFC 1952 (magic `1F 8B`, any number of members); zstandard, RFC 8878 (magic `28 B5 2F FD`, any number of
//! frames, skippable ones `50..5F 2A 4D 18` among them). Members are decoded one by one, so what lies after the last is seen:
//! a stream that is cut short, fails its checksum or is followed by anything else is refused as a whole. Zero padding counts
//! as something else.
//!
//! O(output) time and memory. Output stops at the larger of 1 GiB and 200 times the compressed size.
//!
//! Not used: `flate2::MultiGzDecoder`, which takes what follows the last member for the header of another.

use std::fs;
use std::io::{self, Read};
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
    Io(#[from] io::Error),
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
    decompress(fs::read(path)?, FREE_BYTES)
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
    let Some(format) = Format::of(&raw) else {
        return Ok(raw);
    };
    let limit = free_bytes.max(MAX_RATIO.saturating_mul(raw.len() as u64));
    let mut out = Vec::new();
    let mut rest = raw.as_slice();
    while !rest.is_empty() {
        if Format::of(rest) != Some(format) {
            return Err(trailing(format, &raw, rest));
        }
        let left = (limit - out.len() as u64).saturating_add(1);
        format.member(&mut rest, left, &mut out)?;
        if out.len() as u64 > limit {
            return Err(FileError::Bomb {
                format: format.name(),
                compressed: raw.len(),
                limit,
            });
        }
    }
    Ok(out)
}

/// Whether a file that starts so is decompressed by [`read_file`]; four bytes are enough.
#[must_use]
pub fn is_compressed(start: &[u8]) -> bool {
    Format::of(start).is_some()
}

fn trailing(format: Format, raw: &[u8], rest: &[u8]) -> FileError {
    FileError::TrailingGarbage {
        format: format.name(),
        at: raw.len() - rest.len(),
        extra: rest.len(),
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

    /// Decode one member from the front of `rest`, at most `left` bytes of it, to the end of `out`.
    fn member(self, rest: &mut &[u8], left: u64, out: &mut Vec<u8>) -> Result<(), FileError> {
        let read = match self {
            Self::Gzip => flate2::bufread::GzDecoder::new(rest)
                .take(left)
                .read_to_end(out),
            Self::Zstandard => zstd::stream::read::Decoder::with_buffer(rest).and_then(|decoder| {
                let mut decoder = decoder.single_frame();
                let n = decoder.by_ref().take(left).read_to_end(out)?;
                decoder.finish_frame()?;
                Ok(n)
            }),
        };
        let (format, produced) = (self.name(), out.len());
        match read {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::OutOfMemory => Err(FileError::Io(error)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(FileError::CutShort { format, produced })
            }
            Err(error) => Err(FileError::Damaged {
                format,
                produced,
                detail: error.to_string(),
            }),
        }
    }
}

//! Segment files: raw little-endian f32 rows, written at a known offset, read in runs of adjacent rows.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::error::{StoreError, io_error};
use super::{Key, VALUE_BYTES};

/// Largest single read or write.
const CHUNK_BYTES: usize = 1 << 20;

/// Where a committed row lies, and what its bytes must hash to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Location {
    pub segment: i64,
    pub row: u64,
    pub checksum: u64,
}

/// `segments/000001.f32`: relative, as messages show it.
pub(super) fn name(segment: i64) -> String {
    format!("segments/{segment:06}.f32")
}

/// XXH3-64 of key, width (u32) and row bytes.
pub(super) fn checksum(key: &Key, dim: usize, bytes: &[u8]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(key);
    // MAX_DIM keeps the width far below 2^32.
    hasher.update(&u32::try_from(dim).unwrap_or(u32::MAX).to_le_bytes());
    hasher.update(bytes);
    hasher.digest()
}

/// Byte offset of a row; a damaged index may name any row, so this cannot overflow silently.
fn offset(row: u64, dim: usize) -> Option<u64> {
    row.checked_mul(dim as u64)?.checked_mul(VALUE_BYTES as u64)
}

/// Bytes that `rows` rows of width `dim` take.
pub(super) fn bytes_of(rows: u64, dim: usize) -> u64 {
    offset(rows, dim).unwrap_or(u64::MAX)
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, at)
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

// Every call has a file handle of its own, so moving its cursor disturbs nobody.
#[cfg(not(unix))]
fn read_exact_at(mut file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(buffer)
}

#[cfg(not(unix))]
fn write_all_at(mut file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    use std::io::{Seek, SeekFrom, Write};
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}

/// Make the entries of a folder durable. Windows has no such call and needs none.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

/// Options that create files for their owner alone.
pub(super) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The segment to append to, with its committed rows known to be there.
fn open_to_append(
    folder: &Path,
    segment: i64,
    committed: u64,
    dim: usize,
) -> Result<File, StoreError> {
    let file = name(segment);
    let path = folder.join(&file);
    let action = "opening a segment";
    if committed == 0 {
        return private_file().open(path).map_err(io_error(file, action));
    }
    let opened = OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(missing_or_io(segment, action))?;
    let length = opened.metadata().map_err(io_error(&*file, action))?.len();
    let needed = bytes_of(committed, dim);
    if length < needed {
        return Err(StoreError::corrupt(short(
            segment, committed, needed, length,
        )));
    }
    Ok(opened)
}

/// Append rows after the last committed one and make them durable; give the checksum of each.
///
/// What a crashed writer left beyond `committed` is overwritten.
pub(super) fn append(
    folder: &Path,
    segment: i64,
    committed: u64,
    dim: usize,
    rows: &[(&Key, &[f32])],
) -> Result<Vec<u64>, StoreError> {
    let file = open_to_append(folder, segment, committed, dim)?;
    let per_write = (CHUNK_BYTES / (dim * VALUE_BYTES)).max(1);
    let mut checksums = Vec::with_capacity(rows.len());
    let mut bytes = Vec::with_capacity(per_write.min(rows.len()) * dim * VALUE_BYTES);
    let mut at = bytes_of(committed, dim);
    for chunk in rows.chunks(per_write) {
        bytes.clear();
        for (key, vector) in chunk {
            let start = bytes.len();
            bytes.extend(vector.iter().flat_map(|value| value.to_le_bytes()));
            checksums.push(checksum(key, dim, &bytes[start..]));
        }
        write_all_at(&file, &bytes, at).map_err(io_error(name(segment), "appending rows"))?;
        at += bytes.len() as u64;
    }
    file.sync_data()
        .map_err(io_error(name(segment), "syncing rows"))?;
    if committed == 0 {
        sync_folder(&folder.join("segments"))
            .map_err(io_error("segments", "syncing the folder"))?;
    }
    Ok(checksums)
}

/// Reads rows, each segment opened once.
pub(super) struct Reader {
    folder: PathBuf,
    dim: usize,
    open: BTreeMap<i64, File>,
    buffer: Vec<u8>,
}

impl Reader {
    pub(super) fn new(folder: &Path, dim: usize) -> Self {
        Self {
            folder: folder.to_path_buf(),
            dim,
            open: BTreeMap::new(),
            buffer: Vec::new(),
        }
    }

    /// Call `take(item, bytes)` for each wanted row, in order of place; `wanted` must be sorted.
    ///
    /// Adjacent rows come in one read. The bytes are not yet checked.
    pub(super) fn each<T: Copy>(
        &mut self,
        wanted: &[(Location, T)],
        mut take: impl FnMut(Location, T, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let row_bytes = self.dim * VALUE_BYTES;
        let most = ((CHUNK_BYTES / row_bytes).max(1)) as u64;
        let mut rest = wanted;
        while let Some(&(first, _)) = rest.first() {
            let run = run_length(rest, most);
            let (now, later) = rest.split_at(run);
            let rows = now[run - 1].0.row - first.row + 1;
            self.read(first.segment, first.row, rows)?;
            for &(location, item) in now {
                // At most CHUNK_BYTES or one row, so the product fits in usize.
                let start = usize::try_from(location.row - first.row).unwrap_or(0) * row_bytes;
                take(location, item, &self.buffer[start..start + row_bytes])?;
            }
            rest = later;
        }
        Ok(())
    }

    fn read(&mut self, segment: i64, row: u64, rows: u64) -> Result<(), StoreError> {
        if !self.open.contains_key(&segment) {
            let opened = File::open(self.folder.join(name(segment)))
                .map_err(missing_or_io(segment, "reading rows"))?;
            self.open.insert(segment, opened);
        }
        let (Some(file), Some(at)) = (self.open.get(&segment), offset(row, self.dim)) else {
            return Err(StoreError::corrupt(format!(
                "index.sqlite names row {row} of {}",
                name(segment)
            )));
        };
        let row_bytes = self.dim * VALUE_BYTES;
        self.buffer
            .resize(usize::try_from(rows).unwrap_or(0) * row_bytes, 0);
        read_exact_at(file, &mut self.buffer, at).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput => {
                let length = file.metadata().map_or(0, |m| m.len());
                StoreError::corrupt(short(
                    segment,
                    row + rows,
                    at.saturating_add(rows * row_bytes as u64),
                    length,
                ))
            }
            _ => io_error(name(segment), "reading rows")(error),
        })
    }
}

/// How many items from the front lie in one unbroken run of at most `most` rows.
fn run_length<T>(wanted: &[(Location, T)], most: u64) -> usize {
    let first = wanted[0].0;
    let mut last = first.row;
    for (index, (location, _)) in wanted.iter().enumerate().skip(1) {
        let adjacent = location.segment == first.segment && location.row - last <= 1;
        if !adjacent || location.row - first.row >= most {
            return index;
        }
        last = location.row;
    }
    wanted.len()
}

/// The sentence for a segment that has lost its end.
pub(super) fn short(segment: i64, rows: u64, needed: u64, length: u64) -> String {
    format!(
        "{} is {length} bytes long, its {rows} committed rows need {needed}",
        name(segment)
    )
}

/// The sentence for a segment that is gone.
pub(super) fn missing(segment: i64) -> String {
    format!(
        "{} is missing, index.sqlite says it holds rows",
        name(segment)
    )
}

fn missing_or_io(segment: i64, action: &'static str) -> impl FnOnce(io::Error) -> StoreError {
    move |error| match error.kind() {
        io::ErrorKind::NotFound => StoreError::corrupt(missing(segment)),
        _ => io_error(name(segment), action)(error),
    }
}

//! Segment files: raw little-endian f32 rows, written at a known offset, read in runs of adjacent rows.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSliceMut};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use twox_hash::XxHash3_64;

use super::error::{StoreError, io_error};
use super::{KEY_BYTES, Key, VALUE_BYTES};

/// Rows of at most so many bytes, or one row, are read at a time: they are still in the cache when they are checked.
const CHUNK_BYTES: usize = 1 << 18;
/// More pieces than this no system takes in one read.
const MOST_PIECES: usize = 1024;
/// So many segments stay open between calls.
const MOST_OPEN: usize = 32;

/// Where a committed row lies, and what its bytes must hash to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Location {
    pub segment: i64,
    pub row: u64,
    pub checksum: u64,
}

/// A row that was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub place: Location,
    /// Which of the rows asked for.
    pub item: usize,
    /// Seed of its checksum.
    pub seed: u64,
}

/// `segments/000001.f32`: relative, as messages show it.
pub(super) fn name(segment: i64) -> String {
    format!("segments/{segment:06}.f32")
}

/// XXH3-64 of the row's bytes, seeded by [`seed`].
pub(super) fn checksum(seed: u64, bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot_with_seed(seed, bytes)
}

/// XXH3-64 of key and width (u32).
pub(super) fn seed(key: &Key, dim: usize) -> u64 {
    let mut seed = [0; KEY_BYTES + 4];
    seed[..KEY_BYTES].copy_from_slice(key);
    // MAX_DIM keeps the width far below 2^32.
    seed[KEY_BYTES..].copy_from_slice(&u32::try_from(dim).unwrap_or(u32::MAX).to_le_bytes());
    XxHash3_64::oneshot(&seed)
}

/// How many rows are read, or given to a thread, at a time.
pub(super) fn rows_at_a_time(dim: usize) -> usize {
    (CHUNK_BYTES / (dim * VALUE_BYTES)).clamp(1, MOST_PIECES)
}

/// The values as they stand on disk; on a little-endian machine they are that already.
fn little_endian(values: &[f32]) -> Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        Cow::Borrowed(bytemuck::cast_slice(values))
    } else {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }
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

#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut at: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => (buffer, at) = (&mut buffer[count..], at + count as u64),
        }
    }
    Ok(())
}

#[cfg(windows)]
fn write_all_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = std::os::windows::fs::FileExt::seek_write(file, bytes, at)?;
        (bytes, at) = (&bytes[count..], at + count as u64);
    }
    Ok(())
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

/// Append rows after the last committed one, not yet durable; give the checksum of each.
///
/// `items` are the wanted rows of `vectors`, ascending; `keys` has one key for each row of `vectors`. What a crashed
/// writer left beyond `committed` is overwritten.
pub(super) fn append(
    folder: &Path,
    (segment, committed): (i64, u64),
    dim: usize,
    (keys, vectors): (&[Key], &[f32]),
    items: &[usize],
) -> Result<Vec<(Key, u64)>, StoreError> {
    let file = open_to_append(folder, segment, committed, dim)?;
    let mut entries = Vec::with_capacity(items.len());
    let mut at = bytes_of(committed, dim);
    let most = rows_at_a_time(dim);
    for run in items
        .chunk_by(|a, b| a + 1 == *b)
        .flat_map(|run| run.chunks(most))
    {
        let values = &vectors[run[0] * dim..(run[0] + run.len()) * dim];
        let bytes = little_endian(values);
        let rows = bytes.chunks_exact(dim * VALUE_BYTES);
        entries.extend(
            run.iter()
                .zip(rows)
                .map(|(&item, row)| (keys[item], checksum(seed(&keys[item], dim), row))),
        );
        write_all_at(&file, &bytes, at).map_err(io_error(name(segment), "appending rows"))?;
        at += bytes.len() as u64;
    }
    Ok(entries)
}

/// Make the rows of a segment durable, and its name if the file is new.
pub(super) fn sync(folder: &Path, segment: i64, new: bool) -> Result<(), StoreError> {
    let failed = || io_error(name(segment), "syncing rows");
    let file = OpenOptions::new()
        .write(true)
        .open(folder.join(name(segment)))
        .map_err(failed())?;
    file.sync_data().map_err(failed())?;
    if new {
        sync_folder(&folder.join("segments"))
            .map_err(io_error("segments", "syncing the folder"))?;
    }
    Ok(())
}

/// Places in order, in parts of so few segments that a process may hold them open.
pub(super) fn parts(mut places: &[Wanted]) -> impl Iterator<Item = &[Wanted]> {
    std::iter::from_fn(move || {
        let same = |a: &Wanted, b: &Wanted| a.place.segment == b.place.segment;
        let count = places.chunk_by(same).take(MOST_OPEN).map(<[_]>::len).sum();
        let (now, later) = places.split_at(count);
        places = later;
        (!now.is_empty()).then_some(now)
    })
}

/// Segments that are open to be read; the oldest is closed when there are too many.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    open: Vec<(i64, Arc<File>)>,
}

impl Files {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
            open: Vec::new(),
        }
    }

    fn get(&mut self, segment: i64) -> Result<Arc<File>, StoreError> {
        if let Some((_, file)) = self.open.iter().find(|(open, _)| *open == segment) {
            return Ok(Arc::clone(file));
        }
        let opened = open_to_read(&self.folder.join(name(segment)))
            .map_err(missing_or_io(segment, "reading rows"))?;
        let file = Arc::new(opened);
        if self.open.len() == MOST_OPEN {
            self.open.remove(0);
        }
        self.open.push((segment, Arc::clone(&file)));
        Ok(file)
    }

    /// Close all: their numbers may mean other files by now.
    pub(super) fn close(&mut self) {
        self.open.clear();
    }

    /// What reads the rows of these places, of width `dim`; one of [`parts`].
    pub(super) fn reader(&mut self, dim: usize, places: &[Wanted]) -> Result<Reader, StoreError> {
        let mut files: Vec<(i64, Arc<File>)> = Vec::new();
        for Wanted { place, .. } in places {
            if files.last().is_none_or(|(last, _)| *last != place.segment) {
                files.push((place.segment, self.get(place.segment)?));
            }
        }
        files.sort_unstable_by_key(|(segment, _)| *segment);
        Ok(Reader { files, dim })
    }
}

/// Open a file, and where the system lets its owner, without a note of each read.
fn open_to_read(path: &Path) -> io::Result<File> {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOATIME.bits().cast_signed();
        let quiet = OpenOptions::new().read(true).custom_flags(flags).open(path);
        if !matches!(&quiet, Err(error) if error.kind() == io::ErrorKind::PermissionDenied) {
            return quiet;
        }
    }
    File::open(path)
}

/// Reads rows of some segments; it holds them open, so they can be read to the end even when they are removed meanwhile.
#[derive(Debug, Default)]
pub(super) struct Reader {
    files: Vec<(i64, Arc<File>)>,
    dim: usize,
}

impl Reader {
    /// Fill `rows`, one for each place; adjacent rows come in one read, straight to where they belong.
    ///
    /// The bytes are not yet checked.
    pub(super) fn read(
        &self,
        places: &[Wanted],
        mut rows: &mut [&mut [u8]],
    ) -> Result<(), StoreError> {
        let adjacent = |a: &Wanted, b: &Wanted| {
            let (a, b) = (a.place, b.place);
            b.segment == a.segment && b.row.checked_sub(a.row) == Some(1)
        };
        for run in places.chunk_by(adjacent) {
            let (now, later) = rows.split_at_mut(run.len());
            self.read_run(run[0].place, now)?;
            rows = later;
        }
        Ok(())
    }

    fn read_run(&self, first: Location, rows: &mut [&mut [u8]]) -> Result<(), StoreError> {
        let segment = first.segment;
        let found = self.files.binary_search_by_key(&segment, |(open, _)| *open);
        let file = found.ok().map(|at| &*self.files[at].1);
        let (Some(file), Some(at)) = (file, offset(first.row, self.dim)) else {
            return Err(StoreError::corrupt(format!(
                "index.sqlite names row {} of {}",
                first.row,
                name(segment)
            )));
        };
        let count = rows.len() as u64;
        let done = match rows {
            [row] => read_exact_at(file, row, at),
            rows => read_pieces(file, rows, at),
        };
        done.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput => {
                let length = file.metadata().map_or(0, |m| m.len());
                let needed = at.saturating_add(bytes_of(count, self.dim));
                StoreError::corrupt(short(segment, first.row + count, needed, length))
            }
            _ => io_error(name(segment), "reading rows")(error),
        })
    }
}

/// Fill the pieces, one after another, from byte `at` on; the file's cursor, which threads share, is not used.
fn read_pieces(file: &File, pieces: &mut [&mut [u8]], mut at: u64) -> io::Result<()> {
    let mut slices: Vec<IoSliceMut<'_>> = pieces.iter_mut().map(|p| IoSliceMut::new(p)).collect();
    let mut rest = &mut slices[..];
    while !rest.is_empty() {
        match read_vectored_at(file, rest, at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                IoSliceMut::advance_slices(&mut rest, count);
                at += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn read_vectored_at(file: &File, pieces: &mut [IoSliceMut<'_>], at: u64) -> io::Result<usize> {
    Ok(rustix::io::preadv(file, pieces, at)?)
}

#[cfg(not(target_os = "linux"))]
fn read_vectored_at(file: &File, pieces: &mut [IoSliceMut<'_>], at: u64) -> io::Result<usize> {
    let Some(piece) = pieces.first_mut() else {
        return Ok(0);
    };
    read_exact_at(file, piece, at).map(|()| piece.len())
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

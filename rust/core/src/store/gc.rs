//! Removing rows: batches are chosen by space, age and size, and the segments they lie in are written anew without them.
//!
//! A segment is one transaction, so writers wait for the copy of one file at most. Rows that stay are read, checked and
//! appended to a segment without removed rows; then the old lines go, and the count of removals moves. The old file is
//! unlinked after the commit, with every other that the index does not list, under the write lock: no writer can be
//! making one meanwhile. A reader that has it open reads on; one that comes later finds the count moved and looks again.
//! A crash leaves what was before or after a segment, and at most files for the next call to unlink.
//!
//! Cost: O(bytes of the segments that hold removed rows), and 150 bytes of memory a batch; `index.sqlite` keeps its size
//! and reuses what became free.
//!
//! Tried and dropped: everything in one transaction; other writers give up after 30 s, which is some 15 GB.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rusqlite::Connection;

use super::append::Appender;
use super::error::{StoreError, io_error};
use super::index::{self, Line};
use super::segment::{self, Files, Location, Wanted};
use super::space::{self, Named, SpaceStats};
use super::{Key, VALUE_BYTES, gather};

/// Rows of so many bytes, or one row, are moved at a time.
const MOVED_BYTES: usize = 16 << 20;

/// Which rows to remove; without any limit, none.
#[derive(Clone, Debug, Default)]
pub struct Removal {
    /// Only rows of these spaces: all of them, unless one of the limits below is set too.
    pub spaces: Option<Vec<String>>,
    /// Those put in before this time, in seconds since 1970.
    pub before: Option<i64>,
    /// The oldest, until the vectors of the rest take at most so many bytes.
    pub most_bytes: Option<u64>,
}

/// What was removed, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Rows and bytes of vectors by space, in order of its name.
    pub spaces: Vec<SpaceStats>,
    /// How many segment files the index did not list: a crashed writer's, or a crashed removal's.
    pub stray_files: usize,
    /// Their bytes.
    pub stray_bytes: u64,
}

impl Removal {
    /// The numbers of the batches to remove, given all batches in order of age.
    fn choose(&self, lots: &[Lot]) -> HashSet<i64> {
        let named = |lot: &&Lot| {
            let spaces = self.spaces.as_ref();
            spaces.is_none_or(|spaces| spaces.contains(&lot.space.fingerprint))
        };
        let whole = self.spaces.is_some() && self.before.is_none() && self.most_bytes.is_none();
        let mut rest: u64 = lots.iter().filter(named).map(Lot::bytes).sum();
        let mut chosen = HashSet::new();
        for lot in lots.iter().filter(named) {
            let old = self.before.is_some_and(|before| lot.line.created < before);
            if whole || old || self.most_bytes.is_some_and(|most| rest > most) {
                chosen.insert(lot.line.id);
                rest -= lot.bytes();
            }
        }
        chosen
    }
}

/// A batch without its entries, and its space.
struct Lot {
    line: Line,
    space: Rc<Named>,
}

impl Lot {
    fn bytes(&self) -> u64 {
        segment::bytes_of(self.line.rows, self.space.space.dim)
    }
}

/// Every batch, the oldest first.
fn lots(transaction: &Connection) -> Result<Vec<Lot>, StoreError> {
    let spaces: HashMap<i64, Rc<Named>> = space::all_whole(transaction)?
        .into_iter()
        .map(|named| (named.space.id, Rc::new(named)))
        .collect();
    let lot = |line: Line| {
        let space = spaces.get(&line.space).cloned().ok_or_else(|| {
            let (id, space) = (line.id, line.space);
            StoreError::corrupt(format!(
                "index.sqlite batch {id}: there is no space {space}"
            ))
        })?;
        Ok(Lot { line, space })
    };
    index::lines(transaction)?.into_iter().map(lot).collect()
}

impl Removed {
    fn add_rows(&mut self, lot: &Lot) {
        let order = |entry: &SpaceStats| entry.space.cmp(&lot.space.fingerprint);
        let at = self.spaces.binary_search_by(order).unwrap_or_else(|at| {
            let entry = SpaceStats {
                space: lot.space.fingerprint.clone(),
                dim: lot.space.space.dim,
                rows: 0,
                bytes: 0,
            };
            self.spaces.insert(at, entry);
            at
        });
        self.spaces[at].rows += lot.line.rows;
        self.spaces[at].bytes += lot.bytes();
    }

    fn add_strays(&mut self, strays: &[Stray]) {
        self.stray_files += strays.len();
        self.stray_bytes += strays.iter().map(|stray| stray.bytes).sum::<u64>();
    }
}

/// What [`step`] would do again and again; nothing is changed.
pub(super) fn plan(
    folder: &Path,
    transaction: &Connection,
    removal: &Removal,
) -> Result<Removed, StoreError> {
    let mut removed = Removed::default();
    removed.add_strays(&strays(folder, transaction)?);
    let lots = lots(transaction)?;
    let chosen = removal.choose(&lots);
    for lot in lots.iter().filter(|lot| chosen.contains(&lot.line.id)) {
        removed.add_rows(lot);
    }
    Ok(removed)
}

/// A removal that goes on.
pub(super) struct Steps<'a> {
    pub folder: &'a Path,
    pub removal: &'a Removal,
    pub segment_bytes: u64,
    /// The batches that are still to go.
    chosen: HashSet<i64>,
    /// The count of removals that their numbers belong to.
    count: Option<i64>,
    /// The file whose rows the last step removed.
    left: Option<i64>,
    pub removed: Removed,
}

impl<'a> Steps<'a> {
    pub(super) fn new(folder: &'a Path, removal: &'a Removal, segment_bytes: u64) -> Self {
        Self {
            folder,
            removal,
            segment_bytes,
            chosen: HashSet::new(),
            count: None,
            left: None,
            removed: Removed::default(),
        }
    }

    /// Unlink what is not listed, then write one segment anew; false when there was none left.
    ///
    /// The transaction must hold the write lock.
    pub(super) fn step(&mut self, transaction: &Connection) -> Result<bool, StoreError> {
        self.sweep(transaction)?;
        let lots = lots(transaction)?;
        let count = index::removals(transaction)?;
        // Chosen once: what goes first must not save what was to go later. Only another removal renumbers batches.
        if self.count != Some(count) {
            self.chosen = self.removal.choose(&lots);
        }
        let chosen = &mut self.chosen;
        let removed = |lot: &&Lot| chosen.contains(&lot.line.id);
        let segments = lots.iter().filter(removed).map(|lot| lot.line.segment);
        let (Some(segment), Some(beyond)) = (segments.clone().min(), segments.max()) else {
            return Ok(false);
        };
        let mut appender = Appender::new(self.folder, transaction, self.segment_bytes);
        appender.beyond = beyond;
        let mut files = Files::new(self.folder);
        for lot in lots.iter().filter(|lot| lot.line.segment == segment) {
            if chosen.remove(&lot.line.id) {
                self.removed.add_rows(lot);
            } else {
                move_rows(&mut appender, &mut files, lot)?;
            }
        }
        appender.sync()?;
        index::remove_segment(transaction, segment)?;
        self.left = Some(segment);
        self.count = Some(count + 1);
        Ok(true)
    }

    fn sweep(&mut self, transaction: &Connection) -> Result<(), StoreError> {
        let mut strays = strays(self.folder, transaction)?;
        for stray in &strays {
            fs::remove_file(&stray.path)
                .map_err(io_error(segment::name(stray.segment), "removing a file"))?;
        }
        let left = self.left.take();
        strays.retain(|stray| Some(stray.segment) != left);
        self.removed.add_strays(&strays);
        Ok(())
    }
}

/// Append the rows of one batch anew, each checked.
fn move_rows(appender: &mut Appender<'_>, files: &mut Files, lot: &Lot) -> Result<(), StoreError> {
    let space = lot.space.space;
    let batch = index::batch_by_id(appender.transaction, lot.line.id)?;
    if let Some(fault) = batch.fault() {
        return Err(StoreError::corrupt(fault));
    }
    let (keys, places): (Vec<Key>, Vec<Location>) = batch.rows().unzip();
    let most = (MOVED_BYTES / (space.dim * VALUE_BYTES)).max(1);
    for (keys, places) in keys.chunks(most).zip(places.chunks(most)) {
        let rows = keys.iter().zip(places).enumerate();
        let wanted: Vec<Wanted> = rows
            .map(|(item, (key, &place))| Wanted {
                place,
                item,
                seed: segment::seed(key, space.dim),
            })
            .collect();
        let mut vectors = vec![0.0; keys.len() * space.dim];
        let reader = files.reader(space.dim, &wanted)?;
        gather::gather(&reader, &wanted, space.dim, &mut vectors, NonZeroUsize::MIN)?;
        let items: Vec<usize> = (0..keys.len()).collect();
        appender.append(space, (keys, &vectors), &items, lot.line.created)?;
    }
    Ok(())
}

/// A segment file that the index does not list.
struct Stray {
    segment: i64,
    path: PathBuf,
    bytes: u64,
}

/// Only names that a segment has count: what else lies there is not ours.
fn strays(folder: &Path, transaction: &Connection) -> Result<Vec<Stray>, StoreError> {
    let failed = || io_error("segments", "listing the folder");
    let listed: HashSet<i64> = index::segments(transaction)?
        .iter()
        .map(|segment| segment.id)
        .collect();
    let mut strays = Vec::new();
    for entry in fs::read_dir(folder.join("segments")).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".f32"));
        let number = number.and_then(|number| number.parse().ok());
        let Some(segment) = number.filter(|number| *number > 0) else {
            continue;
        };
        let path = folder.join(segment::name(segment));
        if path.file_name() == Some(&*name) && !listed.contains(&segment) {
            let bytes = entry.metadata().map_err(failed())?.len();
            strays.push(Stray {
                segment,
                path,
                bytes,
            });
        }
    }
    Ok(strays)
}

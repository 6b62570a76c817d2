//! The table `spaces`: names and widths, each line with a checksum.
//!
//! It is read whole, without the SQL index over its names, in which a damaged name would be believed: spaces are few.

use rusqlite::{Connection, Row, params};
use twox_hash::XxHash3_64;

use super::error::{StoreError, index_error};
use super::index::sql_width;
use super::{schema, segment};

const READING: &str = "reading the spaces";
const WRITING: &str = "writing the spaces";

/// A space: its number and the width of its vectors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Space {
    pub id: i64,
    pub dim: usize,
}

impl Space {
    /// The same space, or the error that names both widths.
    pub(super) fn with_width(self, fingerprint: &str, dim: usize) -> Result<Self, StoreError> {
        if self.dim == dim {
            return Ok(self);
        }
        Err(StoreError::SpaceWidth {
            space: fingerprint.to_owned(),
            stored: self.dim,
            given: dim,
        })
    }
}

/// A line of the table.
#[derive(Debug)]
pub(super) struct Named {
    pub space: Space,
    pub fingerprint: String,
    /// What is wrong with it, in words.
    pub fault: Option<String>,
}

/// XXH3-64 of the name, seeded by that of number and width.
fn checksum(id: i64, dim: usize, fingerprint: &[u8]) -> i64 {
    let mut place = [0; 16];
    place[..8].copy_from_slice(&id.to_le_bytes());
    place[8..].copy_from_slice(&(dim as u64).to_le_bytes());
    let seed = XxHash3_64::oneshot(&place);
    XxHash3_64::oneshot_with_seed(seed, fingerprint).cast_signed()
}

/// Every space, in order of creation.
pub(super) fn all(connection: &Connection) -> Result<Vec<Named>, StoreError> {
    let failed = index_error(READING);
    let checked = schema::version(connection)? > 1;
    let sql = if checked {
        "SELECT id, dim, fingerprint, checksum FROM spaces NOT INDEXED ORDER BY id"
    } else {
        "SELECT id, dim, fingerprint FROM spaces NOT INDEXED ORDER BY id"
    };
    let line = |row: &Row<'_>| {
        let (id, dim): (i64, u32) = (row.get(0)?, row.get(1)?);
        let (dim, name) = (dim as usize, row.get_ref(2)?.as_bytes()?);
        let expected = checked.then(|| row.get(3)).transpose()?;
        let found = checksum(id, dim, name);
        Ok(Named {
            space: Space { id, dim },
            fingerprint: String::from_utf8_lossy(name).into_owned(),
            fault: expected
                .filter(|expected| *expected != found)
                .map(|expected: i64| {
                    format!(
                        "index.sqlite space {id}: checksum {found:#018x}, expected {expected:#018x}"
                    )
                }),
        })
    };
    let mut query = connection.prepare_cached(sql).map_err(&failed)?;
    query
        .query_map([], line)
        .and_then(Iterator::collect)
        .map_err(&failed)
}

/// The same, where none of them is damaged.
pub(super) fn all_whole(connection: &Connection) -> Result<Vec<Named>, StoreError> {
    let mut named = all(connection)?;
    match named.iter_mut().find_map(|named| named.fault.take()) {
        Some(fault) => Err(StoreError::corrupt(fault)),
        None => Ok(named),
    }
}

/// The space of that fingerprint, if there is one; where a line is damaged, it might have been the one.
pub(super) fn find(
    connection: &Connection,
    fingerprint: &str,
) -> Result<Option<Space>, StoreError> {
    let named = all(connection)?;
    let whole = |named: &&Named| named.fault.is_none() && named.fingerprint == fingerprint;
    if let Some(found) = named.iter().find(whole) {
        return Ok(Some(found.space));
    }
    match named.into_iter().find_map(|named| named.fault) {
        Some(fault) => Err(StoreError::corrupt(fault)),
        None => Ok(None),
    }
}

/// The space of that fingerprint, new if need be, provided that its width is `dim`.
pub(super) fn of_width(
    connection: &Connection,
    fingerprint: &str,
    dim: usize,
) -> Result<Space, StoreError> {
    if let Some(space) = find(connection, fingerprint)? {
        return space.with_width(fingerprint, dim);
    }
    let newest = "SELECT coalesce(max(id), 0) FROM spaces";
    let newest: i64 = connection
        .query_row(newest, [], |row| row.get(0))
        .map_err(index_error(READING))?;
    let id = newest + 1;
    let insert =
        "INSERT INTO spaces (id, fingerprint, dim, created, checksum) VALUES (?1, ?2, ?3, ?4, ?5)";
    let (created, sum) = (schema::now(), checksum(id, dim, fingerprint.as_bytes()));
    connection
        .execute(
            insert,
            params![id, fingerprint, sql_width(dim), created, sum],
        )
        .map_err(index_error(WRITING))?;
    Ok(Space { id, dim })
}

/// Give every line its checksum, in a store that had none.
pub(super) fn seal(connection: &Connection) -> Result<(), StoreError> {
    let sum = |named: &Named| {
        checksum(
            named.space.id,
            named.space.dim,
            named.fingerprint.as_bytes(),
        )
    };
    for named in all(connection)? {
        let update = "UPDATE spaces SET checksum = ?2 WHERE id = ?1";
        connection
            .execute(update, [named.space.id, sum(&named)])
            .map_err(index_error(WRITING))?;
    }
    Ok(())
}

/// What one space holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpaceStats {
    /// The fingerprint it was created with.
    pub space: String,
    /// Width of its vectors.
    pub dim: usize,
    /// Number of vectors.
    pub rows: u64,
    /// Bytes of the vectors themselves.
    pub bytes: u64,
}

/// One entry a space, in order of creation.
pub(super) fn stats(connection: &Connection) -> Result<Vec<SpaceStats>, StoreError> {
    let failed = index_error("counting rows");
    let sql = "SELECT coalesce(sum(length(entries)), 0) / 40 FROM batches WHERE space = ?1";
    let mut count = connection.prepare_cached(sql).map_err(&failed)?;
    let mut stats = |named: Named| {
        let rows: i64 = count
            .query_row([named.space.id], |row| row.get(0))
            .map_err(&failed)?;
        let rows = rows.cast_unsigned();
        Ok(SpaceStats {
            space: named.fingerprint,
            dim: named.space.dim,
            rows,
            bytes: segment::bytes_of(rows, named.space.dim),
        })
    };
    all_whole(connection)?.into_iter().map(&mut stats).collect()
}

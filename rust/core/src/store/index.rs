//! The statements on `index.sqlite`. Each takes the connection or transaction of its caller.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::batch::{BATCH_ROWS, Batch};
use super::error::{StoreError, index_error};
use super::{Key, schema};

const LOOKING: &str = "looking keys up";
const WRITING: &str = "writing the index";

/// A space: its number and the width of its vectors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Space {
    pub id: i64,
    pub dim: usize,
}

/// A segment and how many of its rows are committed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub id: i64,
    pub dim: usize,
    pub rows: u64,
}

fn width(row: &Row<'_>, column: usize) -> rusqlite::Result<usize> {
    row.get::<_, u32>(column).map(|dim| dim as usize)
}

fn sql_width(dim: usize) -> i64 {
    // Widths are at most MAX_DIM.
    i64::try_from(dim).unwrap_or(i64::MAX)
}

/// The space of that fingerprint, if there is one.
pub(super) fn find_space(
    connection: &Connection,
    fingerprint: &str,
) -> Result<Option<Space>, StoreError> {
    connection
        .prepare_cached("SELECT id, dim FROM spaces WHERE fingerprint = ?1")
        .and_then(|mut query| {
            query
                .query_row([fingerprint], |row| {
                    Ok(Space {
                        id: row.get(0)?,
                        dim: width(row, 1)?,
                    })
                })
                .optional()
        })
        .map_err(index_error(LOOKING))
}

/// The space of that fingerprint, new if need be, provided that its width is `dim`.
pub(super) fn space_of_width(
    connection: &Connection,
    fingerprint: &str,
    dim: usize,
) -> Result<Space, StoreError> {
    if let Some(space) = find_space(connection, fingerprint)? {
        return space.with_width(fingerprint, dim);
    }
    let insert = "INSERT INTO spaces (fingerprint, dim, created) VALUES (?1, ?2, ?3)";
    connection
        .execute(insert, params![fingerprint, sql_width(dim), schema::now()])
        .map_err(index_error(WRITING))?;
    Ok(Space {
        id: connection.last_insert_rowid(),
        dim,
    })
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

/// The newest segment of that width with room for one more row, or a new one.
pub(super) fn segment_with_room(
    connection: &Connection,
    dim: usize,
    capacity: u64,
) -> Result<Segment, StoreError> {
    let newest = "SELECT id, rows FROM segments WHERE dim = ?1 ORDER BY id DESC LIMIT 1";
    let segment = |row: &Row<'_>| {
        let rows: i64 = row.get(1)?;
        Ok(Segment {
            id: row.get(0)?,
            dim,
            rows: rows.cast_unsigned(),
        })
    };
    let found = connection
        .query_row(newest, [sql_width(dim)], segment)
        .optional()
        .map_err(index_error(LOOKING))?;
    if let Some(segment) = found.filter(|segment| segment.rows < capacity) {
        return Ok(segment);
    }
    let insert = "INSERT INTO segments (dim, rows) VALUES (?1, 0)";
    connection
        .execute(insert, [sql_width(dim)])
        .map_err(index_error(WRITING))?;
    Ok(Segment {
        id: connection.last_insert_rowid(),
        dim,
        rows: 0,
    })
}

/// Enter rows that lie one after another from the end of `segment`, and move its end.
pub(super) fn enter(
    connection: &Connection,
    space: Space,
    segment: Segment,
    rows: &[(Key, u64)],
) -> Result<(), StoreError> {
    let failed = index_error(WRITING);
    let sql =
        "INSERT INTO batches (space, segment, row, entries, checksum) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut insert = connection.prepare_cached(sql).map_err(&failed)?;
    let mut end = segment.rows;
    for part in rows.chunks(BATCH_ROWS) {
        let batch = Batch::new(space.id, segment.id, end, part);
        insert
            .execute(params![
                space.id,
                segment.id,
                end.cast_signed(),
                batch.entries,
                batch.checksum.cast_signed()
            ])
            .map_err(&failed)?;
        end += part.len() as u64;
    }
    let update = "UPDATE segments SET rows = ?2 WHERE id = ?1";
    connection
        .execute(update, [segment.id, end.cast_signed()])
        .map(|_| ())
        .map_err(&failed)
}

/// Call `take` for each batch of a space behind number `last`, in order; one snapshot.
pub(super) fn each_batch_of(
    connection: &Connection,
    space: i64,
    last: i64,
    mut take: impl FnMut(&Batch) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let failed = index_error(LOOKING);
    let sql = "SELECT id, space, segment, row, entries, checksum FROM batches \
               WHERE space = ?1 AND id > ?2 ORDER BY id";
    let mut query = connection.prepare_cached(sql).map_err(&failed)?;
    let mut found = query.query([space, last]).map_err(&failed)?;
    while let Some(row) = found.next().map_err(&failed)? {
        take(&batch(row).map_err(&failed)?)?;
    }
    Ok(())
}

/// Every batch, in order, with the width of its space (0 if there is no such space).
pub(super) fn batches(connection: &Connection) -> Result<Vec<(Batch, usize)>, StoreError> {
    let failed = index_error("reading every row");
    let sql = "SELECT batches.id, space, segment, row, entries, checksum, coalesce(dim, 0) FROM batches \
               LEFT JOIN spaces ON spaces.id = space ORDER BY batches.id";
    let mut query = connection.prepare(sql).map_err(&failed)?;
    query
        .query_map([], |row| Ok((batch(row)?, width(row, 6)?)))
        .and_then(Iterator::collect)
        .map_err(&failed)
}

fn batch(row: &Row<'_>) -> rusqlite::Result<Batch> {
    // `row` is never negative (CHECK); a damaged one becomes a place beyond every segment.
    let first: i64 = row.get(3)?;
    let checksum: i64 = row.get(5)?;
    Ok(Batch {
        id: row.get(0)?,
        space: row.get(1)?,
        segment: row.get(2)?,
        row: u64::try_from(first).unwrap_or(u64::MAX),
        entries: row.get(4)?,
        checksum: checksum.cast_unsigned(),
    })
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
    let sql = "SELECT fingerprint, dim, \
               (SELECT coalesce(sum(length(entries)), 0) / 40 FROM batches WHERE space = spaces.id) \
               FROM spaces ORDER BY id";
    let entry = |row: &Row<'_>| {
        let (dim, rows): (usize, i64) = (width(row, 1)?, row.get(2)?);
        let rows = rows.cast_unsigned();
        Ok(SpaceStats {
            space: row.get(0)?,
            dim,
            rows,
            bytes: super::segment::bytes_of(rows, dim),
        })
    };
    let mut query = connection
        .prepare(sql)
        .map_err(index_error("counting rows"))?;
    query
        .query_map([], entry)
        .and_then(Iterator::collect)
        .map_err(index_error("counting rows"))
}

/// Every segment, by number.
pub(super) fn segments(connection: &Connection) -> Result<Vec<Segment>, StoreError> {
    let segment = |row: &Row<'_>| {
        let rows: i64 = row.get(2)?;
        Ok(Segment {
            id: row.get(0)?,
            dim: width(row, 1)?,
            rows: u64::try_from(rows).unwrap_or(u64::MAX),
        })
    };
    let mut query = connection
        .prepare("SELECT id, dim, rows FROM segments ORDER BY id")
        .map_err(index_error(LOOKING))?;
    query
        .query_map([], segment)
        .and_then(Iterator::collect)
        .map_err(index_error(LOOKING))
}

/// What `SQLite` itself finds wrong; empty when all is well.
pub(super) fn integrity(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut query = connection
        .prepare("PRAGMA integrity_check")
        .map_err(index_error("checking the index"))?;
    let lines = query
        .query_map([], |row| row.get::<_, String>(0))
        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>);
    let lines = lines.map_err(index_error("checking the index"))?;
    Ok(lines
        .into_iter()
        .filter(|line| line != "ok")
        .map(|line| format!("index.sqlite: {line}"))
        .collect())
}

//! The statements on `index.sqlite`. Each takes the connection or transaction of its caller.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Key;
use super::batch::{BATCH_ROWS, Batch};
use super::error::{StoreError, index_error};
use super::space::Space;

const LOOKING: &str = "looking keys up";
const WRITING: &str = "writing the index";

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

pub(super) fn sql_width(dim: usize) -> i64 {
    // Widths are at most MAX_DIM.
    i64::try_from(dim).unwrap_or(i64::MAX)
}

/// The newest segment of that width, if its number is above `beyond` and it has room for one more row, or a new one.
pub(super) fn segment_with_room(
    connection: &Connection,
    dim: usize,
    capacity: u64,
    beyond: i64,
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
    if let Some(segment) = found.filter(|found| found.id > beyond && found.rows < capacity) {
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

/// Enter rows that lie one after another from the end of `segment`, put in at `created`, and move its end.
pub(super) fn enter(
    connection: &Connection,
    space: Space,
    segment: Segment,
    rows: &[(Key, u64)],
    created: i64,
) -> Result<(), StoreError> {
    let failed = index_error(WRITING);
    let sql = "INSERT INTO batches (space, segment, row, entries, checksum, created) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
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
                batch.checksum.cast_signed(),
                created
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

/// Every batch, in order.
pub(super) fn batches(connection: &Connection) -> Result<Vec<Batch>, StoreError> {
    let failed = index_error("reading every row");
    let sql = "SELECT id, space, segment, row, entries, checksum FROM batches ORDER BY id";
    let mut query = connection.prepare(sql).map_err(&failed)?;
    query
        .query_map([], batch)
        .and_then(Iterator::collect)
        .map_err(&failed)
}

/// A batch without its entries.
#[derive(Debug)]
pub(super) struct Line {
    pub id: i64,
    pub space: i64,
    pub segment: i64,
    pub rows: u64,
    /// When it was put in, seconds since 1970.
    pub created: i64,
}

/// Every batch, the oldest first.
pub(super) fn lines(connection: &Connection) -> Result<Vec<Line>, StoreError> {
    let failed = index_error("listing the batches");
    let sql = "SELECT id, space, segment, length(entries) / 40, created FROM batches ORDER BY created, id";
    let line = |row: &Row<'_>| {
        let rows: i64 = row.get(3)?;
        Ok(Line {
            id: row.get(0)?,
            space: row.get(1)?,
            segment: row.get(2)?,
            rows: rows.cast_unsigned(),
            created: row.get(4)?,
        })
    };
    let mut query = connection.prepare(sql).map_err(&failed)?;
    query
        .query_map([], line)
        .and_then(Iterator::collect)
        .map_err(&failed)
}

/// The batch of that number.
pub(super) fn batch_by_id(connection: &Connection, id: i64) -> Result<Batch, StoreError> {
    let failed = index_error("reading a batch");
    let sql = "SELECT id, space, segment, row, entries, checksum FROM batches WHERE id = ?1";
    let mut query = connection.prepare_cached(sql).map_err(&failed)?;
    query.query_row([id], batch).map_err(&failed)
}

/// Take a segment with all its batches, and the spaces that are empty then, out of the index; count the removal.
pub(super) fn remove_segment(connection: &Connection, segment: i64) -> Result<(), StoreError> {
    let remove = || -> rusqlite::Result<()> {
        connection.execute("DELETE FROM batches WHERE segment = ?1", [segment])?;
        connection.execute("DELETE FROM segments WHERE id = ?1", [segment])?;
        connection.execute(
            "DELETE FROM spaces WHERE NOT EXISTS (SELECT 1 FROM batches WHERE space = spaces.id)",
            [],
        )?;
        connection.execute("UPDATE removals SET count = count + 1", [])?;
        Ok(())
    };
    remove().map_err(index_error(WRITING))
}

/// How often rows were removed.
pub(super) fn removals(connection: &Connection) -> Result<i64, StoreError> {
    let failed = index_error(LOOKING);
    let mut query = connection
        .prepare_cached("SELECT count FROM removals")
        .map_err(&failed)?;
    query.query_row([], |row| row.get(0)).map_err(&failed)
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

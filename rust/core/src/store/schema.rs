//! Opening `index.sqlite`: what is there, which version, which settings.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::error::{StoreError, index_error, io_error};
use super::segment::{private_file, sync_folder};
use super::space;
use super::table::Tables;
use super::{APPLICATION_ID, VERSION};

const INDEX: &str = "index.sqlite";
const LOG: &str = "index.sqlite-wal";
const HEADER_BYTES: usize = 100;
const READING: &str = "reading the version";
const WAIT: Duration = Duration::from_millis(1);
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

// Batches are appended in order of their number, so that a commit touches the end of a tree and nothing else.
const TABLES: &str = "
CREATE TABLE spaces (
    id          INTEGER PRIMARY KEY,
    fingerprint TEXT    NOT NULL UNIQUE,
    dim         INTEGER NOT NULL CHECK (dim > 0),
    created     INTEGER NOT NULL,
    checksum    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE segments (
    id   INTEGER PRIMARY KEY,
    dim  INTEGER NOT NULL CHECK (dim > 0),
    rows INTEGER NOT NULL CHECK (rows >= 0)
) STRICT;
CREATE TABLE batches (
    id       INTEGER PRIMARY KEY,
    space    INTEGER NOT NULL REFERENCES spaces (id),
    segment  INTEGER NOT NULL REFERENCES segments (id),
    row      INTEGER NOT NULL CHECK (row >= 0),
    entries  BLOB    NOT NULL CHECK (length(entries) > 0 AND length(entries) % 40 = 0),
    checksum INTEGER NOT NULL,
    created  INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX batches_of_space ON batches (space);
CREATE TABLE removals (count INTEGER NOT NULL) STRICT;
INSERT INTO removals VALUES (0);
";
// Version 1 knew neither ages nor removals: a batch is as old as its space.
const FROM_VERSION_1: &str = "
ALTER TABLE spaces ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batches ADD COLUMN created INTEGER NOT NULL DEFAULT 0;
UPDATE batches SET created = coalesce((SELECT created FROM spaces WHERE id = space), 0);
CREATE TABLE removals (count INTEGER NOT NULL) STRICT;
INSERT INTO removals VALUES (0);
";

/// A connection, and whether it looks at a frozen file.
#[derive(Debug)]
pub(super) struct Index {
    pub connection: Connection,
    /// What was learnt of the spaces that were asked for; it lives and dies with the connection.
    pub tables: Tables,
    /// Of the format, as found; a reader may look at an old store, a writer has upgraded it.
    pub version: i64,
    /// Opened without locks because no write-ahead log exists; stale as soon as one appears.
    pub frozen: bool,
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}

/// Open the index of the store at `folder`, creating the store unless it is to be read only.
pub(super) fn open(folder: &Path, read_only: bool) -> Result<Index, StoreError> {
    if folder.exists() && !folder.is_dir() {
        return Err(StoreError::NotAStore {
            found: "the path is a file, not a folder".into(),
        });
    }
    if read_only {
        open_to_read(folder)
    } else {
        open_to_write(folder)
    }
}

fn open_to_read(folder: &Path) -> Result<Index, StoreError> {
    let path = folder.join(INDEX);
    if !path.exists() {
        return Err(StoreError::Missing);
    }
    check_length(folder)?;
    let frozen = is_frozen(folder)?;
    let action = "opening the index";
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let uri = uri(&path, if frozen { "immutable=1" } else { "mode=ro" });
    let mut connection = Connection::open_with_flags(uri, flags).map_err(index_error(action))?;
    configure(&mut connection)?;
    let Some(version) = check(&connection)? else {
        return Err(StoreError::NotAStore {
            found: "index.sqlite is empty".into(),
        });
    };
    Ok(Index {
        connection,
        tables: Tables::new(folder, version),
        version,
        frozen,
    })
}

fn open_to_write(folder: &Path) -> Result<Index, StoreError> {
    create_files(folder)?;
    check_length(folder)?;
    let action = "opening the index";
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection =
        Connection::open_with_flags(folder.join(INDEX), flags).map_err(index_error(action))?;
    configure(&mut connection)?;
    if check(&connection)? != Some(VERSION) {
        create_tables(folder, &mut connection)?;
    }
    Ok(Index {
        connection,
        tables: Tables::new(folder, VERSION),
        version: VERSION,
        frozen: false,
    })
}

/// Whether the index is in WAL mode without a log: `SQLite` would create one, a reader must not.
///
/// Writers never remove their log (see [`configure`]), so its absence means that nobody is writing.
pub(super) fn is_frozen(folder: &Path) -> Result<bool, StoreError> {
    if folder.join(LOG).exists() {
        return Ok(false);
    }
    let (header, _) = header(folder).map_err(io_error(INDEX, "opening the index"))?;
    Ok(header[18] == 2)
}

/// The first bytes of the index and its length.
fn header(folder: &Path) -> io::Result<([u8; HEADER_BYTES], u64)> {
    let mut file = fs::File::open(folder.join(INDEX))?;
    let mut header = [0; HEADER_BYTES];
    let length = file.metadata()?.len();
    if length >= HEADER_BYTES as u64 {
        file.read_exact(&mut header)?;
    }
    Ok((header, length))
}

/// Refuse an index that is no whole number of pages, which `SQLite` would read as if zeros followed.
///
/// With a log the last page may rightly be unfinished: a checkpoint met a full disk, and the log has the page still.
fn check_length(folder: &Path) -> Result<(), StoreError> {
    if fs::metadata(folder.join(LOG)).is_ok_and(|log| log.len() > 0) {
        return Ok(());
    }
    let (header, length) = header(folder).map_err(io_error(INDEX, "opening the index"))?;
    // The format writes 65536 as 1 and keeps the high byte first.
    let page = match (u64::from(header[16]) << 8) | u64::from(header[17]) {
        1 => 1 << 16,
        page => page,
    };
    if length == 0 || !header.starts_with(b"SQLite format 3\0") && length >= HEADER_BYTES as u64 {
        return Ok(());
    }
    if length < HEADER_BYTES as u64 || page == 0 || length % page != 0 {
        let what = format!(
            "index.sqlite is {length} bytes long, expected a multiple of its page size {page}"
        );
        return Err(StoreError::corrupt(what));
    }
    Ok(())
}

/// Wait for a lock; false when it has lasted long enough. `turn` counts from 0.
///
/// `SQLite`'s own handler sleeps 100 ms at a time in the end, which is a hundred commits.
fn wait(turn: i32) -> bool {
    thread::sleep(WAIT);
    WAIT * turn.unsigned_abs() < BUSY_TIMEOUT
}

/// Settings of a connection that leave the file unchanged.
fn configure(connection: &mut Connection) -> Result<(), StoreError> {
    let mut set = || -> rusqlite::Result<()> {
        connection.busy_handler(Some(wait))?;
        // A close then neither checkpoints nor removes the log: a forked child can close what it inherited,
        // and a reader always finds the log there.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.set_prepared_statement_cache_capacity(16);
        connection.pragma_update(None, "synchronous", "FULL")
    };
    set().map_err(index_error("configuring the index"))
}

/// [`look`] of a connection without a transaction, in one snapshot: another process may create the tables just now.
fn check(connection: &Connection) -> Result<Option<i64>, StoreError> {
    let begin = connection.unchecked_transaction();
    let snapshot = begin.map_err(index_error(READING))?;
    look(&snapshot)
}

/// Version of a store this code reads, none for a database without content; everything else is an error.
fn look(connection: &Connection) -> Result<Option<i64>, StoreError> {
    let read = |pragma: &str| -> rusqlite::Result<i64> {
        connection.pragma_query_value(None, pragma, |row| row.get(0))
    };
    let tables = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' \
                  AND name IN ('spaces', 'segments', 'batches', 'removals')";
    let read_all = || -> rusqlite::Result<(i64, i64, i64, i64)> {
        let any =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let ours = connection.query_row(tables, [], |row| row.get(0))?;
        Ok((read("application_id")?, read("user_version")?, any, ours))
    };
    match read_all().map_err(index_error(READING))? {
        (0, 0, 0, _) => Ok(None),
        (APPLICATION_ID, found, ..) if found > VERSION => Err(StoreError::NewerVersion { found }),
        (APPLICATION_ID, found @ 1, _, 3) | (APPLICATION_ID, found @ VERSION, _, 4) => {
            Ok(Some(found))
        }
        (APPLICATION_ID, found, _, ours) => Err(StoreError::corrupt(format!(
            "index.sqlite has version {found} and {ours} tables of ours, expected version 1 and 3 or version {VERSION} \
             and 4"
        ))),
        (other, ..) => Err(StoreError::NotAStore {
            found: format!(
                "index.sqlite has application_id {other:#x}, expected {APPLICATION_ID:#x}"
            ),
        }),
    }
}

/// Version of the format as the file has it now.
pub(super) fn version(connection: &Connection) -> Result<i64, StoreError> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(index_error(READING))
}

/// Make the tables of an empty index, or bring those of an older version up to this one.
fn create_tables(folder: &Path, connection: &mut Connection) -> Result<(), StoreError> {
    let failed = index_error("creating the tables");
    keep_log(connection).map_err(&failed)?;
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(&failed)?;
    let found = look(&transaction)?;
    let tables = match found {
        None => TABLES,
        Some(1) => FROM_VERSION_1,
        Some(_) => return Ok(()),
    };
    sync_names(folder)?;
    transaction.execute_batch(tables).map_err(&failed)?;
    if found.is_some() {
        space::seal(&transaction)?;
    }
    transaction
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(&failed)?;
    transaction
        .pragma_update(None, "user_version", VERSION)
        .map_err(&failed)?;
    transaction.commit().map_err(&failed)
}

/// Make the index keep a write-ahead log.
///
/// Of two connections that read the file and want it for themselves, each would wait for the other to stop reading. So
/// `SQLite` refuses one at once, whatever the time limit; that one stops reading, by returning here, and asks again.
fn keep_log(connection: &Connection) -> rusqlite::Result<()> {
    let start = Instant::now();
    loop {
        // A file system that refuses WAL answers with its own mode, which is as durable and only slower.
        let answer = connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()));
        let busy = |error: &rusqlite::Error| {
            error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
        };
        if !answer.as_ref().is_err_and(busy) || start.elapsed() > BUSY_TIMEOUT {
            return answer;
        }
        thread::sleep(WAIT);
    }
}

/// Folder, empty index and folder of segments, each for its owner alone; what exists is left as it is.
fn create_files(folder: &Path) -> Result<(), StoreError> {
    let action = "creating the store";
    let index = folder.join(INDEX);
    if folder.is_dir() && !index.exists() {
        let mut entries = fs::read_dir(folder).map_err(io_error(".", action))?;
        // The second look is for another process that creates the store at this moment.
        if entries.next().is_some() && !index.exists() {
            let found = "the folder is not empty and has no index.sqlite".into();
            return Err(StoreError::NotAStore { found });
        }
    }
    create_folder(folder).map_err(io_error(".", action))?;
    if !index.exists() {
        private_file()
            .open(&index)
            .map_err(io_error(INDEX, action))?;
    }
    let segments = folder.join("segments");
    if !segments.is_dir() {
        create_folder(&segments).map_err(io_error("segments", action))?;
    }
    Ok(())
}

/// Make the names of the store and of every folder above it durable: which of them are new is not known after a crash.
fn sync_names(folder: &Path) -> Result<(), StoreError> {
    let action = "creating the store";
    sync_folder(folder).map_err(io_error(".", action))?;
    let mut above = folder.ancestors().skip(1);
    above
        .next()
        .map_or(Ok(()), sync_folder)
        .map_err(io_error("..", action))?;
    for folder in above {
        // One that may not be read was not made here.
        let _ = sync_folder(folder);
    }
    Ok(())
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// `file:` address of a path, with everything percent-encoded that has a meaning there.
fn uri(path: &Path, query: &str) -> String {
    let mut text = String::from("file:");
    for &byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text.push('?');
    text.push_str(query);
    text
}

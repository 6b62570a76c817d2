//! Every error of the store: when it comes, and its exact words.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::Path;

use diptych_core::store::{Options, Store, StoreError, sqlite_version};

const ONE: NonZeroUsize = NonZeroUsize::MIN;

const READ_ONLY: Options = Options {
    read_only: true,
    segment_bytes: 1 << 30,
};

fn open(folder: &Path) -> Result<Store, StoreError> {
    Store::open(folder, Options::default())
}

fn text<T>(answer: Result<T, StoreError>) -> String {
    answer
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default()
}

#[test]
fn the_bundled_sqlite_has_the_fix_of_the_log_reset_race() {
    assert!(sqlite_version() >= 3_051_003, "{}", sqlite_version());
}

#[test]
fn wrong_arrays_are_refused_with_both_values_and_nothing_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let keys = [[1; 32], [2; 32]];
    let table = [
        (
            store.put("s", &keys, 0, &[]),
            "vectors have width 0; a store takes 1 to 1048576",
        ),
        (
            store.put("s", &keys, 2, &[0.0; 3]),
            "2 keys of 32 bytes need 2 x 2 = 4 values, got 3; pass one vector for each key",
        ),
        (
            store.put("s", &keys, 2, &[0.0, 1.0, f32::NAN, f32::INFINITY]),
            "vectors[1, 0] is NaN; nothing of this batch was stored; every value must be finite",
        ),
        (
            store.put("s", &keys, 2, &[0.0, f32::NEG_INFINITY, 0.0, 0.0]),
            "vectors[0, 1] is -inf; nothing of this batch was stored; every value must be finite",
        ),
    ];
    for (answer, expected) in table {
        assert!(answer.as_ref().is_err_and(StoreError::is_about_arrays));
        assert_eq!(text(answer), expected);
    }
    assert_eq!(store.stats().unwrap(), []);
    assert_eq!(store.put("s", &[], 2, &[]).unwrap(), 0);
    assert_eq!(store.stats().unwrap(), []);
}

#[test]
fn a_width_that_is_not_the_spaces_is_refused_on_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    store.put("s", &[[1; 32]], 2, &[1.0, 2.0]).unwrap();
    let expected = "space \"s\" holds vectors of width 2, got width 1; put what changed the width into the space's fingerprint";
    assert_eq!(text(store.put("s", &[[2; 32]], 1, &[1.0])), expected);
    assert_eq!(
        text(store.get("s", &[[1; 32]], 1, &mut [0.0], &mut [false], ONE)),
        expected
    );
}

#[test]
fn what_is_not_a_store_is_refused_and_left_unchanged() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fs::write(at("file"), "x").unwrap();
    for name in ["full", "garbage", "foreign", "empty"] {
        fs::create_dir(at(name)).unwrap();
    }
    fs::write(at("full/thesis.tex"), "x").unwrap();
    fs::write(
        at("garbage/index.sqlite"),
        "no database, whatever its name says. ".repeat(50),
    )
    .unwrap();
    let foreign = rusqlite::Connection::open(at("foreign/index.sqlite")).unwrap();
    foreign.execute_batch("CREATE TABLE mine (x)").unwrap();
    drop(foreign);
    fs::write(at("empty/index.sqlite"), "").unwrap();
    let not = |found: &str| {
        format!(
            "not a diptych store: {found}; name a new or empty folder, or the folder of a store"
        )
    };
    let missing =
        "there is no store here; open it without read_only to create one, or correct the path";
    let table = [
        ("file", false, not("the path is a file, not a folder")),
        ("file", true, not("the path is a file, not a folder")),
        (
            "full",
            false,
            not("the folder is not empty and has no index.sqlite"),
        ),
        ("full", true, missing.to_owned()),
        ("nothing", true, missing.to_owned()),
        (
            "garbage",
            false,
            not("index.sqlite is not an SQLite database"),
        ),
        (
            "garbage",
            true,
            not("index.sqlite is not an SQLite database"),
        ),
        (
            "foreign",
            false,
            not("index.sqlite has application_id 0x0, expected 0x64697074"),
        ),
        ("empty", true, not("index.sqlite is empty")),
    ];
    for (name, read_only, expected) in table {
        let before = fs::read(at(name).join("index.sqlite")).ok();
        let answer = Store::open(
            &at(name),
            Options {
                read_only,
                ..READ_ONLY
            },
        );
        assert_eq!(text(answer), expected, "{name}");
        assert_eq!(
            fs::read(at(name).join("index.sqlite")).ok(),
            before,
            "{name}"
        );
    }
    assert!(!at("nothing").exists());
    assert_eq!(fs::read_dir(at("full")).unwrap().count(), 1);
}

#[test]
fn a_newer_store_is_refused_and_left_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let index = folder.path().join("index.sqlite");
    let newer = rusqlite::Connection::open(&index).unwrap();
    newer.pragma_update(None, "user_version", 3).unwrap();
    drop(newer);
    let before = fs::read(&index).unwrap();
    for read_only in [false, true] {
        let answer = Store::open(
            folder.path(),
            Options {
                read_only,
                ..READ_ONLY
            },
        );
        assert!(matches!(answer, Err(StoreError::NewerVersion { found: 3 })));
        assert_eq!(
            text(answer),
            "the store has format version 3 and this diptych reads up to 2; it was left unchanged; \
             upgrade diptych or use another folder"
        );
    }
    assert_eq!(fs::read(&index).unwrap(), before);
}

#[test]
fn damage_is_named_by_file_and_row_and_says_what_to_do() {
    const REBUILD: &str = "; nothing was served from there; move the folder away and run again, so that its vectors are computed anew";
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let keys = [[1; 32], [2; 32]];
    store.put("s", &keys, 2, &[1.0, 2.0, 3.0, 4.0]).unwrap();
    let segment = folder.path().join("segments/000001.f32");
    let whole = fs::read(&segment).unwrap();
    // A store that has read a segment holds it open, and reads on where it was removed.
    let get = || {
        let store = open(folder.path())?;
        store.get("s", &keys, 2, &mut [0.0; 4], &mut [false; 2], ONE)
    };
    let put = || store.put("s", &[[3; 32]], 2, &[5.0, 6.0]);

    fs::write(&segment, &whole[..15]).unwrap();
    let short = "segments/000001.f32 is 15 bytes long, its 2 committed rows need 16";
    assert_eq!(text(get()), format!("{short}{REBUILD}"));
    assert_eq!(text(put()), format!("{short}{REBUILD}"));
    assert_eq!(store.verify().unwrap(), [short]);

    fs::remove_file(&segment).unwrap();
    let missing = "segments/000001.f32 is missing, index.sqlite says it holds rows";
    assert_eq!(text(get()), format!("{missing}{REBUILD}"));
    assert_eq!(text(put()), format!("{missing}{REBUILD}"));
    assert_eq!(store.verify().unwrap(), [missing]);

    let mut flipped = whole.clone();
    flipped[8] ^= 1;
    fs::write(&segment, &flipped).unwrap();
    let fault = store.verify().unwrap().remove(0);
    assert!(
        fault.starts_with("segments/000001.f32 row 1: checksum 0x"),
        "{fault}"
    );
    assert_eq!(text(get()), format!("{fault}{REBUILD}"));

    fs::write(&segment, whole).unwrap();
    assert_eq!((put().unwrap(), get().is_ok()), (1, true));
}

#[test]
fn a_damaged_index_is_refused_by_batch_and_never_served_as_a_miss() {
    const REBUILD: &str = "; nothing was served from there; move the folder away and run again, so that its vectors are computed anew";
    let folder = tempfile::tempdir().unwrap();
    let keys = [[1; 32], [2; 32]];
    drop(open(folder.path()).map(|store| store.put("s", &keys, 2, &[1.0, 2.0, 3.0, 4.0])));
    let change = |sql: &str| {
        let index = rusqlite::Connection::open(folder.path().join("index.sqlite")).unwrap();
        assert_eq!(index.execute(sql, []).unwrap(), 1);
    };
    let check = || {
        let store = open(folder.path()).unwrap();
        let fault = store.verify().unwrap().remove(0);
        assert!(
            fault.starts_with("index.sqlite batch 1: checksum 0x"),
            "{fault}"
        );
        let get = store.get("s", &keys, 2, &mut [0.0; 4], &mut [false; 2], ONE);
        assert_eq!(text(get), format!("{fault}{REBUILD}"));
        assert_eq!(
            text(store.put("s", &keys, 2, &[0.0; 4])),
            format!("{fault}{REBUILD}")
        );
    };
    for (bad, good) in [
        ("row = 1", "row = 0"),
        ("checksum = checksum + 1", "checksum = checksum - 1"),
        (
            "entries = CAST(substr(entries, 41) || substr(entries, 1, 40) AS BLOB)",
            "entries = CAST(substr(entries, 41) || substr(entries, 1, 40) AS BLOB)",
        ),
    ] {
        change(&format!("UPDATE batches SET {bad}"));
        check();
        change(&format!("UPDATE batches SET {good}"));
        assert_eq!(
            open(folder.path()).unwrap().verify().unwrap(),
            Vec::<String>::new()
        );
    }
    change(
        "INSERT INTO batches SELECT 2, space, segment, row, entries, checksum, created FROM batches",
    );
    let faults = open(folder.path()).unwrap().verify().unwrap();
    assert_eq!(
        faults[0],
        "index.sqlite batch 2: key 0101010101010101... is in space 1 already"
    );
}

#[test]
fn a_read_only_store_takes_no_rows_and_creates_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    store.put("s", &[[1; 32]], 1, &[5.0]).unwrap();
    drop(store);
    // As after a copy of the folder by hand: the index is whole without its log.
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(folder.path().join(format!("index.sqlite{suffix}"))).unwrap();
    }
    let reader = Store::open(folder.path(), READ_ONLY).unwrap();
    let read = || {
        let (mut vectors, mut found) = ([0.0; 2], [false; 2]);
        reader
            .get("s", &[[1; 32], [2; 32]], 1, &mut vectors, &mut found, ONE)
            .unwrap();
        (vectors, found)
    };
    assert_eq!(read(), ([5.0, 0.0], [true, false]));
    assert_eq!(
        text(reader.put("s", &[[2; 32]], 1, &[6.0])),
        "the store is read-only; open it without read_only, and with permission to write its folder, to add vectors"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);

    // A writer that comes later is seen.
    let writer = open(folder.path()).unwrap();
    writer.put("s", &[[2; 32]], 1, &[6.0]).unwrap();
    assert_eq!(read(), ([5.0, 6.0], [true, true]));
}

#[test]
fn the_words_of_errors_that_need_a_special_machine() {
    let source = io::Error::from(io::ErrorKind::PermissionDenied);
    let io = StoreError::Io {
        file: "segments/000001.f32".into(),
        action: "syncing rows",
        source,
    };
    let source = rusqlite::Error::InvalidQuery;
    let index = StoreError::Index {
        action: "committing",
        source,
    };
    let table = [
        (
            StoreError::DiskFull {
                action: "appending rows",
            },
            "disk full while appending rows; nothing of this batch was stored and earlier rows are intact; \
             free some space and try again",
        ),
        (
            StoreError::Busy {
                action: "waiting for the write lock",
            },
            "another process held the store's write lock for more than 30 s while waiting for the write lock; \
             try again when it has finished",
        ),
        (
            StoreError::Forked,
            "this process was forked while another thread was using a store; start workers with the spawn method, \
             or fork when no store is in use",
        ),
        (
            io,
            "segments/000001.f32: permission denied while syncing rows; check the permissions and the disk",
        ),
        (
            index,
            "index.sqlite: Query is not read-only while committing; check the permissions and the disk",
        ),
    ];
    for (error, expected) in table {
        assert_eq!(error.to_string(), expected);
    }
}

#[cfg(unix)]
#[test]
fn what_is_created_belongs_to_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("a/store");
    let store = open(&folder).unwrap();
    store.put("s", &[[1; 32]], 1, &[1.0]).unwrap();
    let names = [
        "",
        "segments",
        "index.sqlite",
        "index.sqlite-wal",
        "index.sqlite-shm",
        "segments/000001.f32",
    ];
    let modes = names.map(|name| {
        fs::metadata(folder.join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    });
    assert_eq!(modes, [0o700, 0o700, 0o600, 0o600, 0o600, 0o600]);
}

#[test]
fn a_path_with_every_awkward_sign_opens_both_ways() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("a b?c#d%20&'\"\\~=");
    drop(open(&folder).unwrap());
    assert_eq!(
        Store::open(&folder, READ_ONLY).unwrap().stats().unwrap(),
        []
    );
}

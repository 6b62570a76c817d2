//! A store of any format version opens for ever: `golden/store-v1` and so on were written once, and never again.
//!
//! Its content: row `i` of a space has the key `[i; 32]` and the values `i + column / 4`, negative in space "b".
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use diptych_core::store::{Options, Removal, Removed, SpaceStats, Store, VERSION};
use tempfile::TempDir;

const ONE: NonZeroUsize = NonZeroUsize::MIN;

const SPACES: [(&str, usize, u8, f32); 2] = [
    ("model@rev1 {\"pooling\":\"mean\"}", 3, 5, 1.0),
    ("b", 2, 3, -1.0),
];

fn vector(row: u8, dim: usize, sign: f32) -> Vec<f32> {
    [0.0, 0.25, 0.5][..dim]
        .iter()
        .map(|part| sign * (f32::from(row) + part))
        .collect()
}

fn write(folder: &Path) {
    let store = Store::open(
        folder,
        Options {
            segment_bytes: 40,
            ..Options::default()
        },
    )
    .unwrap();
    for (space, dim, rows, sign) in SPACES {
        let keys: Vec<_> = (0..rows).map(|row| [row; 32]).collect();
        let vectors: Vec<f32> = (0..rows).flat_map(|row| vector(row, dim, sign)).collect();
        store.put(space, &keys, dim, &vectors).unwrap();
    }
}

fn check(store: &Store) {
    for (space, dim, rows, sign) in SPACES {
        for row in 0..rows {
            let (mut got, mut found) = (vec![0.0; dim], [false]);
            store
                .get(space, &[[row; 32]], dim, &mut got, &mut found, ONE)
                .unwrap();
            assert_eq!((got, found), (vector(row, dim, sign), [true]));
        }
    }
    let stats = |(space, dim, rows, _): (&str, usize, u8, f32)| {
        let bytes = 4 * dim as u64 * u64::from(rows);
        SpaceStats {
            space: space.to_owned(),
            dim,
            rows: rows.into(),
            bytes,
        }
    };
    assert_eq!(store.stats().unwrap(), SPACES.map(stats));
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
}

/// The folder of a store that was written when its format version was new.
fn golden(version: i64) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/store-v{version}"))
}

fn versions() -> impl Iterator<Item = PathBuf> {
    (1..=VERSION).map(golden)
}

/// Not a test: how the golden folder was made. It refuses to replace one.
#[test]
#[ignore = "writes the golden folder of a new format version"]
fn make_golden() {
    let golden = golden(VERSION);
    assert!(
        !golden.exists(),
        "the golden folder of a format that exists is never written again"
    );
    write(&golden);
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(golden.join(format!("index.sqlite{suffix}"))).unwrap();
    }
}

#[test]
fn every_version_opens_and_gives_its_vectors() {
    let options = Options {
        read_only: true,
        ..Options::default()
    };
    for golden in versions() {
        check(&Store::open(&golden, options).unwrap());
        let entries = fs::read_dir(&golden).unwrap().count();
        assert_eq!(entries, 2, "reading created nothing");
    }
}

fn copy(golden: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir(copy.path().join("segments")).unwrap();
    for entry in fs::read_dir(golden.join("segments")).unwrap() {
        let name = Path::new("segments").join(entry.unwrap().file_name());
        fs::copy(golden.join(&name), copy.path().join(name)).unwrap();
    }
    let name = "index.sqlite";
    fs::copy(golden.join(name), copy.path().join(name)).unwrap();
    copy
}

#[test]
fn every_version_can_be_written_on_and_removed_from() {
    for golden in versions() {
        let copy = copy(&golden);
        let store = Store::open(copy.path(), Options::default()).unwrap();
        check(&store);
        assert_eq!(store.put("c", &[[9; 32]], 3, &[1.0, 2.0, 3.0]).unwrap(), 1);
        let long_ago = Removal {
            before: Some(1_700_000_000),
            ..Removal::default()
        };
        assert_eq!(
            store.gc(&long_ago, false).unwrap(),
            Removed::default(),
            "rows are as old as their space"
        );
        let named = Removal {
            spaces: Some(vec!["b".into()]),
            ..Removal::default()
        };
        assert_eq!(store.gc(&named, false).unwrap().spaces[0].rows, 3);
        assert_eq!(store.stats().unwrap().len(), 2);
        assert_eq!(store.verify().unwrap(), Vec::<String>::new());
    }
}

#[test]
fn a_reader_of_version_1_follows_a_writer_that_upgrades_it_and_removes() {
    let copy = copy(&golden(1));
    let options = Options {
        read_only: true,
        ..Options::default()
    };
    let reader = Store::open(copy.path(), options).unwrap();
    check(&reader);
    let writer = Store::open(copy.path(), Options::default()).unwrap();
    let all = Removal {
        most_bytes: Some(0),
        ..Removal::default()
    };
    writer.gc(&all, false).unwrap();
    for (space, dim, rows, sign) in SPACES {
        let keys: Vec<_> = (0..rows).rev().map(|row| [row; 32]).collect();
        let vectors: Vec<f32> = (0..rows)
            .rev()
            .flat_map(|row| vector(row, dim, sign))
            .collect();
        writer.put(space, &keys, dim, &vectors).unwrap();
    }
    check(&reader);
}

#[test]
fn what_is_written_today_has_the_same_segments_and_content() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    check(&Store::open(folder.path(), Options::default()).unwrap());
    let (golden, mut examined) = (golden(VERSION), 0);
    for entry in fs::read_dir(golden.join("segments")).unwrap() {
        let name = entry.unwrap().file_name();
        let (old, new) = (
            golden.join("segments").join(&name),
            folder.path().join("segments").join(&name),
        );
        assert_eq!(
            fs::read(old).unwrap(),
            fs::read(new).unwrap(),
            "{}",
            name.display()
        );
        examined += 1;
    }
    assert_eq!(examined, 3);
}

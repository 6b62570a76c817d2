//! A store written by format version 1 opens for ever: `golden/store-v1` was written once and is never written again.
//!
//! Its content: row `i` of a space has the key `[i; 32]` and the values `i + column / 4`, negative in space "b".
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use diptych_core::store::{Options, SpaceStats, Store};

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

fn golden() -> &'static Path {
    Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/store-v1"
    ))
}

/// Not a test: how the golden folder was made. It refuses to replace one.
#[test]
#[ignore = "writes the golden folder of a new format version"]
fn make_golden() {
    assert!(
        !golden().exists(),
        "the golden folder of a released format is never written again"
    );
    write(golden());
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(golden().join(format!("index.sqlite{suffix}"))).unwrap();
    }
}

#[test]
fn version_1_opens_and_gives_its_vectors() {
    check(
        &Store::open(
            golden(),
            Options {
                read_only: true,
                ..Options::default()
            },
        )
        .unwrap(),
    );
    assert_eq!(
        fs::read_dir(golden()).unwrap().count(),
        2,
        "reading created nothing"
    );
}

#[test]
fn version_1_can_be_written_on() {
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir(copy.path().join("segments")).unwrap();
    for number in 1..=4 {
        let name = format!("segments/{number:06}.f32");
        if golden().join(&name).exists() {
            fs::copy(golden().join(&name), copy.path().join(name)).unwrap();
        }
    }
    fs::copy(
        golden().join("index.sqlite"),
        copy.path().join("index.sqlite"),
    )
    .unwrap();
    let store = Store::open(copy.path(), Options::default()).unwrap();
    assert_eq!(store.put("c", &[[9; 32]], 3, &[1.0, 2.0, 3.0]).unwrap(), 1);
    assert_eq!(store.stats().unwrap().len(), 3);
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
}

#[test]
fn what_is_written_today_has_the_same_segments_and_content() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    check(&Store::open(folder.path(), Options::default()).unwrap());
    let mut examined = 0;
    for entry in fs::read_dir(golden().join("segments")).unwrap() {
        let name = entry.unwrap().file_name();
        let (old, new) = (
            golden().join("segments").join(&name),
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

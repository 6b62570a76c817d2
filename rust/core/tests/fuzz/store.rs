//! A store in which bytes were changed: what is served is what was put, or nothing is.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use diptych_core::store::{Key, Options, Store, StoreError};

use super::generator::Bytes;

const DIM: usize = 3;
const N: u8 = 20;

fn key(row: u8) -> Key {
    [row; 32]
}

fn vector(row: u8) -> [f32; DIM] {
    [f32::from(row), 0.5, -1.0 / (f32::from(row) + 1.0)]
}

fn bits(vector: [f32; DIM]) -> [u32; DIM] {
    vector.map(f32::to_bits)
}

fn filled(folder: &Path) {
    let store = Store::open(folder, Options::default()).unwrap();
    for rows in [0..N / 2, N / 2..N] {
        let keys: Vec<Key> = rows.clone().map(key).collect();
        let vectors: Vec<f32> = rows.flat_map(vector).collect();
        store.put("fuzz", &keys, DIM, &vectors).unwrap();
    }
}

/// Change, insert or cut bytes of one of the files.
fn damage(folder: &Path, bytes: &mut Bytes<'_>) {
    let names = ["segments/000001.f32", "index.sqlite", "index.sqlite-wal"];
    let path = folder.join(names[bytes.size(2)]);
    let Ok(mut content) = fs::read(&path) else {
        return;
    };
    for _ in 0..=bytes.size(3) {
        let at = bytes.value::<u16>() as usize % (content.len() + 1);
        match bytes.size(3) {
            0 => content.truncate(at),
            1 => content.insert(at, bytes.value()),
            _ if at < content.len() => content[at] = bytes.value(),
            _ => {}
        }
    }
    fs::write(&path, content).unwrap();
}

pub fn damaged(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    damage(folder.path(), &mut bytes);
    let options = Options {
        read_only: bytes.value(),
        ..Options::default()
    };
    let Ok(store) = Store::open(folder.path(), options) else {
        return;
    };
    let _ = store.verify();
    let _ = store.stats();
    for row in 0..N + 2 {
        let (mut got, mut found) = ([0.0; DIM], [false]);
        let answer = store.get(
            "fuzz",
            &[key(row)],
            DIM,
            &mut got,
            &mut found,
            NonZeroUsize::MIN,
        );
        if answer.is_ok() && found[0] {
            assert!(row < N, "row {row} was never put");
            assert_eq!(bits(got), bits(vector(row)), "row {row}");
        }
    }
    let put = store.put("fuzz", &[key(200)], DIM, &vector(200));
    assert!(!(options.read_only && put.is_ok()));
    if put.is_ok() {
        let (mut got, mut found) = ([0.0; DIM], [false]);
        match store.get(
            "fuzz",
            &[key(200)],
            DIM,
            &mut got,
            &mut found,
            NonZeroUsize::MIN,
        ) {
            Ok(()) => assert_eq!((bits(got), found), (bits(vector(200)), [true])),
            Err(StoreError::Corrupt { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

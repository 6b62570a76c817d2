//! The store under SIGKILL, flipped bits and cut files.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]
#![cfg(unix)]

#[allow(dead_code, reason = "each binary uses a part")]
mod children;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;
use std::{fs, thread};

use children::{BATCH, DIM, ONE, OPTIONS, Random, SPACE, acks, batch, obey, present, slow, start};
use diptych_core::store::{Store, StoreError};

#[test]
#[ignore = "the child process of the other tests"]
fn writer() {
    obey();
}

#[test]
fn a_killed_writer_loses_no_acknowledged_batch_and_leaves_none_half_done() {
    let (rounds, mut random, mut total) = (if slow() { 50 } else { 6 }, Random(0x2545_F491), 0);
    for round in 0..rounds {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        // The same folder is crashed, reopened and written on several times.
        for life in 0..3 {
            let first = life * 1000;
            let mut child = start(&path, 0, first, 200);
            thread::sleep(Duration::from_millis(5 + random.below(120)));
            child.kill().unwrap();
            let acked = acks(&mut child).collect::<Vec<u32>>();
            child.wait().unwrap();
            let Ok(store) = Store::open(&path, OPTIONS) else {
                panic!("round {round}: does not open again")
            };
            for number in first..first + 200 {
                let rows = present(&store, 0, number);
                assert!(
                    rows == 0 || rows == BATCH as usize,
                    "round {round}: {rows} rows of batch {number}"
                );
                assert!(
                    rows > 0 || !acked.contains(&number),
                    "round {round}: batch {number} was acknowledged"
                );
            }
            total += acked.len();
            assert_eq!(store.verify().unwrap(), Vec::<String>::new());
        }
    }
    assert!(
        total > 0,
        "no batch was written before the kill: the test examined nothing"
    );
}

fn filled(folder: &Path, batches: u32) {
    let store = Store::open(folder, OPTIONS).unwrap();
    for number in 0..batches {
        let (keys, vectors) = batch(0, number);
        assert_eq!(store.put(SPACE, &keys, DIM, &vectors).unwrap(), keys.len());
    }
}

fn segments(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder.join("segments"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|path| (path.display().to_string(), fs::read(path).unwrap()))
        .collect()
}

#[test]
fn no_flipped_bit_of_a_vector_is_ever_served() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 2);
    let files: Vec<(String, Vec<u8>)> = segments(folder.path()).into_iter().collect();
    let store = Store::open(folder.path(), OPTIONS).unwrap();
    let mut random = Random(0x9E37_79B9);
    for _ in 0..200 {
        let (path, bytes) = &files[random.index(files.len())];
        let at = random.index(bytes.len());
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << random.below(8);
        fs::write(path, &damaged).unwrap();
        let (mut served, mut refused) = (0, 0);
        for (keys, vectors) in (0..2).map(|number| batch(0, number)) {
            for (key, vector) in keys.iter().zip(vectors.chunks(DIM)) {
                let (mut got, mut found) = (vec![0.0; DIM], [false]);
                match store.get(SPACE, &[*key], DIM, &mut got, &mut found, ONE) {
                    Ok(()) => {
                        assert_eq!(got, vector);
                        served += 1;
                    }
                    Err(StoreError::Corrupt { .. }) => refused += 1,
                    Err(other) => panic!("{other}"),
                }
            }
        }
        assert_eq!(
            (served, refused),
            (2 * BATCH - 1, 1),
            "exactly the damaged row is refused"
        );
        assert_eq!(store.verify().unwrap().len(), 1);
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn a_cut_file_gives_a_typed_error_or_whole_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    filled(&path, 2);
    let mut random = Random(0xDEAD_BEEF);
    let mut names: Vec<_> = segments(&path).into_keys().collect();
    names.push(path.join("index.sqlite").display().to_string());
    for _ in 0..100 {
        let name = &names[random.index(names.len())];
        let bytes = fs::read(name).unwrap();
        let length = random.index(bytes.len());
        fs::write(name, &bytes[..length]).unwrap();
        match Store::open(&path, OPTIONS) {
            Ok(store) => check_whole_or_refused(&store),
            Err(StoreError::Corrupt { .. } | StoreError::NotAStore { .. }) => {}
            Err(other) => panic!("{name} cut to {length}: {other}"),
        }
        // A cut index may have been given new tables or a log by the opening.
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(path.join(format!("index.sqlite{suffix}")));
        }
        fs::write(name, bytes).unwrap();
    }
    assert_eq!(
        Store::open(&path, OPTIONS).unwrap().verify().unwrap(),
        Vec::<String>::new()
    );
}

fn check_whole_or_refused(store: &Store) {
    for (keys, vectors) in (0..2).map(|number| batch(0, number)) {
        let (mut got, mut found) = (vec![0.0; vectors.len()], vec![false; keys.len()]);
        match store.get(SPACE, &keys, DIM, &mut got, &mut found, ONE) {
            Ok(()) if found.iter().all(|&found| found) => assert_eq!(got, vectors),
            // Cut to nothing, the index is that of a new store.
            Ok(()) => assert!(found.iter().all(|&found| !found), "{found:?}"),
            Err(StoreError::Corrupt { .. }) => {}
            Err(other) => panic!("{other}"),
        }
        let put = store.put(SPACE, &keys, DIM, &vectors);
        assert!(
            matches!(put, Ok(_) | Err(StoreError::Corrupt { .. })),
            "{put:?}"
        );
    }
}

#[test]
fn what_a_crashed_writer_left_behind_the_last_commit_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 1);
    let last = segments(folder.path()).into_keys().next_back().unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(&last).unwrap();
    file.write_all(&[0xFF; 777]).unwrap();
    let mut bytes = Vec::new();
    fs::File::open(&last)
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    assert!(bytes.ends_with(&[0xFF; 777]));
    let store = Store::open(folder.path(), OPTIONS).unwrap();
    let (keys, vectors) = batch(0, 1);
    store.put(SPACE, &keys, DIM, &vectors).unwrap();
    assert_eq!(
        (present(&store, 0, 0), present(&store, 0, 1)),
        (BATCH as usize, BATCH as usize)
    );
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
}

//! Removals: beside readers and writers, in a process that is killed, and what they leave on disk.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]
#![cfg(unix)]

#[allow(dead_code, reason = "each binary uses a part")]
mod children;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{fs, thread};

use children::{BATCH, DIM, ONE, OPTIONS, Random, SPACE, batch, obey, present, slow, start_gc};
use diptych_core::store::{Options, Removal, Removed, Store, StoreError};

const DEAD: &str = "dead";

#[test]
#[ignore = "the child process of the other tests"]
fn writer() {
    obey();
}

fn dead() -> Removal {
    Removal {
        spaces: Some(vec![DEAD.into()]),
        ..Removal::default()
    }
}

/// Batches of a space that stays and one that goes, in turn, so that they share every segment.
fn filled(folder: &Path, count: u32) -> Store {
    let store = Store::open(folder, OPTIONS).unwrap();
    for number in 0..count {
        let (keys, vectors) = batch(0, number);
        for space in [SPACE, DEAD] {
            store.put(space, &keys, DIM, &vectors).unwrap();
        }
    }
    store
}

fn rows(store: &Store) -> Vec<(String, u64)> {
    let stats = store.stats().unwrap().into_iter();
    stats.map(|entry| (entry.space, entry.rows)).collect()
}

fn files(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder.join("segments")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn what_is_removed_frees_its_bytes_and_what_stays_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path(), 4);
    let held = |folder: &Path| -> u64 {
        let entries = fs::read_dir(folder.join("segments")).unwrap();
        entries
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum()
    };
    let before = held(folder.path());
    let removed = store.gc(&dead(), false).unwrap();
    assert_eq!(removed.spaces[0].rows, u64::from(4 * BATCH));
    assert_eq!((removed.stray_files, removed.stray_bytes), (0, 0));
    assert_eq!(held(folder.path()), before - removed.spaces[0].bytes);
    assert_eq!(rows(&store), [(SPACE.to_owned(), u64::from(4 * BATCH))]);
    for number in 0..4 {
        assert_eq!(present(&store, 0, number), BATCH as usize);
    }
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
    assert_eq!(store.gc(&dead(), false).unwrap(), Removed::default());
}

#[test]
fn another_handle_stores_anew_what_it_had_seen_before_the_removal() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path(), 2);
    let other = Store::open(folder.path(), OPTIONS).unwrap();
    let (keys, vectors) = batch(0, 1);
    let (mut got, mut found) = (vec![0.0; vectors.len()], vec![false; keys.len()]);
    other
        .get(DEAD, &keys, DIM, &mut got, &mut found, ONE)
        .unwrap();
    assert!(found.iter().all(|&found| found));
    store.gc(&dead(), false).unwrap();
    // Of another width, too: the space is a new one.
    assert_eq!(other.put(DEAD, &keys[..2], 1, &[1.0, 2.0]).unwrap(), 2);
    store.gc(&dead(), false).unwrap();
    assert_eq!(other.put(DEAD, &keys, DIM, &vectors).unwrap(), keys.len());
    for handle in [&store, &other] {
        found.fill(false);
        handle
            .get(DEAD, &keys, DIM, &mut got, &mut found, ONE)
            .unwrap();
        assert!(found.iter().all(|&found| found));
        assert_eq!(got, vectors);
    }
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
}

#[test]
fn readers_and_a_writer_beside_a_removal_see_whole_rows() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path(), 3);
    let done = AtomicBool::new(false);
    let rounds = if slow() { 200 } else { 12 };
    thread::scope(|scope| {
        for reader in 0..2 {
            let (folder, done) = (folder.path(), &done);
            scope.spawn(move || {
                let options = Options {
                    read_only: reader == 1,
                    ..OPTIONS
                };
                let store = Store::open(folder, options).unwrap();
                while !done.load(Ordering::Relaxed) {
                    for number in 0..3 {
                        assert_eq!(present(&store, 0, number), BATCH as usize);
                    }
                    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
                }
            });
        }
        let writer = Store::open(folder.path(), OPTIONS).unwrap();
        for round in 0..rounds {
            store.gc(&dead(), false).unwrap();
            let (keys, vectors) = batch(1, round);
            for space in [DEAD, SPACE] {
                assert_eq!(writer.put(space, &keys, DIM, &vectors).unwrap(), keys.len());
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    for round in 0..rounds {
        assert_eq!(present(&store, 1, round), BATCH as usize);
    }
}

#[test]
fn a_killed_removal_loses_nothing_that_stays_and_the_next_one_ends_it() {
    let (rounds, mut random, mut cut_short) = (if slow() { 50 } else { 6 }, Random(0x51_7CC1), 0);
    for round in 0..rounds {
        let folder = tempfile::tempdir().unwrap();
        drop(filled(folder.path(), 20));
        let mut child = start_gc(folder.path(), DEAD);
        thread::sleep(Duration::from_millis(2 + random.below(40)));
        child.kill().unwrap();
        child.wait().unwrap();
        let store = Store::open(folder.path(), OPTIONS).unwrap();
        for number in 0..20 {
            let whole = present(&store, 0, number);
            assert_eq!(whole, BATCH as usize, "round {round}, batch {number}");
        }
        assert_eq!(store.verify().unwrap(), Vec::<String>::new());
        cut_short += usize::from(rows(&store).len() == 2);
        store.gc(&dead(), false).unwrap();
        assert_eq!(rows(&store), [(SPACE.to_owned(), u64::from(20 * BATCH))]);
        assert_eq!(store.verify().unwrap(), Vec::<String>::new());
        // 1,280 rows of 96 values, 25 a segment.
        assert_eq!(files(folder.path()).len(), 52, "no file is left over");
    }
    assert!(cut_short > 0, "every removal was over before the kill");
}

#[test]
fn files_that_no_row_lies_in_are_counted_and_removed_and_others_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path(), 1);
    let listed = files(folder.path());
    let segments = folder.path().join("segments");
    fs::write(segments.join("000777.f32"), [0; 12]).unwrap();
    let others = ["notes.txt", "7.f32", "0000778.f32", "-00001.f32"];
    for name in others {
        fs::write(segments.join(name), "mine").unwrap();
    }
    let expected = Removed {
        stray_files: 1,
        stray_bytes: 12,
        ..Removed::default()
    };
    assert_eq!(store.gc(&Removal::default(), true).unwrap(), expected);
    assert!(segments.join("000777.f32").exists());
    assert_eq!(store.gc(&Removal::default(), false).unwrap(), expected);
    let mut left = listed;
    left.extend(others.map(String::from));
    assert_eq!(files(folder.path()), left);
}

#[test]
fn damage_to_a_row_that_stays_stops_the_removal_and_is_not_blessed() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path(), 1);
    let first = folder.path().join("segments/000003.f32");
    let mut bytes = fs::read(&first).unwrap();
    bytes[5] ^= 1;
    fs::write(&first, bytes).unwrap();
    let refused = store.gc(&dead(), false);
    assert!(
        matches!(refused, Err(StoreError::Corrupt { .. })),
        "{refused:?}"
    );
    assert_eq!(store.verify().unwrap().len(), 1);
    assert_eq!(rows(&store).len(), 2);
}

#[test]
fn a_store_opened_to_read_removes_nothing_and_can_plan() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path(), 1));
    let options = Options {
        read_only: true,
        ..OPTIONS
    };
    let store = Store::open(folder.path(), options).unwrap();
    assert!(matches!(
        store.gc(&dead(), false),
        Err(StoreError::ReadOnly)
    ));
    assert_eq!(
        store.gc(&dead(), true).unwrap().spaces[0].rows,
        u64::from(BATCH)
    );
}

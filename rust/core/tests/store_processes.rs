//! One store and several processes: created at one moment, written and read at once.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]
#![cfg(unix)]

#[allow(dead_code, reason = "each binary uses a part")]
mod children;

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use children::{
    BATCH, DIM, OPTIONS, SPACE, acks, batch, obey, present, slow, start, start_waiting,
};
use diptych_core::store::{Options, Store, StoreError};

#[test]
#[ignore = "the child process of the other tests"]
fn writer() {
    obey();
}

#[test]
fn eight_processes_that_create_one_store_at_one_moment_all_succeed() {
    let folder = tempfile::tempdir().unwrap();
    let rounds = if slow() { 500 } else { 20 };
    let mut children: Vec<Child> = (0..8)
        .map(|writer| start_waiting(folder.path(), writer))
        .collect();
    let mut told: Vec<_> = children.iter_mut().map(acks).collect();
    for round in 0..rounds {
        for child in &mut children {
            writeln!(child.stdin.as_mut().unwrap()).unwrap();
        }
        for (writer, told) in told.iter_mut().enumerate() {
            assert_eq!(told.next(), Some(round), "writer {writer} died");
        }
        let store = Store::open(&folder.path().join(round.to_string()), OPTIONS).unwrap();
        for writer in 0..8 {
            assert_eq!(present(&store, writer, round), BATCH as usize);
        }
        assert_eq!(store.verify().unwrap(), Vec::<String>::new());
    }
    for child in &mut children {
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
}

/// `n_writers` processes put `count` batches each while `n_readers` threads of this one look.
fn write_and_read(n_writers: u32, n_readers: usize, count: u32) {
    let folder = tempfile::tempdir().unwrap();
    let mut writers: Vec<Child> = (0..n_writers)
        .map(|writer| start(folder.path(), writer, 0, count))
        .collect();
    let reader = first_reader(folder.path());
    let looks = thread::scope(|scope| {
        let watch = || {
            let reader = first_reader(folder.path());
            let mut looks = 0;
            while (0..n_writers).any(|writer| present(&reader, writer, count - 1) == 0) {
                for writer in 0..n_writers {
                    let rows = present(&reader, writer, looks % count);
                    assert!(
                        rows == 0 || rows == BATCH as usize,
                        "{rows} rows of a batch were visible"
                    );
                }
                looks += 1;
            }
            looks
        };
        let readers: Vec<_> = (0..n_readers).map(|_| scope.spawn(watch)).collect();
        for child in &mut writers {
            assert_eq!(acks(child).count(), count as usize);
            assert!(child.wait().unwrap().success());
        }
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .sum::<u32>()
    });
    assert!(looks > 0, "no reader looked while they wrote");
    for (writer, number) in (0..n_writers).flat_map(|w| (0..count).map(move |n| (w, n))) {
        assert_eq!(present(&reader, writer, number), BATCH as usize);
    }
    assert_eq!(reader.verify().unwrap(), Vec::<String>::new());
}

fn first_reader(folder: &Path) -> Store {
    let options = Options {
        read_only: true,
        ..OPTIONS
    };
    loop {
        match Store::open(folder, options) {
            Ok(store) => return store,
            // Until the first writer has made it there is no store, or one without tables.
            Err(StoreError::Missing | StoreError::NotAStore { .. }) => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn four_writing_processes_and_two_readers_lose_nothing_and_see_whole_batches() {
    write_and_read(4, 2, if slow() { 200 } else { 15 });
}

const READER: &str = "DIPTYCH_TEST_STORE_READER";
/// Batches of the store with many segments.
const MANY: u32 = 100;

#[test]
#[ignore = "the child process of the next test"]
fn reader_of_many_segments() {
    let Ok(folder) = std::env::var(READER) else {
        return;
    };
    let store = first_reader(Path::new(&folder));
    let (keys, vectors): (Vec<_>, Vec<_>) = (0..MANY).map(|number| batch(0, number)).unzip();
    let (keys, vectors) = (keys.concat(), vectors.concat());
    let (mut got, mut found) = (vec![0.0; vectors.len()], vec![false; keys.len()]);
    let threads = NonZeroUsize::new(2).unwrap();
    store
        .get(SPACE, &keys, DIM, &mut got, &mut found, threads)
        .unwrap();
    assert!(found.iter().all(|&found| found));
    assert_eq!(got, vectors);
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
}

#[test]
fn more_segments_than_a_process_may_hold_open_are_read_in_one_call() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), OPTIONS).unwrap();
    for number in 0..MANY {
        let (keys, vectors) = batch(0, number);
        store.put(SPACE, &keys, DIM, &vectors).unwrap();
    }
    let segments = std::fs::read_dir(folder.path().join("segments")).unwrap();
    assert!(segments.count() > 200);
    let answer = Command::new("sh")
        .args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["reader_of_many_segments", "--exact", "--ignored"])
        .env(READER, folder.path())
        .output()
        .unwrap();
    assert!(answer.status.success(), "{answer:?}");
}

//! The store under SIGKILL, several processes, flipped bits and cut files.
//!
//! A writer is this test binary run again with [`ROLE`] set. `DIPTYCH_SLOW=1` runs the full number of rounds.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]
#![cfg(unix)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use diptych_core::store::{Key, Options, Store, StoreError};

const ONE: NonZeroUsize = NonZeroUsize::MIN;

const ROLE: &str = "DIPTYCH_TEST_STORE_WRITER";
const SPACE: &str = "crash";
const DIM: usize = 96;
const BATCH: u32 = 64;
// 25 rows a segment of the small kind: every batch spans several files.
const OPTIONS: Options = Options {
    read_only: false,
    segment_bytes: 25 * 4 * DIM as u64,
};

fn key(writer: u32, batch: u32, row: u32) -> Key {
    let mut key = [0; 32];
    for (place, number) in [writer, batch, row].into_iter().enumerate() {
        key[4 * place..4 * place + 4].copy_from_slice(&number.to_le_bytes());
    }
    key
}

fn batch(writer: u32, number: u32) -> (Vec<Key>, Vec<f32>) {
    let keys: Vec<Key> = (0..BATCH).map(|row| key(writer, number, row)).collect();
    let vectors = keys.iter().flat_map(vector).collect();
    (keys, vectors)
}

fn vector(key: &Key) -> Vec<f32> {
    let seed = key.iter().fold(17_u32, |hash, &byte| {
        hash.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    (0_u16..96)
        .map(|i| f32::from_bits(seed.wrapping_mul(u32::from(i) + 1) >> 2))
        .collect()
}

/// A small generator of its own, so that a failing round can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn slow() -> bool {
    env::var_os("DIPTYCH_SLOW").is_some_and(|value| value == "1")
}

/// Not a test: what a child process does. `ROLE` is `folder`, writer, first batch and number of batches by newlines.
#[test]
#[ignore = "the child process of the other tests"]
fn writer() {
    let Ok(role) = env::var(ROLE) else { return };
    let parts: Vec<&str> = role.split('\n').collect();
    let [writer, first, count] = [1, 2, 3].map(|i| parts[i].parse::<u32>().unwrap());
    let store = Store::open(Path::new(parts[0]), OPTIONS).unwrap();
    for number in first..first + count {
        let (keys, vectors) = batch(writer, number);
        store.put(SPACE, &keys, DIM, &vectors).unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "ack {number}")
            .and_then(|()| out.flush())
            .unwrap();
    }
}

fn start(folder: &Path, writer: u32, first: u32, count: u32) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["writer", "--exact", "--ignored", "--nocapture"])
        .env(
            ROLE,
            format!("{}\n{writer}\n{first}\n{count}", folder.display()),
        )
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn acknowledged(child: &mut Child) -> Vec<u32> {
    let lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    lines
        .filter_map(|line| line.rsplit_once("ack ")?.1.trim().parse().ok())
        .collect()
}

/// How many rows of a batch are there; each must be bit-equal.
fn present(store: &Store, writer: u32, number: u32) -> usize {
    let (keys, vectors) = batch(writer, number);
    let (mut got, mut found) = (vec![0.0; vectors.len()], vec![false; keys.len()]);
    store
        .get(SPACE, &keys, DIM, &mut got, &mut found, ONE)
        .unwrap();
    for (row, _) in found.iter().enumerate().filter(|(_, found)| **found) {
        assert_eq!(
            got[row * DIM..(row + 1) * DIM],
            vectors[row * DIM..(row + 1) * DIM]
        );
    }
    found.iter().filter(|&&found| found).count()
}

#[test]
fn a_killed_writer_loses_no_acknowledged_batch_and_leaves_none_half_done() {
    let (rounds, mut random, mut acks) = (if slow() { 50 } else { 6 }, Random(0x2545_F491), 0);
    for round in 0..rounds {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        // The same folder is crashed, reopened and written on several times.
        for life in 0..3 {
            let first = life * 1000;
            let mut child = start(&path, 0, first, 200);
            thread::sleep(Duration::from_millis(5 + random.below(120)));
            child.kill().unwrap();
            let acked = acknowledged(&mut child);
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
            acks += acked.len();
            assert_eq!(store.verify().unwrap(), Vec::<String>::new());
        }
    }
    assert!(
        acks > 0,
        "no batch was written before the kill: the test examined nothing"
    );
}

#[test]
fn two_writing_processes_and_a_reader_lose_nothing_and_see_whole_batches() {
    let folder = tempfile::tempdir().unwrap();
    let count = if slow() { 200 } else { 25 };
    let mut writers: Vec<Child> = (0..2)
        .map(|writer| start(folder.path(), writer, 0, count))
        .collect();
    let reader = loop {
        match Store::open(
            folder.path(),
            Options {
                read_only: true,
                ..OPTIONS
            },
        ) {
            Ok(store) => break store,
            // Until the first writer has made it there is no store, or one without tables.
            Err(StoreError::Missing | StoreError::NotAStore { .. }) => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(other) => panic!("{other}"),
        }
    };
    while writers
        .iter_mut()
        .any(|child| child.try_wait().unwrap().is_none())
    {
        for writer in 0..2 {
            let rows = present(&reader, writer, count / 2);
            assert!(
                rows == 0 || rows == BATCH as usize,
                "{rows} rows of a batch were visible"
            );
        }
    }
    for (writer, child) in writers.iter_mut().enumerate() {
        assert_eq!(acknowledged(child).len(), count as usize);
        for number in 0..count {
            assert_eq!(
                present(&reader, u32::try_from(writer).unwrap(), number),
                BATCH as usize
            );
        }
    }
    assert_eq!(reader.verify().unwrap(), Vec::<String>::new());
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
        let (path, bytes) = &files[usize::try_from(random.below(files.len() as u64)).unwrap()];
        let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
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
        let name = &names[usize::try_from(random.below(names.len() as u64)).unwrap()];
        let bytes = fs::read(name).unwrap();
        let length = usize::try_from(random.below(bytes.len() as u64)).unwrap();
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

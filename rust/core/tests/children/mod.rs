//! Processes that write known rows to a store: this test binary run again with [`ROLE`] set.
//!
//! `DIPTYCH_SLOW=1` runs the full number of rounds. A binary that uses this has the test `writer`, which calls [`obey`].

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use diptych_core::store::{Key, Options, Removal, Store};

pub const ONE: NonZeroUsize = NonZeroUsize::MIN;
pub const SPACE: &str = "crash";
pub const DIM: usize = 96;
pub const BATCH: u32 = 64;
/// 25 rows a segment: every batch spans several files.
pub const OPTIONS: Options = Options {
    read_only: false,
    segment_bytes: 25 * 4 * DIM as u64,
};
const ROLE: &str = "DIPTYCH_TEST_STORE_WRITER";

fn key(writer: u32, batch: u32, row: u32) -> Key {
    let mut key = [0; 32];
    for (place, number) in [writer, batch, row].into_iter().enumerate() {
        key[4 * place..4 * place + 4].copy_from_slice(&number.to_le_bytes());
    }
    key
}

/// Keys and vectors of a writer's batch.
pub fn batch(writer: u32, number: u32) -> (Vec<Key>, Vec<f32>) {
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
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }
}

/// Whether the full number of rounds was asked for.
pub fn slow() -> bool {
    env::var_os("DIPTYCH_SLOW").is_some_and(|value| value == "1")
}

/// A child that is told by newlines a folder and a row of numbers.
fn spawn(role: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["writer", "--exact", "--ignored", "--nocapture"])
        .env(ROLE, role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// A child that puts `count` batches, from number `first` on.
pub fn start(folder: &Path, writer: u32, first: u32, count: u32) -> Child {
    spawn(&format!("{}\n{writer}\n{first}\n{count}", folder.display()))
}

/// A child that opens the store `folder/N` and puts batch N, for N = 0, 1, 2 ... whenever it is sent a line.
pub fn start_waiting(folder: &Path, writer: u32) -> Child {
    spawn(&format!("{}\n{writer}\nwait", folder.display()))
}

/// A child that removes a space.
pub fn start_gc(folder: &Path, space: &str) -> Child {
    spawn(&format!("{}\n0\ngc\n{space}", folder.display()))
}

/// What a child process does.
pub fn obey() {
    let Ok(role) = env::var(ROLE) else { return };
    let parts: Vec<&str> = role.split('\n').collect();
    let (folder, writer) = (Path::new(parts[0]), parts[1].parse().unwrap());
    if parts[2] == "wait" {
        for (number, _) in (0..).zip(std::io::stdin().lines()) {
            let store = Store::open(&folder.join(number.to_string()), Options::default()).unwrap();
            put_and_tell(&store, writer, number);
        }
        return;
    }
    if parts[2] == "gc" {
        let removal = Removal {
            spaces: Some(vec![parts[3].to_owned()]),
            ..Removal::default()
        };
        Store::open(folder, OPTIONS)
            .unwrap()
            .gc(&removal, false)
            .unwrap();
        return;
    }
    let [first, count] = [2, 3].map(|i| parts[i].parse::<u32>().unwrap());
    let store = Store::open(folder, OPTIONS).unwrap();
    for number in first..first + count {
        put_and_tell(&store, writer, number);
    }
}

fn put_and_tell(store: &Store, writer: u32, number: u32) {
    let (keys, vectors) = batch(writer, number);
    store.put(SPACE, &keys, DIM, &vectors).unwrap();
    let mut out = std::io::stdout().lock();
    writeln!(out, "ack {number}")
        .and_then(|()| out.flush())
        .unwrap();
}

/// The batches that a child says were stored, as it says so; they end when it ends.
pub fn acks(child: &mut Child) -> impl Iterator<Item = u32> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    lines.filter_map(|line| line.rsplit_once("ack ")?.1.trim().parse().ok())
}

/// How many rows of a batch are there; each must be bit-equal.
pub fn present(store: &Store, writer: u32, number: u32) -> usize {
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

//! Random histories of puts, gets, removals and reopenings: the store and a map in memory agree on every bit.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

#[path = "naive/store.rs"]
mod naive;

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread;

use diptych_core::store::{Key, Options, Removal, Store, StoreError};
use naive::NaiveStore;
use proptest::prelude::*;

const ONE: NonZeroUsize = NonZeroUsize::MIN;

#[derive(Clone, Debug)]
enum Step {
    Put {
        space: u8,
        dim: usize,
        rows: Vec<(u8, f32)>,
    },
    Get {
        space: u8,
        dim: usize,
        keys: Vec<u8>,
    },
    Remove(Removal),
    Reopen,
}

fn key(number: u8) -> Key {
    let mut key = [0xA5; 32];
    key[0] = number;
    key[31] = number.wrapping_mul(7);
    key
}

fn step() -> impl Strategy<Value = Step> {
    // Two spaces of different usual widths; now and then the wrong one.
    let place = (0..3_u8).prop_flat_map(|space| {
        let usual = [1, 3, 3][usize::from(space)];
        (
            Just(space),
            prop_oneof![12 => Just(usual), 1 => Just(2_usize)],
        )
    });
    let value = prop_oneof![
        Just(0.0_f32),
        Just(-0.0),
        Just(f32::MIN_POSITIVE / 4.0),
        Just(f32::MAX),
        -9.0_f32..9.0
    ];
    let rows = prop::collection::vec((0..40_u8, value), 0..12);
    prop_oneof![
        4 => (place.clone(), rows).prop_map(|((space, dim), rows)| Step::Put { space, dim, rows }),
        3 => (place, prop::collection::vec(0..40_u8, 0..12)).prop_map(|((space, dim), keys)| Step::Get { space, dim, keys }),
        2 => removal().prop_map(Step::Remove),
        1 => Just(Step::Reopen),
    ]
}

fn removal() -> impl Strategy<Value = Removal> {
    let spaces = prop::collection::vec(0..3_u8, 0..3);
    let spaces =
        spaces.prop_map(|spaces| spaces.into_iter().map(|n| format!("space {n}")).collect());
    let (before, bytes) = (0..15_i64, 0..200_u64);
    (
        prop::option::of(spaces),
        prop::option::weighted(0.3, before),
        prop::option::weighted(0.3, bytes),
    )
        .prop_map(|(spaces, before, most_bytes)| Removal {
            spaces,
            before,
            most_bytes,
        })
}

/// Give the batches that were put in just now an age that the twin knows.
fn set_created(folder: &Path, clock: i64) {
    let index = rusqlite::Connection::open(folder.join("index.sqlite")).unwrap();
    index
        .execute(
            "UPDATE batches SET created = ?1 WHERE created > 1000000",
            [clock],
        )
        .unwrap();
}

/// The rows that are gone are those the removal asks for; the twin forgets them.
fn check_removal(store: &Store, twin: &mut NaiveStore, removal: &Removal) {
    let planned = store.gc(removal, true).unwrap();
    assert_eq!(
        store.gc(removal, false).unwrap(),
        planned,
        "a dry run tells the truth"
    );
    let there = |space: &str, key: &Key| store.keys(space).unwrap().contains(key);
    let named = |space: &str| {
        let spaces = removal.spaces.as_ref();
        spaces.is_none_or(|spaces| spaces.iter().any(|name| name == space))
    };
    let whole =
        removal.spaces.is_some() && removal.before.is_none() && removal.most_bytes.is_none();
    let (mut rest, mut youngest_gone) = (0, None);
    for (space, key, created, bytes) in twin.rows() {
        let old = removal.before.is_some_and(|before| created < before);
        if !named(space) {
            assert!(there(space, &key));
        } else if whole || old {
            assert!(!there(space, &key));
        } else if there(space, &key) {
            rest += bytes;
        } else {
            youngest_gone = youngest_gone.max(Some(created));
        }
    }
    if let Some(most) = removal.most_bytes {
        assert!(rest <= most, "{rest} bytes are left");
    }
    if let Some(youngest) = youngest_gone {
        let (mut with_it, most) = (0, removal.most_bytes.unwrap());
        for (space, key, created, bytes) in twin.rows().filter(|(space, ..)| named(space)) {
            assert!(
                created >= youngest || !there(space, &key),
                "the oldest go first"
            );
            with_it += if created >= youngest { bytes } else { 0 };
        }
        assert!(with_it > most, "no more go than have to");
    }
    let left: HashSet<(String, Key)> = twin
        .rows()
        .filter(|(space, key, ..)| there(space, key))
        .map(|(space, key, ..)| (space.to_owned(), key))
        .collect();
    let removed: u64 = planned.spaces.iter().map(|entry| entry.rows).sum();
    assert_eq!(removed, (twin.rows().count() - left.len()) as u64);
    twin.retain(|space, key, _| left.contains(&(space.to_owned(), *key)));
}

fn fill(rows: &[(u8, f32)], dim: usize) -> (Vec<Key>, Vec<f32>) {
    let keys = rows.iter().map(|&(number, _)| key(number)).collect();
    let vectors = rows
        .iter()
        .flat_map(|&(_, value)| (0..dim).map(move |i| if i == 0 { value } else { 1.5 }))
        .collect();
    (keys, vectors)
}

fn check_get(store: &Store, twin: &NaiveStore, space: &str, dim: usize, keys: &[Key]) {
    let (mut vectors, mut found) = (vec![7.0; keys.len() * dim], vec![false; keys.len()]);
    let answer = store.get(space, keys, dim, &mut vectors, &mut found, ONE);
    if twin.dim(space).is_some_and(|stored| stored != dim) {
        assert!(
            matches!(answer, Err(StoreError::SpaceWidth { .. })),
            "{answer:?}"
        );
        return;
    }
    answer.unwrap();
    for (i, key) in keys.iter().enumerate() {
        let row: Vec<u32> = vectors[i * dim..(i + 1) * dim]
            .iter()
            .map(|v| v.to_bits())
            .collect();
        let expected = twin.get(space, key);
        assert_eq!(found[i], expected.is_some());
        let expected = expected.map_or(vec![7.0_f32.to_bits(); dim], |v| {
            v.iter().map(|v| v.to_bits()).collect()
        });
        assert_eq!(row, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_history_gives_what_a_map_gives(steps in prop::collection::vec(step(), 1..14), segment_bytes in 1..200_u64) {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { segment_bytes, ..Options::default() };
        let mut store = Store::open(folder.path(), options).unwrap();
        // Another handle that looks now and then: what it has learnt grows old.
        let other = Store::open(folder.path(), options).unwrap();
        let mut twin = NaiveStore::default();
        for (clock, step) in (0..).zip(steps) {
            match step {
                Step::Put { space, dim, rows } => {
                    let space = format!("space {space}");
                    let (keys, vectors) = fill(&rows, dim);
                    let answer = store.put(&space, &keys, dim, &vectors);
                    match twin.put(&space, &keys, dim, &vectors, clock) {
                        Some(new) => prop_assert_eq!(answer.unwrap(), new),
                        None => assert!(matches!(answer, Err(StoreError::SpaceWidth { .. })), "{answer:?}"),
                    }
                    set_created(folder.path(), clock);
                }
                Step::Remove(removal) => check_removal(&store, &mut twin, &removal),
                Step::Get { space, dim, keys } => {
                    let keys: Vec<Key> = keys.into_iter().map(key).collect();
                    for handle in [&store, &other] {
                        check_get(handle, &twin, &format!("space {space}"), dim, &keys);
                    }
                }
                Step::Reopen => {
                    drop(store);
                    store = Store::open(folder.path(), options).unwrap();
                }
            }
        }
        let stats: Vec<_> = store.stats().unwrap().into_iter().map(|s| (s.space, s.dim, s.rows)).collect();
        prop_assert_eq!(stats, twin.stats());
        prop_assert_eq!(store.verify().unwrap(), Vec::<String>::new());
    }
}

#[test]
fn one_two_four_and_eight_threads_leave_the_same_store() {
    let keys: Vec<Key> = (0..64).map(key).collect();
    for threads in [1, 2, 4, 8] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Options::default()).unwrap();
        let new: usize = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|_| scope.spawn(|| put_one_by_one(&store, &keys)))
                .collect();
            workers
                .into_iter()
                .map(|worker| worker.join().unwrap())
                .sum()
        });
        assert_eq!(new, keys.len(), "each key is new once, whoever comes first");
        let (mut vectors, mut found) = (vec![0.0; keys.len() * 2], vec![false; keys.len()]);
        store
            .get("s", &keys, 2, &mut vectors, &mut found, ONE)
            .unwrap();
        assert!(found.iter().all(|&f| f));
        for (key, row) in keys.iter().zip(vectors.chunks(2)) {
            assert_eq!(row, [f32::from(key[0]), -1.0]);
        }
        assert_eq!(store.verify().unwrap(), Vec::<String>::new());
    }
}

/// Every third key unknown, some asked for twice, rows over many segments, with rows of another space between them.
#[test]
fn one_two_three_and_eight_threads_read_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 3000 * 12,
        ..Options::default()
    };
    let store = Store::open(folder.path(), options).unwrap();
    let numbered = |number: u16| {
        let mut key = [3; 32];
        key[7..9].copy_from_slice(&number.to_le_bytes());
        key
    };
    let row = |number: u16| [f32::from(number), -0.0, f32::from(number) / 7.0];
    let stored: Vec<u16> = (0..18_000).filter(|number| number % 3 > 0).collect();
    for part in stored.chunks(700) {
        let keys: Vec<Key> = part.iter().map(|&number| numbered(number)).collect();
        let vectors: Vec<f32> = part.iter().flat_map(|&number| row(number)).collect();
        store.put("s", &keys, 3, &vectors).unwrap();
        store.put("other", &keys[..9], 3, &vectors[..27]).unwrap();
    }
    // 7 and 20,011 have no factor in common, so this is a permutation with repetitions at its end.
    let asked: Vec<u16> = (0..20_011_u32)
        .map(|i| u16::try_from(i * 7 % 20_011 % 18_000).unwrap())
        .collect();
    let keys: Vec<Key> = asked.iter().map(|&number| numbered(number)).collect();
    for threads in [1, 2, 3, 8] {
        let threads = NonZeroUsize::new(threads).unwrap();
        let (mut vectors, mut found) = (vec![9.0; asked.len() * 3], vec![false; asked.len()]);
        store
            .get("s", &keys, 3, &mut vectors, &mut found, threads)
            .unwrap();
        for ((number, row_found), got) in asked.iter().zip(&found).zip(vectors.chunks(3)) {
            let expected = if number % 3 > 0 {
                row(*number)
            } else {
                [9.0; 3]
            };
            assert_eq!(*row_found, number % 3 > 0);
            assert_eq!(
                got.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
                expected.map(f32::to_bits)
            );
        }
    }
}

fn put_one_by_one(store: &Store, keys: &[Key]) -> usize {
    keys.chunks(16)
        .map(|chunk| {
            let vectors: Vec<f32> = chunk
                .iter()
                .flat_map(|key| [f32::from(key[0]), -1.0])
                .collect();
            store.put("s", chunk, 2, &vectors).unwrap()
        })
        .sum()
}

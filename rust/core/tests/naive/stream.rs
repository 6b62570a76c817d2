//! `ChaCha8` and the two layouts from the words of `stream`'s module comment, with no crate.

use std::collections::BTreeSet;

// The letters are those of the ChaCha paper.
#[allow(clippy::many_single_char_names)]
fn quarter(s: &mut [u32; 16], [a, b, c, d]: [usize; 4]) {
    for (x, y, z, turn) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
        s[x] = s[x].wrapping_add(s[y]);
        s[z] = (s[z] ^ s[x]).rotate_left(turn);
    }
}

fn block(key: [u8; 32], nonce: u64, counter: u64) -> Vec<u64> {
    let text = b"expand 32-byte k".iter().chain(&key).copied();
    let bytes: Vec<u8> = text
        .chain(counter.to_le_bytes())
        .chain(nonce.to_le_bytes())
        .collect();
    let start: Vec<u32> = bytes
        .chunks(4)
        .map(|b| u32::from_le_bytes(b.try_into().expect("four bytes")))
        .collect();
    let mut s: [u32; 16] = start.clone().try_into().expect("sixteen words");
    for _ in 0..4 {
        for i in 0..4 {
            quarter(&mut s, [i, i + 4, i + 8, i + 12]);
        }
        for i in 0..4 {
            quarter(
                &mut s,
                [i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4],
            );
        }
    }
    let sums: Vec<u64> = s
        .iter()
        .zip(start)
        .map(|(a, b)| u64::from(a.wrapping_add(b)))
        .collect();
    sums.chunks(2).map(|pair| pair[0] | pair[1] << 32).collect()
}

fn words(tag: &[u8], seed: u64, resample: u64) -> impl Iterator<Item = u64> {
    let mut key = [0; 32];
    key[..tag.len()].copy_from_slice(tag);
    key[24..].copy_from_slice(&seed.to_le_bytes());
    (0..).flat_map(move |counter| block(key, resample, counter))
}

pub fn signs(seed: u64, resample: u64, n: usize) -> Vec<bool> {
    let words: Vec<u64> = words(b"diptych signs v1", seed, resample)
        .take(n / 64 + 1)
        .collect();
    (0..n).map(|i| words[i / 64] >> (i % 64) & 1 == 1).collect()
}

pub fn subset(seed: u64, resample: u64, n: usize, k: usize) -> BTreeSet<usize> {
    let mut words = words(b"diptych subset v3", seed, resample);
    let mut next = || words.next().expect("enough words");
    let fewer = k.min(n - k);
    let lowest = |j: usize| (0..8).find(|bit| j >> bit & 1 == 1).unwrap_or(8);
    let mut chance = 0;
    let cost = |j: usize| 32 * (8 - lowest(j)) * n.div_ceil(64) + (n * j).abs_diff(256 * fewer);
    for j in 1..=128 {
        if cost(j) < cost(chance) {
            chance = j;
        }
    }
    let mut chosen = BTreeSet::new();
    for from in (0..n).step_by(64).filter(|_| chance > 0) {
        let mut coins = 0_u64;
        for bit in (0..8).filter(|bit| chance % (1 << (bit + 1)) != 0) {
            let word = next();
            coins = if chance >> bit & 1 == 1 {
                coins | word
            } else {
                coins & word
            };
        }
        chosen.extend((from..n.min(from + 64)).filter(|row| coins >> (row - from) & 1 == 1));
    }
    let too_many = chosen.len() > fewer;
    while chosen.len() != fewer {
        let product = loop {
            let product = u128::from(next()) * n as u128;
            if product % (1 << 64) >= (1 << 64) % n as u128 {
                break product;
            }
        };
        let row = usize::try_from(product >> 64).expect("below n");
        if too_many {
            chosen.remove(&row);
        } else {
            chosen.insert(row);
        }
    }
    if fewer < k {
        chosen = (0..n).filter(|row| !chosen.contains(row)).collect();
    }
    chosen
}

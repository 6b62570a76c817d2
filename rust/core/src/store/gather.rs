//! Rows from the segments to where they were asked for, every checksum verified.

use std::num::NonZeroUsize;

use super::VALUE_BYTES;
use super::error::{StoreError, io_error};
use super::segment::{self, Reader, Wanted};
use crate::parallel;

/// A thread is worth its start from so many rows on.
const ROWS_A_THREAD: usize = 2048;

/// Where rows lie, and where they go.
type Part<'p, 'v> = (&'p [Wanted], &'p mut [&'v mut [u8]]);

/// Fill the rows of `vectors` that `places` names; places are in order, each item stands there once.
pub(super) fn gather(
    reader: &Reader,
    places: &[Wanted],
    dim: usize,
    vectors: &mut [f32],
    threads: NonZeroUsize,
) -> Result<(), StoreError> {
    let mut rows: Vec<Option<&mut [u8]>> = bytemuck::cast_slice_mut(vectors)
        .chunks_exact_mut(dim * VALUE_BYTES)
        .map(Some)
        .collect();
    let mut wanted: Vec<&mut [u8]> = places
        .iter()
        .filter_map(|place| rows[place.item].take())
        .collect();
    let threads = threads.get().min(places.len() / ROWS_A_THREAD).max(1);
    let parts = split(places, &mut wanted, dim, threads);
    let fill = |part: Part<'_, '_>| fill(reader, dim, part);
    parallel::run(parts, fill)
        .map_err(io_error(".", "starting a thread"))?
        .into_iter()
        .collect::<Result<(), _>>()?;
    if cfg!(target_endian = "big") {
        for &Wanted { item, .. } in places {
            for value in &mut vectors[item * dim..(item + 1) * dim] {
                *value = f32::from_bits(u32::from_le(value.to_bits()));
            }
        }
    }
    Ok(())
}

/// Contiguous parts of whole groups, so that what is read together does not depend on the number of threads.
fn split<'p, 'v>(
    places: &'p [Wanted],
    mut rows: &'p mut [&'v mut [u8]],
    dim: usize,
    threads: usize,
) -> Vec<Part<'p, 'v>> {
    let group = segment::rows_at_a_time(dim);
    let groups = places.len().div_ceil(group) as u64;
    let mut rest = places;
    let mut parts = Vec::with_capacity(threads);
    for block in parallel::blocks(0..groups, threads) {
        let count = usize::try_from(block.end - block.start).unwrap_or(0) * group;
        let (now, later) = rest.split_at(count.min(rest.len()));
        let (now_rows, later_rows) = rows.split_at_mut(now.len());
        parts.push((now, now_rows));
        (rest, rows) = (later, later_rows);
    }
    parts
}

fn fill(reader: &Reader, dim: usize, (places, rows): Part<'_, '_>) -> Result<(), StoreError> {
    let group = segment::rows_at_a_time(dim);
    for (places, rows) in places.chunks(group).zip(rows.chunks_mut(group)) {
        reader.read(places, rows)?;
        for (&Wanted { place, seed, .. }, row) in places.iter().zip(rows) {
            let actual = segment::checksum(seed, row);
            if actual != place.checksum {
                return Err(StoreError::corrupt(super::wrong_checksum(place, actual)));
            }
        }
    }
    Ok(())
}

//! Read everything and say what is wrong, one sentence a fault.

use std::fs;
use std::path::Path;

use std::collections::{HashMap, HashSet};

use super::error::StoreError;
use super::index::{self, Segment};
use super::schema;
use super::segment::{self, Files, Location, Wanted};
use super::space;
use super::{Key, VALUE_BYTES};

/// What the index says of a row.
struct Entry {
    key: Key,
    space: i64,
    /// Width of the space, 0 if there is no such space.
    dim: usize,
}

/// All faults of the store at `folder`; O(bytes) time, 160 bytes of memory a row.
pub(super) fn faults(
    folder: &Path,
    connection: &rusqlite::Connection,
) -> Result<Vec<String>, StoreError> {
    let mut faults = index::integrity(connection)?;
    if schema::version(connection)? > 1
        && let Err(fault) = index::removals(connection)
    {
        faults.push(format!("index.sqlite: the count of removals: {fault}"));
    }
    let segments = index::segments(connection)?;
    let mut rest = entries(connection, &mut faults)?;
    for segment in segments {
        let own: Vec<_> = rest
            .extract_if(.., |(place, _)| place.segment == segment.id)
            .collect();
        check_segment(folder, segment, &own, &mut faults)?;
    }
    faults.extend(rest.iter().map(|(place, entry)| {
        format!(
            "key {} is said to lie in {}, which index.sqlite does not list",
            hex(&entry.key),
            segment::name(place.segment)
        )
    }));
    Ok(faults)
}

/// Every row in order of place; batches that cannot be trusted and keys that stand there twice are faults.
fn entries(
    connection: &rusqlite::Connection,
    faults: &mut Vec<String>,
) -> Result<Vec<(Location, Entry)>, StoreError> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    let spaces = space::all(connection)?;
    faults.extend(spaces.iter().filter_map(|named| named.fault.clone()));
    let dims: HashMap<i64, usize> = spaces
        .iter()
        .map(|named| (named.space.id, named.space.dim))
        .collect();
    for batch in index::batches(connection)? {
        if let Some(fault) = batch.fault() {
            faults.push(fault);
            continue;
        }
        let space = batch.space;
        let dim = dims.get(&space).copied().unwrap_or(0);
        for (key, place) in batch.rows() {
            if !seen.insert((space, key)) {
                let (id, key) = (batch.id, hex(&key));
                faults.push(format!(
                    "index.sqlite batch {id}: key {key} is in space {space} already"
                ));
            }
            found.push((place, Entry { key, space, dim }));
        }
    }
    found.sort_by_key(|&(place, _)| place);
    Ok(found)
}

fn check_segment(
    folder: &Path,
    segment: Segment,
    entries: &[(Location, Entry)],
    faults: &mut Vec<String>,
) -> Result<(), StoreError> {
    let name = segment::name(segment.id);
    if entries.len() as u64 != segment.rows {
        faults.push(format!(
            "{name} has {} committed rows, and {} keys point to it",
            segment.rows,
            entries.len()
        ));
    }
    for pair in entries
        .windows(2)
        .filter(|pair| pair[0].0.row == pair[1].0.row)
    {
        let (first, second) = (hex(&pair[0].1.key), hex(&pair[1].1.key));
        faults.push(format!(
            "{name} row {}: keys {first} and {second} both point to it",
            pair[0].0.row
        ));
    }
    let Ok(metadata) = fs::metadata(folder.join(&name)) else {
        if segment.rows > 0 {
            faults.push(segment::missing(segment.id));
        }
        return Ok(());
    };
    if segment.dim == 0 || segment.dim > super::MAX_DIM {
        faults.push(format!(
            "{name}: index.sqlite gives it width {}, expected 1 to {}",
            segment.dim,
            super::MAX_DIM
        ));
        return Ok(());
    }
    let needed = segment::bytes_of(segment.rows, segment.dim);
    if metadata.len() < needed {
        faults.push(segment::short(
            segment.id,
            segment.rows,
            needed,
            metadata.len(),
        ));
    }
    let held = metadata.len() / segment::bytes_of(1, segment.dim);
    check_rows(folder, segment, entries, held, faults)
}

fn check_rows(
    folder: &Path,
    segment: Segment,
    entries: &[(Location, Entry)],
    held: u64,
    faults: &mut Vec<String>,
) -> Result<(), StoreError> {
    let name = segment::name(segment.id);
    let mut readable = Vec::with_capacity(entries.len());
    for (place, entry) in entries {
        if entry.dim != segment.dim {
            let (width, space) = (segment.dim, entry.space);
            faults.push(format!(
                "{name} row {}: width {width}, space {space} has width {}",
                place.row, entry.dim
            ));
        } else if place.row >= segment.rows {
            faults.push(format!(
                "{name} row {}: beyond its {} committed rows",
                place.row, segment.rows
            ));
        } else if place.row < held {
            let seed = segment::seed(&entry.key, segment.dim);
            readable.push(Wanted {
                place: *place,
                item: 0,
                seed,
            });
        }
    }
    let row_bytes = segment.dim * VALUE_BYTES;
    let group = segment::rows_at_a_time(segment.dim);
    let mut buffer = vec![0; group.min(readable.len()) * row_bytes];
    let reader = Files::new(folder).reader(segment.dim, &readable)?;
    for places in readable.chunks(group) {
        let mut rows: Vec<&mut [u8]> = buffer
            .chunks_exact_mut(row_bytes)
            .take(places.len())
            .collect();
        reader.read(places, &mut rows)?;
        for (&Wanted { place, seed, .. }, row) in places.iter().zip(rows) {
            let found = segment::checksum(seed, row);
            if found != place.checksum {
                faults.push(super::wrong_checksum(place, found));
            }
        }
    }
    Ok(())
}

fn hex(key: &[u8]) -> String {
    key.iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .chain(["...".to_owned()])
        .collect()
}

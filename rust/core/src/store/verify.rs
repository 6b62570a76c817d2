//! Read everything and say what is wrong, one sentence a fault.

use std::fs;
use std::path::Path;

use super::error::StoreError;
use super::index::{self, Entry, Segment};
use super::segment::{self, Location, Reader};

/// All faults of the store at `folder`; O(bytes) time, 64 bytes of memory a row.
pub(super) fn faults(
    folder: &Path,
    connection: &rusqlite::Connection,
) -> Result<Vec<String>, StoreError> {
    let mut faults = index::integrity(connection)?;
    let segments = index::segments(connection)?;
    let mut rest = index::entries(connection)?;
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
            readable.push((*place, entry));
        }
    }
    Reader::new(folder, segment.dim).each(&readable, |place, entry, bytes| {
        let found = segment::checksum(&entry.key, segment.dim, bytes);
        if found != place.checksum {
            faults.push(super::wrong_checksum(place, found));
        }
        Ok(())
    })
}

fn hex(key: &[u8]) -> String {
    key.iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .chain(["...".to_owned()])
        .collect()
}

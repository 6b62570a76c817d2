//! Compressed files come back whole or are refused; nothing in between.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use diptych_core::files::{FREE_BYTES, FileError, decompress, read_file};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

fn zstandard(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).expect("writing to memory");
    encoder.include_checksum(true).expect("writing to memory");
    encoder.write_all(bytes).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

const SKIPPABLE: &[u8] = &[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn members_and_frames_are_read_whole(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 1..5)) {
        let whole = parts.concat();
        for compress in [gzip, zstandard] {
            let stream: Vec<u8> = parts.iter().flat_map(|part| compress(part)).collect();
            prop_assert_eq!(&decompress(stream, FREE_BYTES).unwrap(), &whole);
        }
    }

    #[test]
    fn a_stream_cut_anywhere_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), at in any::<prop::sample::Index>()) {
        for compress in [gzip, zstandard] {
            let stream = compress(&bytes);
            // A cut inside the magic number itself leaves a file that is not compressed at all.
            let at = 4 + at.index(stream.len() - 4);
            let error = decompress(stream[..at].to_vec(), FREE_BYTES).unwrap_err();
            prop_assert!(matches!(error, FileError::CutShort { .. }), "{}", error);
        }
    }

    #[test]
    fn a_flipped_bit_in_the_body_never_gives_other_bytes(
        bytes in prop::collection::vec(any::<u8>(), 1..400), at in any::<prop::sample::Index>(), bit in 0..8_u8,
    ) {
        for (compress, header) in [(gzip as fn(&[u8]) -> Vec<u8>, 10), (zstandard, 4)] {
            let mut stream = compress(&bytes);
            let at = header + at.index(stream.len() - header);
            stream[at] ^= 1_u8 << bit;
            if let Ok(out) = decompress(stream, FREE_BYTES) {
                prop_assert_eq!(&out, &bytes);
            }
        }
    }

    #[test]
    fn anything_after_the_last_member_is_refused(garbage in prop::collection::vec(any::<u8>(), 1..20)) {
        prop_assume!(!garbage.starts_with(&[0x1f, 0x8b]) && garbage.get(1) != Some(&0x2a) && garbage.first() != Some(&0x28));
        for compress in [gzip, zstandard] {
            let stream = compress(b"text");
            let at = stream.len();
            let error = decompress([stream, garbage.clone()].concat(), FREE_BYTES).unwrap_err();
            let FileError::TrailingGarbage { at: found, extra, .. } = error else {
                return Err(TestCaseError::fail(error.to_string()));
            };
            prop_assert_eq!((found, extra), (at, garbage.len()));
        }
    }
}

#[test]
fn skippable_frames_are_skipped() {
    let stream = [
        SKIPPABLE,
        &zstandard(b"a"),
        SKIPPABLE,
        &zstandard(b"b"),
        SKIPPABLE,
    ]
    .concat();
    assert_eq!(decompress(stream, FREE_BYTES).unwrap(), b"ab");
}

#[test]
fn other_bytes_are_left_alone() {
    for bytes in [&b""[..], b"{}", b"\x1f", b"\x28\xb5\x2f", b"PK\x03\x04"] {
        assert_eq!(decompress(bytes.to_vec(), FREE_BYTES).unwrap(), bytes);
    }
}

#[test]
fn a_member_of_the_other_format_is_refused() {
    let error = decompress([gzip(b"a"), zstandard(b"b")].concat(), FREE_BYTES).unwrap_err();
    assert!(matches!(error, FileError::TrailingGarbage { .. }));
}

#[test]
fn only_an_output_both_large_and_out_of_proportion_is_a_bomb() {
    for compress in [gzip, zstandard] {
        let bomb = compress(&vec![0; 4 << 20]);
        assert!(matches!(
            decompress(bomb.clone(), 1 << 20),
            Err(FileError::Bomb { .. })
        ));
        assert_eq!(decompress(bomb.clone(), 4 << 20).unwrap().len(), 4 << 20);
        assert!(decompress(bomb, (4 << 20) - 1).is_err());
        let members = compress(&vec![0; 1 << 18]).repeat(16);
        assert!(matches!(
            decompress(members, 1 << 20),
            Err(FileError::Bomb { .. })
        ));
    }
    let honest: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    assert_eq!(decompress(gzip(&honest), 1).unwrap(), honest);
}

#[test]
fn the_name_of_a_file_decides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain.gz");
    fs::write(&path, b"not compressed").unwrap();
    assert_eq!(read_file(&path).unwrap(), b"not compressed");
    fs::write(&path, zstandard(b"compressed")).unwrap();
    assert_eq!(read_file(&path).unwrap(), b"compressed");
}

#[test]
fn the_operating_system_keeps_its_own_error() {
    let folder = tempfile::tempdir().unwrap();
    let kind = |path: &Path| match read_file(path) {
        Err(FileError::Io(error)) => error.kind(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        kind(&folder.path().join("missing")),
        io::ErrorKind::NotFound
    );
    assert_eq!(kind(folder.path()), io::ErrorKind::IsADirectory);
}

#[test]
fn errors_say_what_is_wrong_and_what_to_do() {
    let mut flipped = gzip(b"text");
    let crc = flipped.len() - 8;
    flipped[crc] ^= 1;
    let mut flipped_frame = zstandard(b"text");
    *flipped_frame.last_mut().unwrap() ^= 1;
    let table = [
        (
            gzip(b"text")[..20].to_vec(),
            "the gzip stream is cut short after 4 decompressed bytes; copy or download the file again",
        ),
        (
            zstandard(b"text")[..9].to_vec(),
            "the zstandard stream is cut short after 0 decompressed bytes; copy or download the file again",
        ),
        (
            flipped,
            "the gzip stream is damaged after 4 decompressed bytes (corrupt gzip stream does not have a matching checksum); \
             copy or download the file again",
        ),
        (
            flipped_frame,
            "the zstandard stream is damaged after 0 decompressed bytes (Restored data doesn't match checksum); \
             copy or download the file again",
        ),
        (
            [gzip(b"text"), vec![0; 7]].concat(),
            "7 bytes of other data follow the gzip stream at byte 24; remove them or compress the file again",
        ),
    ];
    for (stream, text) in table {
        assert_eq!(decompress(stream, 1).unwrap_err().to_string(), text);
    }
    let bomb = gzip(&vec![0; 1 << 20]);
    let n = bomb.len();
    let text = format!(
        "{n} compressed gzip bytes grew past {} bytes (a ratio above 200), which looks like a decompression bomb; \
         decompress the file yourself if it is genuine",
        200 * n
    );
    assert_eq!(decompress(bomb, 1).unwrap_err().to_string(), text);
}

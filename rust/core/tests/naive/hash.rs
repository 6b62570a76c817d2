//! The slow twin of `hash`: build the whole encoding of a row, then hash it in one go.

/// Digest of one row.
pub fn digest(domain: &str, fields: &[&str]) -> [u8; 32] {
    let mut encoding = Vec::new();
    for text in std::iter::once(&domain).chain(fields) {
        encoding.extend((text.len() as u64).to_le_bytes());
        encoding.extend(text.bytes());
    }
    blake3::hash(&encoding).into()
}

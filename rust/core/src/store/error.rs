//! What can go wrong with a store. The texts name files relative to the store's folder; the caller knows the folder.

use std::io;

use super::{KEY_BYTES, MAX_DIM, VERSION};

const REBUILD: &str = "nothing was served from there; move the folder away and run again, so that its vectors are computed anew";

/// Why a store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is nothing at the path, and it was to be read only.
    #[error("there is no store here; open it without read_only to create one, or correct the path")]
    Missing,
    /// The path holds something else.
    #[error("not a diptych store: {found}; name a new or empty folder, or the folder of a store")]
    NotAStore {
        /// What is there instead.
        found: String,
    },
    /// Written by a later format.
    #[error(
        "the store has format version {found} and this diptych reads up to {VERSION}; it was left unchanged; \
         upgrade diptych or use another folder"
    )]
    NewerVersion {
        /// `user_version` of its index.
        found: i64,
    },
    /// A checksum or a structure is wrong.
    #[error("{what}; {REBUILD}")]
    Corrupt {
        /// Which file or row, with what was expected and what was found.
        what: String,
    },
    /// No room left.
    #[error(
        "disk full while {action}; nothing of this batch was stored and earlier rows are intact; free some space and try again"
    )]
    DiskFull {
        /// What was being done.
        action: &'static str,
    },
    /// A write to a store opened read-only, or without permission to write.
    #[error(
        "the store is read-only; open it without read_only, and with permission to write its folder, to add vectors"
    )]
    ReadOnly,
    /// Another process held the lock for longer than the time limit.
    #[error(
        "another process held the store's write lock for more than 30 s while {action}; try again when it has finished"
    )]
    Busy {
        /// What was being done.
        action: &'static str,
    },
    /// A fork happened in the middle of another thread's call.
    #[error(
        "this process was forked while another thread was using a store; start workers with the spawn method, \
         or fork when no store is in use"
    )]
    Forked,
    /// The file system refused.
    #[error("{file}: {source} while {action}; check the permissions and the disk")]
    Io {
        /// The file, relative to the store.
        file: String,
        /// What was being done.
        action: &'static str,
        /// The system's own words.
        source: io::Error,
    },
    /// `SQLite` refused.
    #[error("index.sqlite: {source} while {action}; check the permissions and the disk")]
    Index {
        /// What was being done.
        action: &'static str,
        /// `SQLite`'s own words.
        source: rusqlite::Error,
    },
    /// A width outside the range of the format.
    #[error("vectors have width {dim}; a store takes 1 to {MAX_DIM}")]
    Width {
        /// The width that was given.
        dim: usize,
    },
    /// Keys and vectors disagree in number.
    #[error(
        "{keys} keys of {KEY_BYTES} bytes need {keys} x {dim} = {expected} values, got {given}; pass one vector for each key"
    )]
    Length {
        /// Number of keys.
        keys: usize,
        /// Width of a vector.
        dim: usize,
        /// Values needed.
        expected: usize,
        /// Values given.
        given: usize,
    },
    /// The space holds vectors of another width.
    #[error(
        "space {space:?} holds vectors of width {stored}, got width {given}; put what changed the width into the space's fingerprint"
    )]
    SpaceWidth {
        /// The fingerprint.
        space: String,
        /// The width on disk.
        stored: usize,
        /// The width that was given.
        given: usize,
    },
    /// A value that is NaN or infinite.
    #[error(
        "vectors[{row}, {column}] is {value}; nothing of this batch was stored; every value must be finite"
    )]
    NotFinite {
        /// Row, counted from 0.
        row: usize,
        /// Column, counted from 0.
        column: usize,
        /// The value.
        value: f32,
    },
}

impl StoreError {
    /// A damaged structure, in words.
    pub(super) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }

    /// Whether the caller's arrays are at fault rather than the store.
    #[must_use]
    pub const fn is_about_arrays(&self) -> bool {
        matches!(
            self,
            Self::Width { .. }
                | Self::Length { .. }
                | Self::SpaceWidth { .. }
                | Self::NotFinite { .. }
        )
    }
}

/// Sort what the file system says about `file` into the cases above.
pub(super) fn io_error(
    file: impl Into<String>,
    action: &'static str,
) -> impl FnOnce(io::Error) -> StoreError {
    let file = file.into();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreError::DiskFull { action }
        }
        _ => StoreError::Io {
            file,
            action,
            source,
        },
    }
}

/// Sort what `SQLite` says into the cases above.
pub(super) fn index_error(action: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    use rusqlite::{Error, ErrorCode};
    move |source| match (source.sqlite_error_code(), &source) {
        (Some(ErrorCode::DiskFull), _) => StoreError::DiskFull { action },
        (Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked), _) => {
            StoreError::Busy { action }
        }
        (Some(ErrorCode::ReadOnly), _) => StoreError::ReadOnly,
        (Some(ErrorCode::NotADatabase), _) => StoreError::NotAStore {
            found: "index.sqlite is not an SQLite database".into(),
        },
        (Some(ErrorCode::DatabaseCorrupt), _)
        | (
            None,
            Error::InvalidColumnType(..)
            | Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..),
        ) => StoreError::corrupt(format!(
            "index.sqlite is damaged ({source}, while {action})"
        )),
        _ => StoreError::Index { action, source },
    }
}

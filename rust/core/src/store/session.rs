//! One connection a store, one lock round it, and what happens to it in a forked child.
//!
//! POSIX locks are not inherited, but `SQLite`'s record of them is: a child that used the parent's connection,
//! or opened its own while the inherited one is still open, would believe it holds locks that the system does not
//! know of. So all connections of a process stand in one list, and the first call in a child closes every inherited
//! one (which touches no file, see `schema::configure`) before it opens its own.

use std::path::PathBuf;
use std::process;
use std::sync::{Arc, Mutex, PoisonError, TryLockError, Weak};

use super::error::StoreError;
use super::schema::{self, Index};

type Slot = Mutex<Option<Index>>;

static OPEN: Mutex<Open> = Mutex::new(Open {
    pid: 0,
    slots: Vec::new(),
});

struct Open {
    pid: u32,
    slots: Vec<Weak<Slot>>,
}

/// The store's connection, opened when it is needed.
#[derive(Debug)]
pub(super) struct Session {
    pub folder: PathBuf,
    pub read_only: bool,
    slot: Arc<Slot>,
}

impl Session {
    /// Open now, so that errors come early.
    pub(super) fn new(folder: PathBuf, read_only: bool) -> Result<Self, StoreError> {
        close_inherited()?;
        let slot = Arc::new(Mutex::new(None));
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.slots.retain(|slot| slot.strong_count() > 0);
        open.slots.push(Arc::downgrade(&slot));
        drop(open);
        let session = Self {
            folder,
            read_only,
            slot,
        };
        session.with(|_| Ok(()))?;
        Ok(session)
    }

    /// Use the connection, alone among the threads of this process.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&mut Index) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        close_inherited()?;
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = slot.as_ref() {
            let thawed = index.frozen && !schema::is_frozen(&self.folder)?;
            let old = index.version < super::VERSION;
            if thawed || old && schema::version(&index.connection)? != index.version {
                *slot = None;
            }
        }
        let index = match slot.take() {
            Some(index) => index,
            None => schema::open(&self.folder, self.read_only)?,
        };
        work(slot.insert(index))
    }
}

impl Drop for Session {
    /// Move the log's content into `index.sqlite`, if no one else is reading; the store is complete without it.
    fn drop(&mut self) {
        let owner = OPEN.lock().unwrap_or_else(PoisonError::into_inner).pid == process::id();
        let Ok(slot) = self.slot.try_lock() else {
            return;
        };
        if let Some(index) = slot.as_ref().filter(|_| owner && !self.read_only) {
            let quick = index.connection.busy_timeout(std::time::Duration::ZERO);
            // A failure here loses nothing: the log stays, and the next reader reads it.
            let _ = quick.and_then(|()| {
                index
                    .connection
                    .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            });
        }
    }
}

/// In a forked child, once: close the connections of the parent.
fn close_inherited() -> Result<(), StoreError> {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if open.pid == process::id() {
        return Ok(());
    }
    for slot in open.slots.iter().filter_map(Weak::upgrade) {
        match slot.try_lock() {
            Ok(mut index) => drop(index.take()),
            Err(TryLockError::Poisoned(poisoned)) => drop(poisoned.into_inner().take()),
            // A thread that does not exist here was in the middle of a call: its lock will never open.
            Err(TryLockError::WouldBlock) => return Err(StoreError::Forked),
        }
    }
    open.pid = process::id();
    Ok(())
}

//! Checkpoints on a thread with a connection of its own: it moves pages from the log into the database, so that commits do
//! not wait for it.
//!
//! Only the writer can reset a log that is written to continuously, between two groups of commits. It does so when the log
//! is long and the thread has left few pages to move, so that the next group hardly waits.

use std::ffi::c_int;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, TrySendError, bounded};
use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, MAIN_DB};

use super::{Options, configure};
use crate::StoreError;

/// Number of unmoved pages of the log, 4 KiB each, at which the thread is woken. It is small because a long checkpoint
/// slows commits down.
const PAGES_BESIDE: c_int = 800;
/// Number of pages of the log at which it should be reset.
const PAGES_ENOUGH: c_int = 16_000;
/// Maximum number of pages that the writer moves itself to reset the log.
const PAGES_REST: c_int = 512;
/// Number of pages of the log at which the writer moves all of them, because the thread does not keep up.
const PAGES_MAX: c_int = 64_000;

/// Starts the thread for the database at `path`. It ends when `writer` is closed.
pub(super) fn start(writer: &mut Connection, path: &Path, options: &Options) -> Result<(), StoreError> {
    let connection = Connection::open(path).map_err(StoreError::unavailable)?;
    configure(&connection, options)?;
    let (wake, woken) = bounded(1);
    let moved = Arc::new(AtomicI32::new(0));
    let moved_beside = Arc::clone(&moved);
    thread::Builder::new()
        .name("store-checkpoint".to_owned())
        .spawn(move || serve(&connection, &woken, &moved_beside))
        .map_err(StoreError::unavailable)?;
    let (mut pages_before, mut pages_tried) = (0, 0);
    let hook = move |log: &mut Wal, pages: c_int| {
        if pages < pages_before {
            // The log was reset.
            pages_tried = 0;
            moved.store(0, Ordering::Release);
        }
        pages_before = pages;
        let left = pages - moved.load(Ordering::Acquire);
        let is_worth_it = (pages >= PAGES_ENOUGH && left <= PAGES_REST) || pages >= PAGES_MAX;
        // A reader of old pages prevents the reset, so it is not attempted after every group.
        if is_worth_it && pages - pages_tried >= PAGES_REST {
            pages_tried = pages;
            // Fails as busy while the thread runs a checkpoint.
            log.checkpoint().unwrap_or_else(|error| tracing::debug!(%error, "cannot reset the log of SQLite"));
        } else if left >= PAGES_BESIDE || (pages >= PAGES_ENOUGH && left > PAGES_REST) {
            match wake.try_send(()) {
                // The thread is running and will see the new pages.
                Ok(()) | Err(TrySendError::Full(())) => {}
                Err(TrySendError::Disconnected(())) => tracing::error!("the checkpoint thread has ended"),
            }
        }
        Ok(())
    };
    writer.wal_hook(Some(hook)).map_err(StoreError::unavailable)
}

fn serve(connection: &Connection, woken: &Receiver<()>, moved: &AtomicI32) {
    while woken.recv().is_ok() {
        match connection.wal_checkpoint_v2(Some(MAIN_DB), CheckpointMode::PASSIVE) {
            Ok((_, pages)) => moved.store(pages.max(0), Ordering::Release),
            Err(error) => tracing::warn!(%error, "checkpoint of SQLite failed; the writer will repeat it"),
        }
    }
}

//! Checkpoints beside the writer: a thread with its own connection moves pages from the log into the database, so that
//! commits do not wait for it.
//!
//! A log that is always written to can only be started anew by its writer, between two groups. It does so when the log
//! has become long and the thread has left so little of it that the next group hardly waits.

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

/// Pages of the log, 4 KiB each, that wait to be moved when the thread is woken. Few, because commits feel how long it
/// is at it.
const PAGES_BESIDE: c_int = 800;
/// Pages of the log after which it should be started anew.
const PAGES_ENOUGH: c_int = 16_000;
/// How many pages the writer itself moves to that end.
const PAGES_REST: c_int = 512;
/// Pages of the log after which the writer moves whatever is left, because the thread does not keep up.
const PAGES_MAX: c_int = 64_000;

/// Starts the thread for the database at `path`; it ends when `writer` is closed.
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
            // It was started anew.
            pages_tried = 0;
            moved.store(0, Ordering::Release);
        }
        pages_before = pages;
        let left = pages - moved.load(Ordering::Acquire);
        let is_worth_it = (pages >= PAGES_ENOUGH && left <= PAGES_REST) || pages >= PAGES_MAX;
        // A reader of old pages keeps the log as it is: not with every group anew.
        if is_worth_it && pages - pages_tried >= PAGES_REST {
            pages_tried = pages;
            // Busy when the thread is at it.
            log.checkpoint().unwrap_or_else(|error| tracing::debug!(%error, "the log was not started anew"));
        } else if left >= PAGES_BESIDE || (pages >= PAGES_ENOUGH && left > PAGES_REST) {
            match wake.try_send(()) {
                // It is at work, and takes up what it sees.
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
            Err(error) => tracing::warn!(%error, "a checkpoint failed; the writer will do it"),
        }
    }
}

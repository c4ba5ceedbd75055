//! Checkpoints beside the writer: a thread with its own connection moves pages from the log into the database, so that
//! commits do not wait for it.
//!
//! A log that is always written to can only be started anew by its writer, between two groups. It does so when the log
//! has become long; most of the work is done by then.

use std::ffi::c_int;
use std::path::Path;
use std::thread;

use crossbeam_channel::{Receiver, TrySendError, bounded};
use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, MAIN_DB};

use super::{Options, configure};
use crate::StoreError;

/// Pages of the log, 4 KiB each, after which the thread is woken.
const PAGES_BESIDE: c_int = 4_000;
/// Pages of the log after which the writer itself does the rest of the work and starts the log anew.
const PAGES_MAX: c_int = 16_000;

/// Starts the thread for the database at `path`; it ends when `writer` is closed.
pub(super) fn start(writer: &mut Connection, path: &Path, options: &Options) -> Result<(), StoreError> {
    let connection = Connection::open(path).map_err(StoreError::unavailable)?;
    configure(&connection, options)?;
    let (wake, woken) = bounded(1);
    thread::Builder::new()
        .name("store-checkpoint".to_owned())
        .spawn(move || serve(&connection, &woken))
        .map_err(StoreError::unavailable)?;
    let mut pages_seen = 0;
    let hook = move |log: &mut Wal, pages: c_int| {
        if pages < pages_seen {
            pages_seen = 0;
        }
        if pages >= PAGES_MAX {
            // Busy when the thread is at it: the next group tries again.
            log.checkpoint().unwrap_or_else(|error| tracing::debug!(%error, "the log was not started anew"));
        } else if pages - pages_seen >= PAGES_BESIDE {
            pages_seen = pages;
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

fn serve(connection: &Connection, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        if let Err(error) = connection.wal_checkpoint_v2(Some(MAIN_DB), CheckpointMode::PASSIVE) {
            tracing::warn!(%error, "a checkpoint failed; the writer will do it");
        }
    }
}

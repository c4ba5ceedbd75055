//! Log lines that a test can read back.

use std::io;
use std::sync::{Arc, Mutex};

/// Where lines go; all clones are the same place.
#[derive(Clone, Default)]
pub(crate) struct Lines(pub(crate) Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub(crate) fn writer(&self) -> impl Fn() -> Self + Send + Sync + 'static {
        let lines = self.clone();
        move || lines.clone()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

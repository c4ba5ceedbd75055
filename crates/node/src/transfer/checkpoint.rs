//! How far an import has come: a small file in the data folder, so that a broken-off import goes on.
//!
//! **Invariant:** everything before the position is in the database. It may be behind: rows that are read again are
//! found to be here already.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::import::Report;

/// Which import it is: another file, a changed one, or one that is read in another way is another import.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Identity {
    path: PathBuf,
    size: u64,
    modified_ms: u128,
    /// Everything that changes what is made of a row, and where it goes.
    options: String,
}

impl Identity {
    pub(super) fn of(path: &Path, options: String) -> anyhow::Result<Self> {
        let told = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        let modified = told.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self { path: fs::canonicalize(path)?, size: told.len(), modified_ms: modified.as_millis(), options })
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

/// How far it has come.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Checkpoint {
    pub(super) identity: Identity,
    /// Reading goes on here.
    pub(super) position: String,
    /// What became of the rows before.
    pub(super) report: Report,
    /// How much of the file of refused rows belongs to them.
    pub(super) refused_bytes: u64,
}

/// The place of an import's checkpoint.
#[derive(Debug)]
pub(super) struct Checkpoints {
    file: PathBuf,
}

impl Checkpoints {
    pub(super) fn of(folder: &Path, identity: &Identity) -> anyhow::Result<Self> {
        let folder = folder.join("imports");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mut name = hex::encode(Sha256::digest(identity.path.as_os_str().as_encoded_bytes()));
        name.truncate(24);
        Ok(Self { file: folder.join(name + ".json") })
    }

    /// The checkpoint of this very import; one of another state of the file does not count.
    pub(super) fn load(&self, identity: &Identity) -> Option<Checkpoint> {
        let text = fs::read(&self.file).ok()?;
        serde_json::from_slice::<Checkpoint>(&text).ok().filter(|found| found.identity == *identity)
    }

    /// Not flushed: an older checkpoint costs time and nothing else.
    pub(super) fn save(&self, checkpoint: &Checkpoint) -> anyhow::Result<()> {
        let beside = self.file.with_extension("new");
        fs::write(&beside, serde_json::to_vec(checkpoint)?)?;
        fs::rename(&beside, &self.file).context("cannot write the checkpoint")
    }

    pub(super) fn remove(&self) -> anyhow::Result<()> {
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).context("cannot remove the checkpoint")
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

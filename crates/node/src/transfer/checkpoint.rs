//! Progress of an import: a small file in the data folder, from which an interrupted import continues.
//!
//! **Invariant:** all rows before the position are in the database. The position may lag behind; rows that are read again are
//! unchanged then.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::report::Report;

/// Identity of an import. A different or changed file, or different options, are a different import.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Identity {
    path: PathBuf,
    size: u64,
    modified_ms: u128,
    /// All options that affect the stored rows and the file of refused rows.
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

/// Saved progress.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Checkpoint {
    pub(super) identity: Identity,
    /// Position in the file at which reading continues.
    pub(super) position: String,
    /// Report of the rows before the position.
    pub(super) report: Report,
    /// Length of the file of refused rows at the position.
    pub(super) refused_bytes: u64,
}

/// The checkpoint file of an import.
#[derive(Debug)]
pub(super) struct Checkpoints {
    file: PathBuf,
}

impl Checkpoints {
    pub(super) fn of(folder: &Path, identity: &Identity) -> anyhow::Result<Self> {
        let folder = folder.join("imports");
        fs::create_dir_all(&folder).with_context(|| format!("cannot create the folder {}", folder.display()))?;
        let mut name = hex::encode(Sha256::digest(identity.path.as_os_str().as_encoded_bytes()));
        name.truncate(24);
        Ok(Self { file: folder.join(name + ".json") })
    }

    /// The checkpoint of this import; `None` if there is none, or if the file or the options have changed.
    pub(super) fn load(&self, identity: &Identity) -> Option<Checkpoint> {
        let text = fs::read(&self.file).ok()?;
        serde_json::from_slice::<Checkpoint>(&text).ok().filter(|found| found.identity == *identity)
    }

    /// Saves without a flush: losing the latest checkpoint costs only time.
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

//! Data folder of a node: lock for one process at a time, embedded database, keys, secrets.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Data folder of this process. It is locked until this is dropped.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Opens and locks the folder. Creates it if missing, readable by its owner only.
    ///
    /// # Errors
    /// If another process uses the folder, or it cannot be created or written.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("cannot create the data folder {}", path.display()))?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join("lock"))
            .with_context(|| format!("cannot write into the data folder {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => bail!(
                "the data folder {} is in use by another pulse; stop it, or name another folder with --data",
                path.display()
            ),
            Err(TryLockError::Error(error)) => Err(error).context("cannot lock the data folder"),
        }
    }

    /// Returns whether a process of this machine uses the folder.
    #[must_use]
    pub fn is_in_use(path: &Path) -> bool {
        let lock = File::options().write(true).open(path.join("lock"));
        lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// Returns the path of the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a secret of 32 random bytes. The first call creates its file, readable by its owner only.
    ///
    /// # Errors
    /// If the file cannot be read or written, does not contain 32 bytes, or can be read by others.
    pub fn secret(&self, name: &str) -> anyhow::Result<[u8; 32]> {
        let path = self.path.join(name);
        if !path.exists() {
            self.write_secret(&path)?;
        }
        let mode = fs::metadata(&path)?.permissions().mode();
        if mode & 0o077 != 0 {
            bail!("{} can be read by others; run chmod 600 on it, and consider the secret disclosed", path.display());
        }
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        bytes.try_into().map_err(|_bytes| anyhow::anyhow!("{} is not a secret of 32 bytes", path.display()))
    }

    /// Returns the permanent, globally unique name of this folder.
    ///
    /// # Errors
    /// See [`DataFolder::secret`].
    pub fn name(&self) -> anyhow::Result<String> {
        let bytes = self.secret("node.id")?;
        Ok(bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }

    /// Writes a temporary file and renames it, so that a crash leaves a complete secret or none.
    fn write_secret(&self, path: &Path) -> anyhow::Result<()> {
        let beside = path.with_extension("new");
        let bytes: [u8; 32] = rand::random();
        let mut file = File::options().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        File::open(&self.path)?.sync_all()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time_and_secrets_stay() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("deep/data");
        let folder = DataFolder::open(&path).unwrap();
        let secret = folder.secret("account.secret").unwrap();
        assert_eq!(fs::metadata(path.join("account.secret")).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(DataFolder::open(&path).unwrap_err().to_string().contains("in use by another pulse"));
        assert!(DataFolder::is_in_use(&path));
        drop(folder);
        assert!(!DataFolder::is_in_use(&path));
        let folder = DataFolder::open(&path).unwrap();
        assert_eq!(folder.secret("account.secret").unwrap(), secret);
        fs::set_permissions(path.join("account.secret"), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(folder.secret("account.secret").unwrap_err().to_string().contains("can be read by others"));
    }
}

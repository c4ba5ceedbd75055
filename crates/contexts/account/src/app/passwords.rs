//! Argon2id off the async threads: a bounded number at a time, a bounded number waiting.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use pulse_contract::account::v1::errors;
use pulse_contract::errors as common;
use pulse_kernel::Error;
use tokio::sync::Semaphore;

/// How many requests may wait for one hasher, before the next is refused.
const WAITING_PER_HASHER: usize = 16;

/// Hashes passwords. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Passwords {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl Passwords {
    pub(crate) fn new(hashers: usize) -> Self {
        let hashers = hashers.max(1);
        Self {
            running: Arc::new(Semaphore::new(hashers)),
            admitted: Arc::new(Semaphore::new(hashers * (WAITING_PER_HASHER + 1))),
        }
    }

    /// The hash of a password, with a fresh salt, in PHC format.
    ///
    /// # Errors
    /// `ACCOUNT_BUSY` when too many wait already.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Error> {
        let hash = move || Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string());
        self.run(hash).await?.map_err(|error| common::INTERNAL.error("hashing failed").caused_by(error))
    }

    /// Whether the hash is that of the password. Without a hash it takes as long, and the answer is no.
    ///
    /// # Errors
    /// `ACCOUNT_BUSY` when too many wait already.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Error> {
        let verify = move || {
            let is_known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
            let is_right = PasswordHash::new(&hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
            is_right && is_known
        };
        self.run(verify).await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let busy = || errors::ACCOUNT_BUSY.error("too many sign-ins at the moment");
        let _admitted = self.admitted.try_acquire().map_err(|error| busy().caused_by(error))?;
        let _running = self.running.acquire().await.map_err(|error| busy().caused_by(error))?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| common::INTERNAL.error("hashing broke off").caused_by(error))
    }
}

/// A hash of the default cost that belongs to nobody, so that an unknown address costs as much as a wrong password.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRvZm5vYm9keQ$3y1fVvJ3TzJ9l3kqQ5o4m6QmJwqk7m3Zl0cVwq8n1bE";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_right_password_passes_and_nobody_has_one() {
        let passwords = Passwords::new(2);
        let hash = passwords.hash("correct horse battery".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "NOBODY must cost the same: {hash}");
        assert!(passwords.verify("correct horse battery".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("wrong horse battery".into(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("anything".into(), None).await.unwrap());
        assert!(PasswordHash::new(NOBODY).is_ok(), "a broken hash would be refused in no time");
    }

    #[tokio::test]
    async fn too_many_at_once_are_refused_instead_of_queued() {
        let passwords = Passwords::new(1);
        let all: Vec<_> = (0..40)
            .map(|_| {
                let passwords = passwords.clone();
                tokio::spawn(async move { passwords.verify("anything".into(), None).await })
            })
            .collect();
        let mut refused = 0;
        for one in all {
            if let Err(error) = one.await.unwrap() {
                assert_eq!(error.code(), "ACCOUNT_BUSY");
                refused += 1;
            }
        }
        assert_eq!(refused, 40 - 17);
    }
}

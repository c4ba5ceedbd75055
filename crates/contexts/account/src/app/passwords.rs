//! Argon2id off the async threads: a bounded number at a time, a bounded number waiting.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use pulse_contract::account::v1::errors;
use pulse_contract::errors as common;
use pulse_kernel::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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

    /// A place among those who wait for a hasher.
    ///
    /// # Errors
    /// `ACCOUNT_BUSY` when too many wait already.
    pub(crate) fn admit(&self) -> Result<Admitted, Error> {
        let place = Arc::clone(&self.admitted).try_acquire_owned().map_err(|error| busy().caused_by(error))?;
        Ok(Admitted { running: Arc::clone(&self.running), place })
    }
}

fn busy() -> Error {
    errors::ACCOUNT_BUSY.error("too many sign-ins at the moment")
}

/// A place among those who wait for a hasher, for one password. It is given back when the password is hashed, or when
/// this is dropped.
pub(crate) struct Admitted {
    running: Arc<Semaphore>,
    place: OwnedSemaphorePermit,
}

impl Admitted {
    /// The hash of a password, with a fresh salt, in PHC format.
    ///
    /// # Errors
    /// `INTERNAL` when hashing breaks off.
    pub(crate) async fn hash(self, password: String) -> Result<String, Error> {
        let hash = move || Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string());
        self.run(hash).await?.map_err(|error| common::INTERNAL.error("hashing failed").caused_by(error))
    }

    /// Whether the hash is that of the password. Without a hash it takes as long, and the answer is no.
    ///
    /// # Errors
    /// `INTERNAL` when hashing breaks off.
    pub(crate) async fn verify(self, password: String, hash: Option<String>) -> Result<bool, Error> {
        let verify = move || {
            let is_known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
            let is_right = PasswordHash::new(&hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
            is_right && is_known
        };
        self.run(verify).await
    }

    async fn run<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let running = self.running.acquire_owned().await.map_err(|error| busy().caused_by(error))?;
        // The places go with the work: it runs to its end even when the caller has gone away.
        let places = (running, self.place);
        let work = move || {
            let outcome = work();
            drop(places);
            outcome
        };
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
    use std::sync::mpsc;

    use futures::FutureExt;

    use super::*;

    async fn verify(passwords: &Passwords, password: &str, hash: Option<String>) -> Result<bool, Error> {
        passwords.admit()?.verify(password.to_owned(), hash).await
    }

    #[tokio::test]
    async fn the_right_password_passes_and_nobody_has_one() {
        let passwords = Passwords::new(2);
        let hash = passwords.admit().unwrap().hash("correct horse battery".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "NOBODY must cost the same: {hash}");
        assert!(verify(&passwords, "correct horse battery", Some(hash.clone())).await.unwrap());
        assert!(!verify(&passwords, "wrong horse battery", Some(hash)).await.unwrap());
        assert!(!verify(&passwords, "anything", None).await.unwrap());
        assert!(PasswordHash::new(NOBODY).is_ok(), "a broken hash would be refused in no time");
    }

    #[tokio::test]
    async fn too_many_at_once_are_refused_instead_of_queued() {
        let passwords = Passwords::new(1);
        let all: Vec<_> = (0..40)
            .map(|_| {
                let passwords = passwords.clone();
                tokio::spawn(async move { verify(&passwords, "anything", None).await })
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

    #[tokio::test]
    async fn a_caller_who_goes_away_leaves_the_place_taken_until_the_hash_is_finished() {
        let passwords = Passwords::new(1);
        let (finish, finished) = mpsc::channel::<()>();
        let hashing = passwords.admit().unwrap().run(move || finished.recv());
        assert!(hashing.now_or_never().is_none(), "it began, and then nobody waited for it any more");
        assert_eq!((passwords.running.available_permits(), passwords.admitted.available_permits()), (0, 16));
        finish.send(()).unwrap();
        let _all = passwords.admitted.acquire_many(17).await.unwrap();
        assert_eq!(passwords.running.available_permits(), 1);
    }
}

//! Hashes passwords with Argon2id on blocking threads; the number of running and of waiting requests is limited.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use pulse_contract::account::v1::errors;
use pulse_contract::errors as common;
use pulse_kernel::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unicode_normalization::UnicodeNormalization;

/// Maximum number of waiting requests per hasher.
const WAITING_PER_HASHER: usize = 16;

/// A pool of hashers. Clones share it.
#[derive(Clone)]
pub(crate) struct Passwords {
    running: Arc<Semaphore>,
    acquired: Arc<Semaphore>,
}

impl Passwords {
    /// A pool of `hashers` concurrent hashers.
    pub(crate) fn new(hashers: usize) -> Self {
        let hashers = hashers.max(1);
        Self {
            running: Arc::new(Semaphore::new(hashers)),
            acquired: Arc::new(Semaphore::new(hashers * (WAITING_PER_HASHER + 1))),
        }
    }

    /// A hasher for one password; it may wait for its turn.
    ///
    /// # Errors
    /// `ACCOUNT_BUSY` when the queue is full.
    pub(crate) fn acquire_hasher(&self) -> Result<Hasher, Error> {
        let permit = Arc::clone(&self.acquired).try_acquire_owned().map_err(|error| busy().caused_by(error))?;
        Ok(Hasher { running: Arc::clone(&self.running), permit })
    }
}

fn busy() -> Error {
    errors::ACCOUNT_BUSY.error("the queue of password checks is full; try again later")
}

/// Permission to hash one password. It ends when the password is hashed, or when this is dropped.
pub(crate) struct Hasher {
    running: Arc<Semaphore>,
    permit: OwnedSemaphorePermit,
}

impl Hasher {
    /// The hash of a password in its normal form, with a fresh salt, in PHC format.
    ///
    /// # Errors
    /// `INTERNAL` when the hasher fails.
    pub(crate) async fn hash(self, password: String) -> Result<String, Error> {
        let hash = move || {
            let password = normal_form(&password);
            Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
        };
        self.run(hash).await?.map_err(|error| common::INTERNAL.error("password hashing failed").caused_by(error))
    }

    /// Whether the hash is that of the password; `false` without a hash, after the same time. Also accepts hashes of
    /// passwords as they were typed, from before they were brought into the normal form.
    ///
    /// # Errors
    /// `INTERNAL` when the hasher fails.
    pub(crate) async fn verify(self, password: String, hash: Option<String>) -> Result<bool, Error> {
        let verify = move || {
            let is_known = hash.is_some();
            let hash = hash.unwrap_or_else(|| DUMMY_HASH.to_owned());
            let normal = normal_form(&password);
            let is_of = |password: &str| {
                PasswordHash::new(&hash)
                    .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
            };
            (is_of(&normal) || (normal != password && is_of(&password))) && is_known
        };
        self.run(verify).await
    }

    async fn run<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let running = self.running.acquire_owned().await.map_err(|error| busy().caused_by(error))?;
        // The permits end with the work, which finishes even when the caller has gone away.
        let permits = (running, self.permit);
        let work = move || {
            let outcome = work();
            drop(permits);
            outcome
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| common::INTERNAL.error("password hashing was aborted").caused_by(error))
    }
}

/// A password in the form in which it is hashed, so that every keyboard and system types the same one: the profile
/// `OpaqueString` of [RFC 8265](https://www.rfc-editor.org/rfc/rfc8265#section-4.2) with its width mapping for names. Wide and
/// narrow forms become ordinary characters, other spaces the ASCII space, and the text its composed form (NFC).
fn normal_form(password: &str) -> String {
    let mapped = password.chars().flat_map(|character| {
        let is_width_form = ('\u{ff01}'..='\u{ffee}').contains(&character);
        let is_space = character.is_whitespace() && !character.is_control();
        let plain = if is_space { ' ' } else { character };
        let compatible = is_width_form.then(|| std::iter::once(character).nfkc());
        let unchanged = (!is_width_form).then_some(plain);
        compatible.into_iter().flatten().chain(unchanged)
    });
    mapped.nfc().collect()
}

/// A hash of the default cost without a password, so that an unknown address costs as much as a wrong password.
const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRvZm5vYm9keQ$3y1fVvJ3TzJ9l3kqQ5o4m6QmJwqk7m3Zl0cVwq8n1bE";

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures::FutureExt;

    use super::*;

    async fn verify(passwords: &Passwords, password: &str, hash: Option<String>) -> Result<bool, Error> {
        passwords.acquire_hasher()?.verify(password.to_owned(), hash).await
    }

    #[tokio::test]
    async fn the_right_password_passes_and_no_hash_never_does() {
        let passwords = Passwords::new(2);
        let hash = passwords.acquire_hasher().unwrap().hash("correct horse battery".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "DUMMY_HASH must cost the same: {hash}");
        assert!(verify(&passwords, "correct horse battery", Some(hash.clone())).await.unwrap());
        assert!(!verify(&passwords, "wrong horse battery", Some(hash)).await.unwrap());
        assert!(!verify(&passwords, "anything", None).await.unwrap());
        assert!(PasswordHash::new(DUMMY_HASH).is_ok(), "a broken hash would be rejected immediately");
    }

    /// T3: a password is the same in every form in which keyboards and systems type it.
    #[test]
    fn passwords_have_a_normal_form() {
        for (typed, normal) in [
            ("caf\u{e9} 1234", "caf\u{e9} 1234"),
            ("cafe\u{301} 1234", "caf\u{e9} 1234"),
            ("\u{ff30}\u{ff21}\u{ff33}\u{ff33}\u{ff11}\u{ff01}", "PASS1!"),
            ("a\u{3000}b\u{a0}c d", "a b c d"),
            ("\u{ff76}\u{ff9e}", "\u{30ac}"),
            ("\u{1112}\u{1161}\u{11ab}", "\u{d55c}"),
            ("Tab\tstays", "Tab\tstays"),
            ("Case \u{fb01} \u{b2} stays", "Case \u{fb01} \u{b2} stays"),
            ("\u{1f600}", "\u{1f600}"),
        ] {
            assert_eq!(normal_form(typed), normal, "{typed:?}");
            assert_eq!(normal_form(normal), normal, "{normal:?} again");
        }
    }

    /// T3: one form is stored, all forms pass, and so does the hash of a form that was stored as it was typed.
    #[tokio::test]
    async fn every_form_of_a_password_passes() {
        let passwords = Passwords::new(2);
        let (composed, decomposed) = ("caf\u{e9} \u{7f8e}\u{5473}", "cafe\u{301} \u{7f8e}\u{5473}");
        let hash = passwords.acquire_hasher().unwrap().hash(decomposed.into()).await.unwrap();
        let old = Argon2::default().hash_password(decomposed.as_bytes()).unwrap().to_string();
        for typed in [composed, decomposed] {
            assert!(verify(&passwords, typed, Some(hash.clone())).await.unwrap(), "{typed:?}");
        }
        assert!(verify(&passwords, decomposed, Some(old)).await.unwrap(), "a hash from before");
        assert!(!verify(&passwords, "cafe", Some(hash)).await.unwrap());
        assert!(!verify(&passwords, decomposed, None).await.unwrap());
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
    async fn a_dropped_call_keeps_its_permits_until_the_hash_is_finished() {
        let passwords = Passwords::new(1);
        let (finish, finished) = mpsc::channel::<()>();
        let hashing = passwords.acquire_hasher().unwrap().run(move || finished.recv());
        assert!(hashing.now_or_never().is_none(), "hashing started, and then its caller was dropped");
        assert_eq!((passwords.running.available_permits(), passwords.acquired.available_permits()), (0, 16));
        finish.send(()).unwrap();
        let _all = passwords.acquired.acquire_many(17).await.unwrap();
        assert_eq!(passwords.running.available_permits(), 1);
    }
}

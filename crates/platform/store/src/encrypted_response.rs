//! Encryption of saved answers: only the holder of the idempotency key can read them.
//!
//! An answer may contain tokens. The table stores a digest of the key as the lookup column, and the answer encrypted
//! under another digest of the key. A reader of the table, or of a backup of it, cannot use the answers. The protection
//! is as strong as the key that the client chose; a random UUID is strong enough.

use bytes::Bytes;
use chacha20poly1305::aead::Aead;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use pulse_kernel::Idempotency;
use sha2::{Digest, Sha256};

const NONCE_BYTES: usize = 12;

/// The value of the lookup column: a digest of scope and key, in hexadecimal.
pub(crate) fn lookup(idempotency: &Idempotency) -> String {
    digest("find", idempotency).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The stored form of an answer: a nonce, then the encrypted bytes. `None` when the answer is too long to be encrypted.
pub(crate) fn encrypt(idempotency: &Idempotency, answer: &[u8]) -> Option<Bytes> {
    let nonce: [u8; NONCE_BYTES] = rand::random();
    let encrypted = cipher(idempotency).encrypt(&nonce.into(), answer).ok()?;
    Some(nonce.iter().copied().chain(encrypted).collect())
}

/// The answer in a stored form. `None` when it was encrypted under another key, or is damaged.
pub(crate) fn decrypt(idempotency: &Idempotency, stored: &[u8]) -> Option<Bytes> {
    let (nonce, encrypted) = stored.split_first_chunk::<NONCE_BYTES>()?;
    cipher(idempotency).decrypt(&(*nonce).into(), encrypted).ok().map(Bytes::from)
}

fn cipher(idempotency: &Idempotency) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(&digest("encrypt", idempotency).into())
}

/// SHA-256 over purpose, scope and key. A zero byte, which occurs in none of them, separates the parts.
fn digest(purpose: &str, idempotency: &Idempotency) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in [purpose, &idempotency.scope, &idempotency.key] {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn under(key: &str) -> Idempotency {
        Idempotency { scope: "acc_1 /x".into(), key: key.into(), fingerprint: [0; 32] }
    }

    #[test]
    fn only_the_key_decrypts_the_answer() {
        let stored = encrypt(&under("one"), b"a token").unwrap();
        assert_eq!(decrypt(&under("one"), &stored).as_deref(), Some(&b"a token"[..]));
        assert_eq!(decrypt(&under("two"), &stored), None);
        assert_eq!(decrypt(&under("one"), &stored[..8]), None);
        assert!(!stored.windows(5).any(|part| part == b"token"));
        assert_ne!(lookup(&under("one")), lookup(&under("two")));
    }
}

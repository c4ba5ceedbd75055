//! Saved answers that only the holder of the idempotency key can read.
//!
//! An answer may hold tokens. The table keeps a digest of the key to find it by, and the answer encrypted under another
//! digest of the key, so that whoever reads the table, or a backup of it, cannot use what it holds. The key is as strong
//! as its maker chose it; a random UUID is strong enough.

use bytes::Bytes;
use chacha20poly1305::aead::Aead;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use pulse_kernel::Idempotency;
use sha2::{Digest, Sha256};

const NONCE_BYTES: usize = 12;

/// What the answer is found by.
pub(crate) fn lookup(idempotency: &Idempotency) -> String {
    digest("find", idempotency).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The answer as it is kept: a nonce, then the encrypted bytes. `None` when it is too long to be encrypted.
pub(crate) fn seal(idempotency: &Idempotency, answer: &[u8]) -> Option<Bytes> {
    let nonce: [u8; NONCE_BYTES] = rand::random();
    let sealed = cipher(idempotency).encrypt(&nonce.into(), answer).ok()?;
    Some(nonce.iter().copied().chain(sealed).collect())
}

/// The answer; `None` when it was sealed under another key, or is damaged.
pub(crate) fn open(idempotency: &Idempotency, sealed: &[u8]) -> Option<Bytes> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    cipher(idempotency).decrypt(&(*nonce).into(), sealed).ok().map(Bytes::from)
}

fn cipher(idempotency: &Idempotency) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(&digest("seal", idempotency).into())
}

/// SHA-256 over purpose, scope and key; a zero byte between them, which none of them holds.
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
    fn only_the_key_opens_the_answer() {
        let sealed = seal(&under("one"), b"a token").unwrap();
        assert_eq!(open(&under("one"), &sealed).as_deref(), Some(&b"a token"[..]));
        assert_eq!(open(&under("two"), &sealed), None);
        assert_eq!(open(&under("one"), &sealed[..8]), None);
        assert!(!sealed.windows(5).any(|part| part == b"token"));
        assert_ne!(lookup(&under("one")), lookup(&under("two")));
    }
}

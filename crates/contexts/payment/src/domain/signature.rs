//! Signatures of webhooks in the scheme of Stripe: `t=<seconds>,v1=<hex>,v1=<hex>`.
//!
//! Each `v1` is an HMAC-SHA256 over `<seconds>.<body>`. During the rotation of a secret there are several, and one of them
//! must match. A signature that is too old or from the future is refused, so that a recorded call cannot be replayed.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use pulse_kernel::Timestamp;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

/// Name of the header with the signature, in lower case.
pub const HEADER: &str = "stripe-signature";
/// Maximum difference between the time of a signature and the current time, in both directions.
pub const TOLERANCE: Duration = Duration::from_secs(300);
/// Maximum number of signatures in one header; further ones are ignored.
pub const SIGNATURES_MAX: usize = 16;

/// Reason for which a signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureError {
    /// The header contains no time or no signature.
    Malformed,
    /// No signature matches the body.
    Mismatch,
    /// The signature matches, but it is too old or from the future.
    OutOfTime,
}

/// Checks the signature header of a body.
///
/// # Errors
/// The reason for the refusal. The time is checked last, so that its refusal reveals nothing about the secret.
pub fn verify(secret: &[u8], payload: &[u8], header: &str, now: Timestamp) -> Result<(), SignatureError> {
    let (seconds, signatures) = read(header).ok_or(SignatureError::Malformed)?;
    let expected = mac(secret, seconds, payload);
    // Every signature is compared completely, so that the duration reveals nothing.
    let is_valid = signatures.iter().fold(Choice::from(0), |is_valid, signature| is_valid | signature.ct_eq(&expected));
    if !bool::from(is_valid) {
        return Err(SignatureError::Mismatch);
    }
    let signed_at = Timestamp::from_millis(seconds.saturating_mul(1_000));
    if signed_at.since(now) > TOLERANCE || now.since(signed_at) > TOLERANCE {
        return Err(SignatureError::OutOfTime);
    }
    Ok(())
}

/// Signature header for a body that is sent at `now`.
#[must_use]
pub fn sign(secret: &[u8], payload: &[u8], now: Timestamp) -> String {
    let seconds = now.as_millis().div_euclid(1_000);
    format!("t={seconds},v1={}", hex::encode(mac(secret, seconds, payload)))
}

fn read(header: &str) -> Option<(i64, Vec<[u8; 32]>)> {
    let mut seconds = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", value)) => seconds = Some(value.parse().ok()?),
            Some(("v1", value)) if signatures.len() < SIGNATURES_MAX => {
                let mut signature = [0; 32];
                // An unreadable signature matches no body, like one of another scheme.
                if hex::decode_to_slice(value, &mut signature).is_ok() {
                    signatures.push(signature);
                }
            }
            Some(_) | None => {}
        }
    }
    let seconds = seconds.filter(|_| !signatures.is_empty())?;
    Some((seconds, signatures))
}

fn mac(secret: &[u8], seconds: i64, payload: &[u8]) -> [u8; 32] {
    // HMAC accepts keys of any length (RFC 2104), so this constructor never fails.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return [0; 32] };
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(payload);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"whsec_test_secret";
    const BODY: &[u8] = br#"{"id":"evt_1","type":"payment_intent.succeeded"}"#;
    const AT: i64 = 1_777_867_200;
    /// Computed with the `hmac` module of Python and checked with the official library of Stripe.
    const V1: &str = "c6b0573f4324934ef88487c3c4a8bdc45755a26d8e624494d72ebcc76cddccdf";
    const V1_OF_EMPTY: &str = "810f645cbd5a663b295ad48c18075e4471491433f13f6d1ee697dba4f6b19505";
    const V1_OF_OTHER_SECRET: &str = "cad91d47885f8fd6f407fd9bf6e76fb8ed7393920211e5a36e78a1a18c0a3713";

    fn now(offset_s: i64) -> Timestamp {
        Timestamp::from_millis((AT + offset_s) * 1_000)
    }

    /// PL-11: vectors of another implementation.
    #[test]
    fn signatures_are_those_of_stripe() {
        let other = V1_OF_OTHER_SECRET;
        let zeros = "0".repeat(64);
        for (header, body, expected) in [
            (format!("t={AT},v1={V1}"), BODY, Ok(())),
            (format!("t={AT},v1={V1_OF_EMPTY}"), b"".as_slice(), Ok(())),
            // Two secrets during a rotation, and an unknown scheme.
            (format!("t={AT},v1={other},v1={V1},v0={zeros}"), BODY, Ok(())),
            (format!("t={AT}, v1={}", V1.to_uppercase()), BODY, Ok(())),
            (format!("t={AT},v1={other}"), BODY, Err(SignatureError::Mismatch)),
            (format!("t={AT},v1={V1}"), br#"{"id":"evt_2"}"#, Err(SignatureError::Mismatch)),
            (format!("t={},v1={V1}", AT + 1), BODY, Err(SignatureError::Mismatch)),
            (format!("t={AT},v1={zeros}"), BODY, Err(SignatureError::Mismatch)),
            (format!("t={AT},v0={V1}"), BODY, Err(SignatureError::Malformed)),
            (format!("t=soon,v1={V1}"), BODY, Err(SignatureError::Malformed)),
            (format!("v1={V1}"), BODY, Err(SignatureError::Malformed)),
            (format!("t={AT},v1={}", V1.replace('a', "x")), BODY, Err(SignatureError::Malformed)),
            (format!("t={AT}"), BODY, Err(SignatureError::Malformed)),
            (String::new(), BODY, Err(SignatureError::Malformed)),
            (
                format!("t={AT}{}", format!(",v1={zeros}").repeat(SIGNATURES_MAX) + ",v1=" + V1),
                BODY,
                Err(SignatureError::Mismatch),
            ),
        ] {
            assert_eq!(verify(SECRET, body, &header, now(0)), expected, "{header}");
        }
        assert_eq!(sign(SECRET, BODY, now(0)), format!("t={AT},v1={V1}"));
    }

    #[test]
    fn a_signature_is_valid_for_five_minutes() {
        let header = format!("t={AT},v1={V1}");
        for (offset, expected) in [
            (-301, Err(SignatureError::OutOfTime)),
            (-300, Ok(())),
            (300, Ok(())),
            (301, Err(SignatureError::OutOfTime)),
        ] {
            assert_eq!(verify(SECRET, BODY, &header, now(offset)), expected, "{offset}");
        }
    }
}

//! The signature of webhooks in Stripe's scheme: `t=<seconds>,v1=<hex>,v1=<hex>`.
//!
//! Each `v1` is an HMAC-SHA256 over `<seconds>.<body>`. While a secret is rotated there are several, of which one has to
//! fit. A signature that is too old, or too far ahead, is refused, so that a recorded call cannot be played again later.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use pulse_kernel::Timestamp;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

/// How far the time of a signature may be from ours, in both directions.
pub const TOLERANCE: Duration = Duration::from_secs(300);
/// How many signatures of one header are looked at.
pub const SIGNATURES_MAX: usize = 16;

/// Why a signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The header does not have a time and a signature.
    Malformed,
    /// None of the signatures is ours.
    Mismatch,
    /// It is right, and too old or from the future.
    OutOfTime,
}

/// Checks a header against the body that came with it.
///
/// # Errors
/// Why it is refused. The time is looked at last, so that an answer about it tells nothing about the secret.
pub fn verify(secret: &[u8], payload: &[u8], header: &str, now: Timestamp) -> Result<(), Refused> {
    let (seconds, signatures) = read(header).ok_or(Refused::Malformed)?;
    let expected = mac(secret, seconds, payload);
    // Every signature is compared to its end: how long it takes tells nothing.
    let is_ours = signatures.iter().fold(Choice::from(0), |is_ours, signature| is_ours | signature.ct_eq(&expected));
    if !bool::from(is_ours) {
        return Err(Refused::Mismatch);
    }
    let signed_at = Timestamp::from_millis(seconds.saturating_mul(1_000));
    if signed_at.since(now) > TOLERANCE || now.since(signed_at) > TOLERANCE {
        return Err(Refused::OutOfTime);
    }
    Ok(())
}

/// The header for a body that is sent at `now`.
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
                // One that cannot be read fits nothing, as one of another scheme does.
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
    // A key of any length is fine for HMAC (RFC 2104): this constructor refuses none.
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
    /// Made with Python's `hmac` module and checked with the `Webhook` of Stripe's own library.
    const V1: &str = "c6b0573f4324934ef88487c3c4a8bdc45755a26d8e624494d72ebcc76cddccdf";
    const V1_OF_EMPTY: &str = "810f645cbd5a663b295ad48c18075e4471491433f13f6d1ee697dba4f6b19505";
    const V1_OF_OTHER_SECRET: &str = "cad91d47885f8fd6f407fd9bf6e76fb8ed7393920211e5a36e78a1a18c0a3713";

    fn now(offset_s: i64) -> Timestamp {
        Timestamp::from_millis((AT + offset_s) * 1_000)
    }

    /// PL-11: vectors that were computed elsewhere.
    #[test]
    fn signatures_are_those_of_stripe() {
        let other = V1_OF_OTHER_SECRET;
        let zeros = "0".repeat(64);
        for (header, body, expected) in [
            (format!("t={AT},v1={V1}"), BODY, Ok(())),
            (format!("t={AT},v1={V1_OF_EMPTY}"), b"".as_slice(), Ok(())),
            // Two secrets while one is rotated, and a scheme that we do not know.
            (format!("t={AT},v1={other},v1={V1},v0={zeros}"), BODY, Ok(())),
            (format!("t={AT}, v1={}", V1.to_uppercase()), BODY, Ok(())),
            (format!("t={AT},v1={other}"), BODY, Err(Refused::Mismatch)),
            (format!("t={AT},v1={V1}"), br#"{"id":"evt_2"}"#, Err(Refused::Mismatch)),
            (format!("t={},v1={V1}", AT + 1), BODY, Err(Refused::Mismatch)),
            (format!("t={AT},v1={zeros}"), BODY, Err(Refused::Mismatch)),
            (format!("t={AT},v0={V1}"), BODY, Err(Refused::Malformed)),
            (format!("t=soon,v1={V1}"), BODY, Err(Refused::Malformed)),
            (format!("v1={V1}"), BODY, Err(Refused::Malformed)),
            (format!("t={AT},v1={}", V1.replace('a', "x")), BODY, Err(Refused::Malformed)),
            (format!("t={AT}"), BODY, Err(Refused::Malformed)),
            (String::new(), BODY, Err(Refused::Malformed)),
            (
                format!("t={AT}{}", format!(",v1={zeros}").repeat(SIGNATURES_MAX) + ",v1=" + V1),
                BODY,
                Err(Refused::Mismatch),
            ),
        ] {
            assert_eq!(verify(SECRET, body, &header, now(0)), expected, "{header}");
        }
        assert_eq!(sign(SECRET, BODY, now(0)), format!("t={AT},v1={V1}"));
    }

    #[test]
    fn a_signature_works_for_five_minutes() {
        let header = format!("t={AT},v1={V1}");
        for (offset, expected) in
            [(-301, Err(Refused::OutOfTime)), (-300, Ok(())), (300, Ok(())), (301, Err(Refused::OutOfTime))]
        {
            assert_eq!(verify(SECRET, BODY, &header, now(offset)), expected, "{offset}");
        }
    }
}

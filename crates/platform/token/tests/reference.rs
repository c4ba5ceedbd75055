//! Tokens agree with `jsonwebtoken`, an independent implementation.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use proptest::collection::vec;
use proptest::prelude::*;
use pulse_kernel::id::{AccountId, ShopId};
use pulse_kernel::{Principal, Role, Timestamp};
use pulse_token::{AUDIENCE, Claims, ISSUER, Key, KeyRing};
use serde_json::Value;

const KID: &str = "reference";

fn any_secret() -> impl Strategy<Value = Vec<u8>> {
    // Weak secrets are rejected by `Key::new`; see `ring.rs`.
    vec(any::<u8>(), 32..80).prop_filter("strong", |secret| Key::new(KID, secret).is_ok())
}

fn any_claims() -> impl Strategy<Value = Claims> {
    let roles = [Role::Consumer, Role::MerchantStaff, Role::Courier, Role::Operator];
    let roles = proptest::sample::subsequence(roles.to_vec(), 0..=roles.len());
    let shops = vec(any::<i64>().prop_map(ShopId::new), 0..4);
    (any::<i64>(), any::<i64>(), roles, shops, 0..4_000_000_000_i64).prop_map(
        |(account, session, roles, shops, seconds)| {
            let principal = Principal { account: AccountId::new(account), session, roles, shops };
            Claims::new(principal, Timestamp::from_millis(seconds * 1_000), Duration::from_secs(900))
        },
    )
}

/// Checks signature, issuer and audience; time is a value in these tests.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.validate_exp = false;
    validation
}

fn decoded(token: &str, secret: &[u8]) -> Option<Value> {
    let decoded = decode::<Value>(token, &DecodingKey::from_secret(secret), &validation()).ok()?;
    Some(decoded.claims)
}

/// The subset of the members that the reference shows of a principal.
fn identity(payload: &Value) -> Option<(i64, i64, Vec<i64>)> {
    let number = |value: &Value| value.as_str()?.parse::<i64>().ok();
    let shops = payload.get("shops").and_then(Value::as_array).cloned().unwrap_or_default();
    Some((number(&payload["sub"])?, number(&payload["sid"])?, shops.iter().map(number).collect::<Option<_>>()?))
}

fn identity_of(claims: &Claims) -> (i64, i64, Vec<i64>) {
    let Principal { account, session, shops, .. } = &claims.principal;
    (account.get(), *session, shops.iter().map(|shop| shop.get()).collect())
}

proptest! {
    /// The reference accepts every signed token and reads the same claims, and only with the right secret.
    #[test]
    fn the_reference_reads_signed_tokens(claims in any_claims(), secret in any_secret(), other in any_secret()) {
        let token = KeyRing::of(Key::new(KID, &secret).unwrap()).sign(&claims);
        let header = decode_header(&token).unwrap();
        prop_assert_eq!((header.alg, header.kid.as_deref()), (Algorithm::HS256, Some(KID)));
        let payload = decoded(&token, &secret).unwrap();
        prop_assert_eq!(identity(&payload), Some(identity_of(&claims)));
        prop_assert_eq!(payload["iat"].as_i64(), Some(claims.issued_at.as_millis().div_euclid(1_000)));
        prop_assert_eq!(payload["exp"].as_i64(), Some(claims.expires_at.as_millis().div_euclid(1_000)));
        prop_assert_eq!(decoded(&token, &other).is_some(), other == secret);
    }

    /// A token with changed bytes that the ring accepts is accepted by the reference, with the same claims.
    #[test]
    fn the_ring_accepts_no_more_than_the_reference(
        claims in any_claims(),
        secret in any_secret(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
    ) {
        let ring = KeyRing::of(Key::new(KID, &secret).unwrap());
        let mut token = ring.sign(&claims).into_bytes();
        for (index, byte) in changes {
            let index = index.index(token.len());
            token[index] = byte & 0x7f;
        }
        let token = String::from_utf8(token).unwrap();
        if let Ok(accepted) = ring.verify(&token, claims.issued_at) {
            let payload = decoded(&token, &secret);
            prop_assert_eq!(payload.as_ref().and_then(identity), Some(identity_of(&accepted)));
        }
    }

    /// A token that the reference writes with the right secret is rejected unless its header equals that of the key:
    /// there is no choice of algorithm.
    #[test]
    fn other_headers_are_rejected(claims in any_claims(), secret in any_secret()) {
        let ring = KeyRing::of(Key::new(KID, &secret).unwrap());
        let payload = decoded(&ring.sign(&claims), &secret).unwrap();
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            // The reference writes `typ` before `alg`.
            let header = Header { kid: Some(KID.to_owned()), ..Header::new(algorithm) };
            let token = encode(&header, &payload, &EncodingKey::from_secret(&secret)).unwrap();
            prop_assert!(ring.verify(&token, claims.issued_at).is_err(), "{}", token);
        }
    }
}

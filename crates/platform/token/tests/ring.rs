//! Keys are generated, rotated and rejected; tokens are signed, verified and rejected.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pulse_kernel::id::{AccountId, ShopId};
use pulse_kernel::{Principal, Role, Timestamp};
use pulse_token::{CLOCK_LEEWAY, Claims, KEYS_FILE, Key, KeyError, KeyRing, TOKEN_BYTES_MAX, TokenError};

const NOW: Timestamp = Timestamp::from_millis(1_750_000_000_000);
const TTL: Duration = Duration::from_secs(900);

fn claims() -> Claims {
    let principal = Principal {
        account: AccountId::new(i64::MAX),
        session: 7,
        roles: vec![Role::MerchantStaff, Role::Operator, Role::Courier, Role::Consumer],
        shops: vec![ShopId::new(1), ShopId::new(2)],
    };
    Claims::new(principal, NOW, TTL)
}

fn ring() -> KeyRing {
    KeyRing::of(Key::generate().expect("the machine has randomness"))
}

#[test]
fn a_token_says_what_was_signed_until_it_expires() {
    let (ring, claims) = (ring(), claims());
    let token = ring.sign(&claims);
    assert_eq!(ring.verify(&token, NOW), Ok(claims.clone()));
    assert_eq!(ring.verify(&token, claims.expires_at.minus(Duration::from_millis(1))), Ok(claims.clone()));
    assert_eq!(ring.verify(&token, claims.expires_at), Err(TokenError::Expired));
    assert_eq!(ring.verify(&token, NOW.minus(CLOCK_LEEWAY)), Ok(claims));
    let early = NOW.minus(CLOCK_LEEWAY).minus(Duration::from_millis(1));
    assert_eq!(ring.verify(&token, early), Err(TokenError::Invalid("it was issued in the future")));
}

#[test]
fn a_token_is_a_json_web_token_with_ids_as_strings() {
    let token = ring().sign(&claims());
    let payload: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap();
    assert_eq!(
        payload,
        serde_json::json!({
            "iss": "pulse", "aud": "pulse-api", "sub": "9223372036854775807", "sid": "7",
            "roles": ["merchant_staff", "operator", "courier", "consumer"], "shops": ["1", "2"],
            "iat": 1_750_000_000, "exp": 1_750_000_900,
        })
    );
}

#[test]
fn every_changed_character_is_noticed() {
    let ring = ring();
    let token = ring.sign(&claims());
    for position in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(matches!(ring.verify(&changed, NOW), Err(TokenError::Invalid(_))), "{position}: {changed}");
    }
}

#[test]
fn other_algorithms_other_keys_and_junk_are_invalid() {
    let ring = ring();
    let token = ring.sign(&claims());
    let (_, rest) = token.split_once('.').unwrap();
    let (payload, _) = rest.split_once('.').unwrap();
    let kid = &ring.kids()[0];
    for header in [
        r#"{"alg":"none"}"#.to_owned(),
        format!(r#"{{"alg":"none","kid":"{kid}","typ":"JWT"}}"#),
        format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"JWT"}}"#),
        format!(r#"{{"alg":"HS512","kid":"{kid}","typ":"JWT"}}"#),
        r#"{"alg":"HS256","kid":"nobody","typ":"JWT"}"#.to_owned(),
        format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#),
    ] {
        let header = URL_SAFE_NO_PAD.encode(header);
        for forged in [format!("{header}.{rest}"), format!("{header}.{payload}."), format!("{header}.{payload}")] {
            assert!(matches!(ring.verify(&forged, NOW), Err(TokenError::Invalid(_))), "{forged}");
        }
    }
    let other = KeyRing::of(Key::generate().unwrap()).sign(&claims());
    for junk in ["", ".", "..", "...", "a.b.c", "Bearer", &other, &"a".repeat(TOKEN_BYTES_MAX + 1)] {
        assert!(matches!(ring.verify(junk, NOW), Err(TokenError::Invalid(_))), "{junk:?}");
    }
}

#[test]
fn the_first_start_makes_a_key_that_only_its_owner_reads() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let ring = KeyRing::open(&data).unwrap();
    let mode = fs::metadata(data.join(KEYS_FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = ring.sign(&claims());
    assert_eq!(KeyRing::open(&data).unwrap().verify(&token, NOW), Ok(claims()));
    assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "nothing is left beside the file");
}

#[test]
fn after_a_rotation_old_tokens_live_on_and_after_two_they_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let serving = KeyRing::open(folder.path()).unwrap();
    let old = serving.sign(&claims());
    let command = KeyRing::open(folder.path()).unwrap();

    let kid = command.rotate().unwrap();
    assert!(serving.reload().unwrap());
    assert!(!serving.reload().unwrap());
    assert_eq!(serving.kids()[0], kid);
    assert_eq!(serving.verify(&old, NOW), Ok(claims()));
    let new = serving.sign(&claims());
    assert_eq!(command.verify(&new, NOW), Ok(claims()));

    let clone = serving.clone();
    serving.rotate().unwrap();
    assert!(matches!(clone.verify(&old, NOW), Err(TokenError::Invalid(_))));
    assert_eq!(clone.verify(&new, NOW), Ok(claims()));
}

#[test]
fn weak_and_published_secrets_are_refused() {
    assert!(matches!(Key::new("k", b"short"), Err(KeyError::TooShort(5))));
    assert!(matches!(Key::new("k", &[7; 64]), Err(KeyError::NotRandom(1))));
    assert!(matches!(Key::new("k", b"abcabcabcabcabcabcabcabcabcabcabcabc"), Err(KeyError::NotRandom(3))));
    for known in ["a-string-secret-at-least-256-bits-long", "ChangeMe-ChangeMe-ChangeMe-1234567890"] {
        assert!(matches!(Key::new("k", known.as_bytes()), Err(KeyError::KnownDefault)), "{known}");
    }
    for kid in ["", "with space", "quote\"", &"k".repeat(65)] {
        assert!(matches!(Key::new(kid, &[0; 32]), Err(KeyError::Kid)), "{kid:?}");
    }
}

#[test]
fn exposed_and_damaged_files_are_refused_and_a_reload_keeps_the_keys() {
    let folder = tempfile::tempdir().unwrap();
    let ring = KeyRing::open(folder.path()).unwrap();
    let kids = ring.kids();
    let file = folder.path().join(KEYS_FILE);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(KeyRing::open(folder.path()), Err(KeyError::Exposed { mode: 0o644, .. })));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    for damaged in ["", "one\n", "kid nothex\n", "kid 00\n"] {
        fs::write(&file, damaged).unwrap();
        assert!(KeyRing::open(folder.path()).is_err(), "{damaged:?}");
        assert!(ring.reload().is_err(), "{damaged:?}");
    }
    assert_eq!(ring.kids(), kids);
}

#[test]
fn debug_output_shows_no_secret() {
    let shown = format!("{:?}", Key::new("kid", b"0f2d4c6b8a1e3759bdf0aced12345678").unwrap());
    assert_eq!(shown, r#"Key { kid: "kid", .. }"#);
}

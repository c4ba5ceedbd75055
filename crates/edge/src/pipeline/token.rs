//! Authentication: bearer tokens, verified once and then cached.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use parking_lot::Mutex;
use pulse_contract::errors;
use pulse_kernel::{Actor, Error, Principal, Timestamp};
use pulse_token::{CLOCK_LEEWAY, Claims, KeyRing, TokenError};

/// Returns the principal of a token with its current roles and shops, or `None` when its session was revoked. The
/// arguments are the principal and the issue time of the token. Called for every request with a token, so it must answer
/// from memory.
pub type CurrentPrincipal = Box<dyn Fn(Arc<Principal>, Timestamp) -> Option<Arc<Principal>> + Send + Sync>;

/// Verifies bearer tokens.
pub(crate) struct Tokens {
    keys: KeyRing,
    current_principal: CurrentPrincipal,
    /// Cache of verified tokens; a token has exactly one slot, by its hash.
    slots: Box<[Mutex<Slot>]>,
    hasher: RandomState,
}

/// A slot of the cache.
#[derive(Default)]
struct Slot {
    /// Hash of the last token of this slot. A token is cached on its second request, so tokens that are used once do not
    /// evict the others.
    last: u64,
    cached: Option<Box<CachedToken>>,
}

/// A verified token.
struct CachedToken {
    token: Box<[u8]>,
    /// Generation of the key ring that verified it; after a rotation it is verified again.
    generation: u64,
    issued_at: Timestamp,
    expires_at: Timestamp,
    principal: Arc<Principal>,
}

/// Bytes at the end of a token that are hashed: a part of the signature, which differs between tokens.
const TAIL_BYTES: usize = 32;

impl Tokens {
    /// A verifier with `keys` and a cache of `cache_max` tokens, rounded up to a power of two.
    pub(crate) fn new(keys: KeyRing, current_principal: CurrentPrincipal, cache_max: NonZeroUsize) -> Self {
        let count = cache_max.get().checked_next_power_of_two().unwrap_or(1 << 20);
        let slots = std::iter::repeat_with(Mutex::default).take(count).collect();
        Self { keys, current_principal, slots, hasher: RandomState::new() }
    }

    /// The actor of a request; anonymous without a token.
    ///
    /// On a public operation an expired or revoked token counts as no token. Otherwise a client that still sends its old
    /// token could not refresh its session.
    pub(crate) fn actor_of(&self, headers: &HeaderMap, now: Timestamp, is_public: bool) -> Result<Actor, Error> {
        let Some(header) = headers.get(AUTHORIZATION) else { return Ok(Actor::Anonymous) };
        let token =
            bearer(header).ok_or_else(|| errors::TOKEN_INVALID.error("Authorization must be `Bearer <token>`"))?;
        let verified = self.verify(token, now);
        match verified.map(|(principal, issued_at)| (self.current_principal)(principal, issued_at)) {
            Ok(Some(principal)) => Ok(Actor::Principal(principal)),
            Ok(None) if is_public => Ok(Actor::Anonymous),
            Ok(None) => Err(errors::TOKEN_INVALID.error("the session was ended; sign in again")),
            Err(TokenError::Expired) if is_public => Ok(Actor::Anonymous),
            Err(TokenError::Expired) => {
                Err(errors::TOKEN_EXPIRED.error("the access token has expired; refresh the session"))
            }
            Err(error @ TokenError::Invalid(_)) => Err(errors::TOKEN_INVALID.error(error.to_string())),
        }
    }

    /// The principal of the token, and the time at which it was issued.
    fn verify(&self, token: &[u8], now: Timestamp) -> Result<(Arc<Principal>, Timestamp), TokenError> {
        let generation = self.keys.generation();
        let slot = self.slot_of(token);
        if let Some((slot, hash)) = slot {
            let mut slot = slot.lock();
            // The comparison is not constant-time: a request that reaches this slot already has the signature.
            if let Some(cached) = slot.cached.as_ref().filter(|cached| cached.is_valid(token, generation, now)) {
                return Ok((Arc::clone(&cached.principal), cached.issued_at));
            }
            if slot.last != hash {
                slot.last = hash;
                drop(slot);
                let claims = self.verify_signature(token, now)?;
                return Ok((Arc::new(claims.principal), claims.issued_at));
            }
        }
        let claims = self.verify_signature(token, now)?;
        let principal = Arc::new(claims.principal);
        if let Some((slot, _)) = slot {
            let cached = CachedToken {
                token: token.into(),
                generation,
                issued_at: claims.issued_at,
                expires_at: claims.expires_at,
                principal: Arc::clone(&principal),
            };
            slot.lock().cached = Some(Box::new(cached));
        }
        Ok((principal, claims.issued_at))
    }

    fn verify_signature(&self, token: &[u8], now: Timestamp) -> Result<Claims, TokenError> {
        let text = std::str::from_utf8(token).or(Err(TokenError::Invalid("the token is not UTF-8")))?;
        self.keys.verify(text, now)
    }

    /// The slot of the token, and the hash of the token.
    fn slot_of(&self, token: &[u8]) -> Option<(&Mutex<Slot>, u64)> {
        let (_, tail) = token.split_at_checked(token.len().saturating_sub(TAIL_BYTES))?;
        let hash = self.hasher.hash_one(tail);
        let index = usize::try_from(hash & 0xffff_ffff).ok()?;
        self.slots.get(index & (self.slots.len() - 1)).map(|slot| (slot, hash))
    }
}

impl CachedToken {
    /// Whether this is the token and it is still valid.
    fn is_valid(&self, token: &[u8], generation: u64, now: Timestamp) -> bool {
        self.generation == generation
            && now < self.expires_at
            && self.issued_at <= now.plus(CLOCK_LEEWAY)
            && *self.token == *token
    }
}

/// The token of `Bearer <token>`; the scheme is not case-sensitive (RFC 9110, section 11.1).
fn bearer(header: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = header.as_bytes().split_at_checked(7)?;
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pulse_kernel::Role;
    use pulse_kernel::id::AccountId;
    use pulse_token::Key;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_750_000_000_000);
    const TTL: Duration = Duration::from_secs(900);

    fn principal(account: i64) -> Principal {
        Principal { account: AccountId::new(account), session: account, roles: Vec::new(), shops: Vec::new() }
    }

    fn tokens(slots: usize) -> (KeyRing, Tokens) {
        let keys = KeyRing::of(Key::generate().expect("the machine has randomness"));
        // Session 13 was revoked; account 14 became an operator.
        let current: CurrentPrincipal = Box::new(|principal, _issued_at| match principal.session {
            13 => None,
            14 => Some(Arc::new(Principal { roles: vec![Role::Operator], ..(*principal).clone() })),
            _ => Some(principal),
        });
        let slots = NonZeroUsize::new(slots).expect("not zero");
        (keys.clone(), Tokens::new(keys, current, slots))
    }

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().expect("a header value"))])
    }

    fn code_of(tokens: &Tokens, value: &str, now: Timestamp) -> &'static str {
        tokens.actor_of(&headers(value), now, false).map_or_else(|error| error.code(), |_| "valid")
    }

    #[test]
    fn a_cached_token_expires_like_a_new_one() {
        let (keys, tokens) = tokens(1);
        let bearer = format!("Bearer {}", keys.sign(&Claims::new(principal(7), NOW, TTL)));
        let expected = Actor::Principal(Arc::new(principal(7)));
        for _ in 0..2 {
            assert_eq!(tokens.actor_of(&headers(&bearer), NOW, false).unwrap(), expected);
        }
        assert_eq!(code_of(&tokens, &bearer, NOW.plus(TTL)), "TOKEN_EXPIRED");
        assert_eq!(code_of(&tokens, &bearer, NOW.minus(TTL)), "TOKEN_INVALID");
        assert_eq!(tokens.actor_of(&headers(&bearer), NOW.plus(TTL), true).unwrap(), Actor::Anonymous);
        assert_eq!(code_of(&tokens, &bearer.replace("Bearer", "bEARER"), NOW), "valid");
    }

    #[test]
    fn a_cached_token_is_rejected_after_its_key() {
        let (keys, tokens) = tokens(16);
        let bearer = format!("Bearer {}", keys.sign(&Claims::new(principal(7), NOW, TTL)));
        assert_eq!(code_of(&tokens, &bearer, NOW), "valid");
        keys.rotate().unwrap();
        assert_eq!(code_of(&tokens, &bearer, NOW), "valid");
        keys.rotate().unwrap();
        assert_eq!(code_of(&tokens, &bearer, NOW), "TOKEN_INVALID");
    }

    #[test]
    fn two_tokens_share_one_slot() {
        let (keys, tokens) = tokens(1);
        for account in [1, 2, 1, 2] {
            let bearer = format!("Bearer {}", keys.sign(&Claims::new(principal(account), NOW, TTL)));
            let actor = tokens.actor_of(&headers(&bearer), NOW, false).unwrap();
            assert_eq!(actor.account(), Some(AccountId::new(account)));
        }
    }

    #[test]
    fn a_token_has_the_current_roles_of_its_account() {
        let (keys, tokens) = tokens(16);
        let bearer = format!("Bearer {}", keys.sign(&Claims::new(principal(14), NOW, TTL)));
        for _ in 0..3 {
            let actor = tokens.actor_of(&headers(&bearer), NOW, false).unwrap();
            assert!(actor.has_role(Role::Operator));
        }
    }

    #[test]
    fn revoked_sessions_and_other_schemes_are_rejected() {
        let (keys, tokens) = tokens(16);
        let ended = format!("Bearer {}", keys.sign(&Claims::new(principal(13), NOW, TTL)));
        for _ in 0..2 {
            assert_eq!(code_of(&tokens, &ended, NOW), "TOKEN_INVALID");
        }
        for other in ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer a.b.c", "Token x"] {
            assert_eq!(code_of(&tokens, other, NOW), "TOKEN_INVALID", "{other:?}");
        }
        assert_eq!(tokens.actor_of(&HeaderMap::new(), NOW, false).unwrap(), Actor::Anonymous);
    }
}

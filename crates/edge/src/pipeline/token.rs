//! Who asks: the bearer token of a request, verified once and then remembered.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use parking_lot::Mutex;
use pulse_contract::errors;
use pulse_kernel::{Actor, Error, Principal, Timestamp};
use pulse_token::{CLOCK_LEEWAY, Claims, KeyRing, TokenError};

/// Whether a session was ended before its tokens expire.
pub(crate) type IsRevoked = Box<dyn Fn(&Principal) -> bool + Send + Sync>;

/// Verifies bearer tokens.
pub(crate) struct Tokens {
    keys: KeyRing,
    is_revoked: IsRevoked,
    /// Verified tokens, each in the only place where it may be.
    places: Box<[Mutex<Place>]>,
    hasher: RandomState,
}

/// Where one token may be remembered.
#[derive(Default)]
struct Place {
    /// The hash of the token that was here last. A token is remembered when it comes for the second time: of a crowd
    /// that comes once nothing is kept, and those who come again and again are not forgotten for it.
    last: u64,
    seen: Option<Box<Seen>>,
}

/// A token that was verified.
struct Seen {
    token: Box<[u8]>,
    /// The keys that verified it: after a rotation it is verified again.
    generation: u64,
    issued_at: Timestamp,
    expires_at: Timestamp,
    principal: Arc<Principal>,
}

/// A signature has 43 characters, so this many from the end differ between any two tokens.
const TAIL_BYTES: usize = 32;

impl Tokens {
    /// Verifies by `keys` and remembers about `tokens_max` tokens.
    pub(crate) fn new(keys: KeyRing, is_revoked: IsRevoked, tokens_max: NonZeroUsize) -> Self {
        let count = tokens_max.get().checked_next_power_of_two().unwrap_or(1 << 20);
        let places = std::iter::repeat_with(Mutex::default).take(count).collect();
        Self { keys, is_revoked, places, hasher: RandomState::new() }
    }

    /// Who asks. Without a token it is nobody that we know.
    ///
    /// Where everybody may call (`is_public`), a token that was good once and is over counts as none: otherwise a
    /// client could not refresh its session while it still attaches the old token.
    pub(crate) fn actor_of(&self, headers: &HeaderMap, now: Timestamp, is_public: bool) -> Result<Actor, Error> {
        let Some(header) = headers.get(AUTHORIZATION) else { return Ok(Actor::Anonymous) };
        let token =
            bearer(header).ok_or_else(|| errors::TOKEN_INVALID.error("send `Authorization: Bearer <token>`"))?;
        match self.verify(token, now) {
            Ok(principal) if !(self.is_revoked)(&principal) => Ok(Actor::Principal(principal)),
            Ok(_) if is_public => Ok(Actor::Anonymous),
            Ok(_) => Err(errors::TOKEN_INVALID.error("the session has ended; sign in again")),
            Err(TokenError::Expired) if is_public => Ok(Actor::Anonymous),
            Err(TokenError::Expired) => Err(errors::TOKEN_EXPIRED.error("refresh the session and repeat the request")),
            Err(error @ TokenError::Invalid(_)) => Err(errors::TOKEN_INVALID.error(error.to_string())),
        }
    }

    fn verify(&self, token: &[u8], now: Timestamp) -> Result<Arc<Principal>, TokenError> {
        let generation = self.keys.generation();
        let place = self.place_of(token);
        if let Some((place, hash)) = place {
            let mut place = place.lock();
            // The comparison may stop early: whoever finds the place of a token already has its signature.
            if let Some(principal) = place.seen.as_ref().and_then(|seen| seen.fits(token, generation, now)) {
                return Ok(principal);
            }
            if place.last != hash {
                place.last = hash;
                drop(place);
                return self.verify_anew(token, now).map(|claims| Arc::new(claims.principal));
            }
        }
        let claims = self.verify_anew(token, now)?;
        let principal = Arc::new(claims.principal);
        if let Some((place, _)) = place {
            let seen = Seen {
                token: token.into(),
                generation,
                issued_at: claims.issued_at,
                expires_at: claims.expires_at,
                principal: Arc::clone(&principal),
            };
            place.lock().seen = Some(Box::new(seen));
        }
        Ok(principal)
    }

    fn verify_anew(&self, token: &[u8], now: Timestamp) -> Result<Claims, TokenError> {
        let text = std::str::from_utf8(token).or(Err(TokenError::Invalid("it is not text")))?;
        self.keys.verify(text, now)
    }

    /// The only place where the token may be remembered.
    fn place_of(&self, token: &[u8]) -> Option<(&Mutex<Place>, u64)> {
        let (_, tail) = token.split_at_checked(token.len().saturating_sub(TAIL_BYTES))?;
        let hash = self.hasher.hash_one(tail);
        let index = usize::try_from(hash & 0xffff_ffff).ok()?;
        self.places.get(index & (self.places.len() - 1)).map(|place| (place, hash))
    }
}

impl Seen {
    /// The principal, when this is the token and it is still good.
    fn fits(&self, token: &[u8], generation: u64, now: Timestamp) -> Option<Arc<Principal>> {
        let is_good = self.generation == generation
            && now < self.expires_at
            && self.issued_at <= now.plus(CLOCK_LEEWAY)
            && *self.token == *token;
        is_good.then(|| Arc::clone(&self.principal))
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

    use pulse_kernel::id::AccountId;
    use pulse_token::Key;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_750_000_000_000);
    const TTL: Duration = Duration::from_secs(900);

    fn principal(account: i64) -> Principal {
        Principal { account: AccountId::new(account), session: account, roles: Vec::new(), shops: Vec::new() }
    }

    fn tokens(places: usize) -> (KeyRing, Tokens) {
        let keys = KeyRing::of(Key::generate().expect("the machine has randomness"));
        let is_revoked = Box::new(|principal: &Principal| principal.session == 13);
        let places = NonZeroUsize::new(places).expect("not zero");
        (keys.clone(), Tokens::new(keys, is_revoked, places))
    }

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().expect("a header value"))])
    }

    fn code_of(tokens: &Tokens, value: &str, now: Timestamp) -> &'static str {
        tokens.actor_of(&headers(value), now, false).map_or_else(|error| error.code(), |_| "fine")
    }

    #[test]
    fn a_remembered_token_expires_like_a_fresh_one() {
        let (keys, tokens) = tokens(1);
        let bearer = format!("Bearer {}", keys.sign(&Claims::new(principal(7), NOW, TTL)));
        let expected = Actor::Principal(Arc::new(principal(7)));
        for _ in 0..2 {
            assert_eq!(tokens.actor_of(&headers(&bearer), NOW, false).unwrap(), expected);
        }
        assert_eq!(code_of(&tokens, &bearer, NOW.plus(TTL)), "TOKEN_EXPIRED");
        assert_eq!(code_of(&tokens, &bearer, NOW.minus(TTL)), "TOKEN_INVALID");
        assert_eq!(tokens.actor_of(&headers(&bearer), NOW.plus(TTL), true).unwrap(), Actor::Anonymous);
        assert_eq!(code_of(&tokens, &bearer.replace("Bearer", "bEARER"), NOW), "fine");
    }

    #[test]
    fn a_remembered_token_dies_with_its_key() {
        let (keys, tokens) = tokens(16);
        let bearer = format!("Bearer {}", keys.sign(&Claims::new(principal(7), NOW, TTL)));
        assert_eq!(code_of(&tokens, &bearer, NOW), "fine");
        keys.rotate().unwrap();
        assert_eq!(code_of(&tokens, &bearer, NOW), "fine");
        keys.rotate().unwrap();
        assert_eq!(code_of(&tokens, &bearer, NOW), "TOKEN_INVALID");
    }

    #[test]
    fn one_place_serves_two_tokens_in_turn() {
        let (keys, tokens) = tokens(1);
        for account in [1, 2, 1, 2] {
            let bearer = format!("Bearer {}", keys.sign(&Claims::new(principal(account), NOW, TTL)));
            let actor = tokens.actor_of(&headers(&bearer), NOW, false).unwrap();
            assert_eq!(actor.account(), Some(AccountId::new(account)));
        }
    }

    #[test]
    fn ended_sessions_and_other_schemes_are_refused() {
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

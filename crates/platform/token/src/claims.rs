//! The claims of a token and their JSON form.

use std::borrow::Cow;
use std::time::Duration;

use pulse_kernel::id::{AccountId, ShopId};
use pulse_kernel::{Principal, Role, Timestamp};
use serde::{Deserialize, Serialize};

/// The issuer (`iss`) of every token.
pub const ISSUER: &str = "pulse";
/// The audience (`aud`) of every token.
pub const AUDIENCE: &str = "pulse-api";

/// The claims of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Account, session, roles and shops.
    pub principal: Principal,
    /// Time of issue; whole seconds in the token, rounded down.
    pub issued_at: Timestamp,
    /// Time from which the token is rejected; whole seconds in the token, rounded down.
    pub expires_at: Timestamp,
}

impl Claims {
    /// Claims of `principal`, valid from `now` for `ttl`.
    #[must_use]
    pub fn new(principal: Principal, now: Timestamp, ttl: Duration) -> Self {
        Self { principal, issued_at: now, expires_at: now.plus(ttl) }
    }
}

/// The JSON form of the claims; 64-bit ids are strings, as in all JSON of Pulse. Parsed values are borrowed, because
/// nearly every request has a token.
#[derive(Deserialize, Serialize)]
pub(crate) struct Payload<'a> {
    #[serde(borrow)]
    iss: Cow<'a, str>,
    #[serde(borrow)]
    aud: Cow<'a, str>,
    #[serde(borrow)]
    sub: Cow<'a, str>,
    #[serde(borrow)]
    sid: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    shops: Vec<Cow<'a, str>>,
    iat: i64,
    exp: i64,
}

impl From<&Claims> for Payload<'_> {
    fn from(claims: &Claims) -> Self {
        let Principal { account, session, roles, shops } = &claims.principal;
        Self {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: account.get().to_string().into(),
            sid: session.to_string().into(),
            roles: roles.iter().map(|role| name_of(*role).into()).collect(),
            shops: shops.iter().map(|shop| shop.get().to_string().into()).collect(),
            iat: seconds_of(claims.issued_at),
            exp: seconds_of(claims.expires_at),
        }
    }
}

impl Payload<'_> {
    /// The claims, or the reason why they are not valid.
    pub(crate) fn into_claims(self) -> Result<Claims, &'static str> {
        if self.iss != ISSUER {
            return Err("the issuer is not pulse");
        }
        if self.aud != AUDIENCE {
            return Err("the audience is not pulse-api");
        }
        let shops = self.shops.iter().map(|shop| shop.parse().map(ShopId::new)).collect::<Result<_, _>>();
        Ok(Claims {
            principal: Principal {
                account: AccountId::new(self.sub.parse().or(Err("the subject is not an account id"))?),
                session: self.sid.parse().or(Err("the session is not a session id"))?,
                roles: self.roles.iter().filter_map(|name| role_of(name)).collect(),
                shops: shops.or(Err("a shop is not a shop id"))?,
            },
            issued_at: instant_of(self.iat),
            expires_at: instant_of(self.exp),
        })
    }
}

const MILLIS_PER_SECOND: i64 = 1_000;

fn seconds_of(instant: Timestamp) -> i64 {
    instant.as_millis().div_euclid(MILLIS_PER_SECOND)
}

pub(crate) fn instant_of(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds.saturating_mul(MILLIS_PER_SECOND))
}

/// Roles and their names. Unknown names belong to newer versions and grant nothing.
pub(crate) const ROLES: [(Role, &str); 4] = [
    (Role::Consumer, "consumer"),
    (Role::MerchantStaff, "merchant_staff"),
    (Role::Courier, "courier"),
    (Role::Operator, "operator"),
];

fn name_of(role: Role) -> &'static str {
    ROLES.iter().find(|(known, _)| *known == role).map_or("", |(_, name)| name)
}

fn role_of(name: &str) -> Option<Role> {
    ROLES.iter().find(|(_, known)| *known == name).map(|(role, _)| *role)
}

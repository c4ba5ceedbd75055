//! A fast parser for payloads in the exact form in which [`crate::KeyRing::sign`] writes them: members in order, nothing
//! escaped, no white space.
//!
//! Nearly every request has such a token. Other forms are not an error here: they are parsed as general JSON.

use pulse_kernel::id::{AccountId, ShopId};
use pulse_kernel::{Principal, Role};

use crate::claims::{Claims, ROLES, instant_of};

/// The claims of a payload in the exact form; `None` for other forms.
pub(crate) fn claims(payload: &[u8]) -> Option<Claims> {
    let mut scan = Scan(payload);
    scan.skip(br#"{"iss":"pulse","aud":"pulse-api","sub":""#)?;
    let account = AccountId::new(scan.number()?);
    scan.skip(br#"","sid":""#)?;
    let session = scan.number()?;
    scan.skip(b"\"")?;
    let roles = scan.list(br#","roles":["#, Scan::role)?;
    let shops = scan.list(br#","shops":["#, |scan| scan.number().map(ShopId::new))?;
    scan.skip(br#","iat":"#)?;
    let issued_at = instant_of(scan.number()?);
    scan.skip(br#","exp":"#)?;
    let expires_at = instant_of(scan.number()?);
    scan.skip(b"}")?;
    let principal = Principal { account, session, roles, shops };
    scan.0.is_empty().then_some(Claims { principal, issued_at, expires_at })
}

/// The remaining input.
struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    /// Consumes exactly these bytes.
    fn skip(&mut self, bytes: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(bytes)?;
        Some(())
    }

    /// A number without sign and leading zeros.
    fn number(&mut self) -> Option<i64> {
        let length = self.0.iter().position(|byte| !byte.is_ascii_digit())?;
        let (digits, rest) = self.0.split_at_checked(length)?;
        if digits.is_empty() || (digits.len() > 1 && digits.starts_with(b"0")) {
            return None;
        }
        self.0 = rest;
        digits.iter().try_fold(0_i64, |number, digit| number.checked_mul(10)?.checked_add(i64::from(digit - b'0')))
    }

    /// The strings of a list, which is omitted when it is empty.
    fn list<T>(&mut self, before: &[u8], item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut items = Vec::new();
        if self.skip(before).is_none() {
            return Some(items);
        }
        loop {
            self.skip(b"\"")?;
            items.push(item(self)?);
            self.skip(b"\"")?;
            if self.skip(b"]").is_some() {
                return Some(items);
            }
            self.skip(b",")?;
        }
    }

    /// A known role.
    fn role(&mut self) -> Option<Role> {
        ROLES.iter().find_map(|(role, name)| self.skip(name.as_bytes()).map(|()| *role))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::subsequence;
    use pulse_kernel::Timestamp;

    use super::*;
    use crate::claims::Payload;

    fn any_claims() -> impl Strategy<Value = Claims> {
        let roles = subsequence(ROLES.map(|(role, _)| role).to_vec(), 0..=ROLES.len());
        let shops = vec((0..i64::MAX).prop_map(ShopId::new), 0..4);
        let seconds = 0..4_000_000_000_i64;
        (0..i64::MAX, 0..i64::MAX, roles, shops, seconds).prop_map(|(account, session, roles, shops, seconds)| {
            let principal = Principal { account: AccountId::new(account), session, roles, shops };
            Claims::new(principal, Timestamp::from_millis(seconds * 1_000), Duration::from_secs(900))
        })
    }

    /// The claims according to a general JSON parser.
    fn read(payload: &[u8]) -> Option<Claims> {
        serde_json::from_slice::<Payload<'_>>(payload).ok()?.into_claims().ok()
    }

    proptest! {
        #[test]
        fn signed_payloads_are_parsed(claims in any_claims()) {
            let payload = serde_json::to_vec(&Payload::from(&claims)).unwrap();
            prop_assert_eq!(super::claims(&payload), Some(claims.clone()));
            prop_assert_eq!(read(&payload), Some(claims));
        }

        /// With a changed byte the result equals that of a general JSON parser, or is empty.
        #[test]
        fn parsed_claims_equal_those_of_general_json(claims in any_claims(), at in any::<prop::sample::Index>(), byte: u8) {
            let mut payload = serde_json::to_vec(&Payload::from(&claims)).unwrap();
            let at = at.index(payload.len());
            payload[at] = byte;
            if let Some(claims) = super::claims(&payload) {
                prop_assert_eq!(read(&payload), Some(claims));
            }
        }
    }

    #[test]
    fn other_forms_are_not_parsed() {
        let ours = r#"{"iss":"pulse","aud":"pulse-api","sub":"1","sid":"2","iat":3,"exp":4}"#;
        assert!(claims(ours.as_bytes()).is_some());
        for other in [
            "",
            "{}",
            r#"{"aud":"pulse-api","iss":"pulse","sub":"1","sid":"2","iat":3,"exp":4}"#,
            r#"{"iss":"pulse","aud":"pulse-api","sub":"-1","sid":"2","iat":3,"exp":4}"#,
            r#"{"iss":"pulse","aud":"pulse-api","sub":"9223372036854775808","sid":"2","iat":3,"exp":4}"#,
            r#"{"iss":"pulse","aud":"pulse-api","sub":"1","sid":"2","roles":["owner"],"iat":3,"exp":4}"#,
            r#"{"iss":"pulse","aud":"pulse-api","sub":"1","sid":"2","roles":["courier",],"iat":3,"exp":4}"#,
            r#"{"iss":"pulse","aud":"pulse-api","sub":"1","sid":"2","iat":3,"exp":4} "#,
            r#"{"iss":"pulse","aud":"pulse-api","sub":"1","sid":"2","iat":03,"exp":4}"#,
        ] {
            assert_eq!(claims(other.as_bytes()), None, "{other}");
        }
    }
}

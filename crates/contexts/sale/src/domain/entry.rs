//! Checks of an admission request before the admission engine decides, in a fixed order of reasons.

use std::collections::HashSet;
use std::time::Duration;

use pulse_kernel::{Timestamp, snowflake};

use super::sale_status::Window;
use super::signed_token::TokenKey;
use super::ticket::Ticket;

/// Conditions of admission to a sale.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Start and end.
    pub window: Window,
    /// Whether the sale was closed before its end.
    pub is_closed: bool,
    /// Whether admissions are paused.
    pub is_paused: bool,
    /// Accounts that may be admitted.
    pub audience: Audience,
    /// Maximum number of units per buyer.
    pub per_buyer_limit: u32,
    /// Lifetime of a ticket.
    pub ticket_ttl: Duration,
    /// Key that signs tickets, challenge tokens and queue tokens.
    pub key: TokenKey,
}

/// Accounts that may be admitted.
#[derive(Clone, Debug, Default)]
pub struct Audience {
    /// Minimum age of an account. Zero means no minimum.
    pub account_age_min: Duration,
    /// Admitted accounts. Empty means all accounts.
    pub accounts: HashSet<i64>,
}

/// Admission request.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Time of the request.
    pub now: Timestamp,
    /// Account of the buyer.
    pub account: i64,
    /// Ticket, as text.
    pub ticket: &'a str,
    /// Requested number of units.
    pub units: u32,
}

/// Reason for which a request does not reach the admission engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The sale has not started.
    NotStarted,
    /// The sale has ended.
    Ended,
    /// The sale is paused.
    Paused,
    /// The account does not belong to the audience.
    NotEligible,
    /// The ticket was not issued to this account for this sale.
    TicketInvalid,
    /// The ticket has expired.
    TicketExpired,
    /// The requested quantity exceeds the limit per buyer.
    BuyerLimit,
}

impl Terms {
    /// Returns the verified ticket, or the first reason that applies.
    ///
    /// # Errors
    /// The reason of the refusal.
    pub fn check(&self, asked: Asked<'_>) -> Result<Ticket, Refusal> {
        self.check_window(asked.now)?;
        if !self.audience.has(asked.account, asked.now) {
            return Err(Refusal::NotEligible);
        }
        let ticket = Ticket::read(&self.key, asked.account, asked.ticket).ok_or(Refusal::TicketInvalid)?;
        if asked.now >= ticket.issued_at.plus(self.ticket_ttl) {
            return Err(Refusal::TicketExpired);
        }
        if asked.units > self.per_buyer_limit {
            return Err(Refusal::BuyerLimit);
        }
        Ok(ticket)
    }

    /// Checks that the sale is open at `now`.
    ///
    /// # Errors
    /// `NotStarted`, `Ended` or `Paused`.
    pub fn check_window(&self, now: Timestamp) -> Result<(), Refusal> {
        match self.window {
            _ if self.is_closed => Err(Refusal::Ended),
            Window { starts_at, .. } if now < starts_at => Err(Refusal::NotStarted),
            Window { ends_at, .. } if now >= ends_at => Err(Refusal::Ended),
            _ if self.is_paused => Err(Refusal::Paused),
            _ => Ok(()),
        }
    }
}

impl Audience {
    /// Returns whether the account belongs to the audience. The ID of an account contains its creation time.
    #[must_use]
    pub fn has(&self, account: i64, now: Timestamp) -> bool {
        let is_old =
            self.account_age_min.is_zero() || snowflake::timestamp_of(account).plus(self.account_age_min) <= now;
        is_old && (self.accounts.is_empty() || self.accounts.contains(&account))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARTS: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const BUYER: i64 = 7;

    fn terms() -> Terms {
        Terms {
            window: Window { starts_at: STARTS, ends_at: STARTS.plus(Duration::from_secs(600)) },
            is_closed: false,
            is_paused: false,
            audience: Audience { accounts: HashSet::from([BUYER, 8]), ..Audience::default() },
            per_buyer_limit: 2,
            ticket_ttl: Duration::from_secs(60),
            key: TokenKey::new(1, &[3; 32]),
        }
    }

    fn ticket(terms: &Terms, issued_at: Timestamp) -> String {
        Ticket { issued_at, device: 5 }.sign(&terms.key, BUYER)
    }

    /// Each request also violates all later rules; the first violated rule is returned.
    #[test]
    fn the_first_violated_rule_is_returned() {
        let (open, paused) = (terms(), Terms { is_paused: true, ..terms() });
        let good = ticket(&open, STARTS);
        let asked = |now: Timestamp, account, ticket, units| Asked { now, account, ticket, units };
        let second = |second| STARTS.plus(Duration::from_secs(second));
        for (terms, asked, expected) in [
            (&paused, asked(STARTS.minus(Duration::from_millis(1)), 9, "", 9), Refusal::NotStarted),
            (&paused, asked(second(600), 9, "", 9), Refusal::Ended),
            (&paused, asked(second(1), 9, "", 9), Refusal::Paused),
            (&open, asked(second(1), 9, "", 9), Refusal::NotEligible),
            (&open, asked(second(1), 8, good.as_str(), 9), Refusal::TicketInvalid),
            (&open, asked(second(60), BUYER, good.as_str(), 9), Refusal::TicketExpired),
            (&open, asked(second(59), BUYER, good.as_str(), 3), Refusal::BuyerLimit),
        ] {
            assert_eq!(terms.check(asked), Err(expected));
        }
        let asked = asked(STARTS, BUYER, good.as_str(), 2);
        assert_eq!(open.check(asked), Ok(Ticket { issued_at: STARTS, device: 5 }));
    }

    #[test]
    fn accounts_below_the_minimum_age_are_excluded() {
        let hour = Duration::from_secs(3_600);
        let audience = Audience { account_age_min: hour, accounts: HashSet::new() };
        let account = pulse_kernel::IdGenerator::new(1).next_id(STARTS);
        assert!(!audience.has(account, STARTS.plus(hour).minus(Duration::from_millis(1))));
        assert!(audience.has(account, STARTS.plus(hour)));
    }
}

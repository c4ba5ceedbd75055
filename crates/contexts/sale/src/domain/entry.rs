//! Who may go to the gate of a sale, in a fixed order of reasons.

use std::collections::HashSet;
use std::time::Duration;

use pulse_kernel::{Timestamp, snowflake};

use super::signed_token::TokenKey;
use super::stage::Window;
use super::ticket::Ticket;

/// On which terms a sale lets people in.
#[derive(Clone, Debug)]
pub struct Terms {
    /// From when to when.
    pub window: Window,
    /// It ended before its time.
    pub is_closed: bool,
    /// Nobody is let in for now.
    pub is_paused: bool,
    /// Whom it is for.
    pub audience: Audience,
    /// How many units one buyer may have.
    pub per_buyer_limit: u32,
    /// How long a ticket is good.
    pub ticket_ttl: Duration,
    /// Signs tickets, questions and places.
    pub key: TokenKey,
}

/// Whom a sale is for.
#[derive(Clone, Debug, Default)]
pub struct Audience {
    /// How old an account must be.
    pub account_age_min: Duration,
    /// Only these; none for all.
    pub accounts: HashSet<i64>,
}

/// Somebody at the door.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// When.
    pub now: Timestamp,
    /// Who.
    pub account: i64,
    /// With which ticket.
    pub ticket: &'a str,
    /// For how many units.
    pub units: u32,
}

/// Why somebody does not get to the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has not begun.
    NotStarted,
    /// It is over.
    Ended,
    /// Nobody is let in for now.
    Paused,
    /// It is not for this account.
    NotEligible,
    /// The ticket is not one of this account for this sale.
    TicketInvalid,
    /// The ticket is too old.
    TicketExpired,
    /// Nobody may have so many.
    BuyerLimit,
}

impl Terms {
    /// The ticket of somebody who may go to the gate. The first reason that holds is the answer.
    ///
    /// # Errors
    /// The reason.
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

    /// Whether the sale lets people in at `now`.
    ///
    /// # Errors
    /// Why not.
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
    /// Whether it is for this account. How old an account is, its number tells.
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

    /// The order of the reasons: everything behind the first one is wrong as well.
    #[test]
    fn the_first_reason_is_the_answer() {
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
    fn young_accounts_may_be_left_out() {
        let hour = Duration::from_secs(3_600);
        let audience = Audience { account_age_min: hour, accounts: HashSet::new() };
        let account = pulse_kernel::IdGenerator::new(1).next_id(STARTS);
        assert!(!audience.has(account, STARTS.plus(hour).minus(Duration::from_millis(1))));
        assert!(audience.has(account, STARTS.plus(hour)));
    }
}

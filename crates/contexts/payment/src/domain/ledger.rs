//! The ledger: the lines of every entry sum to zero in each currency, so no money appears or disappears.
//!
//! Debits are positive, credits negative. Money at a provider or in the cash box of a shop is a debit balance; money that
//! the platform owes a shop is a credit balance.

use std::collections::BTreeMap;
use std::fmt;

use pulse_kernel::id::ShopId;
use pulse_kernel::{Currency, Money};

pulse_kernel::define_id!(
    /// Identifies an entry of the ledger.
    EntryId, "ent"
);

/// Provider name of cash payments.
pub const CASH: &str = "cash";

/// An account of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// Money at a provider.
    Provider(String),
    /// Cash that a shop received.
    Cash(ShopId),
    /// Money that belongs to a shop.
    Shop(ShopId),
    /// Money that belongs to the platform, from its own vouchers.
    Platform,
    /// Money that was captured with another amount than requested. It belongs to the customer until it is refunded.
    Suspense,
}

impl Account {
    /// Account of the money that a provider moved.
    #[must_use]
    pub fn of_provider(provider: &str, shop: ShopId) -> Self {
        if provider == CASH { Self::Cash(shop) } else { Self::Provider(provider.to_owned()) }
    }

    /// Account of the seller; shop 0 is the platform.
    #[must_use]
    pub fn of_shop(shop: ShopId) -> Self {
        if shop.get() == 0 { Self::Platform } else { Self::Shop(shop) }
    }

    /// Account of the side that received captured money.
    #[must_use]
    pub fn of_receiver(shop: ShopId, is_misdirected: bool) -> Self {
        if is_misdirected { Self::Suspense } else { Self::of_shop(shop) }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(name) => write!(f, "provider:{name}"),
            Self::Cash(shop) => write!(f, "cash:{}", shop.get()),
            Self::Shop(shop) => write!(f, "shop:{}", shop.get()),
            Self::Platform => f.write_str("platform"),
            Self::Suspense => f.write_str("suspense"),
        }
    }
}

/// Kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A provider captured money for an order.
    Capture,
    /// Money was refunded to a customer.
    Refund,
    /// A shop received cash for an order.
    Cash,
    /// A booked refund was returned by the bank.
    Correction,
    /// A provider captured another amount than requested.
    Suspense,
    /// Money in suspense was refunded to a customer.
    SuspenseRefund,
    /// A booked refund of money in suspense was returned by the bank.
    SuspenseReturn,
    /// A provider withdrew a disputed amount.
    Dispute,
    /// A provider reinstated a disputed amount.
    Reinstatement,
}

impl EntryKind {
    /// Name of the kind in the contract and in rows.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Refund => "refund",
            Self::Cash => "cash",
            Self::Correction => "correction",
            Self::Suspense => "suspense",
            Self::SuspenseRefund => "suspense_refund",
            Self::SuspenseReturn => "suspense_return",
            Self::Dispute => "dispute",
            Self::Reinstatement => "reinstatement",
        }
    }

    /// Kind with this name.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        const ALL: [EntryKind; 9] = [
            EntryKind::Capture,
            EntryKind::Refund,
            EntryKind::Cash,
            EntryKind::Correction,
            EntryKind::Suspense,
            EntryKind::SuspenseRefund,
            EntryKind::SuspenseReturn,
            EntryKind::Dispute,
            EntryKind::Reinstatement,
        ];
        ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// A line of an entry: positive for a debit, negative for a credit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Account of the line.
    pub account: Account,
    /// Amount of the line.
    pub amount: Money,
}

/// An entry whose lines sum to zero; no other entry can be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    kind: EntryKind,
    lines: Vec<Line>,
}

impl Entry {
    /// An entry of these lines; `None` if there are none, one is 0, or the lines of a currency do not sum to zero.
    #[must_use]
    pub fn balanced(kind: EntryKind, lines: Vec<Line>) -> Option<Self> {
        let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
        for Line { amount, .. } in &lines {
            *sums.entry(amount.currency).or_default() += i128::from(amount.minor);
        }
        let is_balanced = sums.values().all(|sum| *sum == 0);
        let is_filled = !lines.is_empty() && lines.iter().all(|line| line.amount.minor != 0);
        (is_balanced && is_filled).then_some(Self { kind, lines })
    }

    /// Capture of money for an order of `shop`.
    #[must_use]
    pub fn capture(provider: &str, shop: ShopId, amount: Money) -> Option<Self> {
        let kind = if provider == CASH { EntryKind::Cash } else { EntryKind::Capture };
        Self::moved(kind, Account::of_provider(provider, shop), Account::of_shop(shop), amount)
    }

    /// Refund of money for an order of `shop`.
    #[must_use]
    pub fn refund(provider: &str, shop: ShopId, amount: Money) -> Option<Self> {
        Self::moved(EntryKind::Refund, Account::of_shop(shop), Account::of_provider(provider, shop), amount)
    }

    /// Reversal of a refund that the bank returned.
    #[must_use]
    pub fn refund_returned(provider: &str, shop: ShopId, amount: Money) -> Option<Self> {
        Self::moved(EntryKind::Correction, Account::of_provider(provider, shop), Account::of_shop(shop), amount)
    }

    /// Capture of another amount than requested.
    #[must_use]
    pub fn suspense(provider: &str, shop: ShopId, amount: Money) -> Option<Self> {
        Self::moved(EntryKind::Suspense, Account::of_provider(provider, shop), Account::Suspense, amount)
    }

    /// Refund of money in suspense.
    #[must_use]
    pub fn suspense_refund(provider: &str, shop: ShopId, amount: Money) -> Option<Self> {
        Self::moved(EntryKind::SuspenseRefund, Account::Suspense, Account::of_provider(provider, shop), amount)
    }

    /// Reversal of a refund of money in suspense that the bank returned.
    #[must_use]
    pub fn suspense_returned(provider: &str, shop: ShopId, amount: Money) -> Option<Self> {
        Self::moved(EntryKind::SuspenseReturn, Account::of_provider(provider, shop), Account::Suspense, amount)
    }

    /// Withdrawal of a disputed amount from the `receiver` of the capture.
    #[must_use]
    pub fn withdrawn(provider: &str, shop: ShopId, receiver: Account, amount: Money) -> Option<Self> {
        Self::moved(EntryKind::Dispute, receiver, Account::of_provider(provider, shop), amount)
    }

    /// Reinstatement of a disputed amount to the `receiver` of the capture.
    #[must_use]
    pub fn reinstated(provider: &str, shop: ShopId, receiver: Account, amount: Money) -> Option<Self> {
        Self::moved(EntryKind::Reinstatement, Account::of_provider(provider, shop), receiver, amount)
    }

    fn moved(kind: EntryKind, debit: Account, credit: Account, amount: Money) -> Option<Self> {
        let negative = Money::new(amount.minor.checked_neg()?, amount.currency);
        Self::balanced(kind, vec![Line { account: debit, amount }, Line { account: credit, amount: negative }])
    }

    /// Kind of the entry.
    #[must_use]
    pub const fn kind(&self) -> EntryKind {
        self.kind
    }

    /// Lines of the entry.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }
}

/// Totals of a shop on one business day in one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DaySums {
    /// Number of payments.
    pub payment_count: i64,
    /// Sum of the payments in minor units.
    pub paid_minor: i64,
    /// Number of refunds, minus returned ones.
    pub refund_count: i64,
    /// Sum of the refunds in minor units, minus returned ones.
    pub refunded_minor: i64,
    /// Sum of the withdrawn disputed amounts in minor units, minus reinstated ones.
    pub disputed_minor: i64,
}

impl DaySums {
    /// Adds `count` entries of a kind.
    pub fn add(&mut self, kind: EntryKind, count: i64, minor: i64) {
        match kind {
            EntryKind::Capture | EntryKind::Cash => {
                self.payment_count += count;
                self.paid_minor += minor;
            }
            EntryKind::Refund => {
                self.refund_count += count;
                self.refunded_minor += minor;
            }
            EntryKind::Correction => {
                self.refund_count -= count;
                self.refunded_minor -= minor;
            }
            EntryKind::Dispute => self.disputed_minor += minor,
            EntryKind::Reinstatement => self.disputed_minor -= minor,
            // Money in suspense does not belong to the shop.
            EntryKind::Suspense | EntryKind::SuspenseRefund | EntryKind::SuspenseReturn => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cny(minor: i64) -> Money {
        Money::new(minor, Currency::CNY)
    }

    #[test]
    fn money_moves_between_the_right_accounts() {
        let lines = |entry: Entry| -> Vec<(String, i64)> {
            entry.lines().iter().map(|line| (line.account.to_string(), line.amount.minor)).collect()
        };
        let (shop, platform) = (ShopId::new(7), ShopId::new(0));
        for (entry, kind, expected) in [
            (Entry::capture("stripe", shop, cny(5)), "capture", [("provider:stripe", 5), ("shop:7", -5)]),
            (Entry::capture("stripe", platform, cny(5)), "capture", [("provider:stripe", 5), ("platform", -5)]),
            (Entry::capture(CASH, shop, cny(5)), "cash", [("cash:7", 5), ("shop:7", -5)]),
            (Entry::refund("stripe", shop, cny(3)), "refund", [("shop:7", 3), ("provider:stripe", -3)]),
            (Entry::refund(CASH, shop, cny(3)), "refund", [("shop:7", 3), ("cash:7", -3)]),
            (Entry::refund_returned("stripe", shop, cny(3)), "correction", [("provider:stripe", 3), ("shop:7", -3)]),
            (Entry::suspense("stripe", shop, cny(3)), "suspense", [("provider:stripe", 3), ("suspense", -3)]),
            (
                Entry::suspense_refund("stripe", shop, cny(3)),
                "suspense_refund",
                [("suspense", 3), ("provider:stripe", -3)],
            ),
            (
                Entry::suspense_returned("stripe", shop, cny(3)),
                "suspense_return",
                [("provider:stripe", 3), ("suspense", -3)],
            ),
            (
                Entry::withdrawn("stripe", shop, Account::of_receiver(shop, false), cny(3)),
                "dispute",
                [("shop:7", 3), ("provider:stripe", -3)],
            ),
            (
                Entry::reinstated("stripe", shop, Account::of_receiver(shop, true), cny(3)),
                "reinstatement",
                [("provider:stripe", 3), ("suspense", -3)],
            ),
        ] {
            let entry = entry.unwrap();
            assert_eq!(entry.kind().word(), kind);
            assert_eq!(lines(entry), expected.map(|(account, minor)| (account.to_owned(), minor)));
        }
    }

    #[test]
    fn entries_must_sum_to_zero() {
        let line = |minor, currency| Line { account: Account::Platform, amount: Money::new(minor, currency) };
        for lines in [
            vec![],
            vec![line(1, Currency::CNY)],
            vec![line(1, Currency::CNY), line(-2, Currency::CNY)],
            vec![line(1, Currency::CNY), line(-1, Currency::EUR)],
            vec![line(0, Currency::CNY)],
            vec![line(i64::MAX, Currency::CNY), line(i64::MAX, Currency::CNY), line(2, Currency::CNY)],
        ] {
            assert_eq!(Entry::balanced(EntryKind::Capture, lines.clone()), None, "{lines:?}");
        }
    }

    proptest! {
        /// PL-11: after any bookings, the balances of a currency sum to zero, and the balance of a shop is its captures minus
        /// its refunds.
        #[test]
        fn the_ledger_sums_to_zero(
            moves in prop::collection::vec((0..3_u8, 0..4_i64, 1..1_000_000_i64, any::<bool>(), any::<bool>()), 0..60),
        ) {
            let mut balances: BTreeMap<(Account, Currency), i64> = BTreeMap::new();
            let mut owed: BTreeMap<(i64, Currency), i64> = BTreeMap::new();
            for (kind, shop, minor, is_cash, is_euro) in moves {
                let currency = if is_euro { Currency::EUR } else { Currency::CNY };
                let (amount, provider) = (Money::new(minor, currency), if is_cash { CASH } else { "sandbox" });
                let (entry, earned) = match kind {
                    0 => (Entry::capture(provider, ShopId::new(shop), amount), minor),
                    1 => (Entry::refund(provider, ShopId::new(shop), amount), -minor),
                    _ => (Entry::refund_returned(provider, ShopId::new(shop), amount), minor),
                };
                *owed.entry((shop, currency)).or_default() += earned;
                for line in entry.unwrap().lines() {
                    *balances.entry((line.account.clone(), line.amount.currency)).or_default() += line.amount.minor;
                }
            }
            for currency in [Currency::CNY, Currency::EUR] {
                let sum: i64 = balances.iter().filter(|((_, of), _)| *of == currency).map(|(_, minor)| minor).sum();
                prop_assert_eq!(sum, 0);
            }
            for ((shop, currency), minor) in owed {
                prop_assert_eq!(balances[&(Account::of_shop(ShopId::new(shop)), currency)], -minor);
            }
        }
    }
}

//! The books: every entry has lines that sum to zero in each currency, so that no money appears or is lost.
//!
//! A debit is positive, a credit negative. What a provider or a till holds is a debit balance; what the platform owes a
//! shop is a credit balance.

use std::collections::BTreeMap;
use std::fmt;

use pulse_kernel::id::ShopId;
use pulse_kernel::{Currency, Money};

/// The name of the provider that is none: money from hand to hand.
pub const CASH: &str = "cash";

/// An account of the books.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// What a provider holds for us.
    Provider(String),
    /// What a shop took in cash.
    Cash(i64),
    /// What belongs to a shop.
    Shop(i64),
    /// What belongs to the platform: vouchers that it sells itself.
    Platform,
}

impl Account {
    /// Where money that a provider moved lies.
    #[must_use]
    pub fn of_provider(provider: &str, shop: ShopId) -> Self {
        if provider == CASH { Self::Cash(shop.get()) } else { Self::Provider(provider.to_owned()) }
    }

    /// Who earns; shop 0 is the platform itself.
    #[must_use]
    pub fn of_shop(shop: ShopId) -> Self {
        if shop.get() == 0 { Self::Platform } else { Self::Shop(shop.get()) }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(name) => write!(f, "provider:{name}"),
            Self::Cash(shop) => write!(f, "cash:{shop}"),
            Self::Shop(shop) => write!(f, "shop:{shop}"),
            Self::Platform => f.write_str("platform"),
        }
    }
}

/// What was booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A provider got money for an order.
    Capture,
    /// Money went back to a customer.
    Refund,
    /// A shop got money for an order in cash.
    Cash,
    /// A refund that was booked came back.
    Correction,
}

impl EntryKind {
    /// The word in the contract and in rows.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Refund => "refund",
            Self::Cash => "cash",
            Self::Correction => "correction",
        }
    }

    /// The kind of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Capture, Self::Refund, Self::Cash, Self::Correction].into_iter().find(|kind| kind.word() == word)
    }
}

/// A line of an entry: positive for a debit, negative for a credit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// On which account.
    pub account: Account,
    /// How much.
    pub amount: Money,
}

/// An entry that sums to zero: there is no other way to make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    kind: EntryKind,
    lines: Vec<Line>,
}

impl Entry {
    /// An entry; `None` when a line is empty, or the lines of a currency do not sum to zero.
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

    /// Money for an order of `shop` came in.
    #[must_use]
    pub fn capture(provider: &str, shop: ShopId, amount: Money) -> Option<Self> {
        let kind = if provider == CASH { EntryKind::Cash } else { EntryKind::Capture };
        Self::moved(kind, Account::of_provider(provider, shop), Account::of_shop(shop), amount)
    }

    /// Money of an order of `shop` went back.
    #[must_use]
    pub fn refund(provider: &str, shop: ShopId, amount: Money) -> Option<Self> {
        Self::moved(EntryKind::Refund, Account::of_shop(shop), Account::of_provider(provider, shop), amount)
    }

    /// Money that went back has come back.
    #[must_use]
    pub fn refund_undone(provider: &str, shop: ShopId, amount: Money) -> Option<Self> {
        Self::moved(EntryKind::Correction, Account::of_provider(provider, shop), Account::of_shop(shop), amount)
    }

    fn moved(kind: EntryKind, debit: Account, credit: Account, amount: Money) -> Option<Self> {
        let negative = Money::new(amount.minor.checked_neg()?, amount.currency);
        Self::balanced(kind, vec![Line { account: debit, amount }, Line { account: credit, amount: negative }])
    }

    /// What was booked.
    #[must_use]
    pub const fn kind(&self) -> EntryKind {
        self.kind
    }

    /// On which accounts.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }
}

/// What a shop earned on a day in a currency, added up from its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DaySums {
    /// How many payments.
    pub payment_count: i64,
    /// Their sum.
    pub paid_minor: i64,
    /// How many refunds, without those that came back.
    pub refund_count: i64,
    /// Their sum.
    pub refunded_minor: i64,
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
            (Entry::refund_undone("stripe", shop, cny(3)), "correction", [("provider:stripe", 3), ("shop:7", -3)]),
        ] {
            let entry = entry.unwrap();
            assert_eq!(entry.kind().word(), kind);
            assert_eq!(lines(entry), expected.map(|(account, minor)| (account.to_owned(), minor)));
        }
    }

    #[test]
    fn what_does_not_sum_to_zero_is_no_entry() {
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
        /// PL-11: whatever is booked, all balances of a currency sum to zero, and what a shop is owed is what came in
        /// less what went back.
        #[test]
        fn the_books_sum_to_zero(
            moves in prop::collection::vec((0..3_u8, 0..4_i64, 1..1_000_000_i64, any::<bool>(), any::<bool>()), 0..60),
        ) {
            let mut balances: BTreeMap<(Account, Currency), i64> = BTreeMap::new();
            let mut owed: BTreeMap<(i64, Currency), i64> = BTreeMap::new();
            for (what, shop, minor, is_cash, is_euro) in moves {
                let currency = if is_euro { Currency::EUR } else { Currency::CNY };
                let (amount, provider) = (Money::new(minor, currency), if is_cash { CASH } else { "sandbox" });
                let (entry, earned) = match what {
                    0 => (Entry::capture(provider, ShopId::new(shop), amount), minor),
                    1 => (Entry::refund(provider, ShopId::new(shop), amount), -minor),
                    _ => (Entry::refund_undone(provider, ShopId::new(shop), amount), minor),
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

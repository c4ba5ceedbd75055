//! Active sales in memory. An admission reads them instead of the database.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use pulse_contract::Money;
use pulse_contract::sale::v1::ChallengeQuestion;
use pulse_limiter::Quota;

use crate::domain::challenge::Question;
use crate::domain::entry::{Audience, Terms};
use crate::domain::sale_status::SaleStatus;
use crate::domain::signed_token::TokenKey;
use crate::store::sales::SaleRow;

/// Lifetime of a ticket when the sale sets none.
const TICKET_TTL: Duration = Duration::from_secs(300);

/// Immutable snapshot of one version of a sale. A later version replaces it.
#[derive(Debug)]
pub(crate) struct ActiveSale {
    pub(crate) id: i64,
    pub(crate) version: i64,
    /// Whether the admission engine has loaded the sale.
    pub(crate) is_ready: bool,
    pub(crate) terms: Terms,
    /// Price of one unit.
    pub(crate) price: Money,
    pub(crate) payment_timeout: Duration,
    pub(crate) rate_limit: RateLimit,
    /// Questions of the challenge. If empty, a ticket requires no answer.
    pub(crate) quiz: Vec<Question>,
    /// Minimum time between two answers of an account.
    pub(crate) wrong_answer_delay: Duration,
    /// Maximum number of tickets per second on this node. 0 means no limit.
    pub(crate) tickets_per_second: u32,
}

/// Limits of admission attempts. `None` means no limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RateLimit {
    pub(crate) per_account: Option<Quota>,
    pub(crate) per_device: Option<Quota>,
    pub(crate) per_network: Option<Quota>,
}

impl ActiveSale {
    pub(crate) fn of(row: &SaleRow) -> Self {
        let draft = row.draft();
        let seconds = |seconds: i32| Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        let audience = draft.audience.unwrap_or_default();
        let rate_limit = draft.rate_limit.unwrap_or_default();
        let challenge = draft.challenge.unwrap_or_default();
        let quota = |count: i32| {
            let (count, window_ms) = (u32::try_from(count).ok()?, u32::try_from(rate_limit.window_ms).ok()?);
            (count > 0 && window_ms > 0).then(|| Quota::new(count, window_ms))
        };
        Self {
            id: row.id,
            version: row.version,
            is_ready: row.status == SaleStatus::Ready,
            terms: Terms {
                window: row.window(),
                is_closed: !row.status.is_running(),
                is_paused: row.is_paused,
                audience: Audience {
                    account_age_min: Duration::from_secs(u64::try_from(audience.account_age_s_min).unwrap_or(0)),
                    accounts: audience.account_ids.iter().copied().collect(),
                },
                per_buyer_limit: u32::try_from(draft.per_buyer_limit).unwrap_or(0),
                ticket_ttl: if draft.ticket_ttl_s == 0 { TICKET_TTL } else { seconds(draft.ticket_ttl_s) },
                key: TokenKey::new(row.id, &row.stored.secret),
            },
            price: draft.price.unwrap_or_default(),
            payment_timeout: seconds(draft.payment_timeout_s),
            rate_limit: RateLimit {
                per_account: quota(rate_limit.per_account),
                per_device: quota(rate_limit.per_device),
                per_network: quota(rate_limit.per_network),
            },
            wrong_answer_delay: Duration::from_millis(u64::try_from(challenge.wrong_answer_delay_ms).unwrap_or(0)),
            tickets_per_second: u32::try_from(challenge.tickets_per_second).unwrap_or(0),
            quiz: challenge.questions.into_iter().map(question).collect(),
        }
    }
}

fn question(question: ChallengeQuestion) -> Question {
    Question { text: question.text, choices: question.choices, right_choice: question.right_choice }
}

/// Active sales by ID.
#[derive(Debug, Default)]
pub(crate) struct ActiveSales {
    sales: RwLock<HashMap<i64, Arc<ActiveSale>>>,
}

impl ActiveSales {
    pub(crate) fn get(&self, sale: i64) -> Option<Arc<ActiveSale>> {
        self.sales.read().get(&sale).cloned()
    }

    /// Adds or replaces a sale, unless a newer version is present. Returns the version that is present afterwards.
    pub(crate) fn upsert(&self, running: ActiveSale) -> Arc<ActiveSale> {
        let mut sales = self.sales.write();
        match sales.get(&running.id) {
            Some(shown) if shown.version > running.version => Arc::clone(shown),
            Some(_) | None => {
                let running = Arc::new(running);
                sales.insert(running.id, Arc::clone(&running));
                running
            }
        }
    }

    /// Returns all active sales.
    pub(crate) fn all(&self) -> Vec<Arc<ActiveSale>> {
        self.sales.read().values().cloned().collect()
    }

    /// Removes a sale.
    pub(crate) fn remove(&self, sale: i64) {
        self.sales.write().remove(&sale);
    }
}

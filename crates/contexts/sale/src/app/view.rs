//! API messages of sales and admissions.

use pulse_contract::sale::v1::{Admission, Sale, SaleDraft, SaleState};
use pulse_contract::{Money, PollHints};
use pulse_kernel::snowflake;
use pulse_kernel::{Cx, Timestamp};

use crate::active_sales::ActiveSale;
use crate::domain::sale_status::State;
use crate::store::counts::Count;
use crate::store::sales::SaleRow;

/// Poll interval and timeout for the result of an admission (TR-34).
const POLL: PollHints = PollHints { interval_ms_max: 2_000, give_up_ms: 30_000 };

/// The message of a sale: complete for staff of its shop, without private fields for others.
pub(super) fn sale(row: &SaleRow, count: &Count, cx: &Cx) -> Sale {
    let free = count.free();
    let is_staff = cx.actor.works_for(row.shop);
    let state = row.status.state(row.window(), cx.now, row.is_paused, free);
    Sale {
        sale_id: row.id,
        shop_id: row.shop.get(),
        sale: row.stored.sale.clone().map(|draft| if is_staff { draft } else { public(draft) }),
        state: wire_state(state).into(),
        is_ready: row.status == crate::domain::sale_status::SaleStatus::Ready,
        free_units: free.max(0),
        admission_count: count.admissions,
        now: Some(cx.now.into()),
        created_at: row.stored.created_at,
        version: row.version,
        shop_name: row.stored.shop_name.clone(),
        item_name: row.stored.item_name.clone(),
    }
}

/// Removes the accounts of the audience and the challenge.
fn public(draft: SaleDraft) -> SaleDraft {
    let audience =
        draft.audience.map(|audience| pulse_contract::sale::v1::SaleAudience { account_ids: Vec::new(), ..audience });
    SaleDraft { audience, challenge: None, ..draft }
}

fn wire_state(state: State) -> SaleState {
    match state {
        State::Draft => SaleState::Draft,
        State::Scheduled => SaleState::Scheduled,
        State::Warming => SaleState::Warming,
        State::Open => SaleState::Open,
        State::Paused => SaleState::Paused,
        State::SoldOut => SaleState::SoldOut,
        State::Closed => SaleState::Closed,
        State::Settled => SaleState::Settled,
    }
}

/// The message of an admission. It depends only on the sale, the order ID and the units, so that repeated answers are
/// equal.
pub(super) fn admission(running: &ActiveSale, order_id: i64, units: i64, is_repeated: bool) -> Admission {
    Admission {
        order_id,
        quantity: i32::try_from(units).unwrap_or(i32::MAX),
        end_pay_time: Some(pay_until(running, order_id).into()),
        pay_amount: Some(Money {
            minor: running.price.minor.saturating_mul(units),
            currency: running.price.currency.clone(),
        }),
        is_async: true,
        is_repeated,
        poll: Some(POLL),
    }
}

/// Payment deadline of an order of a sale.
pub(super) fn pay_until(running: &ActiveSale, order_id: i64) -> Timestamp {
    snowflake::timestamp_of(order_id).plus(running.payment_timeout)
}

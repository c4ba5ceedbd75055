//! Records the check-in of today, and returns the check-ins of a month.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use pulse_contract::account::v1::{AccountCheckedIn, CheckInMonth, CheckInRequest, GetCheckInsRequest};
use pulse_contract::errors as common;
use pulse_kernel::id::AccountId;
use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::Commit;

use super::App;
use super::profile::{caller, load};
use crate::domain::check_in::{Month, day_bit, streak};
use crate::store::check_ins;

/// Number of months that a streak can touch, including the current one.
const STREAK_MONTHS: i64 = 13;

pub(crate) async fn check_in(app: &App, cx: &Cx, _request: CheckInRequest) -> Result<CheckInMonth, Error> {
    let account = caller(cx)?;
    let today = today(&load(app, account).await?.time_zone, cx.now);
    app.deps.store.attempt(cx, || record(app, cx, account, today)).await
}

async fn record(app: &App, cx: &Cx, account: AccountId, today: Date) -> Result<CheckInMonth, Error> {
    let store = &app.deps.store;
    let month = Month::of(today);
    let mut months = check_ins::between(store, account, month.minus(STREAK_MONTHS - 1), month).await?;
    let read = months.get(&month).copied();
    let bits = read.unwrap_or(0) | day_bit(today);
    months.insert(month, bits);
    let response = view(month, bits, streak(&months, today));
    let mut commit = Commit::new();
    if read != Some(bits) {
        let event = AccountCheckedIn {
            account_id: account.get(),
            business_date: today.to_string(),
            streak_days: response.streak_days,
        };
        commit = check_ins::put(commit, account, month, read, bits).event(account.get(), &event);
    }
    store.commit(cx, commit.answer(cx, &response)).await?;
    Ok(response)
}

pub(crate) async fn get_check_ins(app: &App, cx: &Cx, request: GetCheckInsRequest) -> Result<CheckInMonth, Error> {
    let account = caller(cx)?;
    let Some(wanted) = Month::parse(&request.month) else {
        return Err(
            common::VALIDATION_FAILED.error(format!("month must have the format YYYY-MM, got {:?}", request.month))
        );
    };
    let today = today(&load(app, account).await?.time_zone, cx.now);
    let now = Month::of(today);
    let store = &app.deps.store;
    let months = check_ins::between(store, account, now.minus(STREAK_MONTHS - 1), now).await?;
    let bits = check_ins::between(store, account, wanted, wanted).await?.get(&wanted).copied().unwrap_or(0);
    Ok(view(wanted, bits, streak(&months, today)))
}

fn view(month: Month, bits: u32, streak_days: i32) -> CheckInMonth {
    let day_count = i32::try_from(bits.count_ones()).unwrap_or(31);
    CheckInMonth { month: month.to_string(), day_bits: bits, day_count, streak_days }
}

/// The date in a time zone; UTC when the time zone database does not contain the zone anymore.
fn today(time_zone: &str, now: Timestamp) -> Date {
    let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
    let instant = jiff::Timestamp::from_millisecond(now.as_millis()).unwrap_or_default();
    instant.to_zoned(zone).date()
}

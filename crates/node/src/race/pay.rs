//! Payments: one order paid many times over, a provider that repeats itself, cancelling while it is paid.

use std::collections::BTreeSet;

use serde_json::json;

use super::Outcome;
use super::burst::{Shot, fire};
use super::till::{Bill, End, Page, Till};
use crate::stage::{PRICE_MINOR, Stage, number};

/// One in so many customers has paid before everybody presses the button.
const PAID_BEFORE_EVERY: usize = 2;
/// One in so many customers cancels first.
const CANCELS_FIRST_EVERY: usize = 3;
/// One in so many events tells what was before.
const LATE_EVERY: usize = 4;

/// The races of payments, one after the other.
pub(super) async fn all(stage: &Stage, parallel: usize, is_packet: bool) -> anyhow::Result<Vec<Outcome>> {
    Ok(vec![
        one_order(stage, parallel, is_packet).await?,
        one_meaning(stage, parallel, is_packet).await?,
        two_pages(stage, parallel, is_packet).await?,
        pay_or_cancel(stage, parallel, is_packet).await?,
    ])
}

/// R09, TR-26: an order page in many tabs is ordered, begun to be paid, and paid, each at the same moment.
async fn one_order(stage: &Stage, parallel: usize, is_packet: bool) -> anyhow::Result<Outcome> {
    let till = Till::open(stage, parallel).await?;
    let token = stage.customer();
    let draft = stage.call("POST", "/v1/me/drafts", &token, &json!({ "draft": till.shop.draft() })).await?;
    let body = json!({ "pre_order_id": draft["pre_order_id"], "expected_total_minor": PRICE_MINOR.to_string() });
    let tabs = (0..parallel).map(|_| Shot::call("/v1/orders", &token, &body));
    let placed = fire(stage, tabs.collect(), is_packet).await?;
    let numbers = placed.iter().filter(|answer| answer.status == 200).map(|answer| number(&answer.body["order_id"]));
    let orders: BTreeSet<i64> = numbers.collect::<anyhow::Result<_>>()?;
    let mut outcome = Outcome::new("pay-once", &placed);
    outcome.expect(orders.len() == 1, format!("{parallel} tabs ordered the same: {} order was placed", orders.len()));
    let Some(order_id) = orders.first().copied() else { return Ok(outcome) };

    let bill = Bill { token, order_id };
    let begun = fire(stage, (0..parallel).map(|_| bill.start()).collect(), is_packet).await?;
    outcome.hear(&begun);
    // Asked for once more, the rate limit of one customer could be reached.
    let page = match begun.iter().find(|answer| answer.status == 200) {
        Some(answer) => Page::of(&answer.body)?,
        None => till.page(&bill).await?,
    };
    let pressed = (0..parallel).map(|tab| page.press(if tab % 2 == 0 { "pay" } else { "twice" }));
    let pressed = fire(stage, pressed.collect(), is_packet).await?;
    outcome.hear(&pressed);

    let ends = till.ends([&bill]).await?;
    let attempts: usize = ends.iter().map(|end| end.attempts).sum();
    outcome.expect(attempts == 1, format!("{parallel} tabs began to pay it: there is {attempts} attempt"));
    judge_paid_once(&mut outcome, &ends, "the page was paid in all of them");
    judge_stock(&mut outcome, &till, parallel, 1).await?;
    Ok(outcome)
}

/// R10, R15: the provider tells the same event many times, and the same news as many events.
async fn one_meaning(stage: &Stage, parallel: usize, is_packet: bool) -> anyhow::Result<Outcome> {
    let till = Till::open(stage, 2).await?;
    let bills = [till.order().await?, till.order().await?];
    let [same, other] = [till.page(&bills[0]).await?, till.page(&bills[1]).await?];
    let race = rand::random::<u64>();
    let mut shots = Vec::with_capacity(parallel * 2);
    for number in 0..parallel {
        shots.push(till.webhook(&format!("evt_{race}"), "payment_intent.succeeded", &same));
        let is_late = number % LATE_EVERY == LATE_EVERY - 1;
        let kind = if is_late { "payment_intent.processing" } else { "payment_intent.succeeded" };
        shots.push(till.webhook(&format!("evt_{race}_{number}"), kind, &other));
    }
    let answers = fire(stage, shots, is_packet).await?;
    let mut outcome = Outcome::new("pay-webhooks", &answers);
    let taken = outcome.count("204");
    outcome.expect(taken == answers.len(), format!("{taken} of {} webhooks were taken in", answers.len()));
    let ends = till.ends(&bills).await?;
    let (same, other) = ends.split_at(1);
    judge_paid_once(&mut outcome, same, &format!("one event was told {parallel} times"));
    judge_paid_once(&mut outcome, other, &format!("{parallel} events told the same"));
    judge_stock(&mut outcome, &till, 2, 2).await?;
    Ok(outcome)
}

/// TR-26: two pages of one order are open, because the first was declined; both are paid.
async fn two_pages(stage: &Stage, parallel: usize, is_packet: bool) -> anyhow::Result<Outcome> {
    let customers = parallel.div_ceil(2);
    let till = Till::open(stage, customers).await?;
    let (mut bills, mut shots) = (Vec::with_capacity(customers), Vec::with_capacity(customers * 2));
    for _ in 0..customers {
        let bill = till.order().await?;
        shots.extend(till.two_pages(&bill).await?.map(|page: Page| page.press("pay")));
        bills.push(bill);
    }
    let answers = fire(stage, shots, is_packet).await?;
    let mut outcome = Outcome::new("pay-two-pages", &answers);
    let ends = till.ends(&bills).await?;
    judge_paid_once(&mut outcome, &ends, &format!("{customers} customers paid two pages of their order each"));
    let twice = ends.iter().filter(|end| end.captures == 2).count();
    outcome.expect(
        ends.iter().all(|end| end.captures <= 2),
        format!("{twice} of them were charged twice, and have the second payment back"),
    );
    judge_stock(&mut outcome, &till, customers, customers).await?;
    Ok(outcome)
}

/// R09, R12: everybody pays and cancels at the same moment. Some have paid before, and the shop accepts those orders at that
/// moment too, after which their customers cannot cancel them.
async fn pay_or_cancel(stage: &Stage, parallel: usize, is_packet: bool) -> anyhow::Result<Outcome> {
    let till = Till::open(stage, parallel).await?;
    let (mut bills, mut early, mut shots) = (Vec::new(), Vec::new(), Vec::new());
    for customer in 0..parallel {
        let bill = till.order().await?;
        let page = till.page(&bill).await?;
        if customer % PAID_BEFORE_EVERY == 0 {
            early.push(page.press("pay"));
            shots.push(till.accept(&bill));
        }
        // Who comes first in the queue has an advantage.
        let (pay, cancel) = (page.press("pay"), bill.cancel());
        shots.extend(if customer % CANCELS_FIRST_EVERY == 0 { [cancel, pay] } else { [pay, cancel] });
        bills.push(bill);
    }
    fire(stage, early, is_packet).await?;
    till.ends(bills.iter().step_by(PAID_BEFORE_EVERY)).await?;
    let answers = fire(stage, shots, is_packet).await?;
    let mut outcome = Outcome::new("pay-or-cancel", &answers);
    let ends = till.ends(&bills).await?;
    let paid = ends.iter().filter(|end| end.is_paid_once() && end.captures == 1).count();
    let unpaid = ends.iter().filter(|end| end.is_undone() && end.captures == 0).count();
    let refunded = ends.iter().filter(|end| end.is_undone() && end.captures == 1).count();
    outcome.expect(
        paid + unpaid + refunded == parallel,
        format!(
            "{parallel} customers paid and cancelled at the same moment: {paid} are paid, {unpaid} cancelled without \
             money, {refunded} cancelled with their money back once"
        ),
    );
    judge_stock(&mut outcome, &till, parallel, paid).await?;
    Ok(outcome)
}

fn judge_paid_once(outcome: &mut Outcome, ends: &[End], told: &str) {
    let once = ends.iter().filter(|end| end.is_paid_once()).count();
    let odd = ends.iter().find(|end| !end.is_paid_once());
    let odd = odd.map(|end| format!("; one is {end:?}")).unwrap_or_default();
    let orders = ends.len();
    outcome.expect(
        once == orders,
        format!("{told}: {once} of {orders} orders have their price once, and the books sum to zero{odd}"),
    );
}

/// Of so many units those of the orders that stand are gone, and no other is held.
async fn judge_stock(outcome: &mut Outcome, till: &Till<'_>, units: usize, sold: usize) -> anyhow::Result<()> {
    let (on_hand, reserved) = till.stock().await?;
    let is_exact = reserved == 0 && i64::try_from(units - sold) == Ok(on_hand);
    outcome.expect(is_exact, format!("{units} units were there: {on_hand} are left and {reserved} reserved"));
    Ok(())
}

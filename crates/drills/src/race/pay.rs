//! Races of payments: one order paid many times, repeated webhooks, two pay pages, and cancellation during payment.

use std::collections::BTreeSet;

use serde_json::json;

use super::burst::{RaceRequest, send_at_once};
use super::outcome::Outcome;
use super::payment_fixture::{PayPage, PayableOrder, PaymentFixture, PaymentOutcome};
use crate::target_node::{PRICE_MINOR, TargetNode, number};

/// Every n-th customer has paid before the race begins.
const PAID_BEFORE_EVERY: usize = 2;
/// Every n-th customer sends the cancellation before the payment.
const CANCELS_FIRST_EVERY: usize = 3;
/// Every n-th webhook reports an earlier state of the payment.
const LATE_EVERY: usize = 4;

/// Runs the races of payments, one after the other.
pub(super) async fn all(node: &TargetNode, parallel: usize, is_single_packet: bool) -> anyhow::Result<Vec<Outcome>> {
    Ok(vec![
        one_order(node, parallel, is_single_packet).await?,
        repeated_webhooks(node, parallel, is_single_packet).await?,
        two_pages(node, parallel, is_single_packet).await?,
        pay_or_cancel(node, parallel, is_single_packet).await?,
    ])
}

/// R09, TR-26: many browser tabs of one customer place the same order, start its payment, and pay it, concurrently.
async fn one_order(node: &TargetNode, parallel: usize, is_single_packet: bool) -> anyhow::Result<Outcome> {
    let fixture = PaymentFixture::new(node, parallel).await?;
    let token = node.customer_token();
    let draft = node.call("POST", "/v1/me/drafts", &token, &json!({ "draft": fixture.shop.draft() })).await?;
    let body = json!({ "pre_order_id": draft["pre_order_id"], "expected_total_minor": PRICE_MINOR.to_string() });
    let tabs = (0..parallel).map(|_| RaceRequest::call("/v1/orders", &token, &body));
    let placed = send_at_once(node, tabs.collect(), is_single_packet).await?;
    let numbers = placed.iter().filter(|answer| answer.status == 200).map(|answer| number(&answer.body["order_id"]));
    let orders: BTreeSet<i64> = numbers.collect::<anyhow::Result<_>>()?;
    let mut outcome = Outcome::new("pay-once", &placed);
    outcome
        .check(orders.len() == 1, format!("{parallel} tabs placed the same order: {} order was created", orders.len()));
    let Some(order_id) = orders.first().copied() else { return Ok(outcome) };

    let order = PayableOrder { token, order_id };
    let begun = send_at_once(node, (0..parallel).map(|_| order.start()).collect(), is_single_packet).await?;
    outcome.add(&begun);
    // One more call could exceed the rate limit of the customer.
    let page = match begun.iter().find(|answer| answer.status == 200) {
        Some(answer) => PayPage::of(&answer.body)?,
        None => fixture.pay_page(&order).await?,
    };
    let submitted = (0..parallel).map(|tab| page.submit(if tab % 2 == 0 { "pay" } else { "twice" }));
    let submitted = send_at_once(node, submitted.collect(), is_single_packet).await?;
    outcome.add(&submitted);

    let payments = fixture.outcomes([&order]).await?;
    let attempts: usize = payments.iter().map(|payment| payment.attempts).sum();
    outcome.check(attempts == 1, format!("{parallel} tabs started its payment: there is {attempts} attempt"));
    check_paid_once(&mut outcome, &payments, "the pay page was submitted in all tabs");
    check_stock(&mut outcome, &fixture, parallel, 1).await?;
    Ok(outcome)
}

/// R10, R15: the provider sends one event many times, and many events with the same content.
async fn repeated_webhooks(node: &TargetNode, parallel: usize, is_single_packet: bool) -> anyhow::Result<Outcome> {
    let fixture = PaymentFixture::new(node, 2).await?;
    let orders = [fixture.place_order().await?, fixture.place_order().await?];
    let [same, other] = [fixture.pay_page(&orders[0]).await?, fixture.pay_page(&orders[1]).await?];
    let race = rand::random::<u64>();
    let mut requests = Vec::with_capacity(parallel * 2);
    for number in 0..parallel {
        requests.push(fixture.webhook(&format!("evt_{race}"), "payment_intent.succeeded", &same));
        let is_late = number % LATE_EVERY == LATE_EVERY - 1;
        let kind = if is_late { "payment_intent.processing" } else { "payment_intent.succeeded" };
        requests.push(fixture.webhook(&format!("evt_{race}_{number}"), kind, &other));
    }
    let answers = send_at_once(node, requests, is_single_packet).await?;
    let mut outcome = Outcome::new("pay-webhooks", &answers);
    let taken = outcome.count("204");
    outcome.check(taken == answers.len(), format!("{taken} of {} webhooks were accepted", answers.len()));
    let payments = fixture.outcomes(&orders).await?;
    let (same, other) = payments.split_at(1);
    check_paid_once(&mut outcome, same, &format!("one event was sent {parallel} times"));
    check_paid_once(&mut outcome, other, &format!("{parallel} events had the same content"));
    check_stock(&mut outcome, &fixture, 2, 2).await?;
    Ok(outcome)
}

/// TR-26: two pay pages of one order are open, because the first was declined; both are paid.
async fn two_pages(node: &TargetNode, parallel: usize, is_single_packet: bool) -> anyhow::Result<Outcome> {
    let customers = parallel.div_ceil(2);
    let fixture = PaymentFixture::new(node, customers).await?;
    let (mut orders, mut requests) = (Vec::with_capacity(customers), Vec::with_capacity(customers * 2));
    for _ in 0..customers {
        let order = fixture.place_order().await?;
        requests.extend(fixture.two_pages(&order).await?.map(|page: PayPage| page.submit("pay")));
        orders.push(order);
    }
    let answers = send_at_once(node, requests, is_single_packet).await?;
    let mut outcome = Outcome::new("pay-two-pages", &answers);
    let payments = fixture.outcomes(&orders).await?;
    check_paid_once(&mut outcome, &payments, &format!("{customers} customers paid two pages of their order each"));
    let twice = payments.iter().filter(|payment| payment.captures == 2).count();
    outcome.check(
        payments.iter().all(|payment| payment.captures <= 2),
        format!("{twice} of them were charged twice and got one refund"),
    );
    check_stock(&mut outcome, &fixture, customers, customers).await?;
    Ok(outcome)
}

/// R09, R12: every customer pays and cancels at the same moment. Some have paid before; the shop accepts their orders at the
/// same moment, after which the customer cannot cancel.
async fn pay_or_cancel(node: &TargetNode, parallel: usize, is_single_packet: bool) -> anyhow::Result<Outcome> {
    let fixture = PaymentFixture::new(node, parallel).await?;
    let (mut orders, mut early, mut requests) = (Vec::new(), Vec::new(), Vec::new());
    for customer in 0..parallel {
        let order = fixture.place_order().await?;
        let page = fixture.pay_page(&order).await?;
        if customer % PAID_BEFORE_EVERY == 0 {
            early.push(page.submit("pay"));
            requests.push(fixture.accept(&order));
        }
        // The first request in the queue has an advantage, so the order alternates.
        let (pay, cancel) = (page.submit("pay"), order.cancel());
        requests.extend(if customer % CANCELS_FIRST_EVERY == 0 { [cancel, pay] } else { [pay, cancel] });
        orders.push(order);
    }
    send_at_once(node, early, is_single_packet).await?;
    fixture.outcomes(orders.iter().step_by(PAID_BEFORE_EVERY)).await?;
    let answers = send_at_once(node, requests, is_single_packet).await?;
    let mut outcome = Outcome::new("pay-or-cancel", &answers);
    let payments = fixture.outcomes(&orders).await?;
    let count = |is: fn(&PaymentOutcome) -> bool| payments.iter().filter(|payment| is(payment)).count();
    let paid = count(|payment| payment.is_paid_once() && payment.captures == 1);
    let unpaid = count(|payment| payment.is_cancelled_and_refunded() && payment.captures == 0);
    let refunded = count(|payment| payment.is_cancelled_and_refunded() && payment.captures == 1);
    outcome.check(
        paid + unpaid + refunded == parallel,
        format!(
            "{parallel} customers paid and cancelled at the same moment: {paid} orders are paid, {unpaid} cancelled \
             without a payment, {refunded} cancelled and refunded once"
        ),
    );
    check_stock(&mut outcome, &fixture, parallel, paid).await?;
    Ok(outcome)
}

fn check_paid_once(outcome: &mut Outcome, payments: &[PaymentOutcome], situation: &str) {
    let once = payments.iter().filter(|payment| payment.is_paid_once()).count();
    let odd = payments.iter().find(|payment| !payment.is_paid_once());
    let odd = odd.map(|payment| format!("; one is {payment:?}")).unwrap_or_default();
    let orders = payments.len();
    outcome.check(
        once == orders,
        format!("{situation}: {once} of {orders} orders are paid once, and their ledger entries sum to zero{odd}"),
    );
}

/// Checks that the stock lacks exactly the sold units, and that none is reserved.
async fn check_stock(
    outcome: &mut Outcome,
    fixture: &PaymentFixture<'_>,
    units: usize,
    sold: usize,
) -> anyhow::Result<()> {
    let (on_hand, reserved) = fixture.stock().await?;
    let is_exact = reserved == 0 && i64::try_from(units - sold) == Ok(on_hand);
    outcome.check(is_exact, format!("of {units} units, {on_hand} are left and {reserved} are reserved"));
    Ok(())
}

//! The ledger: captures, refunds, and statements of a day.

use pulse_contract::order::v1::{PaymentMethod, PaymentState};
use pulse_contract::payment::v1::*;
use pulse_store::{Commit, Statement, values};
use pulse_testkit::TestNode;

use crate::code;
use crate::paying::with_cash;
use crate::shop_fixtures::*;

/// PL-11: debit the provider, credit the shop.
pub(crate) async fn every_payment_is_in_the_ledger_which_sums_to_zero(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.paid(node).await;
    let request = ListLedgerEntriesRequest { order_id, ..ListLedgerEntriesRequest::default() };
    let entries = node.payments().list_ledger_entries(&node.cx(), request).await.unwrap().entries;
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!((entry.kind.as_str(), entry.order_id), ("capture", order_id));
    let lines: Vec<(&str, i64)> =
        entry.lines.iter().map(|line| (line.account.as_str(), line.amount.as_ref().unwrap().minor)).collect();
    let shop = format!("shop:{}", fixture.shop.id());
    assert_eq!(lines, [("provider:sandbox", PRICE), (shop.as_str(), -PRICE)]);
    assert_eq!(balances(node).await, [("provider:sandbox".to_owned(), PRICE), (shop, -PRICE)]);
    check(node).await;
}

pub(crate) async fn pages_of_accounts_and_entries_neither_skip_nor_repeat(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let mut orders = Vec::new();
    for n in 0..5 {
        let order_id = fixture.order(node).await;
        let payment = fixture.start(node, order_id).await;
        deliver(node, &format!("evt_{n}"), "payment_intent.succeeded", &intent(&payment, 0)).await.unwrap();
        node.settle().await;
        orders.push(order_id);
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListLedgerEntriesRequest { page_size: 2, page_token, order_id: 0 };
        let page = node.payments().list_ledger_entries(&node.cx(), request).await.unwrap();
        seen.extend(page.entries.iter().map(|entry| entry.order_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    seen.reverse();
    assert_eq!(seen, orders);

    let (mut names, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListLedgerAccountsRequest { page_size: 1, page_token, currency: "CNY".to_owned() };
        let page = node.payments().list_ledger_accounts(&node.cx(), request).await.unwrap();
        names.extend(page.accounts.into_iter().map(|account| account.balance.unwrap().minor));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, [5 * PRICE, -5 * PRICE]);
    let broken = ListLedgerAccountsRequest { page_token: "!".to_owned(), ..ListLedgerAccountsRequest::default() };
    assert_eq!(code(&node.payments().list_ledger_accounts(&node.cx(), broken).await), "PAGE_TOKEN_INVALID");
    let other = ListLedgerAccountsRequest { currency: "EUR".to_owned(), ..ListLedgerAccountsRequest::default() };
    assert_eq!(node.payments().list_ledger_accounts(&node.cx(), other).await.unwrap().accounts, []);
    check(node).await;
}

pub(crate) async fn a_statement_is_of_a_day_of_the_shop(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    node.set_time("2026-05-04T15:59:59Z");
    let first = fixture.paid(node).await;
    let payment = fixture.payment(node, first).await;
    deliver(node, "evt_back", "refund.updated", &foreign_refund(&payment, "re_1", 500)).await.unwrap();
    node.settle().await;
    // One second later the next day starts in Shanghai.
    node.set_time("2026-05-04T16:00:00Z");
    let second = fixture.order(node).await;
    let payment = fixture.start(node, second).await;
    deliver(node, "evt_2", "payment_intent.succeeded", &intent(&payment, 0)).await.unwrap();
    node.settle().await;

    let statement = async |day: &str| {
        let request = GetStatementRequest { shop_id: fixture.shop.id(), business_date: day.to_owned() };
        node.payments().get_statement(&fixture.shop.owner.cx(), request).await
    };
    let line = |payment_count, paid_minor, refund_count, refunded_minor| StatementLine {
        currency: "CNY".to_owned(),
        payment_count,
        paid_minor,
        refund_count,
        refunded_minor,
        net_minor: paid_minor - refunded_minor,
        disputed_minor: 0,
    };
    for (day, lines) in [
        ("2026-05-03", vec![]),
        ("2026-05-04", vec![line(1, PRICE, 1, 500)]),
        ("2026-05-05", vec![line(1, PRICE, 0, 0)]),
    ] {
        let statement_of_day = statement(day).await.unwrap();
        assert_eq!((statement_of_day.lines, statement_of_day.is_balanced), (lines, true), "{day}");
    }
    assert_eq!(code(&statement("2026-02-30").await), "PAYMENT_DATE_INVALID");
    let elsewhere = GetStatementRequest { shop_id: 1, business_date: "2026-05-04".to_owned() };
    assert_eq!(code(&node.payments().get_statement(&node.cx(), elsewhere).await), "SHOP_NOT_FOUND");
    check(node).await;
}

/// Cash is booked without a provider; its refunds are made by hand.
pub(crate) async fn cash_is_booked_when_the_order_is_completed(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    node.catalog().set_terms(&node.cx(), with_cash(fixture.shop.id())).await.unwrap();
    let order = fixture.place(node, PaymentMethod::CashOnDelivery).await;
    assert_eq!(balances(node).await, []);
    for _ in 0..2 {
        let order = fixture.see(node, order.order_id).await;
        advance(node, &fixture, &order).await;
    }
    let shop = fixture.shop.id();
    assert_eq!(balances(node).await, [(format!("cash:{shop}"), PRICE), (format!("shop:{shop}"), -PRICE)]);
    assert_eq!(kinds(node, order.order_id).await, ["cash"]);
    assert_eq!(fixture.see(node, order.order_id).await.payment_state(), PaymentState::Paid);
    fixture.refund(node, order.order_id, 500).await.unwrap();
    check(node).await;
    assert_eq!(kinds(node, order.order_id).await, ["cash", "refund"]);
    let left = PRICE - 500;
    assert_eq!(balances(node).await, [(format!("cash:{shop}"), left), (format!("shop:{shop}"), -left)]);
}

pub(crate) async fn damage_is_found_and_balances_are_corrected(node: &mut TestNode) {
    let fixture = ShopFixture::of(node).await;
    let order_id = fixture.paid(node).await;
    let store = node.store("payment");
    let write = async |text| {
        store.commit(&node.cx(), Commit::new().write(Statement::new(text, values![]))).await.unwrap();
    };
    let found = async |repair| -> Vec<(&'static str, bool)> {
        let verified = pulse_payment::verify(store, repair).await.unwrap();
        assert!(verified.checked.iter().all(|(_, count)| *count > 0 || !verified.findings.is_empty()) || !repair);
        verified.findings.iter().map(|finding| (finding.invariant, finding.is_repaired)).collect()
    };
    assert_eq!(found(false).await, []);
    write("UPDATE payment_accounts SET balance_minor = balance_minor + 1 WHERE account = 'provider:sandbox'").await;
    assert_eq!(found(false).await, [("payment.balances_are_sums_of_lines", false)]);
    assert_eq!(found(true).await, [("payment.balances_are_sums_of_lines", true)]);
    assert_eq!(found(false).await, []);

    write("UPDATE payment_lines SET amount_minor = amount_minor + 1 WHERE account = 'provider:sandbox'").await;
    let invariants: Vec<&str> = found(false).await.into_iter().map(|(invariant, _)| invariant).collect();
    assert_eq!(invariants, ["payment.entries_sum_to_zero", "payment.balances_are_sums_of_lines"]);
    write("UPDATE payment_lines SET amount_minor = amount_minor - 1 WHERE account = 'provider:sandbox'").await;

    write("UPDATE payment_entries SET kind = 'refund'").await;
    let invariants: Vec<&str> = found(false).await.into_iter().map(|(invariant, _)| invariant).collect();
    let expected = [
        "payment.succeeded_is_captured_once",
        "payment.succeeded_attempts_are_captured",
        "payment.refunds_within_captures",
        "payment.booked_is_received",
    ];
    assert_eq!(invariants, expected);
    write("UPDATE payment_entries SET kind = 'capture'").await;

    let payment = fixture.payment(node, order_id).await;
    deliver(node, "evt_back", "refund.updated", &foreign_refund(&payment, "re_1", 500)).await.unwrap();
    node.settle().await;
    write("UPDATE payment_refunds SET state = 1").await;
    assert_eq!(found(false).await, [("payment.refunds_are_booked", false)]);
    write("UPDATE payment_refunds SET state = 2").await;
    check(node).await;
}

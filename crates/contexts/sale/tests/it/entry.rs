//! Checks before the admission engine, and their errors.

use pulse_contract::sale::v1::*;
use pulse_testkit::TestNode;

use crate::{MINUTE, SECOND, SaleFixture, admit, admit_with, buyer, code, ticket};

/// TR-05, T1: the errors in the order of the contract, through the whole context.
pub(crate) async fn the_first_violated_rule_is_returned(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    assert_eq!(code(&admit_with(node, 4_711, 1, "").await), "SALE_NOT_FOUND");
    let draft = fixture.create(node, fixture.draft(node, 1)).await.unwrap().sale_id;
    assert_eq!(code(&admit_with(node, draft, 1, "").await), "SALE_NOT_FOUND", "a draft is not public");
    let sale = draft;
    fixture.schedule(node, sale).await.unwrap();
    let early = ticket(node, sale, 1).await.unwrap();
    let refusal = admit_with(node, sale, 1, &early).await.unwrap_err();
    assert_eq!(refusal.code(), "SALE_NOT_STARTED");
    assert_eq!(refusal.retry_after(), Some(MINUTE));
    assert!(refusal.metadata().iter().any(|(name, _)| name == "now"), "the time of the server");
    node.advance(MINUTE);
    node.settle().await;
    assert_eq!(code(&admit_with(node, sale, 2, &early).await), "SALE_TICKET_INVALID");
    let many = AdmitRequest { sale_id: sale, ticket: early.clone(), quantity: 3 };
    assert_eq!(code(&node.sales().admit(&buyer(node, 1), many).await), "SALE_BUYER_LIMIT");
    let first = admit_with(node, sale, 1, &early).await.unwrap();
    assert!(!first.is_repeated && first.is_async && first.order_id > 0);
    assert_eq!(code(&admit(node, sale, 2).await), "SALE_SOLD_OUT");
    node.advance(SECOND);
    let again = admit(node, sale, 1).await.unwrap();
    assert_eq!(again, Admission { is_repeated: true, ..first }, "the first answer again, not sold out");
    node.advance(MINUTE * 10);
    assert_eq!(code(&admit_with(node, sale, 1, &early).await), "SALE_ENDED");
}

/// TR-05: a ticket is refused for another buyer, for another sale, after its expiry and after its use.
pub(crate) async fn a_ticket_is_valid_for_one_buyer_one_sale_one_admission_and_a_limited_time(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let other = fixture.create(node, fixture.draft(node, 5)).await.unwrap().sale_id;
    fixture.schedule(node, other).await.unwrap();
    let sale = fixture.open_sale(node, SaleDraft { ticket_ttl_s: 30, ..fixture.draft(node, 5) }).await;
    let good = ticket(node, sale, 1).await.unwrap();
    let forged = format!("B{}", good.split_at(1).1);
    for (buyer, sale, ticket) in [(2, sale, good.as_str()), (1, other, &good), (1, sale, &forged), (1, sale, "")] {
        assert_eq!(code(&admit_with(node, sale, buyer, ticket).await), "SALE_TICKET_INVALID", "{buyer} {ticket:?}");
    }
    let old = ticket(node, sale, 3).await.unwrap();
    let first = admit_with(node, sale, 1, &good).await.unwrap();
    node.advance(SECOND);
    let used = admit_with(node, sale, 1, &good).await.unwrap_err();
    assert_eq!(used.code(), "SALE_TICKET_USED");
    assert!(used.metadata().iter().any(|(name, value)| name == "order_id" && *value == first.order_id.to_string()));
    node.advance(SECOND * 29);
    assert_eq!(code(&admit_with(node, sale, 3, &old).await), "SALE_TICKET_EXPIRED");
}

/// TR-06, TR-24: a second attempt within the window is refused; at the end of the window it is allowed.
pub(crate) async fn attempts_above_the_rate_limit_are_refused(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let rate_limit = SaleRateLimit { per_account: 1, window_ms: 1_000, ..SaleRateLimit::default() };
    let sale = fixture.open_sale(node, SaleDraft { rate_limit: Some(rate_limit), ..fixture.draft(node, 1) }).await;
    assert_eq!(code(&admit(node, sale, 1).await), "ok");
    assert_eq!(code(&admit(node, sale, 2).await), "SALE_SOLD_OUT");
    let fast = admit(node, sale, 2).await.unwrap_err();
    assert_eq!((fast.code(), fast.retry_after()), ("SALE_TOO_FAST", Some(SECOND)));
    node.advance(SECOND);
    assert_eq!(code(&admit(node, sale, 2).await), "SALE_SOLD_OUT");
}

/// Accounts outside of the audience are refused and do not see its members.
pub(crate) async fn only_the_audience_is_admitted(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let audience = SaleAudience { account_ids: vec![1, 2], ..SaleAudience::default() };
    let sale = fixture.open_sale(node, SaleDraft { audience: Some(audience), ..fixture.draft(node, 5) }).await;
    assert_eq!(code(&admit(node, sale, 1).await), "ok");
    assert_eq!(code(&ticket(node, sale, 3).await), "SALE_NOT_ELIGIBLE");
    assert_eq!(code(&admit_with(node, sale, 3, "").await), "SALE_NOT_ELIGIBLE");
    let seen = node.sales().get_sale(&buyer(node, 3), GetSaleRequest { sale_id: sale }).await.unwrap();
    assert!(seen.sale.unwrap().audience.unwrap().account_ids.is_empty(), "the members are private");
}

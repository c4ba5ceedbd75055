//! Admissions: exact counts, one admission per buyer, durability.

use futures::future::join_all;
use pulse_testkit::TestNode;

use crate::{SaleFixture, admit, admit_with, code, ticket};

/// TR-04, TR-11, PL-18: 200 buyers request one of 50 units at the same instant; exactly 50 are admitted.
pub(crate) async fn the_number_of_admissions_equals_the_units(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let sale = fixture.open_sale(node, fixture.draft(node, 50)).await;
    let node = &*node;
    let outcomes = join_all((1..=200).map(|number| admit(node, sale, number))).await;
    let admitted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(admitted, 50);
    assert!(outcomes.iter().filter(|outcome| outcome.is_err()).all(|outcome| code(outcome) == "SALE_SOLD_OUT"));
    let after = fixture.sale(node, sale).await;
    assert_eq!((after.free_units, after.admission_count), (0, 50));
}

/// PL-19: 30 concurrent requests of one buyer result in one admission.
pub(crate) async fn thirty_requests_of_one_buyer_are_one_admission(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let sale = fixture.open_sale(node, fixture.draft(node, 50)).await;
    let ticket = ticket(node, sale, 1).await.unwrap();
    let node = &*node;
    let outcomes = join_all((0..30).map(|_| admit_with(node, sale, 1, &ticket))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    assert!(outcomes.iter().filter(|outcome| outcome.is_err()).all(|outcome| code(outcome) == "SALE_TICKET_USED"));
    assert_eq!(fixture.sale(node, sale).await.admission_count, 1);
}

/// PL-18, TR-18: after a restart, the admission engine is loaded from the database.
pub(crate) async fn admissions_outlive_the_process(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let sale = fixture.open_sale(node, fixture.draft(node, 3)).await;
    let first = admit(node, sale, 1).await.unwrap();
    node.restart().await;
    node.advance(crate::SECOND);
    let again = admit(node, sale, 1).await.unwrap();
    assert!(again.is_repeated && again.order_id == first.order_id);
    assert_eq!(code(&admit(node, sale, 2).await), "ok");
    assert_eq!(code(&admit(node, sale, 3).await), "ok");
    assert_eq!(code(&admit(node, sale, 4).await), "SALE_SOLD_OUT");
}

/// Ten units, 100 buyers, two concurrent requests of each: the count, the rows and the orders agree.
pub(crate) async fn after_peak_load_all_invariants_hold(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let sale = fixture.open_sale(node, fixture.draft(node, 10)).await;
    {
        let node = &*node;
        join_all((0..200).map(|number| admit(node, sale, 1 + number % 100))).await;
    }
    node.settle().await;
    let after = fixture.sale(node, sale).await;
    assert_eq!((after.free_units, after.admission_count), (0, 10));
    node.assert_books().await;
}

//! Merchants, applications, reviews, and the states of a shop.

use futures::future::join_all;
use pulse_contract::shop::v1::*;
use pulse_kernel::Error;
use pulse_kernel::id::ShopId;
use pulse_testkit::{Person, TestNode, draft};
use serde_json::json;

use crate::{code, tally};

async fn get(node: &TestNode, person: Option<&Person>, shop_id: i64) -> Result<Shop, Error> {
    let cx = person.map_or_else(|| node.anonymous(), Person::cx);
    node.shops().get_shop(&cx, GetShopRequest { shop_id }).await
}

async fn review(node: &TestNode, shop: &Shop, decision: ShopDecision, reason: &str) -> Result<Shop, Error> {
    let request = ReviewShopRequest { shop_id: shop.shop_id, decision: decision.into(), reason: reason.to_owned() };
    node.shops().review_shop(&node.cx(), request).await
}

/// A merchant belongs to who made it; for others there is no such merchant.
pub(crate) async fn a_merchant_is_seen_by_its_owner(node: &mut TestNode) {
    let (owner, other) = (node.sign_up("+8613800138000").await, node.sign_up("+8613800138001").await);
    let merchant = node.merchant(&owner).await;
    assert_eq!(merchant.owner_account_id, owner.id());
    let request = GetMerchantRequest { merchant_id: merchant.merchant_id };
    assert_eq!(node.shops().get_merchant(&owner.cx(), request).await.unwrap(), merchant);
    assert_eq!(node.shops().get_merchant(&node.cx(), request).await.unwrap(), merchant, "operators see all");
    assert_eq!(code(&node.shops().get_merchant(&other.cx(), request).await), "SHOP_MERCHANT_NOT_FOUND");
    let request = SubmitShopApplicationRequest { merchant_id: merchant.merchant_id, shop: Some(draft("Not mine")) };
    assert_eq!(code(&node.shops().submit_shop_application(&other.cx(), request).await), "SHOP_MERCHANT_NOT_FOUND");
    let request = ListMerchantShopsRequest { merchant_id: merchant.merchant_id, ..Default::default() };
    assert_eq!(code(&node.shops().list_merchant_shops(&other.cx(), request).await), "SHOP_MERCHANT_NOT_FOUND");
}

/// PL-03: a shop that waits is seen by its owner and by operators; an approval shows it to everybody and makes the
/// owner its staff, through the bus, from the next token on.
pub(crate) async fn an_approved_shop_is_seen_and_staffed(node: &mut TestNode) {
    let (owner, other) = (node.sign_up("+8613800138000").await, node.sign_up("+8613800138001").await);
    let merchant = node.merchant(&owner).await;
    let shop = node.applied_shop(&owner, &merchant, draft("Tea house")).await;
    assert_eq!((shop.state(), shop.version), (ShopState::PendingReview, 1));
    assert_eq!(code(&get(node, None, shop.shop_id).await), "SHOP_NOT_FOUND");
    assert_eq!(code(&get(node, Some(&other), shop.shop_id).await), "SHOP_NOT_FOUND");
    assert_eq!(get(node, Some(&owner), shop.shop_id).await.unwrap(), shop);
    let waiting = ListShopsRequest { state: ShopState::PendingReview.into(), ..Default::default() };
    let waiting = node.shops().list_shops(&node.cx(), waiting).await.unwrap().shops;
    assert_eq!(waiting, std::slice::from_ref(&shop));
    assert_eq!(node.shops().list_nearby(&node.anonymous(), around(&shop)).await.unwrap().shops, []);

    let approved = review(node, &shop, ShopDecision::Approve, "").await.unwrap();
    assert_eq!((approved.state(), approved.version), (ShopState::Active, 2));
    assert_eq!(get(node, None, shop.shop_id).await.unwrap(), approved);
    assert_eq!(node.shops().list_nearby(&node.anonymous(), around(&shop)).await.unwrap().shops.len(), 1);
    node.settle().await;
    assert!(!owner.cx().actor.works_for(ShopId::new(shop.shop_id)), "the old token says what it said");
    let owner = node.refresh(&owner).await;
    assert!(owner.cx().actor.works_for(ShopId::new(shop.shop_id)));
    let http = node.http();
    let path = format!("/v1/shops/{}:close", shop.shop_id);
    assert_eq!(http.post(&path, &json!({})).by(&other).send().await.code(), "PERMISSION_DENIED");
    assert_eq!(http.post(&path, &json!({})).by(&owner).send().await.ok::<Shop>().state(), ShopState::Closed);
}

fn around(shop: &Shop) -> ListNearbyRequest {
    let place = shop.location.unwrap();
    ListNearbyRequest { latitude: place.latitude, longitude: place.longitude, ..Default::default() }
}

/// A rejection says why, to the owner and to nobody else.
pub(crate) async fn a_rejection_needs_a_reason(node: &mut TestNode) {
    let owner = node.sign_up("+8613800138000").await;
    let merchant = node.merchant(&owner).await;
    let shop = node.applied_shop(&owner, &merchant, draft("Tea house")).await;
    assert_eq!(code(&review(node, &shop, ShopDecision::Reject, "").await), "VALIDATION_FAILED");
    review(node, &shop, ShopDecision::Reject, "no such address").await.unwrap();
    let seen = get(node, Some(&owner), shop.shop_id).await.unwrap();
    assert_eq!((seen.state(), seen.review_reason.as_str()), (ShopState::Rejected, "no such address"));
    assert_eq!(code(&get(node, None, shop.shop_id).await), "SHOP_NOT_FOUND");
    node.settle().await;
    assert!(!node.refresh(&owner).await.cx().actor.works_for(ShopId::new(shop.shop_id)));
}

/// What the state of a shop does not allow is refused, and changes nothing.
pub(crate) async fn states_allow_what_they_allow(node: &mut TestNode) {
    let owner = node.sign_up("+8613800138000").await;
    let merchant = node.merchant(&owner).await;
    let shop = node.applied_shop(&owner, &merchant, draft("Tea house")).await;
    let shop_id = shop.shop_id;
    let close = async || node.shops().close_shop(&node.cx(), CloseShopRequest { shop_id }).await;
    let reopen = async || node.shops().reopen_shop(&node.cx(), ReopenShopRequest { shop_id }).await;
    assert_eq!((code(&close().await), code(&reopen().await)), ("SHOP_STATE_INVALID", "SHOP_STATE_INVALID"));
    review(node, &shop, ShopDecision::Approve, "").await.unwrap();
    for decision in [ShopDecision::Approve, ShopDecision::Reject] {
        assert_eq!(code(&review(node, &shop, decision, "again").await), "SHOP_STATE_INVALID");
    }
    assert_eq!(reopen().await.unwrap().version, 2, "an open shop is open");
    assert_eq!(close().await.unwrap().state(), ShopState::Closed);
    assert_eq!(close().await.unwrap().version, 3, "a closed shop is closed");
    assert_eq!(reopen().await.unwrap().state(), ShopState::Active);
    let nobody = CloseShopRequest { shop_id: 42 };
    assert_eq!(code(&node.shops().close_shop(&node.cx(), nobody).await), "SHOP_NOT_FOUND");
}

/// Two operators who decide at the same moment: one does, the other learns it.
pub(crate) async fn one_of_two_parallel_reviews_decides(node: &mut TestNode) {
    let owner = node.sign_up("+8613800138000").await;
    let merchant = node.merchant(&owner).await;
    for name in ["One", "Two", "Three"] {
        let shop = node.applied_shop(&owner, &merchant, draft(name)).await;
        let decisions = [ShopDecision::Approve, ShopDecision::Reject, ShopDecision::Approve, ShopDecision::Reject];
        let outcomes = join_all(decisions.map(|decision| review(node, &shop, decision, "because"))).await;
        assert_eq!(tally(outcomes.iter().map(code)), [("SHOP_STATE_INVALID", 3), ("ok", 1)]);
        let decided = outcomes.into_iter().find_map(Result::ok).unwrap();
        assert_eq!(get(node, Some(&owner), shop.shop_id).await.unwrap().state, decided.state);
    }
}

/// The limit of a merchant's shops holds under parallel applications too; its shops are listed page by page.
pub(crate) async fn a_merchant_has_a_limit_of_shops(node: &mut TestNode) {
    let owner = node.sign_up("+8613800138000").await;
    let merchant = node.merchant(&owner).await;
    let merchant_id = merchant.merchant_id;
    // The default limit, and six at once when two are left.
    for number in 0..198 {
        node.applied_shop(&owner, &merchant, draft(&format!("Shop {number}"))).await;
    }
    let cx = owner.cx();
    let apply = || {
        let request = SubmitShopApplicationRequest { merchant_id, shop: Some(draft("One too many")) };
        node.shops().submit_shop_application(&cx, request)
    };
    let outcomes = join_all((0..6).map(|_| apply())).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("SHOP_LIMIT", 4), ("ok", 2)]);
    let (mut ids, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListMerchantShopsRequest { merchant_id, page_size: 90, page_token };
        let page = node.shops().list_merchant_shops(&owner.cx(), request).await.unwrap();
        ids.extend(page.shops.iter().map(|shop| shop.shop_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(ids.len(), 200);
    assert!(ids.is_sorted_by(|a, b| a < b), "oldest first, none twice");
}

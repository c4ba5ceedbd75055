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

/// A merchant is visible to its owner and to operators.
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

/// An account lists the merchants that it owns, page by page, and no others.
pub(crate) async fn an_account_lists_its_own_merchants(node: &mut TestNode) {
    let (owner, other) = (node.sign_up("+8613800138000").await, node.sign_up("+8613800138001").await);
    let list = async |person: &Person, page_size, page_token: &str| {
        let request = ListMyMerchantsRequest { page_size, page_token: page_token.to_owned() };
        node.shops().list_my_merchants(&person.cx(), request).await
    };
    assert_eq!(list(&owner, 0, "").await.unwrap(), ListMyMerchantsResponse::default());
    let mut own = Vec::new();
    for _ in 0..3 {
        own.push(node.merchant(&owner).await);
    }
    let foreign = node.merchant(&other).await;
    let first = list(&owner, 2, "").await.unwrap();
    assert_eq!(first.merchants, own[..2]);
    let second = list(&owner, 2, &first.next_page_token).await.unwrap();
    assert_eq!((second.merchants, second.next_page_token.as_str()), (own[2..].to_vec(), ""));
    assert_eq!(list(&other, 0, "").await.unwrap().merchants, [foreign]);
    let operator = node.operator().await;
    assert_eq!(list(&operator, 0, "").await.unwrap().merchants, [], "operators own no merchant");
    assert_eq!(code(&list(&owner, 2, "x").await), "PAGE_TOKEN_INVALID");
    let http = node.http();
    assert_eq!(http.get("/v1/me/merchants").send().await.code(), "UNAUTHENTICATED");
    let page = http.get("/v1/me/merchants?page_size=1").by(&owner).send().await.ok::<ListMyMerchantsResponse>();
    assert_eq!(page.merchants, own[..1]);
}

/// PL-03: a pending shop is visible to its owner and to operators. An approval makes it public and makes the owner its
/// staff; the role also applies to the token that was issued before.
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
    assert!(!owner.cx().actor.works_for(ShopId::new(shop.shop_id)), "the claims of the old token");
    let http = node.http();
    let path = format!("/v1/shops/{}:close", shop.shop_id);
    assert_eq!(http.post(&path, &json!({})).by(&other).send().await.code(), "PERMISSION_DENIED");
    assert_eq!(http.post(&path, &json!({})).by(&owner).send().await.ok::<Shop>().state(), ShopState::Closed);
    let owner = node.refresh(&owner).await;
    assert!(owner.cx().actor.works_for(ShopId::new(shop.shop_id)));
}

fn around(shop: &Shop) -> ListNearbyRequest {
    let place = shop.location.unwrap();
    ListNearbyRequest { latitude: place.latitude, longitude: place.longitude, ..Default::default() }
}

/// A rejection has a reason, which is visible to the owner only.
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

/// A transition that the state of the shop does not allow is refused and changes nothing.
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
    assert_eq!(reopen().await.unwrap().version, 2, "reopening an active shop changes nothing");
    assert_eq!(close().await.unwrap().state(), ShopState::Closed);
    assert_eq!(close().await.unwrap().version, 3, "closing a closed shop changes nothing");
    assert_eq!(reopen().await.unwrap().state(), ShopState::Active);
    let nobody = CloseShopRequest { shop_id: 42 };
    assert_eq!(code(&node.shops().close_shop(&node.cx(), nobody).await), "SHOP_NOT_FOUND");
}

/// One of several concurrent reviews decides; the others are refused.
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

/// The owner withdraws a pending application. The shop is not public, cannot be reviewed and does not count towards the
/// limit; a repetition changes nothing.
pub(crate) async fn an_owner_withdraws_an_application(node: &mut TestNode) {
    let (owner, other) = (node.sign_up("+8613800138000").await, node.sign_up("+8613800138001").await);
    let (merchant, foreign) = (node.merchant(&owner).await, node.merchant(&other).await);
    let shop = node.applied_shop(&owner, &merchant, draft("Tea huose")).await;
    let operator = node.operator().await;
    let withdraw = async |person: &Person, merchant: &Merchant, shop_id| {
        let request = WithdrawShopApplicationRequest { merchant_id: merchant.merchant_id, shop_id };
        node.shops().withdraw_shop_application(&person.cx(), request).await
    };
    for stranger in [&other, &operator] {
        let refused = withdraw(stranger, &merchant, shop.shop_id).await;
        assert_eq!(code(&refused), "SHOP_MERCHANT_NOT_FOUND");
    }
    assert_eq!(code(&withdraw(&other, &foreign, shop.shop_id).await), "SHOP_NOT_FOUND", "a shop of another merchant");
    assert_eq!(get(node, Some(&owner), shop.shop_id).await.unwrap(), shop);
    for _ in 0..2 {
        let withdrawn = withdraw(&owner, &merchant, shop.shop_id).await.unwrap();
        assert_eq!((withdrawn.state(), withdrawn.version), (ShopState::Withdrawn, 2));
        assert_eq!(get(node, Some(&owner), shop.shop_id).await.unwrap(), withdrawn);
    }
    assert_eq!(code(&get(node, None, shop.shop_id).await), "SHOP_NOT_FOUND");
    assert_eq!(code(&review(node, &shop, ShopDecision::Approve, "").await), "SHOP_STATE_INVALID");
    let withdrawn = ListShopsRequest { state: ShopState::Withdrawn.into(), ..Default::default() };
    assert_eq!(node.shops().list_shops(&node.cx(), withdrawn).await.unwrap().shops.len(), 1);
    let rejected = node.applied_shop(&owner, &merchant, draft("Tea house")).await;
    review(node, &rejected, ShopDecision::Reject, "no such address").await.unwrap();
    assert_eq!(code(&withdraw(&owner, &merchant, rejected.shop_id).await), "SHOP_STATE_INVALID");
    let active = node.applied_shop(&owner, &merchant, draft("Tea house")).await;
    node.approve(&active).await;
    assert_eq!(code(&withdraw(&owner, &merchant, active.shop_id).await), "SHOP_STATE_INVALID");
    node.settle().await;
}

/// The call has a path below the merchant.
pub(crate) async fn an_application_is_withdrawn_over_rest(node: &mut TestNode) {
    let owner = node.sign_up("+8613800138000").await;
    let merchant = node.merchant(&owner).await;
    let shop = node.applied_shop(&owner, &merchant, draft("Tea huose")).await;
    let path = format!("/v1/merchants/{}/shops/{}:withdraw", merchant.merchant_id, shop.shop_id);
    let http = node.http();
    assert_eq!(http.post(&path, &json!({})).send().await.code(), "UNAUTHENTICATED");
    let withdrawn = http.post(&path, &json!({})).by(&owner).send().await.ok::<Shop>();
    assert_eq!(withdrawn.state(), ShopState::Withdrawn);
}

/// Either the review or the withdrawal wins when both happen at the same time.
pub(crate) async fn a_review_and_a_withdrawal_exclude_each_other(node: &mut TestNode) {
    let owner = node.sign_up("+8613800138000").await;
    let merchant = node.merchant(&owner).await;
    for number in 0..5 {
        let shop = node.applied_shop(&owner, &merchant, draft(&format!("Shop {number}"))).await;
        let (merchant_id, shop_id, cx) = (merchant.merchant_id, shop.shop_id, owner.cx());
        let withdrawal = WithdrawShopApplicationRequest { merchant_id, shop_id };
        let (reviewed, withdrawn) = futures::join!(
            review(node, &shop, ShopDecision::Approve, ""),
            node.shops().withdraw_shop_application(&cx, withdrawal)
        );
        let expected = match (code(&reviewed), code(&withdrawn)) {
            ("ok", "SHOP_STATE_INVALID") => ShopState::Active,
            ("SHOP_STATE_INVALID", "ok") => ShopState::Withdrawn,
            other => panic!("{other:?}"),
        };
        assert_eq!(get(node, Some(&owner), shop_id).await.unwrap().state(), expected);
    }
    node.settle().await;
}

/// The limit of shops holds under concurrent applications; the shops of a merchant are listed page by page.
pub(crate) async fn a_merchant_has_a_limit_of_shops(node: &mut TestNode) {
    let owner = node.sign_up("+8613800138000").await;
    let merchant = node.merchant(&owner).await;
    let merchant_id = merchant.merchant_id;
    // The default limit is 200; six concurrent applications when two are left.
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
    let withdrawn = outcomes.into_iter().find_map(Result::ok).unwrap();
    let request = WithdrawShopApplicationRequest { merchant_id, shop_id: withdrawn.shop_id };
    node.shops().withdraw_shop_application(&cx, request).await.unwrap();
    assert_eq!((code(&apply().await), code(&apply().await)), ("ok", "SHOP_LIMIT"), "a withdrawn shop does not count");
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
    assert_eq!(ids.len(), 201, "with the withdrawn shop");
    assert!(ids.is_sorted_by(|a, b| a < b), "oldest first, without duplicates");
}

//! Roles: given, taken, carried by tokens, and what is closed without them.

use pulse_contract::account::v1::*;
use pulse_contract::{Caller, METHODS};
use pulse_kernel::Error;
use pulse_testkit::{Person, TestNode, draft};
use serde_json::json;

use crate::{code, tally};

async fn grant(node: &TestNode, person: &Person, role: AccountRole, shops: &[i64]) -> Result<Account, Error> {
    let request = GrantRoleRequest { account_id: person.id(), role: role.into(), shop_ids: shops.to_vec() };
    node.accounts().grant_role(&node.cx(), request).await
}

async fn revoke(node: &TestNode, person: &Person, role: AccountRole, shops: &[i64]) -> Result<Account, Error> {
    let request = RevokeRoleRequest { account_id: person.id(), role: role.into(), shop_ids: shops.to_vec() };
    node.accounts().revoke_role(&node.cx(), request).await
}

fn roles(account: &Account) -> Vec<AccountRole> {
    account.roles().collect()
}

/// Roles and shops come and go one by one; twice is once.
pub(crate) async fn roles_come_and_go(node: &mut TestNode) {
    use AccountRole::{Consumer, Courier, MerchantStaff};
    let person = node.sign_up("+8613800138000").await;
    for _ in 0..2 {
        assert_eq!(roles(&grant(node, &person, Courier, &[]).await.unwrap()), [Consumer, Courier]);
    }
    let staff = grant(node, &person, MerchantStaff, &[8, 7]).await.unwrap();
    assert_eq!((roles(&staff), staff.shop_ids), (vec![Consumer, MerchantStaff, Courier], vec![7, 8]));
    assert_eq!(grant(node, &person, MerchantStaff, &[8, 9]).await.unwrap().shop_ids, [7, 8, 9]);
    assert_eq!(revoke(node, &person, MerchantStaff, &[8, 10]).await.unwrap().shop_ids, [7, 9]);
    let rest = revoke(node, &person, MerchantStaff, &[]).await.unwrap();
    assert_eq!((roles(&rest), rest.shop_ids), (vec![Consumer, Courier], vec![]));
    for _ in 0..2 {
        assert_eq!(roles(&revoke(node, &person, Courier, &[]).await.unwrap()), [Consumer]);
    }
    for (role, shops) in [(MerchantStaff, &[][..]), (Courier, &[7]), (Consumer, &[]), (AccountRole::Unspecified, &[])] {
        assert_eq!(code(&grant(node, &person, role, shops).await), "VALIDATION_FAILED", "{role:?}");
    }
    let nobody = GrantRoleRequest { account_id: 42, role: Courier.into(), shop_ids: vec![] };
    assert_eq!(code(&node.accounts().grant_role(&node.cx(), nobody).await), "ACCOUNT_NOT_FOUND");
}

/// Roles and shops that are given at the same moment are all there afterwards.
pub(crate) async fn parallel_grants_are_all_kept(node: &mut TestNode) {
    let person = node.sign_up("+8613800138000").await;
    let all = [
        grant(node, &person, AccountRole::Courier, &[]),
        grant(node, &person, AccountRole::Operator, &[]),
        grant(node, &person, AccountRole::MerchantStaff, &[7]),
        grant(node, &person, AccountRole::MerchantStaff, &[8]),
    ];
    let outcomes = futures::future::join_all(all).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("ok", 4)]);
    let me = node.accounts().get_me(&person.cx(), GetMeRequest {}).await.unwrap();
    assert_eq!((me.roles.len(), me.shop_ids), (4, vec![7, 8]));
}

/// Ids as long as ids get, so many that the token is as large as it gets.
fn shops(numbers: std::ops::Range<i64>) -> Vec<i64> {
    numbers.map(|number| i64::MAX - number).collect()
}

async fn staff_of_200_shops(node: &TestNode, phone: &str) -> Person {
    let person = node.sign_up_as(phone, AccountRole::MerchantStaff, &shops(0..100)).await;
    grant(node, &person, AccountRole::MerchantStaff, &shops(100..200)).await.unwrap();
    node.refresh(&person).await
}

/// An account may work for two hundred shops, and the edge takes its token; one more is refused and changes nothing.
pub(crate) async fn staff_of_as_many_shops_as_one_may_has_a_token_that_works(node: &mut TestNode) {
    let person = staff_of_200_shops(node, "+8613800138000").await;
    let one_more = grant(node, &person, AccountRole::MerchantStaff, &shops(199..201)).await.unwrap_err();
    assert_eq!((one_more.code(), one_more.metadata()[0].1.as_str()), ("ACCOUNT_SHOPS_LIMIT", "200"));
    assert_eq!(code(&grant(node, &person, AccountRole::MerchantStaff, &shops(0..100)).await), "ok", "nothing new");
    assert_eq!(code(&grant(node, &person, AccountRole::Courier, &[]).await), "ok");
    let person = node.refresh(&person).await;
    assert!(person.access_token.len() <= pulse_token::TOKEN_BYTES_MAX, "{}", person.access_token.len());
    let me = node.http().get("/v1/me").by(&person).send().await;
    assert_eq!((me.status, me.json()["shop_ids"].as_array().map(Vec::len)), (200, Some(200)));
    revoke(node, &person, AccountRole::MerchantStaff, &shops(0..1)).await.unwrap();
    assert_eq!(code(&grant(node, &person, AccountRole::MerchantStaff, &shops(200..201)).await), "ok");
}

/// Grants at the same moment do not get past the limit together.
pub(crate) async fn grants_in_parallel_keep_the_limit_of_shops(node: &mut TestNode) {
    let person = node.sign_up_as("+8613800138000", AccountRole::MerchantStaff, &shops(0..100)).await;
    grant(node, &person, AccountRole::MerchantStaff, &shops(100..198)).await.unwrap();
    let others: Vec<Vec<i64>> = (198..203).map(|number| shops(number..number + 1)).collect();
    let outcomes =
        futures::future::join_all(others.iter().map(|shop| grant(node, &person, AccountRole::MerchantStaff, shop)));
    assert_eq!(tally(outcomes.await.iter().map(code)), [("ACCOUNT_SHOPS_LIMIT", 3), ("ok", 2)]);
}

/// A shop that is approved beyond the limit is open without its owner as staff, and the owner's later shops go on.
pub(crate) async fn an_approved_shop_beyond_the_limit_holds_nothing_up(node: &mut TestNode) {
    let owner = staff_of_200_shops(node, "+8613800138000").await;
    let merchant = node.merchant(&owner).await;
    let shop_ids = async || node.accounts().get_me(&owner.cx(), GetMeRequest {}).await.unwrap().shop_ids;
    let shop = node.applied_shop(&owner, &merchant, draft("One too many")).await;
    node.approve(&shop).await;
    node.settle().await;
    assert_eq!(shop_ids().await.len(), 200);
    revoke(node, &owner, AccountRole::MerchantStaff, &shops(0..1)).await.unwrap();
    let next = node.applied_shop(&owner, &merchant, draft("The next")).await;
    node.approve(&next).await;
    node.settle().await;
    assert!(shop_ids().await.contains(&next.shop_id));
    assert!(!shop_ids().await.contains(&shop.shop_id));
}

/// A token carries the roles from its refresh on, and staff of one shop is nobody in another.
pub(crate) async fn staff_of_one_shop_is_nobody_in_another(node: &mut TestNode) {
    let mine = node.open_shop("+8613800138000", draft("Mine")).await;
    let theirs = node.open_shop("+8613800138001", draft("Theirs")).await;
    let http = node.http();
    let rename = async |person: &Person, shop: i64| {
        let body = json!({"version": "2", "name": "Renamed"});
        let reply = http.ask("PATCH", &format!("/v1/shops/{shop}")).by(person).json(&body).send().await;
        if reply.status == 200 { "ok".to_owned() } else { format!("{} {}", reply.status, reply.code()) }
    };
    assert_eq!(rename(&mine.owner, theirs.id()).await, "403 PERMISSION_DENIED");
    assert_eq!(rename(&mine.owner, mine.id()).await, "ok");
    let helper = node.sign_up("+8613800138002").await;
    assert_eq!(rename(&helper, theirs.id()).await, "403 PERMISSION_DENIED");
    grant(node, &helper, AccountRole::MerchantStaff, &[theirs.id()]).await.unwrap();
    assert_eq!(rename(&helper, theirs.id()).await, "403 PERMISSION_DENIED", "the old token");
    let helper = node.refresh(&helper).await;
    assert_eq!(rename(&helper, mine.id()).await, "403 PERMISSION_DENIED");
    assert_eq!(rename(&helper, theirs.id()).await, "ok");
}

/// A path of the template, in which every variable is 1.
fn with_ones(template: &str) -> String {
    let mut parts = template.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |path, part| path + "1" + part.split_once('}').expect("a variable ends").1)
}

/// Whoever does not run the platform gets 403 on every route that is for those who do, and nobody gets 401.
pub(crate) async fn operators_only_means_operators_only(node: &mut TestNode) {
    let shop = node.a_shop().await;
    let courier = node.sign_up_as("+8613800138003", AccountRole::Courier, &[]).await;
    let http = node.http();
    let routes: Vec<_> = account_routes(node.accounts())
        .into_iter()
        .chain(pulse_contract::shop::v1::shop_routes(node.shops()))
        .chain(pulse_contract::stock::v1::stock_routes(node.stock()))
        .chain(pulse_contract::marketing::v1::coupon_routes(node.coupons()))
        .chain(pulse_contract::order::v1::order_routes(node.orders()))
        .chain(pulse_contract::payment::v1::payment_routes(node.payments()))
        .chain(pulse_contract::sale::v1::sale_routes(node.sales()))
        .filter(|route| route.spec.policy.callers == [Caller::Operator])
        .collect();
    let rpcs = METHODS.iter().filter(|spec| spec.policy.callers == [Caller::Operator]).count();
    assert!(routes.len() >= rpcs && rpcs > 5, "{} routes of {rpcs} rpcs", routes.len());
    for route in routes {
        let path = with_ones(route.template);
        let ask = || {
            let ask = http.ask(route.verb, &path);
            if route.has_body { ask.body("{}") } else { ask }
        };
        let anonymous = ask().send().await;
        assert_eq!((anonymous.status, anonymous.code().as_str()), (401, "UNAUTHENTICATED"), "{path}");
        for person in [&shop.owner, &courier] {
            let reply = ask().by(person).send().await;
            assert_eq!((reply.status, reply.code().as_str()), (403, "PERMISSION_DENIED"), "{path}");
        }
    }
}

//! Roles: grants, revocations, access tokens, and operations that require a role.

use pulse_account::AccessChanges;
use pulse_contract::account::v1::*;
use pulse_contract::{Caller, METHODS};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Error, Principal, Role};
use pulse_testkit::{Person, TestNode, draft};
use serde_json::json;

use crate::context_fixture::ContextFixture;
use crate::{SECOND, code, tally};

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

/// Roles and shops are granted and revoked one by one; a repetition changes nothing.
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
    let unknown = GrantRoleRequest { account_id: 42, role: Courier.into(), shop_ids: vec![] };
    assert_eq!(code(&node.accounts().grant_role(&node.cx(), unknown).await), "ACCOUNT_NOT_FOUND");
}

/// Concurrent grants are all kept.
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

/// The longest IDs, so that the token has its maximum size.
fn shops(numbers: std::ops::Range<i64>) -> Vec<i64> {
    numbers.map(|number| i64::MAX - number).collect()
}

async fn staff_of_200_shops(node: &TestNode, phone: &str) -> Person {
    let person = node.sign_up_as(phone, AccountRole::MerchantStaff, &shops(0..100)).await;
    grant(node, &person, AccountRole::MerchantStaff, &shops(100..200)).await.unwrap();
    node.refresh(&person).await
}

/// An account can work for two hundred shops, and the edge accepts its token; one more shop is refused.
pub(crate) async fn staff_of_the_maximum_number_of_shops_has_a_valid_token(node: &mut TestNode) {
    let person = staff_of_200_shops(node, "+8613800138000").await;
    let one_more = grant(node, &person, AccountRole::MerchantStaff, &shops(199..201)).await.unwrap_err();
    assert_eq!((one_more.code(), one_more.metadata()[0].1.as_str()), ("ACCOUNT_SHOPS_LIMIT", "200"));
    assert_eq!(code(&grant(node, &person, AccountRole::MerchantStaff, &shops(0..100)).await), "ok", "no new shop");
    assert_eq!(code(&grant(node, &person, AccountRole::Courier, &[]).await), "ok");
    let person = node.refresh(&person).await;
    assert!(person.access_token.len() <= pulse_token::TOKEN_BYTES_MAX, "{}", person.access_token.len());
    let me = node.http().get("/v1/me").by(&person).send().await;
    assert_eq!((me.status, me.json()["shop_ids"].as_array().map(Vec::len)), (200, Some(200)));
    revoke(node, &person, AccountRole::MerchantStaff, &shops(0..1)).await.unwrap();
    assert_eq!(code(&grant(node, &person, AccountRole::MerchantStaff, &shops(200..201)).await), "ok");
}

/// Concurrent grants keep the limit.
pub(crate) async fn grants_in_parallel_keep_the_limit_of_shops(node: &mut TestNode) {
    let person = node.sign_up_as("+8613800138000", AccountRole::MerchantStaff, &shops(0..100)).await;
    grant(node, &person, AccountRole::MerchantStaff, &shops(100..198)).await.unwrap();
    let others: Vec<Vec<i64>> = (198..203).map(|number| shops(number..number + 1)).collect();
    let outcomes =
        futures::future::join_all(others.iter().map(|shop| grant(node, &person, AccountRole::MerchantStaff, shop)));
    assert_eq!(tally(outcomes.await.iter().map(code)), [("ACCOUNT_SHOPS_LIMIT", 3), ("ok", 2)]);
}

/// A shop that is approved above the limit is active without its owner as staff; later shops of the owner are not affected.
pub(crate) async fn an_approved_shop_above_the_limit_blocks_nothing(node: &mut TestNode) {
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

/// Staff of one shop has no rights in another. A grant applies to the token that was issued before.
pub(crate) async fn staff_of_one_shop_has_no_rights_in_another(node: &mut TestNode) {
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
    assert_eq!(rename(&helper, mine.id()).await, "403 PERMISSION_DENIED");
    assert_eq!(rename(&helper, theirs.id()).await, "ok", "the old token");
    let helper = node.refresh(&helper).await;
    assert_eq!(rename(&helper, mine.id()).await, "403 PERMISSION_DENIED");
}

/// What `GET /v1/operator/shops` answers to the token: its status.
async fn operator_status(node: &mut TestNode, person: &Person) -> u16 {
    node.http().get("/v1/operator/shops").by(person).send().await.status
}

/// A grant and a revocation apply to a token that was issued before, at once and after a restart.
pub(crate) async fn changed_roles_apply_to_old_tokens(node: &mut TestNode) {
    let (person, other) = (node.sign_up("+8613800138000").await, node.sign_up("+8613800138001").await);
    assert_eq!(operator_status(node, &person).await, 403);
    grant(node, &person, AccountRole::Operator, &[]).await.unwrap();
    assert_eq!((operator_status(node, &person).await, operator_status(node, &other).await), (200, 403));
    node.restart().await;
    assert_eq!(operator_status(node, &person).await, 200);
    revoke(node, &person, AccountRole::Operator, &[]).await.unwrap();
    assert_eq!(operator_status(node, &person).await, 403);
    node.restart().await;
    assert_eq!(operator_status(node, &person).await, 403);
}

/// A token never grants more than the account has, also when it was issued with the role.
pub(crate) async fn a_revoked_role_is_not_in_old_tokens(node: &mut TestNode) {
    let person = node.sign_up_as("+8613800138000", AccountRole::Operator, &[]).await;
    let staff = node.open_shop("+8613800138001", draft("Tea house")).await;
    assert_eq!(operator_status(node, &person).await, 200);
    revoke(node, &person, AccountRole::Operator, &[]).await.unwrap();
    assert_eq!(operator_status(node, &person).await, 403);
    assert_eq!(operator_status(node, &node.refresh(&person).await).await, 403);
    let path = format!("/v1/shops/{}:close", staff.id());
    revoke(node, &staff.owner, AccountRole::MerchantStaff, &[staff.id()]).await.unwrap();
    let refused = node.http().post(&path, &json!({})).by(&staff.owner).send().await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "PERMISSION_DENIED"));
}

/// A second process of the context reads the changes of the first one when it starts, and by polling.
pub(crate) async fn changed_roles_reach_other_nodes(fixture: &ContextFixture) {
    let operator = |access: &AccessChanges| {
        let principal = Principal { account: AccountId::new(1), session: 7, roles: vec![], shops: vec![] };
        access.current(principal.into(), fixture.now()).is_some_and(|current| current.roles == [Role::Operator])
    };
    fixture.put_accounts(1..3).await;
    let (first, _first_context) = fixture.start_again().await;
    assert!(!operator(&first.access));
    let request = GrantRoleRequest { account_id: 1, role: AccountRole::Operator.into(), shop_ids: vec![] };
    first.client.grant_role(&fixture.cx(), request).await.unwrap();
    assert!(operator(&first.access));
    let (second, context) = fixture.start_again().await;
    assert!(operator(&second.access), "read at the start");
    if !fixture.store.database().is_shared() {
        return;
    }
    let tasks: Vec<_> = context.tasks.into_iter().map(tokio::spawn).collect();
    let request = RevokeRoleRequest { account_id: 1, role: AccountRole::Operator.into(), shop_ids: vec![] };
    first.client.revoke_role(&fixture.cx(), request).await.unwrap();
    assert!(!operator(&first.access));
    let polled = async {
        while operator(&second.access) {
            fixture.advance(3 * SECOND);
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(30 * SECOND, polled).await.expect("the second process polls the change");
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}

/// A path of the template with the value 1 for each variable.
fn with_ones(template: &str) -> String {
    let mut parts = template.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |path, part| path + "1" + part.split_once('}').expect("a variable ends").1)
}

/// Every operator route answers 403 to other accounts and 401 to anonymous callers.
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

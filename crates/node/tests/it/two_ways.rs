//! TR-87: REST and gRPC are two ways to the same answer, good or bad.

use std::fmt::Debug;

use pulse_contract::Json;
use pulse_contract::account::v1::account_service_client::AccountServiceClient;
use pulse_contract::account::v1::*;
use pulse_contract::shop::v1::catalog_service_client::CatalogServiceClient;
use pulse_contract::shop::v1::shop_service_client::ShopServiceClient;
use pulse_contract::shop::v1::*;
use pulse_testkit::http::Reply;
use pulse_testkit::{Person, TestNode, draft, product};
use serde_json::json;
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status};
use tonic_types::StatusExt;

fn by<T>(person: &Person, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let token: MetadataValue<_> = format!("Bearer {}", person.access_token).parse().unwrap();
    request.metadata_mut().insert("authorization", token);
    request
}

/// What both said, when they said the same: the message, or the code of the refusal.
#[track_caller]
fn same<T: Json + PartialEq + Debug>(rest: &Reply, grpc: Result<Response<T>, Status>) -> String {
    match grpc {
        Ok(answer) => {
            assert_eq!(rest.ok::<T>(), answer.into_inner());
            "ok".to_owned()
        }
        Err(status) => {
            let info = status.get_details_error_info().unwrap_or_else(|| panic!("{status:?} has no code"));
            let problem = rest.json();
            assert_eq!(rest.code(), info.reason, "{problem}");
            assert_eq!(problem["detail"].as_str().unwrap_or_default(), status.message());
            let fields = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
            let said = problem["errors"].as_array().cloned().unwrap_or_default();
            // E14: over HTTP the body of a new product is the field `product`, so the paths begin below it.
            let path = |field: &str| field.strip_prefix("product.").unwrap_or(field).to_owned();
            let over_grpc: Vec<_> = fields
                .iter()
                .map(|field| json!({"field": path(&field.field), "code": field.reason, "message": field.description}))
                .collect();
            assert_eq!(said, over_grpc);
            for (key, value) in &info.metadata {
                assert_eq!(problem["metadata"][key], *value, "{problem}");
            }
            info.reason
        }
    }
}

/// TR-87: accounts, both ways.
pub(crate) async fn accounts_answer_the_same_both_ways(node: &mut TestNode) {
    let (me, friend) = (node.sign_up("+8613800138000").await, node.sign_up("+8613800138001").await);
    let operator = node.operator().await;
    let (http, mut grpc) = (node.http(), AccountServiceClient::new(node.http().channel().await));
    let get = |path: String, person: Option<&Person>| {
        let ask = http.get(&path);
        person.map_or_else(|| http.get(&path), |person| ask.by(person)).send()
    };

    let rest = get("/v1/me".into(), Some(&me)).await;
    assert_eq!(same(&rest, grpc.get_me(by(&me, GetMeRequest {})).await), "ok");
    let rest = get("/v1/me".into(), None).await;
    assert_eq!(same(&rest, grpc.get_me(GetMeRequest {}).await), "UNAUTHENTICATED");
    for (id, expected) in [(friend.id(), "ok"), (42, "ACCOUNT_NOT_FOUND"), (-1, "VALIDATION_FAILED")] {
        let rest = get(format!("/v1/accounts/{id}"), None).await;
        assert_eq!(same(&rest, grpc.get_profile(GetProfileRequest { account_id: id }).await), expected);
    }
    for (id, expected) in [(friend.id(), "ok"), (me.id(), "ACCOUNT_FOLLOW_SELF"), (42, "ACCOUNT_NOT_FOUND")] {
        let rest = http.ask("PUT", &format!("/v1/me/following/{id}")).by(&me).send().await;
        assert_eq!(same(&rest, grpc.follow(by(&me, FollowRequest { account_id: id })).await), expected);
    }
    let rest = get(format!("/v1/accounts/{}/followers?page_size=3", friend.id()), None).await;
    let request = ListFollowersRequest { account_id: friend.id(), page_size: 3, ..Default::default() };
    assert_eq!(same(&rest, grpc.list_followers(request).await), "ok");
    let rest = get(format!("/v1/accounts/{}/followers?page_size=101", friend.id()), None).await;
    let request = ListFollowersRequest { account_id: friend.id(), page_size: 101, ..Default::default() };
    assert_eq!(same(&rest, grpc.list_followers(request).await), "VALIDATION_FAILED");

    let body = json!({"bio": "x".repeat(301), "display_name": ""});
    let rest = http.ask("PATCH", "/v1/me").by(&me).json(&body).send().await;
    let wrong = UpdateMeRequest { bio: Some("x".repeat(301)), display_name: Some(String::new()), ..Default::default() };
    assert_eq!(same(&rest, grpc.update_me(by(&me, wrong)).await), "VALIDATION_FAILED");
    let rest = http.ask("PATCH", "/v1/me").by(&me).json(&json!({"time_zone": "Europe/Berlin"})).send().await;
    let right = UpdateMeRequest { time_zone: Some("Europe/Berlin".into()), ..Default::default() };
    assert_eq!(same(&rest, grpc.update_me(by(&me, right)).await), "ok");
    let rest = http.post("/v1/me/check-ins", &json!({})).by(&me).send().await;
    assert_eq!(same(&rest, grpc.check_in(by(&me, CheckInRequest {})).await), "ok");
    let code = || SignInWithCodeRequest { phone: "+8613800138000".into(), code: "000000".into(), ..Default::default() };
    let rest =
        http.post("/v1/account/sessions:code", &json!({"phone": "+8613800138000", "code": "000000"})).send().await;
    assert_eq!(same(&rest, grpc.sign_in_with_code(code()).await), "ACCOUNT_CODE_INVALID");

    let search = || SearchAccountsRequest { phone_digits: "1380013".into(), ..Default::default() };
    for (person, expected) in [(&me, "PERMISSION_DENIED"), (&operator, "ok")] {
        let rest = get("/v1/operator/accounts?phone_digits=1380013".into(), Some(person)).await;
        assert_eq!(same(&rest, grpc.search_accounts(by(person, search())).await), expected);
    }
}

/// TR-87: shops and products, both ways.
pub(crate) async fn shops_answer_the_same_both_ways(node: &mut TestNode) {
    let open = node.a_shop().await;
    let other = node.open_shop("+8613800138000", draft("Other")).await;
    let operator = node.operator().await;
    let http = node.http();
    let mut shops = ShopServiceClient::new(http.channel().await);
    let mut catalog = CatalogServiceClient::new(http.channel().await);
    let shop_id = open.id();

    for id in [shop_id, 42] {
        let rest = http.get(&format!("/v1/shops/{id}")).send().await;
        let expected = if id == shop_id { "ok" } else { "SHOP_NOT_FOUND" };
        assert_eq!(same(&rest, shops.get_shop(GetShopRequest { shop_id: id }).await), expected);
    }
    for (latitude, expected) in [(31.23, "ok"), (91.0, "VALIDATION_FAILED")] {
        let rest = http.get(&format!("/v1/shops:nearby?latitude={latitude}&longitude=121.47")).send().await;
        let request = ListNearbyRequest { latitude: Some(latitude), longitude: Some(121.47), ..Default::default() };
        assert_eq!(same(&rest, shops.list_nearby(request).await), expected);
    }
    let rest = http.get("/v1/categories?parent_code=10000001").send().await;
    let request = ListCategoriesRequest { parent_code: 10_000_001 };
    assert_eq!(same(&rest, shops.list_categories(request).await), "SHOP_CATEGORY_NOT_FOUND");
    for (person, version, expected) in [
        (&open.owner, 1, "SHOP_VERSION_STALE"),
        (&other.owner, 2, "PERMISSION_DENIED"),
        (&operator, 0, "VALIDATION_FAILED"),
    ] {
        let body = json!({"version": version.to_string(), "name": "Renamed"});
        let rest = http.ask("PATCH", &format!("/v1/shops/{shop_id}")).by(person).json(&body).send().await;
        let request = UpdateShopRequest { shop_id, version, name: Some("Renamed".into()), ..Default::default() };
        assert_eq!(same(&rest, shops.update_shop(by(person, request)).await), expected);
    }
    for (person, expected) in [(&open.owner, "PERMISSION_DENIED"), (&operator, "ok")] {
        let rest = http.get("/v1/operator/shops?state=SHOP_STATE_ACTIVE&page_size=1").by(person).send().await;
        let request = ListShopsRequest { state: ShopState::Active.into(), page_size: 1, ..Default::default() };
        assert_eq!(same(&rest, shops.list_shops(by(person, request)).await), expected);
    }
    let request = CreateProductRequest { shop_id, product: Some(product("Oolong", 1_200)) };
    let made = catalog.create_product(by(&open.owner, request)).await.unwrap().into_inner();
    let path = format!("/v1/shops/{shop_id}/products/{}", made.product_id);
    let request = GetProductRequest { shop_id, product_id: made.product_id };
    assert_eq!(same(&http.get(&path).send().await, catalog.get_product(request).await), "ok");
    let wrong = json!({"name": "Two", "variants": [
        {"name": "a", "price": {"minor": "-1", "currency": "CNY"}}, {"name": "a", "price": {"minor": "1", "currency": "USD"}}
    ]});
    let rest = http.post(&format!("/v1/shops/{shop_id}/products"), &wrong).by(&open.owner).send().await;
    let request =
        CreateProductRequest { shop_id, product: Some(ProductDraft::from_json(wrong.to_string().as_bytes()).unwrap()) };
    assert_eq!(same(&rest, catalog.create_product(by(&open.owner, request)).await), "SHOP_PRODUCT_INVALID");
    let rest = http.get(&format!("/v1/shops/{shop_id}/menu")).send().await;
    assert_eq!(same(&rest, catalog.get_menu(GetMenuRequest { shop_id }).await), "ok");
    let rest = http.get(&format!("/v1/shops/{shop_id}/catalog")).by(&other.owner).send().await;
    let request = ListCatalogRequest { shop_id, ..Default::default() };
    assert_eq!(same(&rest, catalog.list_catalog(by(&other.owner, request)).await), "PERMISSION_DENIED");
}

//! The example requests of the API reference are valid.

use pulse_contract::kitchen::v1::{KitchenClient, kitchen_routes};
use pulse_contract::marketing::v1::{CouponClient, coupon_routes};
use pulse_contract::order::v1::{OrderClient, order_routes};
use pulse_contract::payment::v1::{PaymentClient, payment_routes};
use pulse_contract::sale::v1::{SaleClient, sale_routes};
use pulse_contract::shop::v1::{
    CatalogClient, ShopClient, SupplierClient, catalog_routes, shop_routes, supplier_routes,
};
use pulse_contract::stock::v1::{StockClient, stock_routes};
use pulse_kernel::Role;
use serde_json::Value;
use tonic::transport::Endpoint;

use crate::http_client::request;
use crate::test_edge::{TestEdge, edge_with};

/// An edge with the routes of all contexts. Their services do not exist, so a valid request is answered with 503.
async fn edge_of_all() -> TestEdge {
    let nowhere = || Endpoint::from_static("http://127.0.0.1:1").connect_lazy();
    let routes = [
        shop_routes(&ShopClient::remote(nowhere())),
        catalog_routes(&CatalogClient::remote(nowhere())),
        supplier_routes(&SupplierClient::remote(nowhere())),
        stock_routes(&StockClient::remote(nowhere())),
        coupon_routes(&CouponClient::remote(nowhere())),
        order_routes(&OrderClient::remote(nowhere())),
        payment_routes(&PaymentClient::remote(nowhere())),
        kitchen_routes(&KitchenClient::remote(nowhere())),
        sale_routes(&SaleClient::remote(nowhere())),
    ];
    edge_with("", |edge| edge.routes(routes.into_iter().flatten())).await
}

/// PL-40: path, query and body of every example pass the validation of the contract.
#[tokio::test]
async fn every_example_request_is_valid() {
    let edge = edge_of_all().await;
    let roles = [Role::Consumer, Role::MerchantStaff, Role::Courier, Role::Operator];
    let token = edge.token(7, &roles, &[17]);
    let document: Value = serde_json::from_str(pulse_contract::OPENAPI).expect("the document is JSON");
    let (mut checked, mut rejected) = (0, Vec::new());
    for operations in document["paths"].as_object().expect("paths").values() {
        for (verb, operation) in operations.as_object().expect("operations") {
            let source = operation["x-codeSamples"][0]["source"].as_str().expect("an example");
            let url = source.split('\'').nth(1).expect("a quoted URL");
            let path = url.strip_prefix("http://127.0.0.1:8080").expect("the address of a node");
            let mut call = request(&verb.to_uppercase(), path).bearer(&token);
            let body = &operation["requestBody"]["content"]["application/json"]["example"];
            if !body.is_null() {
                call = call.header("content-type", "application/json").body(body.to_string());
            }
            let reply = call.send(edge.address).await;
            // A context that this test does not serve.
            if reply.status == 404 && reply.code() == "UNKNOWN_ROUTE" {
                continue;
            }
            if matches!(reply.status, 400 | 401 | 403 | 405 | 415) {
                rejected.push(format!("{source}\n{}", reply.text()));
            }
            checked += 1;
        }
    }
    assert!(rejected.is_empty(), "{}", rejected.join("\n"));
    assert!(checked > 120, "{checked} examples were checked");
}

/// PL-40: the reference of every operation says who may call it and how often, and links its error codes.
#[tokio::test]
async fn every_operation_describes_its_access() {
    let document: Value = serde_json::from_str(pulse_contract::OPENAPI).expect("the document is JSON");
    for operations in document["paths"].as_object().expect("paths").values() {
        for operation in operations.as_object().expect("operations").values() {
            let description = operation["description"].as_str().expect("a description");
            assert!(description.contains("| Callers |") && description.contains("```sh\ncurl"), "{description}");
            for code in operation["x-pulse-errors"].as_array().expect("codes") {
                let code = code.as_str().expect("a code");
                assert!(description.contains(&format!("[`{code}`](/errors/{code})")), "{description}");
            }
        }
    }
}

//! A running node under test: creates shops and sales on it through its API, and signs tokens for customers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use pulse_bench::{Connection, Request};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Clock, Principal, Role, Timestamp};
use pulse_token::{Claims, KeyRing};
use serde_json::{Value, json};

/// Lifetime of the tokens.
const TOKEN_TTL: Duration = Duration::from_secs(6 * 60 * 60);
/// Duration of a sale, and payment timeout of its orders.
const SALE_LASTS: Duration = Duration::from_secs(24 * 60 * 60);
/// Timeout of one request for the result of an admission, in milliseconds.
const RESULT_WAIT_MS: u32 = 20_000;
/// Price of one unit in a sale, in minor units.
const SALE_PRICE_MINOR: i64 = 100;

/// A running node, with the keys that sign its access tokens.
pub struct TargetNode {
    address: SocketAddr,
    data: PathBuf,
    keys: KeyRing,
}

/// A shop that sells one variant.
pub(crate) struct TargetShop {
    pub(crate) shop_id: i64,
    pub(crate) product_id: i64,
    pub(crate) variant_id: i64,
}

/// A sale that is open for admissions.
#[derive(Clone, Copy)]
pub(crate) struct TargetSale {
    pub(crate) shop_id: i64,
    pub(crate) sale_id: i64,
}

/// Price of one unit, in minor units.
pub(crate) const PRICE_MINOR: i64 = 1_500;

impl TargetNode {
    /// The node that listens on `address` and has `data` as its data folder.
    ///
    /// # Errors
    /// When the folder has no readable keys.
    pub fn new(address: SocketAddr, data: &Path) -> anyhow::Result<Self> {
        let keys = data.join("keys");
        if !keys.is_dir() {
            bail!("{} has no keys; set --data to the data folder of the running node", data.display());
        }
        let keys = KeyRing::open(&keys).context("cannot read the keys of the node")?;
        Ok(Self { address, data: data.to_owned(), keys })
    }

    /// The same node after a restart, on another address.
    pub(crate) fn moved_to(self, address: SocketAddr) -> Self {
        Self { address, ..self }
    }

    /// Address of the node.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Token of a new customer. No account row has its id.
    pub(crate) fn customer_token(&self) -> String {
        self.token(&[])
    }

    /// Token of an operator of the platform.
    pub(crate) fn operator_token(&self) -> String {
        self.token(&[Role::Operator])
    }

    fn token(&self, roles: &[Role]) -> String {
        let account = AccountId::new(rand::random_range(1..i64::MAX >> 1));
        let principal = Principal { account, session: 0, roles: roles.to_vec(), shops: Vec::new() };
        self.keys.sign(&Claims::new(principal, Clock::system().now(), TOKEN_TTL))
    }

    /// Secret that signs the webhooks of the sandbox payment provider.
    pub(crate) fn sandbox_secret(&self) -> anyhow::Result<[u8; 32]> {
        let path = self.data.join("payment.secret");
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        bytes.try_into().map_err(|_bytes| anyhow!("{} is not a secret of 32 bytes", path.display()))
    }

    /// Calls the node as an operator. Any status but 200 is an error.
    pub(crate) async fn call_as_operator(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(method, path, &self.operator_token(), body).await
    }

    /// Calls the node with this token. Any status but 200 is an error.
    pub(crate) async fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> anyhow::Result<Value> {
        let host = self.address.to_string();
        let request = match method {
            "GET" => Request::get(&host, path),
            _ => Request::send_json(method, &host, path, body.to_string()),
        };
        call_once(self.address, &format!("{method} {path}"), request.bearer(token)).await
    }

    /// Makes the account with this phone number an operator. Returns its name and its ID.
    ///
    /// # Errors
    /// When no account has the number, or the node does not answer.
    pub async fn grant_operator(&self, phone: &str) -> anyhow::Result<(String, i64)> {
        let search = format!("/v1/operator/accounts?page_size=100&phone_digits={}", phone.trim_start_matches('+'));
        let found = self.call_as_operator("GET", &search, &Value::Null).await?;
        let accounts = found["accounts"].as_array().map(Vec::as_slice).unwrap_or_default();
        let Some(account) = accounts.iter().find(|account| account["phone"] == phone) else {
            bail!("no account has the phone number {phone}; sign up first, then run this command again");
        };
        let id = number(&account["account_id"])?;
        let role = json!({ "role": "ACCOUNT_ROLE_OPERATOR" });
        self.call_as_operator("POST", &format!("/v1/operator/accounts/{id}/roles"), &role).await?;
        Ok((account["display_name"].as_str().unwrap_or_default().to_owned(), id))
    }

    /// Imports a shop at a random location in the southern ocean, and finds its id by searching around the location.
    async fn import_shop(&self) -> anyhow::Result<i64> {
        let (latitude, longitude) = (rand::random_range(-59.0..-51.0), rand::random_range(-179.0..179.0));
        let place = json!({ "latitude": latitude, "longitude": longitude });
        let id = format!("race:{}", rand::random::<u64>());
        // A shop without known hours takes no orders.
        let always = json!({ "osm": "24/7" });
        let shop = json!({ "external_id": id, "shop": { "name": "Race", "location": place, "hours": always } });
        self.call_as_operator("POST", "/v1/operator/shops:import", &json!({ "shops": [shop] })).await?;
        let nearby = format!("/v1/shops:nearby?latitude={latitude}&longitude={longitude}&radius_m=10");
        let found = self.call_as_operator("GET", &nearby, &Value::Null).await?;
        number(&found["shops"][0]["shop_id"])
    }

    /// Opens a shop with one variant that has `units` units in stock.
    pub(crate) async fn open_shop(&self, units: usize) -> anyhow::Result<TargetShop> {
        let shop_id = self.import_shop().await?;
        let price = json!({ "minor": PRICE_MINOR.to_string(), "currency": "CNY" });
        let product =
            json!({ "name": "The last ones", "variants": [{ "name": "one", "price": price }], "is_on_sale": true });
        let product = self.call_as_operator("POST", &format!("/v1/shops/{shop_id}/products"), &product).await?;
        let (product_id, variant_id) =
            (number(&product["product_id"])?, number(&product["variants"][0]["variant_id"])?);
        let stock = format!("/v1/shops/{shop_id}/products/{product_id}/variants/{variant_id}/stock");
        self.call_as_operator("PUT", &stock, &json!({ "deduct_at": "DEDUCT_AT_ORDER" })).await?;
        let shop = TargetShop { shop_id, product_id, variant_id };
        if units > 0 {
            shop.replenish(self, units).await?;
        }
        Ok(shop)
    }
}

impl TargetShop {
    /// Draft of an order of one unit.
    pub(crate) fn draft(&self) -> Value {
        let line = json!({
            "product_id": self.product_id.to_string(), "variant_id": self.variant_id.to_string(), "quantity": 1,
        });
        json!({ "shop_id": self.shop_id.to_string(), "lines": [line] })
    }

    /// Adds units to the stock.
    pub(crate) async fn replenish(&self, node: &TargetNode, units: usize) -> anyhow::Result<()> {
        let path = format!("/v1/shops/{}/stock/RESOURCE_KIND_SKU/{}:replenish", self.shop_id, self.variant_id);
        node.call_as_operator("POST", &path, &json!({ "quantity": units.to_string() })).await.map(drop)
    }

    /// Opens a sale of `units` units of the variant.
    pub(crate) async fn open_sale(&self, node: &TargetNode, units: usize) -> anyhow::Result<TargetSale> {
        let Self { shop_id, product_id, variant_id } = self;
        let at = |at: Timestamp| json!(pulse_contract::Timestamp::from(at));
        let now = Clock::system().now();
        let draft = json!({
            "name": "Drill",
            "item": { "product_id": product_id.to_string(), "variant_id": variant_id.to_string() },
            "price": { "minor": SALE_PRICE_MINOR.to_string(), "currency": "CNY" },
            "units": units.to_string(),
            "per_buyer_limit": 1,
            "starts_at": at(now),
            "ends_at": at(now.plus(SALE_LASTS)),
            "payment_timeout_s": SALE_LASTS.as_secs(),
        });
        let sale = node.call_as_operator("POST", &format!("/v1/shops/{shop_id}/sales"), &draft).await?;
        let sale_id = number(&sale["sale_id"])?;
        node.call_as_operator("POST", &format!("/v1/shops/{shop_id}/sales/{sale_id}:schedule"), &json!({})).await?;
        Ok(TargetSale { shop_id: *shop_id, sale_id })
    }

    /// Numbers of units on hand and reserved.
    pub(crate) async fn stock(&self, node: &TargetNode) -> anyhow::Result<(i64, i64)> {
        let path = format!("/v1/shops/{}/stock/RESOURCE_KIND_SKU/{}", self.shop_id, self.variant_id);
        let stock = node.call_as_operator("GET", &path, &Value::Null).await?;
        Ok((number(&stock["on_hand"])?, number(&stock["reserved"])?))
    }
}

impl TargetSale {
    /// Numbers of free units and of admissions.
    pub(crate) async fn counts(self, node: &TargetNode) -> anyhow::Result<(i64, i64)> {
        let sale = node.call_as_operator("GET", &format!("/v1/sales/{}", self.sale_id), &Value::Null).await?;
        Ok((number(&sale["free_units"])?, number(&sale["admission_count"])?))
    }

    /// Path of the call that takes a ticket.
    pub(crate) fn tickets_path(self) -> String {
        format!("/v1/sales/{}/tickets", self.sale_id)
    }

    /// Path of the call that admits a buyer.
    pub(crate) fn admissions_path(self) -> String {
        format!("/v1/sales/{}/admissions", self.sale_id)
    }

    /// Takes a ticket. Returns the body of the admission request.
    pub(crate) async fn admission_body(self, node: &TargetNode, token: &str) -> anyhow::Result<Value> {
        let ticket = node.call("POST", &self.tickets_path(), token, &json!({})).await?;
        Ok(json!({ "ticket": ticket["ticket"] }))
    }

    /// Result of an admission; waits until it is final.
    pub(crate) async fn result(self, node: &TargetNode, token: &str) -> anyhow::Result<Value> {
        let path = format!("/v1/sales/{}/result?wait_ms={RESULT_WAIT_MS}", self.sale_id);
        node.call("GET", &path, token, &Value::Null).await
    }
}

/// Sends one request over a new connection. Any status but 200 is an error that names `call`.
pub(crate) async fn call_once(address: SocketAddr, call: &str, request: Request) -> anyhow::Result<Value> {
    let mut connection = Connection::open(address).await?;
    let (reply, answer) = connection.fetch(&request.render()).await?;
    if reply.status != 200 {
        bail!("{call} failed with status {}: {}", reply.status, String::from_utf8_lossy(&answer));
    }
    Ok(serde_json::from_slice(&answer)?)
}

/// Path of the pay page of the last attempt; `None` when the provider is not the sandbox.
pub(crate) fn pay_path(payment: &Value) -> Option<String> {
    let url = payment["attempts"].as_array()?.last()?["pay_url"].as_str()?;
    url.rsplit_once("/pay/").map(|(_, token)| format!("/pay/{token}"))
}

/// Reads a 64-bit number, which is a string in JSON. A missing value is 0.
pub(crate) fn number(value: &Value) -> anyhow::Result<i64> {
    match value {
        Value::Null => Ok(0),
        Value::String(text) => text.parse().with_context(|| format!("{text:?} is not a number")),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.as_i64().with_context(|| format!("{value} is not a number"))
        }
    }
}

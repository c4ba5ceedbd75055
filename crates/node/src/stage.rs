//! A running node as a stage: a shop of its own on it, and customers with tokens.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use pulse_bench::{Connection, Request};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Clock, Principal, Role, Timestamp};
use pulse_token::{Claims, KeyRing};
use serde_json::{Value, json};

/// How long tokens work.
const TOKEN_TTL: Duration = Duration::from_secs(6 * 60 * 60);
/// How long a sale lasts, and how long its orders wait for their money.
const SALE_LASTS: Duration = Duration::from_secs(24 * 60 * 60);
/// How long one request for a result waits, in milliseconds.
const RESULT_WAIT_MS: u32 = 20_000;
/// What one unit costs in a sale.
const SALE_PRICE_MINOR: i64 = 100;

/// A running node, and the right to sign tokens for it.
pub(crate) struct Stage {
    address: SocketAddr,
    data: PathBuf,
    keys: KeyRing,
}

/// A shop that sells one thing.
pub(crate) struct StageShop {
    pub(crate) shop_id: i64,
    pub(crate) product_id: i64,
    pub(crate) variant_id: i64,
}

/// A sale that is open.
#[derive(Clone, Copy)]
pub(crate) struct StageSale {
    pub(crate) shop_id: i64,
    pub(crate) sale_id: i64,
}

/// What one unit costs.
pub(crate) const PRICE_MINOR: i64 = 1_500;

impl Stage {
    /// The node at `address` that keeps its keys below `data`.
    pub(crate) fn new(address: SocketAddr, data: &Path) -> anyhow::Result<Self> {
        let keys = data.join("keys");
        if !keys.is_dir() {
            bail!("{} has no keys; name the data folder of the running node with --data", data.display());
        }
        let keys = KeyRing::open(&keys).context("the keys of the node cannot be read")?;
        Ok(Self { address, data: data.to_owned(), keys })
    }

    /// The same node after it was started anew.
    pub(crate) fn moved_to(self, address: SocketAddr) -> Self {
        Self { address, ..self }
    }

    /// Where the node listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Somebody who never was: an id that no account has.
    pub(crate) fn customer(&self) -> String {
        self.token(&[])
    }

    /// Somebody who runs the platform.
    pub(crate) fn operator(&self) -> String {
        self.token(&[Role::Operator])
    }

    fn token(&self, roles: &[Role]) -> String {
        let account = AccountId::new(rand::random_range(1..i64::MAX >> 1));
        let principal = Principal { account, session: 0, roles: roles.to_vec(), shops: Vec::new() };
        self.keys.sign(&Claims::new(principal, Clock::system().now(), TOKEN_TTL))
    }

    /// What the sandbox of the node signs with.
    pub(crate) fn sandbox_secret(&self) -> anyhow::Result<[u8; 32]> {
        let path = self.data.join("payment.secret");
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        bytes.try_into().map_err(|_bytes| anyhow!("{} is not a secret of 32 bytes", path.display()))
    }

    /// Asks as an operator; anything but success is an error.
    pub(crate) async fn operate(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(method, path, &self.operator(), body).await
    }

    /// Asks with this token; anything but success is an error.
    pub(crate) async fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> anyhow::Result<Value> {
        let host = self.address.to_string();
        let request = match method {
            "GET" => Request::get(&host, path),
            _ => Request::send_json(method, &host, path, body.to_string()),
        };
        ask(self.address, &format!("{method} {path}"), request.bearer(token)).await
    }

    /// A shop at a place of its own in the southern ocean, where it is found by being the only one.
    async fn open_shop(&self) -> anyhow::Result<i64> {
        let (latitude, longitude) = (rand::random_range(-59.0..-51.0), rand::random_range(-179.0..179.0));
        let place = json!({ "latitude": latitude, "longitude": longitude });
        let id = format!("race:{}", rand::random::<u64>());
        let shop = json!({ "external_id": id, "shop": { "name": "Race", "location": place } });
        self.operate("POST", "/v1/operator/shops:import", &json!({ "shops": [shop] })).await?;
        let nearby = format!("/v1/shops:nearby?latitude={latitude}&longitude={longitude}&radius_m=10");
        let found = self.operate("GET", &nearby, &Value::Null).await?;
        number(&found["shops"][0]["shop_id"])
    }

    /// A shop that sells so many units of one thing, and not one more.
    pub(crate) async fn shop(&self, units: usize) -> anyhow::Result<StageShop> {
        let shop_id = self.open_shop().await?;
        let price = json!({ "minor": PRICE_MINOR.to_string(), "currency": "CNY" });
        let product =
            json!({ "name": "The last ones", "variants": [{ "name": "one", "price": price }], "is_on_sale": true });
        let product = self.operate("POST", &format!("/v1/shops/{shop_id}/products"), &product).await?;
        let (product_id, variant_id) =
            (number(&product["product_id"])?, number(&product["variants"][0]["variant_id"])?);
        let stock = format!("/v1/shops/{shop_id}/products/{product_id}/variants/{variant_id}/stock");
        self.operate("PUT", &stock, &json!({ "deduct_at": "DEDUCT_AT_ORDER" })).await?;
        let shop = StageShop { shop_id, product_id, variant_id };
        if units > 0 {
            shop.replenish(self, units).await?;
        }
        Ok(shop)
    }
}

impl StageShop {
    /// What an order of one unit says.
    pub(crate) fn draft(&self) -> Value {
        let line = json!({
            "product_id": self.product_id.to_string(), "variant_id": self.variant_id.to_string(), "quantity": 1,
        });
        json!({ "shop_id": self.shop_id.to_string(), "lines": [line] })
    }

    /// So many units arrive.
    pub(crate) async fn replenish(&self, stage: &Stage, units: usize) -> anyhow::Result<()> {
        let path = format!("/v1/shops/{}/stock/RESOURCE_KIND_SKU/{}:replenish", self.shop_id, self.variant_id);
        stage.operate("POST", &path, &json!({ "quantity": units.to_string() })).await.map(drop)
    }

    /// A sale of so many units of it that is open.
    pub(crate) async fn open_sale(&self, stage: &Stage, units: usize) -> anyhow::Result<StageSale> {
        let Self { shop_id, product_id, variant_id } = self;
        let at = |at: Timestamp| json!(pulse_contract::Timestamp::from(at));
        let now = Clock::system().now();
        let draft = json!({
            "name": "Rush",
            "item": { "product_id": product_id.to_string(), "variant_id": variant_id.to_string() },
            "price": { "minor": SALE_PRICE_MINOR.to_string(), "currency": "CNY" },
            "units": units.to_string(),
            "per_buyer_limit": 1,
            "starts_at": at(now),
            "ends_at": at(now.plus(SALE_LASTS)),
            "pay_within_s": SALE_LASTS.as_secs(),
        });
        let sale = stage.operate("POST", &format!("/v1/shops/{shop_id}/sales"), &draft).await?;
        let sale_id = number(&sale["sale_id"])?;
        stage.operate("POST", &format!("/v1/shops/{shop_id}/sales/{sale_id}:schedule"), &json!({})).await?;
        Ok(StageSale { shop_id: *shop_id, sale_id })
    }

    /// What is on hand and what is reserved.
    pub(crate) async fn stock(&self, stage: &Stage) -> anyhow::Result<(i64, i64)> {
        let path = format!("/v1/shops/{}/stock/RESOURCE_KIND_SKU/{}", self.shop_id, self.variant_id);
        let stock = stage.operate("GET", &path, &Value::Null).await?;
        Ok((number(&stock["on_hand"])?, number(&stock["reserved"])?))
    }
}

impl StageSale {
    /// Free units and admissions so far.
    pub(crate) async fn standing(self, stage: &Stage) -> anyhow::Result<(i64, i64)> {
        let sale = stage.operate("GET", &format!("/v1/sales/{}", self.sale_id), &Value::Null).await?;
        Ok((number(&sale["free_units"])?, number(&sale["admission_count"])?))
    }

    /// Where tickets are taken.
    pub(crate) fn tickets(self) -> String {
        format!("/v1/sales/{}/tickets", self.sale_id)
    }

    /// Where buyers ask to be admitted.
    pub(crate) fn admissions(self) -> String {
        format!("/v1/sales/{}/admissions", self.sale_id)
    }

    /// What somebody sends to be admitted: a ticket of their own.
    pub(crate) async fn ticket(self, stage: &Stage, token: &str) -> anyhow::Result<Value> {
        let ticket = stage.call("POST", &self.tickets(), token, &json!({})).await?;
        Ok(json!({ "ticket": ticket["ticket"] }))
    }

    /// What became of somebody's admission, once it has an end.
    pub(crate) async fn result(self, stage: &Stage, token: &str) -> anyhow::Result<Value> {
        let path = format!("/v1/sales/{}/result?wait_ms={RESULT_WAIT_MS}", self.sale_id);
        stage.call("GET", &path, token, &Value::Null).await
    }
}

/// Asks once, over a connection of its own; anything but success is an error, which says `what` was asked.
pub(crate) async fn ask(address: SocketAddr, what: &str, request: Request) -> anyhow::Result<Value> {
    let mut connection = Connection::open(address).await?;
    let (reply, answer) = connection.fetch(&request.render()).await?;
    if reply.status != 200 {
        bail!("{what} was answered {}: {}", reply.status, String::from_utf8_lossy(&answer));
    }
    Ok(serde_json::from_slice(&answer)?)
}

/// Where the last attempt of a payment is paid, when the sandbox has it.
pub(crate) fn pay_path(payment: &Value) -> Option<String> {
    let url = payment["attempts"].as_array()?.last()?["pay_url"].as_str()?;
    url.rsplit_once("/pay/").map(|(_, token)| format!("/pay/{token}"))
}

/// A 64-bit number, which JSON carries as text; 0 may be left out.
pub(crate) fn number(value: &Value) -> anyhow::Result<i64> {
    match value {
        Value::Null => Ok(0),
        Value::String(text) => text.parse().with_context(|| format!("{text:?} is no number")),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.as_i64().with_context(|| format!("{value} is no number"))
        }
    }
}

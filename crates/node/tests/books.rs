//! Metrics of the background verification of a running node.

#![expect(clippy::unwrap_used, reason = "a behaviour that cannot go on fails its test")]

use std::collections::BTreeSet;
use std::time::Duration;

use pulse_bus::Mode;
use pulse_contract::order::v1::*;
use pulse_contract::shop::v1::{CreateProductRequest, Product};
use pulse_contract::stock::v1::*;
use pulse_store::{Commit, Statement, values};
use pulse_testkit::config::{Config, VerifySection};
use pulse_testkit::{Engine, OpenShop, Person, TestNode, product};

const MINUTE: Duration = Duration::from_secs(60);
const GAUGES: [&str; 3] = ["pulse_verify_findings", "pulse_verify_checked", "pulse_verify_last_run_timestamp_seconds"];

/// A shop with stock of tea, and a customer.
struct ShopFixture {
    shop: OpenShop,
    tea: Product,
    customer: Person,
}

impl ShopFixture {
    async fn of(node: &TestNode) -> Self {
        let shop = node.a_shop().await;
        let staff = shop.owner.cx();
        let request = CreateProductRequest { shop_id: shop.id(), product: Some(product("Tea", 1_500)) };
        let tea = node.catalog().create_product(&staff, request).await.unwrap();
        let (product_id, variant_id) = (tea.product_id, tea.variants[0].variant_id);
        let rules = Some(StockRules::default());
        let request = PutStockRequest { shop_id: shop.id(), product_id, variant_id, rules };
        node.stock().put_stock(&staff, request).await.unwrap();
        let resource = Some(ResourceRef { kind: ResourceKind::Sku.into(), id: variant_id });
        let request = ReplenishStockRequest { shop_id: shop.id(), resource, quantity: 100, note: String::new() };
        node.stock().replenish_stock(&staff, request).await.unwrap();
        let customer = node.sign_up("+8613800138000").await;
        node.settle().await;
        Self { shop, tea, customer }
    }

    async fn order(&self, node: &TestNode) -> i64 {
        let (product_id, variant_id) = (self.tea.product_id, self.tea.variants[0].variant_id);
        let line = CartLine { product_id, variant_id, quantity: 1, ..CartLine::default() };
        let draft = OrderDraft { shop_id: self.shop.id(), lines: vec![line], ..OrderDraft::default() };
        let request =
            PlaceOrderRequest { draft: Some(draft), expected_total_minor: Some(1_500), ..PlaceOrderRequest::default() };
        node.orders().place_order(&self.customer.cx(), request).await.unwrap().order_id
    }

    async fn cancel(&self, node: &TestNode, order_id: i64) {
        let request = CancelOrderRequest { order_id, reason: "no more".to_owned() };
        node.orders().cancel_order(&self.customer.cx(), request).await.unwrap();
    }
}

/// Returns the lines of `/metrics` with the values of a metric, without its comments.
async fn lines(node: &mut TestNode, gauge: &str) -> Vec<String> {
    let reply = node.http().get("/metrics").send().await;
    assert_eq!(reply.status, 200);
    let text = reply.text();
    // They come in no order.
    let of_gauge = |line: &&str| line.starts_with(gauge) && !line.starts_with('#');
    let found: BTreeSet<String> = text.lines().filter(of_gauge).map(str::to_owned).collect();
    found.into_iter().collect()
}

/// The findings that are not zero.
async fn told(node: &mut TestNode) -> Vec<String> {
    let all = lines(node, GAUGES[0]).await;
    assert!(all.len() > 15, "every invariant has its gauge: {all:?}");
    all.into_iter().filter(|line| !line.ends_with(" 0")).collect()
}

async fn change(node: &TestNode, text: &'static str) {
    let commit = Commit::new().write(Statement::new(text, values![]));
    node.store("stock").commit(&node.cx(), commit).await.unwrap();
}

fn record_metrics() {
    let config = Config::default().telemetry.telemetry();
    let (_lines, _guard) = pulse_telemetry::install(&config, std::io::sink).unwrap();
}

/// TR-17, TR-18: while people trade every invariant is counted and none is broken; what is under way is no finding, what is
/// wrong is one as long as it is wrong; one node of several looks.
async fn the_books_are_in_the_metrics(engine: Engine) {
    let mut node = TestNode::start(engine).await;
    let fixture = ShopFixture::of(&node).await;
    let mut watch = node.watch("one");
    let (looked, _) = tokio::join!(watch.run_once(), async {
        for _ in 0..10 {
            let order = fixture.order(&node).await;
            fixture.cancel(&node, order).await;
        }
    });
    assert!(looked.unwrap());
    node.settle().await;
    fixture.order(&node).await;
    assert!(watch.run_once().await.unwrap());
    assert_eq!(told(&mut node).await, Vec::<String>::new());
    let checked = lines(&mut node, GAUGES[1]).await;
    let units = r#"pulse_verify_checked{context="between",kind="orders_have_their_units"} 11"#;
    assert!(checked.iter().any(|line| line == units), "{checked:?}");

    // The news of a cancellation is on its way for the time of one look.
    node.bus().set_mode("stock.cancelled_orders", Mode::Paused).await.unwrap();
    let order = fixture.order(&node).await;
    fixture.cancel(&node, order).await;
    assert!(watch.run_once().await.unwrap());
    assert_eq!(told(&mut node).await, Vec::<String>::new());
    assert!(watch.run_once().await.unwrap());
    let held = [
        r#"pulse_verify_findings{context="between",kind="held_units_have_an_owner"} 1"#,
        r#"pulse_verify_findings{context="between",kind="orders_have_their_units"} 1"#,
    ];
    assert_eq!(told(&mut node).await, held, "it takes too long");
    node.bus().set_mode("stock.cancelled_orders", Mode::Running).await.unwrap();
    node.settle().await;
    assert!(watch.run_once().await.unwrap());
    assert_eq!(told(&mut node).await, Vec::<String>::new());

    change(&node, "UPDATE stock_resources SET reserved = reserved + 1, revision = revision + 1").await;
    assert!(watch.run_once().await.unwrap());
    assert!(watch.run_once().await.unwrap());
    let found = told(&mut node).await;
    assert!(found.iter().any(|line| line.contains(r#"context="stock""#)), "{found:?}");

    let mut other = node.watch("two");
    assert!(!other.run_once().await.unwrap(), "somebody looks already");
    assert_eq!(told(&mut node).await, found);
    node.advance(MINUTE * 20);
    assert!(other.run_once().await.unwrap(), "whoever looked fell silent");
    assert!(!watch.run_once().await.unwrap());
    assert_eq!(told(&mut node).await, Vec::<String>::new(), "it is the other one's to tell");
    assert!(other.run_once().await.unwrap());
    assert_eq!(told(&mut node).await, found);

    change(&node, "UPDATE stock_resources SET reserved = reserved - 1, revision = revision + 1").await;
    node.advance(MINUTE * 20);
    node.settle().await;
    assert!(other.run_once().await.unwrap());
    assert_eq!(told(&mut node).await, Vec::<String>::new());
    node.finish().await;
}

/// A node that is told to looks by itself.
async fn a_node_looks_by_itself(engine: Engine) {
    let every = Duration::from_secs(10);
    let config = |config: &mut Config| config.verify = VerifySection { every, read_budget_percent: 50 };
    let mut node = TestNode::start_with(engine, config).await;
    ShopFixture::of(&node).await;
    change(&node, "UPDATE stock_resources SET reserved = reserved + 1, revision = revision + 1").await;
    let mut found = Vec::new();
    while found.is_empty() {
        node.advance(every);
        found = lines(&mut node, GAUGES[0]).await;
        found.retain(|line| !line.ends_with(" 0"));
    }
    assert!(found.iter().all(|line| line.contains(r#"context="stock""#)), "{found:?}");
    assert_eq!(lines(&mut node, GAUGES[2]).await.len(), 1);
    node.finish().await;
}

/// Metrics belong to the process, so this is one test after the other.
#[test]
fn the_books_of_a_running_node_are_in_its_metrics() {
    record_metrics();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(a_node_looks_by_itself(Engine::Sqlite));
    for engine in [Engine::Sqlite, Engine::Postgres, Engine::MariaDb] {
        runtime.block_on(the_books_are_in_the_metrics(engine));
    }
}

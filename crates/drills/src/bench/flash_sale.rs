//! Flash sale admissions: every request comes from another buyer, with its own token and ticket.

use std::time::Duration;

use anyhow::anyhow;
use bytes::Bytes;
use pulse_bench::{Load, Paired, Progress, Request, Requests, Side};
use pulse_contract::Money;
use pulse_contract::sale::v1::{
    CreateSaleRequest, SaleDraft, SaleItem, SaleRateLimit, ScheduleSaleRequest, SetOrderCreationPausedRequest,
    TakeTicketRequest,
};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Actor, Error, Principal};
use pulse_token::Claims;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::bench_node::{BenchNode, CONSTANT};
use super::checkout::StockedShop;
use super::figure::{Figure, Output};
use super::plan::BenchPlan;

/// Default number of buyers: enough for 100,000 admissions per second in a measurement of the usual length. After the last
/// buyer the first ones ask again and are refused, which the measurement counts as errors.
const BUYERS: u32 = 1_500_000;
/// Default number of buyers after the sale is sold out; they ask in turn.
const REFUSED_BUYERS: u32 = 200_000;
/// Number of different requests to the constant route, sent in turn.
const CONSTANT_REQUESTS: usize = 100_000;
/// Number of connections of the second measurement, which has a higher load.
const MANY_CONNECTIONS: u32 = 512;
/// Duration of the load before the measurement begins.
const WARM_UP: Duration = Duration::from_secs(4);
/// Seed of the random order of buyers, the same in each run.
const SEED: u64 = 1;
/// ID of the first buyer account, minus one.
const FIRST_ACCOUNT: i64 = 1 << 40;
/// Duration of the sale, and lifetime of the tokens.
const LONG: Duration = Duration::from_secs(86_400);

/// Measures admissions while units are left.
pub(super) async fn admitted(plan: &BenchPlan, output: &mut Output<'_>) -> anyhow::Result<()> {
    for connections in [plan.connections, MANY_CONNECTIONS] {
        let size = if connections == plan.connections { String::new() } else { format!("-{connections}") };
        let name = format!("flash-sale{size}{}", if plan.is_shuffled { "-shuffled" } else { "" });
        let node = start_node(plan).await?;
        let buyers = plan.buyers.unwrap_or(BUYERS);
        let sale = OpenSale::create(&node, i64::from(buyers)).await.map_err(|error| anyhow!(error.report()))?;
        // Without it, orders of one round would be created during the next round of the constant route.
        let pause = SetOrderCreationPausedRequest { is_paused: Some(true) };
        node.node()
            .sales()
            .set_order_creation_paused(&node.cx(), pause)
            .await
            .map_err(|error| anyhow!(error.report()))?;
        let mut requests = sale.requests(&node, buyers, &name).await?;
        if plan.is_shuffled {
            requests.shuffle(&mut StdRng::seed_from_u64(SEED));
        }
        output.add(measure(plan, (&name, connections), &node, ("admission", requests, None)).await?)?;
        node.stop().await?;
    }
    Ok(())
}

/// Measures refusals after the last unit is sold.
pub(super) async fn refused(plan: &BenchPlan, output: &mut Output<'_>) -> anyhow::Result<()> {
    let node = start_node(plan).await?;
    let sale = OpenSale::create(&node, 1).await.map_err(|error| anyhow!(error.report()))?;
    sale.buy_one(&node).await.map_err(|error| anyhow!(error.report()))?;
    let name = "flash-sale-refused";
    let requests = sale.requests(&node, plan.buyers.unwrap_or(REFUSED_BUYERS), name).await?;
    let subject = ("refusal: sold out", requests, Some(409));
    output.add(measure(plan, (name, plan.connections), &node, subject).await?)?;
    node.stop().await
}

async fn start_node(plan: &BenchPlan) -> anyhow::Result<BenchNode> {
    let mut node = BenchNode::start(plan, 1).await?;
    node.open_shops(1).await?;
    Ok(node)
}

async fn measure(
    plan: &BenchPlan,
    (name, connections): (&str, u32),
    node: &BenchNode,
    (label, requests, refusal): (&str, Vec<Bytes>, Option<u16>),
) -> anyhow::Result<Figure> {
    let mut paired = Paired::new(name, usize::try_from(connections)?);
    paired.rounds = usize::try_from(plan.rounds)?;
    let constant: Vec<Bytes> = requests.iter().take(CONSTANT_REQUESTS).map(to_constant).collect();
    let requests = Requests::cycle(requests);
    let subject = Side { label: label.to_owned(), address: node.address, requests, refusal };
    let reference = Side {
        label: "a constant route of the same server, same requests".to_owned(),
        address: node.address,
        requests: Requests::cycle(constant),
        refusal: None,
    };
    // The write-ahead log of a new database grows at first, which doubles the time of a flush; later it is reused.
    Load::closed(node.address, paired.connections, WARM_UP).run(&subject.requests).await?;
    let progress = Progress::on_stderr(name, paired.steps());
    let measured = paired.run(&subject, &reference, &progress).await;
    progress.finish();
    Ok(measured?.into())
}

/// The same request with the path of the constant route.
fn to_constant(request: &Bytes) -> Bytes {
    let text = String::from_utf8_lossy(request);
    let rest = text.split_once(" HTTP/1.1\r\n").map_or("", |(_, rest)| rest);
    Bytes::from(format!("POST {} HTTP/1.1\r\n{rest}", CONSTANT.0))
}

/// A sale that is open for admissions.
struct OpenSale {
    sale_id: i64,
}

impl OpenSale {
    async fn create(node: &BenchNode, units: i64) -> Result<Self, Error> {
        let shop = StockedShop::create(node).await?;
        let (shop_id, (product_id, variant_id)) = shop.first();
        let (cx, sales) = (node.cx(), node.node().sales());
        let draft = SaleDraft {
            name: "Benchmark".to_owned(),
            item: Some(SaleItem { product_id, variant_id, template_id: 0 }),
            price: Some(Money { minor: 100, currency: "CNY".to_owned() }),
            units,
            per_buyer_limit: 1,
            starts_at: Some(cx.now.into()),
            ends_at: Some(cx.now.plus(LONG).into()),
            payment_timeout_s: 86_400,
            ticket_ttl_s: 3_600,
            // Checked for every request and never reached.
            rate_limit: Some(SaleRateLimit { per_account: 1_000_000, window_ms: 1_000, ..SaleRateLimit::default() }),
            ..SaleDraft::default()
        };
        let sale = sales.create_sale(&cx, CreateSaleRequest { shop_id, sale: Some(draft) }).await?;
        sales.schedule_sale(&cx, ScheduleSaleRequest { shop_id, sale_id: sale.sale_id }).await?;
        Ok(Self { sale_id: sale.sale_id })
    }

    /// Admits one buyer, so that a sale of one unit is sold out.
    async fn buy_one(&self, node: &BenchNode) -> Result<(), Error> {
        let cx = node.cx().with_actor(Actor::Principal(person(0).into()));
        let asked = TakeTicketRequest { sale_id: self.sale_id, ..TakeTicketRequest::default() };
        let ticket = node.node().sales().take_ticket(&cx, asked).await?.ticket;
        let request = pulse_contract::sale::v1::AdmitRequest { sale_id: self.sale_id, ticket, quantity: 1 };
        node.node().sales().admit(&cx, request).await.map(drop)
    }

    /// One admission request for each of `count` buyers.
    async fn requests(&self, node: &BenchNode, count: u32, name: &str) -> anyhow::Result<Vec<Bytes>> {
        let progress = Progress::on_stderr(&format!("{name}: tickets"), u64::from(count));
        let mut requests = Vec::with_capacity(usize::try_from(count)?);
        let host = node.address.to_string();
        let path = format!("/v1/sales/{}/admissions", self.sale_id);
        for number in 1..=i64::from(count) {
            let principal = person(number);
            let cx = node.cx().with_actor(Actor::Principal(principal.clone().into()));
            let device = format!("phone {number}");
            let asked = TakeTicketRequest { sale_id: self.sale_id, device, ..TakeTicketRequest::default() };
            let ticket = node.node().sales().take_ticket(&cx, asked).await.map_err(|error| anyhow!(error.report()))?;
            let token = node.node().keys().sign(&Claims::new(principal, cx.now, LONG));
            let body = format!(r#"{{"ticket":"{}","quantity":1}}"#, ticket.ticket);
            requests.push(Request::post_json(&host, &path, body).bearer(&token).render());
            progress.step();
        }
        progress.finish();
        Ok(requests)
    }
}

fn person(number: i64) -> Principal {
    let account = FIRST_ACCOUNT + number;
    Principal { account: AccountId::new(account), session: account, roles: Vec::new(), shops: Vec::new() }
}

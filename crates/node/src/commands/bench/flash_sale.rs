//! A flash sale: every request is by another buyer, with a token and a ticket of their own.

use std::time::Duration;

use anyhow::anyhow;
use bytes::Bytes;
use pulse_bench::{Load, Paired, Progress, Request, Requests, Side};
use pulse_contract::Money;
use pulse_contract::sale::v1::{
    CreateSaleRequest, HoldOrderLaneRequest, SaleDraft, SaleItem, SalePace, ScheduleSaleRequest, TakeTicketRequest,
};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Actor, Error, Principal};
use pulse_token::Claims;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::super::arguments::Bench;
use super::checkout::Shelf;
use super::town::{CONSTANT, Town};
use super::{Figure, Output};

/// How many people are there: enough for 100,000 a second in a measurement of the usual length. When there are no more, the first
/// ones come again and are refused, which the measurement counts as errors.
const BUYERS: u32 = 1_500_000;
/// How many people come after everything is gone, in turn.
const LATE_BUYERS: u32 = 200_000;
/// How many different requests the constant route gets, in turn.
const CONSTANT_REQUESTS: usize = 100_000;
/// The connections of a rush, besides those that are asked for.
const MANY_CONNECTIONS: u32 = 512;
/// How long people come before anything is measured.
const WARM_UP: Duration = Duration::from_secs(4);
/// Shuffles the crowd, in each run the same way.
const SEED: u64 = 1;
/// The first account of the crowd.
const FIRST_ACCOUNT: i64 = 1 << 40;
/// How long the sale lasts, and every token.
const LONG: Duration = Duration::from_secs(86_400);

/// Admissions while stock lasts.
pub(super) async fn admitted(plan: &Bench, output: &mut Output) -> anyhow::Result<()> {
    for connections in [plan.connections, MANY_CONNECTIONS] {
        let size = if connections == plan.connections { String::new() } else { format!("-{connections}") };
        let name = format!("flash-sale{size}{}", if plan.shuffled { "-shuffled" } else { "" });
        let town = open(plan).await?;
        let buyers = plan.buyers.unwrap_or(BUYERS);
        let sale = Rush::begin(&town, i64::from(buyers)).await.map_err(|error| anyhow!(error.report()))?;
        // Orders would be made of the admissions of one round during the next one of the constant route.
        let hold = HoldOrderLaneRequest { is_held: true };
        town.node().sales().hold_order_lane(&town.cx(), hold).await.map_err(|error| anyhow!(error.report()))?;
        let mut requests = sale.requests(&town, buyers, &name).await?;
        if plan.shuffled {
            requests.shuffle(&mut StdRng::seed_from_u64(SEED));
        }
        output.add(measure(plan, (&name, connections), &town, ("an admission", requests, None)).await?)?;
        town.raze().await?;
    }
    Ok(())
}

/// Refusals after everything is gone.
pub(super) async fn refused(plan: &Bench, output: &mut Output) -> anyhow::Result<()> {
    let town = open(plan).await?;
    let sale = Rush::begin(&town, 1).await.map_err(|error| anyhow!(error.report()))?;
    sale.buy_one(&town).await.map_err(|error| anyhow!(error.report()))?;
    let name = "flash-sale-refused";
    let requests = sale.requests(&town, plan.buyers.unwrap_or(LATE_BUYERS), name).await?;
    let subject = ("a refusal: sold out", requests, Some(409));
    output.add(measure(plan, (name, plan.connections), &town, subject).await?)?;
    town.raze().await
}

async fn open(plan: &Bench) -> anyhow::Result<Town> {
    let mut town = Town::build(plan, 1).await?;
    town.grow(1).await?;
    Ok(town)
}

async fn measure(
    plan: &Bench,
    (name, connections): (&str, u32),
    town: &Town,
    (label, requests, refusal): (&str, Vec<Bytes>, Option<u16>),
) -> anyhow::Result<Figure> {
    let mut paired = Paired::new(name, usize::try_from(connections)?);
    paired.rounds = usize::try_from(plan.rounds)?;
    let constant: Vec<Bytes> = requests.iter().take(CONSTANT_REQUESTS).map(to_constant).collect();
    let requests = Requests::cycle(requests);
    let subject = Side { label: label.to_owned(), address: town.address, requests, refusal };
    let reference = Side {
        label: "a constant route of the same server, same requests".to_owned(),
        address: town.address,
        requests: Requests::cycle(constant),
        refusal: None,
    };
    // The log of a new database grows, which takes a flush twice as long; then it is written over.
    Load::closed(town.address, paired.connections, WARM_UP).run(&subject.requests).await?;
    let progress = Progress::on_stderr(name, paired.steps());
    let measured = paired.run(&subject, &reference, &progress).await;
    progress.finish();
    Ok(measured?.into())
}

/// The same request, for the constant route.
fn to_constant(request: &Bytes) -> Bytes {
    let text = String::from_utf8_lossy(request);
    let rest = text.split_once(" HTTP/1.1\r\n").map_or("", |(_, rest)| rest);
    Bytes::from(format!("POST {} HTTP/1.1\r\n{rest}", CONSTANT.0))
}

/// A sale that is open.
struct Rush {
    sale_id: i64,
}

impl Rush {
    async fn begin(town: &Town, units: i64) -> Result<Self, Error> {
        let shelf = Shelf::fill(town).await?;
        let (shop_id, (product_id, variant_id)) = shelf.first();
        let (cx, sales) = (town.cx(), town.node().sales());
        let draft = SaleDraft {
            name: "Rush".to_owned(),
            item: Some(SaleItem { product_id, variant_id, template_id: 0 }),
            price: Some(Money { minor: 100, currency: "CNY".to_owned() }),
            units,
            per_buyer_limit: 1,
            starts_at: Some(cx.now.into()),
            ends_at: Some(cx.now.plus(LONG).into()),
            pay_within_s: 86_400,
            ticket_ttl_s: 3_600,
            // Looked at for every request and never reached.
            pace: Some(SalePace { per_account: 1_000_000, window_ms: 1_000, ..SalePace::default() }),
            ..SaleDraft::default()
        };
        let sale = sales.create_sale(&cx, CreateSaleRequest { shop_id, sale: Some(draft) }).await?;
        sales.schedule_sale(&cx, ScheduleSaleRequest { shop_id, sale_id: sale.sale_id }).await?;
        Ok(Self { sale_id: sale.sale_id })
    }

    /// Takes what there is, so that it is sold out.
    async fn buy_one(&self, town: &Town) -> Result<(), Error> {
        let cx = town.cx().with_actor(Actor::Principal(person(0).into()));
        let asked = TakeTicketRequest { sale_id: self.sale_id, ..TakeTicketRequest::default() };
        let ticket = town.node().sales().take_ticket(&cx, asked).await?.ticket;
        let request = pulse_contract::sale::v1::AdmitRequest { sale_id: self.sale_id, ticket, quantity: 1 };
        town.node().sales().admit(&cx, request).await.map(drop)
    }

    /// A request of each of so many buyers.
    async fn requests(&self, town: &Town, count: u32, name: &str) -> anyhow::Result<Vec<Bytes>> {
        let progress = Progress::on_stderr(&format!("{name}: buyers"), u64::from(count));
        let mut requests = Vec::with_capacity(usize::try_from(count)?);
        let host = town.address.to_string();
        let path = format!("/v1/sales/{}/admissions", self.sale_id);
        for number in 1..=i64::from(count) {
            let principal = person(number);
            let cx = town.cx().with_actor(Actor::Principal(principal.clone().into()));
            let device = format!("phone {number}");
            let asked = TakeTicketRequest { sale_id: self.sale_id, device, ..TakeTicketRequest::default() };
            let ticket = town.node().sales().take_ticket(&cx, asked).await.map_err(|error| anyhow!(error.report()))?;
            let token = town.node().keys().sign(&Claims::new(principal, cx.now, LONG));
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

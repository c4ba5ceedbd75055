//! Creates the tickets of a paid order, once: one per station that prepares a part of it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use pulse_bus::Delivery;
use pulse_contract::kitchen::v1::{StoredTicket, TicketItem};
use pulse_contract::order::v1::OrderPaid;
use pulse_contract::order::v1::order_paid::Line;
use pulse_contract::shop::v1::{GetOffersRequest, GetProductRequest};
use pulse_kernel::id::{OrderId, ShopId};
use pulse_kernel::{Cx, Error, Kind};
use pulse_store::Commit;

use super::{App, view};
use crate::domain::order::Progress;
use crate::domain::stations::{self as rules, Station};
use crate::domain::ticket::{State, TicketId};
use crate::store::orders::{self, OrderRow};
use crate::store::stations;
use crate::store::tickets::{self, TicketRow};

/// Maximum number of products per request.
const PRODUCTS_MAX: usize = 100;

pub(crate) async fn take_order(app: &App, cx: &Cx, delivery: &Delivery, order: &OrderPaid) -> Result<(), Error> {
    let store = &app.deps.store;
    let (id, shop) = (OrderId::new(order.order_id), ShopId::new(order.shop_id));
    let stations = view::stations(stations::of_shop(store, shop).await?.stations);
    let sections = sections(app, cx, order, &stations).await?;
    let outcome = store
        .attempt(cx, || async {
            let known = orders::by_id(store, id).await?;
            if known.is_some_and(|known| is_outdated(&known, order)) {
                return Ok(delivery.commit(store, cx, Commit::new()).await?);
            }
            let rows = rows(app, cx, delivery, order, (&stations, &sections)).await?;
            let (progress, _) = Progress::default().with(rows.iter().map(|row| row.state));
            let version = known.map_or(1, |known| known.version + 1);
            let row = OrderRow { id, shop, progress, order_version: order.version, version };
            let commit = match known {
                Some(_) => orders::update(Commit::new(), &row),
                None => orders::insert(Commit::new(), &row),
            };
            Ok(delivery.commit(store, cx, tickets::insert(commit, &rows)).await?)
        })
        .await;
    app.subscribers.notify(&shop);
    outcome
}

/// Whether the order has tickets, or was cancelled after this payment. An order that was cancelled first and paid later gets
/// tickets, because a late payment has reactivated it.
fn is_outdated(known: &OrderRow, order: &OrderPaid) -> bool {
    known.progress.ticket_count > 0 || known.order_version >= order.version
}

/// The section of the product of each line; `None` when the product was deleted. Not read for kitchens with one station.
async fn sections(app: &App, cx: &Cx, order: &OrderPaid, stations: &[Station]) -> Result<Vec<Option<String>>, Error> {
    let mut known: HashMap<i64, Option<String>> = HashMap::new();
    if stations.len() > 1 {
        let cx = cx.as_system("kitchen.take_order");
        let mut ids: Vec<i64> = order.lines.iter().map(|line| line.product_id).collect();
        ids.sort_unstable();
        ids.dedup();
        for product_ids in ids.chunks(PRODUCTS_MAX) {
            let request = GetOffersRequest { shop_id: order.shop_id, product_ids: product_ids.to_vec() };
            let offers = app.deps.catalog.get_offers(&cx, request).await?;
            known.extend(offers.products.into_iter().map(|product| (product.product_id, Some(product.section))));
        }
        for product_id in ids {
            // The product is not on sale anymore.
            if let Entry::Vacant(unknown) = known.entry(product_id) {
                unknown.insert(section(app, &cx, order.shop_id, product_id).await?);
            }
        }
    }
    Ok(order.lines.iter().map(|line| known.get(&line.product_id).cloned().flatten()).collect())
}

async fn section(app: &App, cx: &Cx, shop_id: i64, product_id: i64) -> Result<Option<String>, Error> {
    match app.deps.catalog.get_product(cx, GetProductRequest { shop_id, product_id }).await {
        Ok(product) => Ok(Some(product.section)),
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The tickets of the order.
async fn rows(
    app: &App,
    cx: &Cx,
    delivery: &Delivery,
    order: &OrderPaid,
    (stations, sections): (&[Station], &[Option<String>]),
) -> Result<Vec<TicketRow>, Error> {
    let (store, shop) = (&app.deps.store, ShopId::new(order.shop_id));
    let mut rows = Vec::new();
    for (station, lines) in rules::split(stations, sections) {
        let items: Vec<TicketItem> = lines.into_iter().filter_map(|line| order.lines.get(line)).map(item).collect();
        let units = items.iter().map(|item| u32::try_from(item.quantity).unwrap_or(1));
        let unit_count = units.fold(0_u32, u32::saturating_add);
        let waiting = tickets::units_waiting(store, shop, station).await?;
        let (_, time) = app.prep_time(shop, station, stations).await?;
        // From now on and not from the payment, because the kitchen may have been down in between.
        let estimate = cx.now.plus(time.for_units(waiting.saturating_add(unit_count)));
        rows.push(TicketRow {
            id: TicketId::new(store.next_id(cx.now)),
            shop,
            order: OrderId::new(order.order_id),
            station: station.to_owned(),
            state: State::New,
            unit_count,
            details: StoredTicket {
                items,
                note: order.kitchen_note.clone(),
                fired_at: Some(delivery.event.occurred_at.into()),
                ready_estimate_at: Some(estimate.into()),
                ..StoredTicket::default()
            },
            version: 1,
        });
    }
    Ok(rows)
}

fn item(line: &Line) -> TicketItem {
    let name = match line.variant_name.is_empty() {
        true => line.product_name.clone(),
        false => format!("{}, {}", line.product_name, line.variant_name),
    };
    TicketItem {
        variant_id: line.variant_id,
        name,
        quantity: line.quantity,
        choices: line.choices.iter().map(|choice| format!("{}: {}", choice.group, choice.modifier)).collect(),
        note: line.kitchen_note.clone(),
    }
}

//! The use cases, one file each.

mod cancel_order;
mod complete_order;
mod list_tickets;
mod mark_refunded;
mod move_ticket;
mod purge_orders;
mod set_item_out;
mod stations;
mod take_order;
mod view;
mod watch_tickets;

use std::sync::Arc;

use pulse_kernel::Error;
use pulse_kernel::id::ShopId;

use crate::deps::KitchenDeps;
use crate::domain::prep_time::PrepTime;
use crate::domain::stations::Station;
use crate::store::prep_times;
use crate::ticket_subscribers::{TicketSubscribers, ticket_subscribers};

pub(crate) use cancel_order::cancel_order;
pub(crate) use complete_order::complete_order;
pub(crate) use list_tickets::list_tickets;
pub(crate) use mark_refunded::mark_refunded;
pub(crate) use move_ticket::{emit_milestones, move_ticket};
pub(crate) use purge_orders::{PURGE, purge_orders};
pub(crate) use set_item_out::set_item_out;
pub(crate) use stations::{get_stations, put_stations};
pub(crate) use take_order::take_order;
pub(crate) use watch_tickets::watch_tickets;

/// State that all use cases share.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) deps: Arc<KitchenDeps>,
    pub(crate) subscribers: Arc<TicketSubscribers>,
}

impl App {
    pub(crate) fn new(deps: KitchenDeps) -> Self {
        Self { subscribers: ticket_subscribers(&deps.store), deps: Arc::new(deps) }
    }

    /// The stored prep time of a station, and the effective one: stored, or the initial value of the shop.
    async fn prep_time(
        &self,
        shop: ShopId,
        station: &str,
        stations: &[Station],
    ) -> Result<(Option<PrepTime>, PrepTime), Error> {
        let learned = prep_times::of_station(&self.deps.store, shop, station).await?;
        let minutes = stations.iter().find(|known| known.name == station).map_or(0, |known| known.prep_minutes);
        Ok((learned, learned.unwrap_or_else(|| PrepTime::initial(minutes))))
    }
}

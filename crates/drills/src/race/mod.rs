//! `pulse race`: known race conditions, provoked on a running node through its public API.
//!
//! All requests are prepared and all connections opened first; then all requests are sent at the same moment.

mod burst;
mod checkout;
mod coupon;
mod outcome;
mod pay;
mod payment_fixture;
mod sale;

pub use outcome::Outcome;

use crate::target_node::TargetNode;

/// Races that can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Race {
    /// Many customers order the last units of a variant; each has a quote.
    Checkout,
    /// Many customers claim the last coupons of a template; one customer uses one coupon for many orders.
    Coupon,
    /// One order is paid many times, the provider repeats its webhooks, and orders are cancelled while they are paid.
    Pay,
    /// Many buyers with a ticket ask for the last units of a flash sale; one buyer asks many times with one ticket.
    Sale,
}

/// Runs a race with `parallel` concurrent requests; with `is_single_packet` they share one HTTP/2 connection and packet.
///
/// # Errors
/// When the node cannot be reached, or the preparation of the race fails.
pub async fn run(
    node: &TargetNode,
    race: Race,
    parallel: usize,
    is_single_packet: bool,
) -> anyhow::Result<Vec<Outcome>> {
    match race {
        Race::Checkout => Ok(vec![checkout::last_units(node, parallel, is_single_packet).await?]),
        Race::Coupon => Ok(vec![
            coupon::last_coupons(node, parallel, is_single_packet).await?,
            coupon::one_coupon_many_orders(node, parallel, is_single_packet).await?,
        ]),
        Race::Pay => pay::all(node, parallel, is_single_packet).await,
        Race::Sale => sale::all(node, parallel, is_single_packet).await,
    }
}

//! Permits in front of the batcher: a maximum number of concurrent reservations of one resource.
//!
//! They prevent the reservations of a hot resource from filling the queue of the batcher. They do not decide about units:
//! the ledger does. If the limiter is unavailable, reservations proceed without a permit.

use std::collections::BTreeSet;
use std::time::Duration;

use pulse_contract::stock::v1::errors;
use pulse_kernel::{Cx, Error};
use pulse_limiter::{Key, Permit, PermitLimit};

use super::App;
use crate::domain::reservation::Line;
use crate::domain::resource::ResourceRef;

/// Lifetime of a permit whose owner stopped: longer than the longest call.
const LEASE: Duration = Duration::from_secs(60);
/// Retry delay when all permits are in use.
const RETRY_IN: Duration = Duration::from_secs(1);

/// Acquires a permit for each resource of the lines. Dropping a permit releases it.
///
/// # Errors
/// `STOCK_BUSY` if all permits of a resource are in use.
pub(super) async fn permits<'a>(
    app: &App,
    cx: &Cx,
    lines: impl IntoIterator<Item = &'a Line>,
) -> Result<Vec<Permit>, Error> {
    let limit = PermitLimit { permits: app.deps.config.permits_per_resource, lease: LEASE };
    let resources: BTreeSet<ResourceRef> = lines.into_iter().map(|line| line.resource).collect();
    let mut permits = Vec::with_capacity(resources.len());
    for resource in resources {
        match Permit::acquire(&app.deps.limiter, key(resource), limit, cx.now).await {
            Ok(Some(permit)) => permits.push(permit),
            Ok(None) => {
                metrics::counter!("pulse_stock_refusals_total", "reason" => "permits").increment(1);
                let detail = "too many concurrent reservations of one resource; nothing was done";
                return Err(errors::STOCK_BUSY.error(detail).retry_in(RETRY_IN));
            }
            Err(error) => tracing::warn!(
                error = error.report(),
                "permit limiter unavailable; reservation proceeds without a permit"
            ),
        }
    }
    Ok(permits)
}

fn key(resource: ResourceRef) -> Key {
    let [kind, id] = [i64::from(i32::from(resource.kind)), resource.id].map(i64::to_be_bytes);
    Key::of("stock.reserve", &[kind, id].concat())
}

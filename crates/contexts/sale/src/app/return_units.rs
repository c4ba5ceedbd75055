//! Returns the units of a cancelled order to the sale, or to the stock after the end of the sale (TR-19, TR-23).

use pulse_bus::Delivery;
use pulse_contract::order::v1::OrderCancelled;
use pulse_contract::stock::v1::{ReleaseReservationRequest, ReservationKey, ReservationOwner};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::{App, timer};
use crate::admission_writer;
use crate::store::admissions::{self, AdmissionState};
use crate::store::{counts, sales};

pub(crate) async fn return_units(app: &App, cx: &Cx, delivery: &Delivery, event: OrderCancelled) -> Result<(), Error> {
    let store = &app.deps.store;
    let Some(row) = admissions::with_units(store, event.order_id).await? else { return Ok(()) };
    // The stock context receives the same event, perhaps later. The next admitted buyer needs the units, so they are
    // released here first.
    let key = ReservationKey { owner: ReservationOwner::Order.into(), id: row.order };
    let release = ReleaseReservationRequest { key: Some(key) };
    app.deps.stock.release_reservation(&cx.as_system("sale.return_units"), release).await?;
    let is_over = sales::by_id(store, row.sale).await?.is_none_or(|sale| !sale.status.is_running());
    let commit = admissions::change(Commit::new(), &row, AdmissionState::Returned);
    let commit = match is_over {
        // The units return to the stock of the shop.
        true => counts::return_units(commit, row.sale, row.units, row.units).timer(timer(row.sale, cx.now)),
        false => counts::return_units(commit, row.sale, row.units, 0),
    };
    delivery.commit(store, cx, commit).await?;
    app.deps.sales.release(admission_writer::request(&row)).await?;
    app.results.notify(&(row.sale, row.account));
    Ok(())
}

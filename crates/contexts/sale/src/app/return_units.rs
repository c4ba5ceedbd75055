//! Units that nobody pays for can be had again (TR-19, TR-23).

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
    // Stock hears of the cancellation too, perhaps later; whoever is admitted next must find the units there.
    let key = ReservationKey { owner: ReservationOwner::Order.into(), id: row.order };
    let release = ReleaseReservationRequest { key: Some(key) };
    app.deps.stock.release_reservation(&cx.as_system("sale.return_units"), release).await?;
    let is_over = sales::by_id(store, row.sale).await?.is_none_or(|sale| !sale.stage.is_running());
    let commit = admissions::change(Commit::new(), &row, AdmissionState::Returned);
    let commit = match is_over {
        // The units go back to the shop.
        true => counts::give_back(commit, row.sale, row.units, row.units).timer(timer(row.sale, cx.now)),
        false => counts::give_back(commit, row.sale, row.units, 0),
    };
    delivery.commit(store, cx, commit).await?;
    app.deps.sales.release(admission_writer::request(&row)).await?;
    app.results.notify(&(row.sale, row.account));
    Ok(())
}

//! Messages of the contract made from rows, and domain values made from messages.

use pulse_contract::kitchen::v1::{self as wire, Ticket};

use crate::domain::stations::Station;
use crate::domain::ticket::call_number;
use crate::store::tickets::TicketRow;

pub(super) fn ticket(row: TicketRow) -> Ticket {
    Ticket {
        ticket_id: row.id.get(),
        shop_id: row.shop.get(),
        order_id: row.order.get(),
        call_number: call_number(row.order.get()),
        station: row.station,
        state: row.state.into(),
        items: row.details.items,
        note: row.details.note,
        fired_at: row.details.fired_at,
        ready_estimate_at: row.details.ready_estimate_at,
        ready_at: row.details.ready_at,
        version: row.version,
        is_refunded: row.details.is_refunded,
    }
}

pub(super) fn stations(stations: Vec<wire::Station>) -> Vec<Station> {
    let station = |station: wire::Station| Station {
        name: station.name,
        sections: station.sections,
        prep_minutes: station.prep_minutes,
    };
    stations.into_iter().map(station).collect()
}

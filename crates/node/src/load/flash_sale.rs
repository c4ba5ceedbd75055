//! People who come to a flash sale: each takes a ticket and asks to be admitted, once.

use std::sync::Arc;

use anyhow::bail;
use pulse_bench::{Next, Scenario};
use serde::Deserialize;

use super::users::Users;
use super::{Plan, Prepared};
use crate::stage::Stage;

const OPERATIONS: &[&str] = &["ticket", "admission"];
const TICKET: usize = 0;
const ADMISSION: usize = 1;

struct FlashSale {
    users: Users,
    tickets: String,
    admissions: String,
}

/// Takes the sale that is named, or opens one.
pub(super) async fn prepare(
    plan: &Plan,
    stage: Option<&Stage>,
    (users, visitors): (Users, u64),
) -> anyhow::Result<Prepared> {
    let mut notes = vec![format!("{visitors} people, each of whom comes once")];
    let sale_id = match (plan.sale, stage) {
        (Some(sale_id), _) => sale_id,
        (None, Some(stage)) => {
            let units = usize::try_from(plan.units.map_or_else(|| visitors.max(1), u64::from))?;
            let sale_id = stage.shop(units).await?.open_sale(stage, units).await?.sale_id;
            notes.push(format!("sale {sale_id} of {units} units was opened for them"));
            sale_id
        }
        (None, None) => {
            bail!("name a sale that is open with --sale ID; with --data, the folder of the node, one is opened")
        }
    };
    let (tickets, admissions) = (format!("/v1/sales/{sale_id}/tickets"), format!("/v1/sales/{sale_id}/admissions"));
    Ok(Prepared { scenario: Arc::new(FlashSale { users, tickets, admissions }), notes })
}

/// What matters of the answer to whoever wants a ticket.
#[derive(Deserialize)]
struct Taken<'a> {
    #[serde(borrow, default)]
    ticket: &'a str,
    /// A place in the waiting room.
    #[serde(default)]
    place: Option<serde::de::IgnoredAny>,
}

impl Scenario for FlashSale {
    fn operations(&self) -> &'static [&'static str] {
        OPERATIONS
    }

    fn right_refusals(&self) -> &'static [&'static str] {
        &["SALE_SOLD_OUT", "SALE_NOT_STARTED", "SALE_ENDED", "SALE_PAUSED", "SALE_NOT_ELIGIBLE"]
    }

    fn next(&self, visitor: u64, step: usize, last: &[u8]) -> Next {
        match step {
            0 => {
                let body = format!(r#"{{"device":"load {visitor}"}}"#);
                Next::Ask { operation: TICKET, request: self.users.post(visitor, &self.tickets, body).render() }
            }
            1 => match serde_json::from_slice(last) {
                Ok(Taken { ticket: "", place: Some(_) }) => Next::Refused,
                Ok(Taken { ticket: "", place: None }) | Err(_) => Next::Lost,
                Ok(Taken { ticket, .. }) => {
                    // A ticket is written in letters that mean nothing in JSON, or it would not have been read as it is.
                    let body = format!(r#"{{"ticket":"{ticket}","quantity":1}}"#);
                    Next::Ask {
                        operation: ADMISSION,
                        request: self.users.post(visitor, &self.admissions, body).render(),
                    }
                }
            },
            _ => Next::Over,
        }
    }
}

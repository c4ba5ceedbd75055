//! Scenario `flash-sale`: every user takes a ticket and asks for admission, once.

use std::sync::Arc;

use anyhow::bail;
use pulse_bench::{NextStep, Scenario};
use serde::Deserialize;

use super::plan::Plan;
use super::prepared::Prepared;
use super::users::Users;
use crate::target_node::TargetNode;

const OPERATIONS: &[&str] = &["ticket", "admission"];
const TICKET: usize = 0;
const ADMISSION: usize = 1;

struct FlashSale {
    users: Users,
    tickets: String,
    admissions: String,
}

/// Uses the sale of the plan, or opens one.
pub(super) async fn prepare(
    plan: &Plan,
    node: Option<&TargetNode>,
    (users, visits): (Users, u64),
) -> anyhow::Result<Prepared> {
    let mut notes = vec![format!("{visits} users with one visit each")];
    let sale_id = match (plan.sale, node) {
        (Some(sale_id), _) => sale_id,
        (None, Some(node)) => {
            let units = usize::try_from(plan.units.map_or_else(|| visits.max(1), u64::from))?;
            let sale_id = node.open_shop(units).await?.open_sale(node, units).await?.sale_id;
            notes.push(format!("opened sale {sale_id} with {units} units"));
            sale_id
        }
        (None, None) => {
            bail!("set --sale to the id of an open sale, or --data to the data folder of the node to open one")
        }
    };
    let (tickets, admissions) = (format!("/v1/sales/{sale_id}/tickets"), format!("/v1/sales/{sale_id}/admissions"));
    Ok(Prepared { scenario: Arc::new(FlashSale { users, tickets, admissions }), notes })
}

/// The fields of a ticket response that the scenario needs.
#[derive(Deserialize)]
struct Taken<'a> {
    #[serde(borrow, default)]
    ticket: &'a str,
    /// Position in the waiting room.
    #[serde(default)]
    place: Option<serde::de::IgnoredAny>,
}

impl Scenario for FlashSale {
    fn operations(&self) -> &'static [&'static str] {
        OPERATIONS
    }

    fn expected_refusals(&self) -> &'static [&'static str] {
        &["SALE_SOLD_OUT", "SALE_NOT_STARTED", "SALE_ENDED", "SALE_PAUSED", "SALE_NOT_ELIGIBLE"]
    }

    fn next(&self, visit: u64, step: usize, last: &[u8]) -> NextStep {
        match step {
            0 => {
                let body = format!(r#"{{"device":"load {visit}"}}"#);
                NextStep::Send { operation: TICKET, request: self.users.post(visit, &self.tickets, body).render() }
            }
            1 => match serde_json::from_slice(last) {
                Ok(Taken { ticket: "", place: Some(_) }) => NextStep::Refused,
                Ok(Taken { ticket: "", place: None }) | Err(_) => NextStep::Unexpected,
                Ok(Taken { ticket, .. }) => {
                    // A ticket has no characters that need JSON escapes; otherwise it could not have been borrowed.
                    let body = format!(r#"{{"ticket":"{ticket}","quantity":1}}"#);
                    NextStep::Send {
                        operation: ADMISSION,
                        request: self.users.post(visit, &self.admissions, body).render(),
                    }
                }
            },
            _ => NextStep::Done,
        }
    }
}

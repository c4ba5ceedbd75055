//! Known races, fired at a running node from outside, as its customers would.
//!
//! Everybody connects and prepares first; then all press the button at the same moment.

mod burst;
mod checkout;
mod coupon;
mod pay;
mod sale;
mod till;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::stage::Stage;

/// What a race came to.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    /// Which race.
    pub(crate) race: &'static str,
    /// How many pressed the button.
    pub(crate) parallel: usize,
    /// How many of each answer there were: `200`, `409 ORDER_STOCK_SHORT`.
    pub(crate) answers: BTreeMap<String, usize>,
    /// What was expected and what came, in plain words.
    pub(crate) told: Vec<String>,
    /// What should not have happened.
    pub(crate) broken: Vec<String>,
}

impl Outcome {
    fn new(race: &'static str, answers: &[Answer]) -> Self {
        let (counts, told, broken) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut outcome = Self { race, parallel: answers.len(), answers: counts, told, broken };
        outcome.hear(answers);
        outcome
    }

    /// Adds what was answered.
    fn hear(&mut self, answers: &[Answer]) {
        for answer in answers {
            *self.answers.entry(answer.label()).or_default() += 1;
        }
        let failed = answers.iter().filter(|answer| answer.status >= 500).map(Answer::label);
        self.broken.extend(failed.map(|label| format!("a customer was answered {label}")));
    }

    /// Says something, and that it is wrong unless it `holds`.
    fn expect(&mut self, holds: bool, told: String) {
        if holds {
            self.told.push(told);
        } else {
            self.broken.push(told);
        }
    }

    fn count(&self, label: &str) -> usize {
        self.answers.get(label).copied().unwrap_or_default()
    }

    /// Whether everything came as it should.
    pub(crate) fn holds(&self) -> bool {
        self.broken.is_empty()
    }
}

/// What one customer was answered.
#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    body: serde_json::Value,
}

impl Answer {
    fn of(status: u16, body: &[u8]) -> Self {
        Self { status, body: serde_json::from_slice(body).unwrap_or_default() }
    }

    fn label(&self) -> String {
        match self.body.get("code").and_then(serde_json::Value::as_str) {
            Some(code) if self.status >= 400 => format!("{} {code}", self.status),
            _ => self.status.to_string(),
        }
    }
}

/// Which race to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Race {
    /// Many customers, each with a quote, order the last units at the same moment.
    Checkout,
    /// Many customers claim the last coupons; one customer uses one coupon for many orders.
    Coupon,
    /// One order is paid many times over, the provider repeats itself, and orders are cancelled while they are paid.
    Pay,
    /// Many buyers, each with a ticket, ask for the last units of a flash sale; one buyer asks many times at once.
    Sale,
}

/// Runs it.
pub(crate) async fn run(stage: &Stage, race: Race, parallel: usize, is_packet: bool) -> anyhow::Result<Vec<Outcome>> {
    match race {
        Race::Checkout => Ok(vec![checkout::last_units(stage, parallel, is_packet).await?]),
        Race::Coupon => Ok(vec![
            coupon::last_coupons(stage, parallel, is_packet).await?,
            coupon::one_coupon_many_orders(stage, parallel, is_packet).await?,
        ]),
        Race::Pay => pay::all(stage, parallel, is_packet).await,
        Race::Sale => sale::all(stage, parallel, is_packet).await,
    }
}

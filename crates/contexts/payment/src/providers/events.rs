//! Stripe's wire format, as far as we read it: payment intents, refunds, and the events that tell of them.
//!
//! The sandbox speaks it too. What an event says is taken from its type, since its object shows how things were when it
//! was sent. Types and fields that we do not know are passed over.

use pulse_kernel::{Currency, Money, Timestamp};
use serde::Deserialize;

use crate::domain::payment::{
    AttemptFact, AttemptId, Fact, Failure, RefundFact, RefundId, RefundSaid, Said, failure_text,
};

/// The entry of `metadata` with our id of an attempt.
pub(crate) const ATTEMPT_ID: &str = "pulse_attempt_id";
/// The entry of `metadata` with our id of a refund.
pub(crate) const REFUND_ID: &str = "pulse_refund_id";
/// The entry of `metadata` with the order, for people who look at the provider's pages.
pub(crate) const ORDER_ID: &str = "pulse_order_id";

/// How long names of a provider may be: what does not fit is not one of Stripe's.
const NAME_BYTES_MAX: usize = 200;

/// What an event tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// What the provider calls the event: the same over all its deliveries.
    pub(crate) event: String,
    /// Its type, for example `payment_intent.succeeded`.
    pub(crate) kind: String,
    /// What follows from it; none for types that are passed over. All are about one payment.
    pub(crate) facts: Vec<Fact>,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    r#type: String,
    #[serde(default)]
    created: i64,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: serde_json::Value,
}

/// A payment intent of the provider.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Intent {
    pub(crate) id: String,
    pub(crate) amount: i64,
    amount_received: Option<i64>,
    currency: String,
    status: String,
    pub(crate) client_secret: Option<String>,
    #[serde(default)]
    pub(crate) created: i64,
    #[serde(default)]
    metadata: Option<Metadata>,
    last_payment_error: Option<PaymentError>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Metadata {
    pulse_attempt_id: Option<String>,
    pulse_refund_id: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct PaymentError {
    message: Option<String>,
    code: Option<String>,
}

/// A refund of the provider.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Refund {
    pub(crate) id: String,
    amount: i64,
    currency: String,
    status: Option<String>,
    payment_intent: Option<String>,
    failure_reason: Option<String>,
    #[serde(default)]
    pub(crate) created: i64,
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Charge {
    payment_intent: Option<String>,
    refunds: Option<List<Refund>>,
}

/// A list of the provider, or a page of one.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct List<T> {
    pub(crate) data: Vec<T>,
    #[serde(default)]
    pub(crate) has_more: bool,
}

/// Reads an event; `None` when it is not one.
pub(crate) fn read(payload: &[u8]) -> Option<Notice> {
    let event: Event = serde_json::from_slice(payload).ok()?;
    if event.id.is_empty() || event.id.len() > NAME_BYTES_MAX || event.r#type.len() > NAME_BYTES_MAX {
        return None;
    }
    let facts = facts(&event)?;
    Some(Notice { event: event.id, kind: event.r#type, facts })
}

/// What an event says; `None` when its object is not what its type says.
fn facts(event: &Event) -> Option<Vec<Fact>> {
    let object = || event.data.object.clone();
    let at = Timestamp::from_millis(event.created.saturating_mul(1_000));
    match event.r#type.as_str() {
        "payment_intent.created" | "payment_intent.requires_action" => intent_fact(object(), |_| Some(Said::Waiting)),
        "payment_intent.processing" => intent_fact(object(), |_| Some(Said::Processing)),
        "payment_intent.canceled" => intent_fact(object(), |_| Some(Said::Cancelled)),
        "payment_intent.payment_failed" => intent_fact(object(), |intent| Some(intent.declined(at))),
        "payment_intent.succeeded" => intent_fact(object(), Intent::received),
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            let refund: Refund = serde_json::from_value(object()).ok()?;
            Some(refund.fact(None).map(Fact::Refund).into_iter().collect())
        }
        "charge.refunded" => {
            let charge: Charge = serde_json::from_value(object()).ok()?;
            // Newer versions of the API leave the list out; then `refund.updated` tells the same.
            let refunds = charge.refunds.map(|list| list.data).unwrap_or_default();
            let fact = |refund: &Refund| refund.fact(charge.payment_intent.as_deref()).map(Fact::Refund);
            Some(refunds.iter().filter_map(fact).collect())
        }
        _ => Some(Vec::new()),
    }
}

fn intent_fact(object: serde_json::Value, said: impl FnOnce(&Intent) -> Option<Said>) -> Option<Vec<Fact>> {
    let intent: Intent = serde_json::from_value(object).ok()?;
    let said = said(&intent)?;
    Some(vec![Fact::Attempt(intent.fact(said))])
}

impl Intent {
    /// What the intent says by its status.
    pub(crate) fn status_fact(&self, now: Timestamp) -> Option<AttemptFact> {
        let said = match self.status.as_str() {
            "succeeded" => self.received()?,
            "canceled" => Said::Cancelled,
            "processing" => Said::Processing,
            _ if self.last_payment_error.is_some() => self.declined(now),
            _ => Said::Waiting,
        };
        Some(self.fact(said))
    }

    fn fact(&self, said: Said) -> AttemptFact {
        let attempt = self.metadata.as_ref().and_then(|metadata| metadata.pulse_attempt_id.as_deref()?.parse().ok());
        AttemptFact { reference: self.id.clone(), attempt: attempt.map(AttemptId::new), said }
    }

    fn received(&self) -> Option<Said> {
        Some(Said::Succeeded(money(self.amount_received.unwrap_or(self.amount), &self.currency)?))
    }

    fn declined(&self, at: Timestamp) -> Said {
        let error = self.last_payment_error.as_ref();
        let words = error.and_then(|error| error.message.as_deref().or(error.code.as_deref()));
        Said::Declined(Failure { at, text: failure_text(words.unwrap_or("declined")) })
    }
}

impl Refund {
    /// What the refund says by its status; `None` when it belongs to no payment intent. Its id with us is for the caller
    /// to draw.
    pub(crate) fn fact(&self, of: Option<&str>) -> Option<RefundFact> {
        let attempt_reference = self.payment_intent.as_deref().or(of)?.to_owned();
        let said = match self.status.as_deref() {
            Some("succeeded") => RefundSaid::Succeeded,
            Some(status @ ("failed" | "canceled")) => {
                RefundSaid::Failed(failure_text(self.failure_reason.as_deref().unwrap_or(status)))
            }
            Some(_) | None => RefundSaid::Pending,
        };
        Some(RefundFact {
            reference: self.id.clone(),
            refund: self.refund_id(),
            attempt_reference,
            amount: money(self.amount, &self.currency)?,
            said,
            fresh_id: RefundId::new(0),
        })
    }

    /// Our own id, when the provider remembers it.
    pub(crate) fn refund_id(&self) -> Option<RefundId> {
        let metadata = self.metadata.as_ref()?;
        metadata.pulse_refund_id.as_deref()?.parse().ok().map(RefundId::new)
    }
}

/// Currencies without a minor unit that Stripe counts in hundredths all the same.
const COUNTED_IN_HUNDREDTHS: [&str; 2] = ["ISK", "UGX"];

/// An amount of the provider in our minor unit; `None` when it cannot be one.
fn money(amount: i64, currency: &str) -> Option<Money> {
    let code = currency.to_ascii_uppercase();
    let minor = if COUNTED_IN_HUNDREDTHS.contains(&code.as_str()) {
        (amount.rem_euclid(100) == 0).then(|| amount.div_euclid(100))?
    } else {
        amount
    };
    Some(Money::new(minor, Currency::from_code(&code)?))
}

/// An amount of ours as the provider counts it; `None` when it does not fit.
pub(crate) fn amount_of(money: Money) -> Option<i64> {
    let factor = if COUNTED_IN_HUNDREDTHS.contains(&money.currency.code()) { 100 } else { 1 };
    money.minor.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn facts_of(kind: &str, object: &serde_json::Value) -> Option<Vec<Fact>> {
        let event = json!({ "id": "evt_1", "type": kind, "created": 7, "data": { "object": object } });
        read(event.to_string().as_bytes()).map(|notice| notice.facts)
    }

    #[test]
    fn events_say_what_their_types_say() {
        let intent = json!({
            "id": "pi_1", "object": "payment_intent", "amount": 1_000, "amount_received": 1_000, "currency": "cny",
            "status": "succeeded", "metadata": { "pulse_attempt_id": "42" },
            "last_payment_error": { "message": "Your card was declined.", "code": "card_declined" },
        });
        let declined = Failure { at: Timestamp::from_millis(7_000), text: "Your card was declined.".to_owned() };
        for (kind, said) in [
            ("payment_intent.created", Said::Waiting),
            ("payment_intent.processing", Said::Processing),
            ("payment_intent.canceled", Said::Cancelled),
            ("payment_intent.payment_failed", Said::Declined(declined)),
            ("payment_intent.succeeded", Said::Succeeded(Money::new(1_000, Currency::CNY))),
        ] {
            let fact = AttemptFact { reference: "pi_1".to_owned(), attempt: Some(AttemptId::new(42)), said };
            assert_eq!(facts_of(kind, &intent), Some(vec![Fact::Attempt(fact)]), "{kind}");
        }
        assert_eq!(facts_of("customer.created", &json!({ "id": "cus_1" })), Some(vec![]));
        assert_eq!(facts_of("payment_intent.succeeded", &json!({ "id": "pi_1" })), None);
        assert_eq!(read(b"{}"), None);
        assert_eq!(read(b"\xff"), None);
    }

    #[test]
    fn refunds_are_told_in_three_ways() {
        let refund = json!({
            "id": "re_1", "object": "refund", "amount": 400, "currency": "cny", "status": "succeeded",
            "payment_intent": "pi_1", "metadata": { "pulse_refund_id": "9" },
        });
        let expected = |said| {
            Some(vec![Fact::Refund(RefundFact {
                reference: "re_1".to_owned(),
                refund: Some(RefundId::new(9)),
                attempt_reference: "pi_1".to_owned(),
                amount: Money::new(400, Currency::CNY),
                said,
                fresh_id: RefundId::new(0),
            })])
        };
        for kind in ["refund.created", "refund.updated", "charge.refund.updated"] {
            assert_eq!(facts_of(kind, &refund), expected(RefundSaid::Succeeded), "{kind}");
        }
        let mut within = refund.clone();
        within["payment_intent"] = json!(null);
        let charge = json!({ "id": "ch_1", "payment_intent": "pi_1", "refunds": { "data": [within] } });
        assert_eq!(facts_of("charge.refunded", &charge), expected(RefundSaid::Succeeded));
        assert_eq!(facts_of("charge.refunded", &json!({ "id": "ch_1", "payment_intent": "pi_1" })), Some(vec![]));
        for (status, said) in [
            (json!("pending"), RefundSaid::Pending),
            (json!("requires_action"), RefundSaid::Pending),
            (json!(null), RefundSaid::Pending),
            (json!("failed"), RefundSaid::Failed("failed".to_owned())),
            (json!("canceled"), RefundSaid::Failed("canceled".to_owned())),
        ] {
            let mut other = refund.clone();
            other["status"] = status;
            assert_eq!(facts_of("refund.updated", &other), expected(said));
        }
    }

    #[test]
    fn amounts_are_counted_as_stripe_counts() {
        let krona = Currency::from_code("ISK").unwrap();
        for (ours, theirs, currency) in [
            (Money::new(1_999, Currency::CNY), 1_999, "cny"),
            (Money::new(500, Currency::from_code("JPY").unwrap()), 500, "jpy"),
            (Money::new(5, krona), 500, "isk"),
        ] {
            assert_eq!(amount_of(ours), Some(theirs));
            assert_eq!(money(theirs, currency), Some(ours));
        }
        assert_eq!(money(501, "isk"), None);
        assert_eq!(amount_of(Money::new(i64::MAX, krona)), None);
    }
}

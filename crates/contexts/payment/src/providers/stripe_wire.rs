//! The wire format of Stripe: payment intents, refunds, disputes and webhook events, as far as they are read here.
//!
//! The sandbox uses it too. The status of an event is taken from its type, because its object shows the state at the time
//! of sending. Unknown types and fields are ignored.

use pulse_kernel::{Currency, Money, Timestamp};
use serde::Deserialize;

use super::{Webhook, WebhookError, WebhookEvent};
use crate::domain::payment::{
    AttemptFact, AttemptId, AttemptStatus, DisputeFact, DisputeId, DisputeMerge, DisputeStatus, Fact, Failure,
    RefundFact, RefundId, RefundStatus, failure_text,
};
use crate::domain::{signature, stripe_amount};

/// Key of the `metadata` entry with our ID of an attempt.
pub(crate) const ATTEMPT_ID: &str = "pulse_attempt_id";
/// Key of the `metadata` entry with our ID of a refund.
pub(crate) const REFUND_ID: &str = "pulse_refund_id";
/// Key of the `metadata` entry with the order ID, for people who use the pages of the provider.
pub(crate) const ORDER_ID: &str = "pulse_order_id";

/// Maximum length of an event ID or type in bytes. Those of Stripe are shorter.
const NAME_BYTES_MAX: usize = 200;

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

/// A dispute of the provider.
#[derive(Deserialize)]
struct Dispute {
    id: String,
    amount: i64,
    currency: String,
    status: String,
    reason: Option<String>,
    payment_intent: Option<String>,
    evidence_details: Option<EvidenceDetails>,
    #[serde(default)]
    created: i64,
}

#[derive(Deserialize)]
struct EvidenceDetails {
    due_by: Option<i64>,
}

#[derive(Deserialize)]
struct Charge {
    payment_intent: Option<String>,
    refunds: Option<List<Refund>>,
}

/// A list of the provider, or one page of it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct List<T> {
    pub(crate) data: Vec<T>,
    #[serde(default)]
    pub(crate) has_more: bool,
}

/// Verifies the signature of a webhook and reads its event.
pub(super) fn read_webhook(secret: &[u8], webhook: &Webhook<'_>, now: Timestamp) -> Result<WebhookEvent, WebhookError> {
    let header = webhook.header(signature::HEADER);
    signature::verify(secret, webhook.payload, header, now).map_err(WebhookError::Signature)?;
    read(webhook.payload).ok_or(WebhookError::Unreadable)
}

/// Reads an event; `None` if the body contains none.
fn read(payload: &[u8]) -> Option<WebhookEvent> {
    let event: Event = serde_json::from_slice(payload).ok()?;
    if event.id.is_empty() || event.id.len() > NAME_BYTES_MAX || event.r#type.len() > NAME_BYTES_MAX {
        return None;
    }
    let facts = facts(&event)?;
    Some(WebhookEvent { id: event.id, kind: event.r#type, facts })
}

/// Facts of an event; `None` if its object does not match its type.
fn facts(event: &Event) -> Option<Vec<Fact>> {
    let object = || event.data.object.clone();
    let at = instant(event.created);
    match event.r#type.as_str() {
        "payment_intent.created" | "payment_intent.requires_action" => {
            intent_fact(object(), |_| Some(AttemptStatus::Waiting))
        }
        "payment_intent.processing" => intent_fact(object(), |_| Some(AttemptStatus::Processing)),
        "payment_intent.canceled" => intent_fact(object(), |_| Some(AttemptStatus::Cancelled)),
        "payment_intent.payment_failed" => intent_fact(object(), |intent| Some(intent.declined(at))),
        "payment_intent.succeeded" => intent_fact(object(), Intent::received),
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            let refund: Refund = serde_json::from_value(object()).ok()?;
            Some(refund.fact(None).map(Fact::Refund).into_iter().collect())
        }
        "charge.refunded" => {
            let charge: Charge = serde_json::from_value(object()).ok()?;
            // Newer versions of the API omit the list and send `refund.updated`.
            let refunds = charge.refunds.map(|list| list.data).unwrap_or_default();
            let fact = |refund: &Refund| refund.fact(charge.payment_intent.as_deref()).map(Fact::Refund);
            Some(refunds.iter().filter_map(fact).collect())
        }
        "charge.dispute.created"
        | "charge.dispute.updated"
        | "charge.dispute.closed"
        | "charge.dispute.funds_withdrawn"
        | "charge.dispute.funds_reinstated" => dispute_fact(object(), &event.r#type, at),
        _ => Some(Vec::new()),
    }
}

/// Fact of a dispute. Only the types of events about funds state that money moved.
fn dispute_fact(object: serde_json::Value, kind: &str, at: Timestamp) -> Option<Vec<Fact>> {
    let dispute: Dispute = serde_json::from_value(object).ok()?;
    let Some(attempt_reference) = dispute.payment_intent else { return Some(Vec::new()) };
    let status = match dispute.status.as_str() {
        "warning_under_review" => DisputeStatus::InquiryUnderReview,
        "warning_closed" | "prevented" => DisputeStatus::InquiryClosed,
        "needs_response" => DisputeStatus::NeedsResponse,
        "under_review" => DisputeStatus::UnderReview,
        "won" => DisputeStatus::Won,
        "lost" => DisputeStatus::Lost,
        // `warning_needs_response`; an unknown status must not hide that money moved.
        _ => DisputeStatus::Inquiry,
    };
    let due_by = dispute.evidence_details.and_then(|details| details.due_by);
    Some(vec![Fact::Dispute(DisputeFact {
        reference: dispute.id,
        attempt_reference,
        amount: money(dispute.amount, &dispute.currency)?,
        reason: failure_text(dispute.reason.as_deref().unwrap_or_default()),
        respond_by: due_by.map(instant),
        state: DisputeMerge {
            status,
            reported_at: at,
            is_withdrawn: kind == "charge.dispute.funds_withdrawn",
            is_reinstated: kind == "charge.dispute.funds_reinstated",
        },
        opened_at: instant(dispute.created),
        fresh_id: DisputeId::new(0),
    })])
}

/// A time of the provider, which counts seconds.
fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds.saturating_mul(1_000))
}

fn intent_fact(object: serde_json::Value, status: impl FnOnce(&Intent) -> Option<AttemptStatus>) -> Option<Vec<Fact>> {
    let intent: Intent = serde_json::from_value(object).ok()?;
    let status = status(&intent)?;
    Some(vec![Fact::Attempt(intent.fact(status))])
}

impl Intent {
    /// The fact that the status of the intent states.
    pub(crate) fn status_fact(&self, now: Timestamp) -> Option<AttemptFact> {
        let status = match self.status.as_str() {
            "succeeded" => self.received()?,
            "canceled" => AttemptStatus::Cancelled,
            "processing" => AttemptStatus::Processing,
            _ if self.last_payment_error.is_some() => self.declined(now),
            _ => AttemptStatus::Waiting,
        };
        Some(self.fact(status))
    }

    fn fact(&self, status: AttemptStatus) -> AttemptFact {
        let attempt = self.metadata.as_ref().and_then(|metadata| metadata.pulse_attempt_id.as_deref()?.parse().ok());
        AttemptFact { reference: self.id.clone(), attempt: attempt.map(AttemptId::new), status }
    }

    fn received(&self) -> Option<AttemptStatus> {
        Some(AttemptStatus::Succeeded(money(self.amount_received.unwrap_or(self.amount), &self.currency)?))
    }

    fn declined(&self, at: Timestamp) -> AttemptStatus {
        let error = self.last_payment_error.as_ref();
        let words = error.and_then(|error| error.message.as_deref().or(error.code.as_deref()));
        AttemptStatus::Declined(Failure { at, text: failure_text(words.unwrap_or("declined")) })
    }
}

impl Refund {
    /// The fact that the status of the refund states; `None` if it belongs to no payment intent. The caller sets
    /// `fresh_id`.
    pub(crate) fn fact(&self, of: Option<&str>) -> Option<RefundFact> {
        let attempt_reference = self.payment_intent.as_deref().or(of)?.to_owned();
        let status = match self.status.as_deref() {
            Some("succeeded") => RefundStatus::Succeeded,
            Some(status @ ("failed" | "canceled")) => {
                RefundStatus::Failed(failure_text(self.failure_reason.as_deref().unwrap_or(status)))
            }
            Some(_) | None => RefundStatus::Pending,
        };
        Some(RefundFact {
            reference: self.id.clone(),
            refund: self.refund_id(),
            attempt_reference,
            amount: money(self.amount, &self.currency)?,
            status,
            fresh_id: RefundId::new(0),
        })
    }

    /// Our ID of the refund, if the provider returns it.
    pub(crate) fn refund_id(&self) -> Option<RefundId> {
        let metadata = self.metadata.as_ref()?;
        metadata.pulse_refund_id.as_deref()?.parse().ok().map(RefundId::new)
    }
}

/// An amount of the provider in minor units; `None` if it cannot be converted.
fn money(amount: i64, currency: &str) -> Option<Money> {
    stripe_amount::from_stripe(amount, Currency::from_code(&currency.to_ascii_uppercase())?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn facts_of(kind: &str, object: &serde_json::Value) -> Option<Vec<Fact>> {
        let event = json!({ "id": "evt_1", "type": kind, "created": 7, "data": { "object": object } });
        read(event.to_string().as_bytes()).map(|event| event.facts)
    }

    #[test]
    fn the_type_of_an_event_states_its_status() {
        let intent = json!({
            "id": "pi_1", "object": "payment_intent", "amount": 1_000, "amount_received": 1_000, "currency": "cny",
            "status": "succeeded", "metadata": { "pulse_attempt_id": "42" },
            "last_payment_error": { "message": "Your card was declined.", "code": "card_declined" },
        });
        let declined = Failure { at: Timestamp::from_millis(7_000), text: "Your card was declined.".to_owned() };
        for (kind, status) in [
            ("payment_intent.created", AttemptStatus::Waiting),
            ("payment_intent.processing", AttemptStatus::Processing),
            ("payment_intent.canceled", AttemptStatus::Cancelled),
            ("payment_intent.payment_failed", AttemptStatus::Declined(declined)),
            ("payment_intent.succeeded", AttemptStatus::Succeeded(Money::new(1_000, Currency::CNY))),
        ] {
            let fact = AttemptFact { reference: "pi_1".to_owned(), attempt: Some(AttemptId::new(42)), status };
            assert_eq!(facts_of(kind, &intent), Some(vec![Fact::Attempt(fact)]), "{kind}");
        }
        assert_eq!(facts_of("customer.created", &json!({ "id": "cus_1" })), Some(vec![]));
        assert_eq!(facts_of("payment_intent.succeeded", &json!({ "id": "pi_1" })), None);
        assert_eq!(read(b"{}"), None);
        assert_eq!(read(b"\xff"), None);
    }

    #[test]
    fn refunds_are_reported_by_three_types_of_events() {
        let refund = json!({
            "id": "re_1", "object": "refund", "amount": 400, "currency": "cny", "status": "succeeded",
            "payment_intent": "pi_1", "metadata": { "pulse_refund_id": "9" },
        });
        let expected = |status| {
            Some(vec![Fact::Refund(RefundFact {
                reference: "re_1".to_owned(),
                refund: Some(RefundId::new(9)),
                attempt_reference: "pi_1".to_owned(),
                amount: Money::new(400, Currency::CNY),
                status,
                fresh_id: RefundId::new(0),
            })])
        };
        for kind in ["refund.created", "refund.updated", "charge.refund.updated"] {
            assert_eq!(facts_of(kind, &refund), expected(RefundStatus::Succeeded), "{kind}");
        }
        let mut within = refund.clone();
        within["payment_intent"] = json!(null);
        let charge = json!({ "id": "ch_1", "payment_intent": "pi_1", "refunds": { "data": [within] } });
        assert_eq!(facts_of("charge.refunded", &charge), expected(RefundStatus::Succeeded));
        assert_eq!(facts_of("charge.refunded", &json!({ "id": "ch_1", "payment_intent": "pi_1" })), Some(vec![]));
        for (wire_status, status) in [
            (json!("pending"), RefundStatus::Pending),
            (json!("requires_action"), RefundStatus::Pending),
            (json!(null), RefundStatus::Pending),
            (json!("failed"), RefundStatus::Failed("failed".to_owned())),
            (json!("canceled"), RefundStatus::Failed("canceled".to_owned())),
        ] {
            let mut other = refund.clone();
            other["status"] = wire_status;
            assert_eq!(facts_of("refund.updated", &other), expected(status));
        }
    }
}

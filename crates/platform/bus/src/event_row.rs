//! The columns of an event in the tables of the bus.

use pulse_kernel::TraceContext;
use pulse_store::{FromRow, Row, StoreError, StoredEvent};

/// An event in a row of `bus_blocked` or `bus_dead_letters`.
pub(crate) struct EventRow(pub(crate) StoredEvent);

impl FromRow for EventRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self(StoredEvent {
            seq: row.get("seq")?,
            id: row.get("event_id")?,
            topic: row.get::<String>("topic")?.into(),
            key: row.get("event_key")?,
            occurred_at: row.get("occurred_at")?,
            trace: TraceContext::from_traceparent(&row.get::<String>("trace")?).unwrap_or_default(),
            payload: row.get("payload")?,
        }))
    }
}

/// The stored form of a trace: a `traceparent`, or an empty text without a trace.
pub(crate) fn trace_text(trace: &TraceContext) -> String {
    if trace.trace_id == 0 { String::new() } else { trace.traceparent() }
}

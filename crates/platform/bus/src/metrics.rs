//! HELP texts of the metrics of this crate.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Describes every metric of this crate.
pub(crate) fn describe() {
    describe_counter!("pulse_bus_deliveries_total", "Deliveries of events to a consumer that ended, by outcome.");
    describe_counter!(
        "pulse_bus_session_failures_total",
        "Delivery sessions of a consumer that ended with an error: a lost lease or an unavailable database."
    );
    describe_histogram!("pulse_bus_handler_seconds", Unit::Seconds, "Duration of event handlers, retries included.");
    describe_gauge!("pulse_bus_running_handlers", "Event handlers of a consumer that run now.");
    describe_gauge!(
        "pulse_bus_blocked_events",
        "Events of a consumer that failed and wait for a retry, or wait behind one with the same key."
    );
    describe_gauge!(
        "pulse_bus_dead_letters",
        "Events of a consumer that exhausted their attempts and wait for an operator."
    );
    describe_gauge!("pulse_bus_consumer_paused", "1 while an operator has paused the consumer, otherwise 0.");
    describe_gauge!("pulse_bus_lag_events", "Events of an outbox behind which the offset of a consumer is.");
}

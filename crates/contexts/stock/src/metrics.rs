//! The metrics of the stock ledger.

use metrics::{Unit, describe_counter, describe_histogram};

/// Describes every metric of the context, once per process.
pub(crate) fn describe() {
    describe_counter!(
        "pulse_stock_commands_total",
        "Commands that were decided: reservations, confirmations, movements."
    );
    describe_counter!("pulse_stock_batches_total", "Batches of commands that were committed.");
    describe_counter!("pulse_stock_movements_total", "Rows written to the journal of movements.");
    describe_counter!("pulse_stock_refusals_total", "Refused commands, by reason.");
    describe_histogram!(
        "pulse_stock_queue_wait_seconds",
        Unit::Seconds,
        "Time of a command in the queue of the batcher."
    );
}

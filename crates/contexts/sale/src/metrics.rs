//! The metrics of flash sales.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// Describes every metric of the context, once per process.
pub(crate) fn describe() {
    describe_counter!("pulse_sale_admissions_total", "Admissions to flash sales that were committed.");
    describe_histogram!("pulse_sale_commit_batch_size", "Admissions per commit.");
    describe_gauge!("pulse_sale_admissions_pending", "Committed admissions whose order does not exist yet.");
    describe_counter!("pulse_sale_orders_total", "Admissions whose order was placed.");
    describe_counter!(
        "pulse_sale_order_failures_total",
        "Failed rounds of order creation; the admissions stay pending."
    );
    describe_gauge!("pulse_sale_order_creation_paused", "1 while an operator has paused order creation, otherwise 0.");
    describe_gauge!("pulse_sale_dead_letters", "Admissions that did not become an order after all attempts.");
    describe_counter!("pulse_sale_gate_reloads_total", "Loads of a sale into the admission engine.");
    describe_counter!(
        "pulse_sale_gate_corrections_total",
        "Corrections of the free units in the admission engine to those in the database."
    );
    describe_counter!(
        "pulse_sale_admissions_recovered_total",
        "Admissions that another node accepted and did not write, written by this node."
    );
    describe_counter!("pulse_sale_gate_reconcile_errors_total", "Failed reconciliations of a sale; they are repeated.");
}

//! `pulse crash-test`: kills a node under load at random moments, verifies its data, and starts it again.

mod after_crash;
mod customers;
mod flash_sale;
mod node_process;
mod orders;
mod plan;

pub use plan::{Plan, Report};

/// Runs the crash test of the plan.
///
/// # Errors
/// When a node cannot be started, reached or verified.
pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    if plan.is_flash_sale { flash_sale::run(plan).await } else { orders::run(plan).await }
}

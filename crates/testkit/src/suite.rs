//! Runs a behaviour as a test on one database engine.

use pulse_node::Config;

use crate::{Engine, TestNode};

/// Starts a node, runs the behaviour, and checks that every event is delivered.
///
/// # Panics
/// If the behaviour panics, or an event is not delivered.
pub fn run(engine: Engine, behaviour: impl AsyncFnOnce(&mut TestNode)) {
    run_with(engine, |_config| {}, behaviour);
}

/// As [`run`], with a changed configuration.
///
/// # Panics
/// As [`run`].
pub fn run_with(engine: Engine, change: impl FnOnce(&mut Config), behaviour: impl AsyncFnOnce(&mut TestNode)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        let mut node = TestNode::start_with(engine, change).await;
        behaviour(&mut node).await;
        node.finish().await;
    });
}

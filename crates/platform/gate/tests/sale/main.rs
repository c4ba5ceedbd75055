//! The gates of flash sales: both engines keep one contract, and Redis may be lost, moved and left by its nodes.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod golden;
mod moved;
mod unconfirmed;

use std::time::Duration;

use pulse_gate::sale::{Ask, MemorySaleGate, RedisSaleGate, RedisSaleGateOptions, SaleGate};

/// The memory engine keeps the contract.
mod memory {
    pulse_gate::sale_gate_contract!(async || (super::MemorySaleGate::new(), ()));
}

/// The Redis engine keeps the contract.
mod redis {
    pulse_gate::sale_gate_contract!(async || {
        let server = pulse_testkit::servers::redis().unwrap();
        (super::node(&server.url(), "suite"), server)
    });
}

/// A node's own gate over a Redis. It waits as long as a busy machine may need.
fn node(url: &str, name: &str) -> RedisSaleGate {
    let options = RedisSaleGateOptions { timeout: Duration::from_secs(10), ..RedisSaleGateOptions::new(url, name) };
    RedisSaleGate::new(options).unwrap()
}

/// Opens a sale in which nobody was admitted.
async fn open(gate: &impl SaleGate, sale: i64, free: u64) {
    let loading = gate.prepare(sale).await.unwrap();
    assert!(gate.open(loading, free).await.unwrap());
}

/// One unit, under the name 1000 * buyer + attempt.
fn ask(sale: i64, buyer: i64, attempt: i64) -> Ask {
    Ask { sale, buyer, admission: 1_000 * buyer + attempt, units: 1 }
}

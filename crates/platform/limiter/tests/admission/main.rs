//! The engine of flash sales: both engines keep one contract, and Redis may be lost, moved and left by its nodes.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod golden;
mod moved;
mod unconfirmed;

use std::time::Duration;

use pulse_limiter::admission::{
    AdmissionEngine, AdmissionRequest, MemoryAdmissionEngine, RedisAdmissionEngine, RedisAdmissionOptions,
};

/// The memory engine keeps the contract.
mod memory {
    pulse_limiter::admission_contract!(async || (super::MemoryAdmissionEngine::new(), ()));
}

/// The Redis engine keeps the contract.
mod redis {
    pulse_limiter::admission_contract!(async || {
        let server = pulse_testkit::servers::redis().unwrap();
        (super::node(&server.url(), "suite"), server)
    });
}

/// A node's own engine over a Redis. It waits as long as a busy machine may need.
fn node(url: &str, name: &str) -> RedisAdmissionEngine {
    let options = RedisAdmissionOptions { timeout: Duration::from_secs(10), ..RedisAdmissionOptions::new(url, name) };
    RedisAdmissionEngine::new(options).unwrap()
}

/// Opens a sale in which nobody was admitted.
async fn open(engine: &impl AdmissionEngine, sale: i64, free: u64) {
    let loading = engine.prepare(sale).await.unwrap();
    assert!(engine.open(loading, free).await.unwrap());
}

/// One unit, under the name 1000 * buyer + attempt.
fn request_of(sale: i64, buyer: i64, attempt: i64) -> AdmissionRequest {
    AdmissionRequest { sale, buyer, admission: 1_000 * buyer + attempt, units: 1 }
}

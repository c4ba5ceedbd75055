//! Both admission engines pass the contract; the Redis engine survives data loss, failover and the death of nodes.
#![expect(clippy::unwrap_used, reason = "a test fails at the first error")]

mod golden;
mod moved;
mod unconfirmed;

use std::time::Duration;

use pulse_limiter::admission::{
    AdmissionEngine, AdmissionRequest, MemoryAdmissionEngine, RedisAdmissionEngine, RedisAdmissionOptions,
};

/// The contract with the memory engine.
mod memory {
    pulse_limiter::admission_contract!(async || (super::MemoryAdmissionEngine::new(), ()));
}

/// The contract with the Redis engine.
mod redis {
    pulse_limiter::admission_contract!(async || {
        let server = pulse_testkit::servers::redis().unwrap();
        (super::node(&server.url(), "suite"), server)
    });
}

/// The engine of one node, with a timeout for busy machines.
fn node(url: &str, name: &str) -> RedisAdmissionEngine {
    let options = RedisAdmissionOptions { timeout: Duration::from_secs(10), ..RedisAdmissionOptions::new(url, name) };
    RedisAdmissionEngine::new(options).unwrap()
}

/// Opens a sale without admissions.
async fn open(engine: &impl AdmissionEngine, sale: i64, free: u64) {
    let loading = engine.prepare(sale).await.unwrap();
    assert!(engine.open(loading, free).await.unwrap());
}

/// A request for one unit with the admission ID 1000 * buyer + attempt.
fn request_of(sale: i64, buyer: i64, attempt: i64) -> AdmissionRequest {
    AdmissionRequest { sale, buyer, admission: 1_000 * buyer + attempt, units: 1 }
}

//! The contract as a whole: every context's messages, clients and servers, and the lists over all of them.
//!
//! `pulse_contract::order::v1` is the crate in `crates/contracts/order`, generated from `proto/pulse/order/v1`; what all
//! of them share is `pulse-contract-runtime`.

extern crate pulse_contract_runtime as pulse_contract;

pub use pulse_contract::*;

include!(concat!(env!("OUT_DIR"), "/contract.rs"));

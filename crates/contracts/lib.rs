//! The contract of one context, generated from its folder of `proto/`; every crate in `crates/contracts` is this file.
//!
//! Per service there is a trait (`AccountApi`), a client that calls an instance in this process or a remote node
//! (`AccountClient`), a service that saves and replays answers (`AccountService`), a gRPC server (`AccountGrpc`) and the
//! REST routes (`account_routes`). Adding an rpc means adding it to a `.proto`.

extern crate pulse_contract_runtime as pulse_contract;

pub use pulse_contract::*;

include!(concat!(env!("OUT_DIR"), "/contract.rs"));

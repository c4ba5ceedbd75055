//! The only crate that knows HTTP: REST from the contract, auth, policy, problem+json, gRPC.

//! The generator: from proto/ to Rust, REST routes, policy and OpenAPI.

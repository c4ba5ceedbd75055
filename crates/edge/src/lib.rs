//! The edge: the only crate that knows HTTP.

pub mod config;
mod routes;

pub use config::EdgeConfig;
pub use routes::RouteError;

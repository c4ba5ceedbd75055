//! The node: configuration, wiring, command line. The only crate that knows all the others.

pub mod commands;
pub mod config;
pub mod data_folder;
mod demo;
pub mod node;
pub mod pages;
mod transfer;

pub use config::Config;
pub use node::{Node, NodeOptions};

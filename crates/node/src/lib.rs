//! The node: configuration, wiring, command line. The only crate that knows all the others.

pub mod commands;
pub mod config;
mod contexts;
mod crash;
pub mod data_folder;
mod demo;
mod engines;
mod load;
pub mod node;
mod outbound;
pub mod pages;
mod race;
mod stage;
mod transfer;
pub mod verify;

pub use config::Config;
pub use node::{Node, NodeOptions};

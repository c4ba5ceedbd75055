//! The node: configuration, wiring, verification, pages, import and export. The only crate that knows every context.

mod chores;
pub mod codes;
pub mod config;
mod contexts;
pub mod data_folder;
mod engines;
pub mod node;
mod outbound;
pub mod pages;
mod tables;
pub mod transfer;
pub mod verify;

pub use config::Config;
pub use node::{Node, NodeOptions};

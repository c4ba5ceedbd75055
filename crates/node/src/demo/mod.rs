//! The living city of `pulse demo`: everything goes through the same calls that an app would make.

mod life;
mod rush;
mod settle;
mod trade;

pub(crate) use life::live;
pub(crate) use settle::{DemoCity, imported, settle};

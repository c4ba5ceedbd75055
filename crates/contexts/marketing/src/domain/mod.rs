//! The rules of coupons: pure and synchronous, no clock, no IO; time and data come in as values.

pub mod category;
pub mod coupon;
pub mod discount;
pub mod reservation;
pub mod spread;
pub mod template;

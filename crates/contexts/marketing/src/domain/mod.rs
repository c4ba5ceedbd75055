//! Rules of coupons: pure and synchronous; time and data are parameters.

pub mod category;
pub mod coupon;
pub mod discount;
pub mod prorate;
pub mod reservation;
pub mod revocation;
pub mod template;

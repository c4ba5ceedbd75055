//! The rules of accounts: pure and synchronous, no clock, no IO; time and secrets come in as values.

pub mod check_in;
pub mod one_time_code;
pub mod password;
pub mod phone;
pub mod refresh;
pub mod roles;

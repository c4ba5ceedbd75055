//! Rules of accounts: pure and synchronous; time and secrets are parameters.

pub mod check_in;
pub mod one_time_code;
pub mod password;
pub mod phone;
pub mod refresh;
pub mod roles;

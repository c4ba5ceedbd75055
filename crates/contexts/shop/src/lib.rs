//! Where one can buy: merchants, shops, categories, products, hours, nearby.

pub mod domain;

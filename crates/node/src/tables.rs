//! The tables of every context of this binary.

use pulse_context::Tables;

/// In the order in which the contexts start: those that others call come first.
pub(crate) const TABLES: &[Tables] = &[
    pulse_shop::TABLES,
    pulse_account::TABLES,
    pulse_stock::TABLES,
    pulse_marketing::TABLES,
    pulse_order::TABLES,
    pulse_payment::TABLES,
    pulse_kitchen::TABLES,
    pulse_sale::TABLES,
    pulse_favourite::TABLES,
];

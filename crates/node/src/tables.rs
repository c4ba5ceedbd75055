//! Tables of all contexts of this binary.

use pulse_context::Tables;

/// Tables in the order in which the contexts start. Called contexts start before their callers.
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

//! The section `[shop]` of the configuration.

use std::time::Duration;

use pulse_context::{Faults, Section};
use serde::{Deserialize, Serialize};

/// Merchants, shops and catalogues.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShopConfig {
    /// Time zone of opening hours that name none, an IANA name. Default Asia/Shanghai. Since 0.1.
    pub time_zone: String,
    /// Maximum number of shops of one merchant. 1 to 100000, default 200. Since 0.1.
    pub shops_per_merchant_max: i64,
    /// Maximum number of products of one shop; a menu shows at most 500. 1 to 500, default 500. Since 0.1.
    pub products_per_shop_max: i64,
    /// Maximum delay until a changed supplier item appears in lists. 0s to 1m, default 2s. Since 0.1.
    #[serde(with = "humantime_serde")]
    pub item_list_window: Duration,
    /// Number of changed items that are listed at once, without further delay. 1 to 100000, default 2000. Since 0.1.
    pub item_list_items_max: usize,
}

impl Default for ShopConfig {
    fn default() -> Self {
        Self {
            time_zone: "Asia/Shanghai".into(),
            shops_per_merchant_max: 200,
            products_per_shop_max: 500,
            item_list_window: Duration::from_secs(2),
            item_list_items_max: 2_000,
        }
    }
}

impl Section for ShopConfig {
    fn check(&self, faults: &mut Faults) {
        faults.time_zone("time_zone", &self.time_zone);
        faults.number("shops_per_merchant_max", self.shops_per_merchant_max, 1..=100_000);
        faults.number("products_per_shop_max", self.products_per_shop_max, 1..=500);
        faults.duration("item_list_window", self.item_list_window, Duration::ZERO..=Duration::from_secs(60));
        faults.number("item_list_items_max", self.item_list_items_max, 1..=100_000);
    }
}

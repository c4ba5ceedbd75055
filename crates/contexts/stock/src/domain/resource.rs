//! Resource of the stock: quantities, rules, and the decision about a demand.

use pulse_kernel::Timestamp;
use pulse_kernel::id::ShopId;

/// Maximum quantity of a resource. With overselling, the available quantity can fall to the negative of it.
pub const QUANTITY_MAX: i64 = 1_000_000_000_000;

/// Kind of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Units of a variant.
    Sku,
    /// Coupons of a template.
    Coupon,
    /// Units of a flash sale.
    Sale,
    /// Slots of couriers.
    CourierSlot,
    /// Seats of a shop.
    Seat,
}

/// Reference to a resource. Rows are changed in the order of references, so that concurrent commits do not deadlock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceRef {
    /// ID within the kind.
    pub id: i64,
    /// Kind.
    pub kind: Kind,
}

/// Step of an order at which units are deducted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeductAt {
    /// Units are reserved when the order is placed.
    #[default]
    Order,
    /// Units are deducted when the order is paid, without a reservation before.
    Payment,
}

/// Rules of a resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Step of an order at which units are deducted.
    pub deduct_at: DeductAt,
    /// Whether reservations may exceed the quantity on hand.
    pub is_oversell_allowed: bool,
    /// Number of available units at which a warning event is published. 0 means never.
    pub warning_line: i64,
}

/// Resource with its rules and quantities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Owner of the resource; 0 for the platform.
    pub shop: ShopId,
    /// Rules.
    pub rules: Rules,
    /// Whether the resource has quantities. A row without quantities exists for the halt alone.
    pub is_counted: bool,
    /// Whether sales are halted (86).
    pub is_halted: bool,
    /// Whether overselling was allowed at some time. Only then the reserved quantity can exceed the quantity on hand.
    pub was_oversell_allowed: bool,
    /// Quantity on hand, including reserved units. Negative if more units were sold than delivered.
    pub on_hand: i64,
    /// Reserved quantity.
    pub reserved: i64,
    /// Number of movements.
    pub version: i64,
    /// Version of the last event that halted or resumed sales.
    pub out_version: i64,
    /// Number of commits that changed the row.
    pub revision: i64,
    /// Time of the last movement; does not decrease.
    pub moved_at: Timestamp,
}

impl Resource {
    /// Creates a resource without quantities.
    #[must_use]
    pub fn uncounted(shop: ShopId) -> Self {
        Self {
            shop,
            rules: Rules::default(),
            is_counted: false,
            is_halted: false,
            was_oversell_allowed: false,
            on_hand: 0,
            reserved: 0,
            version: 0,
            out_version: 0,
            revision: 0,
            moved_at: Timestamp::EPOCH,
        }
    }

    /// Returns the available quantity. It is negative only if overselling is or was allowed.
    #[must_use]
    pub fn available(&self) -> i64 {
        self.on_hand - self.reserved
    }

    /// Returns whether `demand` units can be reserved.
    fn suffices_for(&self, demand: i64) -> bool {
        let available_min = if self.rules.is_oversell_allowed { -QUANTITY_MAX } else { 0 };
        self.available() - demand >= available_min
    }

    /// Replaces the rules.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
        self.was_oversell_allowed |= rules.is_oversell_allowed;
    }

    /// Returns whether the available quantity is at or below the warning line.
    #[must_use]
    pub fn is_low(&self) -> bool {
        self.is_counted && self.rules.warning_line > 0 && self.available() <= self.rules.warning_line
    }
}

/// Outcome of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineStatus {
    /// The stock suffices.
    Ok,
    /// The stock of the resource is not tracked.
    Untracked,
    /// The units are deducted when the order is paid.
    DeferredToPayment,
    /// Sales are halted (86).
    Unavailable,
    /// Fewer units are available than requested.
    Insufficient,
}

impl LineStatus {
    /// Returns whether the status refuses the whole reservation.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        match self {
            Self::Unavailable | Self::Insufficient => true,
            Self::Ok | Self::Untracked | Self::DeferredToPayment => false,
        }
    }
}

/// Step of an order at which units are requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The order is placed.
    Order,
    /// The order is paid.
    Payment,
}

/// Decides whether `demand` units can be reserved. A halt has precedence, also for a resource that is not counted.
#[must_use]
pub fn decide_demand(resource: Option<&Resource>, demand: i64, moment: Moment) -> LineStatus {
    let Some(resource) = resource else { return LineStatus::Untracked };
    if resource.is_halted {
        LineStatus::Unavailable
    } else if !resource.is_counted {
        LineStatus::Untracked
    } else if resource.rules.deduct_at == DeductAt::Payment && moment == Moment::Order {
        LineStatus::DeferredToPayment
    } else if resource.suffices_for(demand) {
        LineStatus::Ok
    } else {
        LineStatus::Insufficient
    }
}

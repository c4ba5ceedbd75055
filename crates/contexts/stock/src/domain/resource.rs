//! A counted resource: what is there, what is spoken for, and by which rules it is given out.

use pulse_kernel::Timestamp;
use pulse_kernel::id::ShopId;

/// The largest quantity of a resource; with overselling allowed, as much may be owed.
pub const QUANTITY_MAX: i64 = 1_000_000_000_000;

/// What is counted.
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

/// Which resource. In the order in which rows are changed, so that nobody waits for each other in a circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceRef {
    /// Which one of its kind.
    pub id: i64,
    /// What is counted.
    pub kind: Kind,
}

/// When units leave the stock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeductAt {
    /// Reserved when the order is placed.
    #[default]
    Order,
    /// Taken when the order is paid.
    Payment,
}

/// How a resource is given out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// When units leave.
    pub deduct_at: DeductAt,
    /// Whether more may be reserved than there is.
    pub is_oversell_allowed: bool,
    /// Falling to so many available units is told; 0 for never.
    pub warning_line: i64,
}

/// A resource and its quantities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Whose; 0 for the platform.
    pub shop: ShopId,
    /// How it is given out.
    pub rules: Rules,
    /// Whether it has quantities at all. One that has none is known only because it is out, or was.
    pub is_counted: bool,
    /// Whether it is out (86).
    pub is_halted: bool,
    /// Whether overselling was ever allowed: only then more may be spoken for than there is.
    pub was_oversell_allowed: bool,
    /// What is there, what is reserved of it included. Negative for what was sold and is still owed.
    pub on_hand: i64,
    /// What is spoken for.
    pub reserved: i64,
    /// Grows by one with each movement.
    pub version: i64,
    /// The version of the news that it is out, or back.
    pub out_version: i64,
    /// Grows by one with each commit that changes the row.
    pub revision: i64,
    /// When it moved last; never goes back.
    pub moved_at: Timestamp,
}

impl Resource {
    /// One that nobody counts.
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

    /// What can still be promised; below 0 only where overselling is, or was, allowed.
    #[must_use]
    pub fn available(&self) -> i64 {
        self.on_hand - self.reserved
    }

    /// Whether so many units can be promised.
    fn has(&self, demand: i64) -> bool {
        let floor = if self.rules.is_oversell_allowed { -QUANTITY_MAX } else { 0 };
        self.available() - demand >= floor
    }

    /// Gives it other rules.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
        self.was_oversell_allowed |= rules.is_oversell_allowed;
    }

    /// Whether it is at or below its warning line.
    #[must_use]
    pub fn is_low(&self) -> bool {
        self.is_counted && self.rules.warning_line > 0 && self.available() <= self.rules.warning_line
    }
}

/// Why a line can or cannot be reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineStatus {
    /// There is enough.
    Ok,
    /// Nobody counts this resource.
    Untracked,
    /// It is taken when the order is paid.
    DeferredToPayment,
    /// It is out for now (86).
    Unavailable,
    /// Fewer units are available than requested.
    Insufficient,
}

impl LineStatus {
    /// Whether nothing is reserved because of it.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        match self {
            Self::Unavailable | Self::Insufficient => true,
            Self::Ok | Self::Untracked | Self::DeferredToPayment => false,
        }
    }
}

/// At which moment of an order units are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// When it is placed.
    Order,
    /// When it is paid.
    Payment,
}

/// Whether so many units can be had. What is out is out, whether counted or not; the rest in the order of the statuses.
#[must_use]
pub fn judge(resource: Option<&Resource>, demand: i64, moment: Moment) -> LineStatus {
    let Some(resource) = resource else { return LineStatus::Untracked };
    if resource.is_halted {
        LineStatus::Unavailable
    } else if !resource.is_counted {
        LineStatus::Untracked
    } else if resource.rules.deduct_at == DeductAt::Payment && moment == Moment::Order {
        LineStatus::DeferredToPayment
    } else if resource.has(demand) {
        LineStatus::Ok
    } else {
        LineStatus::Insufficient
    }
}

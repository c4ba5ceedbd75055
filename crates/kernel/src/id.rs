//! Typed ids: a 63-bit number that knows what it identifies.

/// Declares an id type: a positive 63-bit number, printed with its prefix.
///
/// ```
/// pulse_kernel::define_id!(
///     /// Identifies a cup.
///     CupId, "cup"
/// );
/// assert_eq!(CupId::new(42).to_string(), "cup_42");
/// ```
#[macro_export]
macro_rules! define_id {
    ($(#[$meta:meta])* $name:ident, $prefix:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// From the number that the wire and the database carry.
            #[must_use]
            pub const fn new(value: i64) -> Self {
                Self(value)
            }

            /// The number that the wire and the database carry.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0)
            }
        }
    };
}

define_id!(
    /// Identifies an account: a person or a machine that can sign in.
    AccountId, "acc"
);
define_id!(
    /// Identifies a merchant: who owns shops.
    MerchantId, "mer"
);
define_id!(
    /// Identifies a shop.
    ShopId, "shp"
);
define_id!(
    /// Identifies an order.
    OrderId, "ord"
);
define_id!(
    /// Identifies a coupon of a customer.
    CouponId, "cpn"
);

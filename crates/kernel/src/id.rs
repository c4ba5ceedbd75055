//! Typed IDs: a 63-bit number with the type of its subject.

/// Declares an ID type: a positive 63-bit number, printed with a prefix.
///
/// ```
/// pulse_kernel::define_id!(
///     /// ID of a cup.
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
            /// The ID of this number.
            #[must_use]
            pub const fn new(value: i64) -> Self {
                Self(value)
            }

            /// The number, as in messages and in the database.
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
    /// ID of an account: a person or a machine that can sign in.
    AccountId, "acc"
);
define_id!(
    /// ID of a merchant, the owner of shops.
    MerchantId, "mer"
);
define_id!(
    /// ID of a shop.
    ShopId, "shp"
);
define_id!(
    /// ID of an order.
    OrderId, "ord"
);
define_id!(
    /// ID of a coupon of a customer.
    CouponId, "cpn"
);

//! The macro that declares a struct together with its columns.

/// Declares a struct with its columns, so that it can be read ([`crate::FromRow`]) and written ([`crate::ToRow`],
/// [`crate::Insert::rows`]).
///
/// - A field names its column: `id: OrderId = "id"`. Its type converts to and from [`crate::Value`]: numbers, text,
///   bytes, `bool`, `Timestamp`, ids, what [`crate::stored_enum!`] declares, and `Option` of these.
/// - `as message` stores a message of the contract as its encoding, `as wire_enum` an enum of the contract as its number.
/// - `with { field: Struct { inner = "column" } }` declares a field whose inner fields have a column each. All fields of
///   the inner struct have to be named.
///
/// The second form declares the columns of a struct that stands elsewhere.
///
/// ```
/// use pulse_contract::kitchen::v1::{StoredTicket, TicketState};
/// use pulse_kernel::id::OrderId;
/// use pulse_kernel::{Currency, Money};
/// use pulse_store::{Insert, ToRow, Value, row};
///
/// row! {
///     /// A row of `cafe_orders`.
///     #[derive(Clone, Debug)]
///     struct OrderRow {
///         id: OrderId = "id",
///         note: Option<String> = "note",
///         state: TicketState = "state" as wire_enum,
///         details: StoredTicket = "details" as message,
///     } with {
///         price: Money { minor = "price_minor", currency = "currency" },
///     }
/// }
///
/// struct Count {
///     shop: i64,
///     orders: i64,
/// }
/// row! { Count { shop = "shop_id", orders = "order_count" } }
///
/// assert_eq!(OrderRow::COLUMNS, ["id", "note", "state", "details", "price_minor", "currency"]);
/// assert_eq!(Count { shop: 7, orders: 2 }.to_row(), [Value::Int(7), Value::Int(2)]);
/// let insert = Insert::rows("cafe_counts", [&Count { shop: 7, orders: 2 }, &Count { shop: 8, orders: 0 }]);
/// # let row = OrderRow {
/// #     id: OrderId::new(1), note: None, state: TicketState::New, details: StoredTicket::default(),
/// #     price: Money::new(5, Currency::EUR),
/// # };
/// # assert_eq!(row.to_row().len(), 6);
/// # assert!(!insert.is_empty());
/// ```
#[macro_export]
macro_rules! row {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty = $column:literal $(as $kind:ident)?),* $(,)?
        }
        $(with {
            $($(#[$group_meta:meta])* $group_vis:vis $group:ident: $group_type:ident {
                $($inner:ident = $inner_column:literal $(as $inner_kind:ident)?),* $(,)?
            }),* $(,)?
        })?
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$field_meta])* $field_vis $field: $type,)*
            $($($(#[$group_meta])* $group_vis $group: $group_type,)*)?
        }

        $crate::row! {
            $name { $($field = $column $(as $kind)?),* }
            $(with { $($group: $group_type { $($inner = $inner_column $(as $inner_kind)?),* }),* })?
        }
    };
    (
        $name:ident { $($field:ident = $column:literal $(as $kind:ident)?),* $(,)? }
        $(with {
            $($group:ident: $group_type:ident {
                $($inner:ident = $inner_column:literal $(as $inner_kind:ident)?),* $(,)?
            }),* $(,)?
        })?
    ) => {
        impl $crate::FromRow for $name {
            fn from_row(row: &$crate::Row) -> ::std::result::Result<Self, $crate::StoreError> {
                Ok(Self {
                    $($field: $crate::row!(@read row, $column $($kind)?),)*
                    $($($group: $group_type {
                        $($inner: $crate::row!(@read row, $inner_column $($inner_kind)?),)*
                    },)*)?
                })
            }
        }

        impl $crate::ToRow for $name {
            const COLUMNS: &'static [&'static str] = &[$($column,)* $($($($inner_column,)*)*)?];

            fn to_row(&self) -> ::std::vec::Vec<$crate::Value> {
                ::std::vec![
                    $($crate::row!(@write self.$field, $($kind)?),)*
                    $($($($crate::row!(@write self.$group.$inner, $($inner_kind)?),)*)*)?
                ]
            }
        }
    };
    (@read $row:ident, $column:literal) => { $row.get($column)? };
    (@read $row:ident, $column:literal message) => { $row.message($column)? };
    (@read $row:ident, $column:literal wire_enum) => { $row.wire_enum($column)? };
    (@write $value:expr,) => { $crate::Value::from(::std::clone::Clone::clone(&$value)) };
    (@write $value:expr, message) => { $crate::Value::message(&$value) };
    (@write $value:expr, wire_enum) => { $crate::Value::from(::std::primitive::i32::from($value)) };
}

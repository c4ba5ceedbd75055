//! Macros that declare how a type of a context is stored as a number.

/// Declares how types are stored in a BIGINT column: a function to the number, and a function from the number that
/// answers `None` for a number that stands for no value.
///
/// ```
/// #[derive(Debug, PartialEq)]
/// struct Percent(u8);
///
/// pulse_store::stored_number! {
///     Percent: |percent: Percent| percent.0.into(), |number| u8::try_from(number).ok().map(Percent);
/// }
///
/// use pulse_store::{FromValue, Value};
/// assert_eq!(Value::from(Percent(7)), Value::Int(7));
/// assert_eq!(Percent::from_value(&Value::Int(7)), Some(Percent(7)));
/// assert_eq!(Percent::from_value(&Value::Int(256)), None);
/// ```
#[macro_export]
macro_rules! stored_number {
    ($($type:ty: $to:expr, $from:expr;)+) => {$(
        impl $crate::Typed for $type {
            const TYPE: $crate::Type = $crate::Type::Int;
        }

        impl ::std::convert::From<$type> for $crate::Value {
            fn from(value: $type) -> Self {
                Self::Int(($to)(value))
            }
        }

        impl $crate::FromValue for $type {
            fn from_value(value: &$crate::Value) -> ::std::option::Option<Self> {
                match value {
                    $crate::Value::Int(number) => ($from)(*number),
                    $crate::Value::Null(_)
                    | $crate::Value::Real(_)
                    | $crate::Value::Text(_)
                    | $crate::Value::Bytes(_) => ::std::option::Option::None,
                }
            }
        }
    )+};
}

/// Declares that ids of `pulse_kernel::define_id!` are stored as their number. The ids of the kernel are declared here
/// already.
///
/// ```
/// pulse_kernel::define_id!(
///     /// Identifies a cup.
///     CupId, "cup"
/// );
/// pulse_store::stored_id!(CupId);
///
/// use pulse_store::{Value, values};
/// assert_eq!(values![CupId::new(7), Some(CupId::new(8))], vec![Value::Int(7), Value::Int(8)]);
/// ```
#[macro_export]
macro_rules! stored_id {
    ($($id:ident),+ $(,)?) => {
        $crate::stored_number! { $($id: $id::get, |number| ::std::option::Option::Some($id::new(number));)+ }
    };
}

/// Declares the numbers that the variants of an enum are stored as.
///
/// The second form stores the numbers of an enum of the contract; `pulse_contract::wire_enum!` declares how its values
/// correspond.
///
/// ```
/// #[derive(Clone, Copy, Debug, PartialEq)]
/// enum Cup {
///     Empty,
///     Full,
/// }
///
/// pulse_store::stored_enum! { Cup { Empty = 1, Full = 2 } }
///
/// use pulse_store::{FromValue, Value};
/// assert_eq!(Value::from(Cup::Full), Value::Int(2));
/// assert_eq!(Cup::from_value(&Value::Int(1)), Some(Cup::Empty));
/// assert_eq!(Cup::from_value(&Value::Int(0)), None);
/// ```
///
/// ```
/// use pulse_contract::kitchen::v1::TicketState;
///
/// #[derive(Clone, Copy)]
/// enum State {
///     Waiting,
///     Cooking,
/// }
///
/// pulse_contract::wire_enum! {
///     State = TicketState { Waiting = Accepted, Cooking = Started } except { New, Ready, Bumped, Cancelled }
/// }
/// pulse_store::stored_enum! { State as TicketState }
///
/// use pulse_store::Value;
/// assert_eq!(Value::from(State::Cooking), Value::from(i32::from(TicketState::Started)));
/// ```
#[macro_export]
macro_rules! stored_enum {
    ($type:ident { $($variant:ident = $number:literal),+ $(,)? }) => {
        $crate::stored_number! {
            $type: |value: $type| match value { $($type::$variant => $number,)+ },
                |number: i64| match number {
                    $($number => ::std::option::Option::Some($type::$variant),)+
                    _ => ::std::option::Option::None,
                };
        }
    };
    ($type:ident as $wire:ty) => {
        $crate::stored_number! {
            $type: |value: $type| i64::from(i32::from(<$wire>::from(value))),
                |number: i64| {
                    let wire = <$wire>::try_from(i32::try_from(number).ok()?).ok()?;
                    <$type>::try_from(wire).ok()
                };
        }
    };
}

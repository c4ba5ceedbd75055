//! The macro that declares how the values of an enum of the contract correspond to those of a context.

/// An enum of the contract has a value that stands for nothing in the context: `..._UNSPECIFIED`, or one of `except`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoCounterpart;

/// Declares the one-to-one correspondence between an enum of a context and an enum of the contract: `From` for the
/// contract's enum and for `i32`, as message fields have it, and `TryFrom` for the enum of the context.
///
/// A variant with another name in the contract is written as `Ours = Theirs`. `except` lists the values of the contract
/// that have no counterpart; `Unspecified` never has one. Both lists have to be complete, or it does not compile.
/// Several declarations are separated by `;`.
///
/// ```
/// use pulse_contract::kitchen::v1::TicketState;
///
/// #[derive(Clone, Copy, Debug, PartialEq)]
/// enum State {
///     New,
///     Cooking,
///     Done,
/// }
///
/// pulse_contract::wire_enum! {
///     State = TicketState { New, Cooking = Started, Done = Ready } except { Accepted, Bumped, Cancelled }
/// }
///
/// assert_eq!(TicketState::from(State::Cooking), TicketState::Started);
/// assert_eq!(i32::from(State::New), i32::from(TicketState::New));
/// assert_eq!(State::try_from(TicketState::Ready), Ok(State::Done));
/// assert!(State::try_from(TicketState::Unspecified).is_err());
/// ```
#[macro_export]
macro_rules! wire_enum {
    ($(
        $ours:ident = $theirs:ty { $($variant:ident $(= $wire_variant:ident)?),+ $(,)? }
        $(except { $($without:ident),+ $(,)? })?
    );+ $(;)?) => {$(
        impl ::std::convert::From<$ours> for $theirs {
            fn from(value: $ours) -> Self {
                match value {
                    $($ours::$variant => $crate::wire_enum!(@wire $theirs, $variant $($wire_variant)?),)+
                }
            }
        }

        impl ::std::convert::From<$ours> for ::std::primitive::i32 {
            fn from(value: $ours) -> Self {
                <$theirs>::from(value).into()
            }
        }

        impl ::std::convert::TryFrom<$theirs> for $ours {
            type Error = $crate::wire_enum::NoCounterpart;

            fn try_from(value: $theirs) -> ::std::result::Result<Self, Self::Error> {
                match value {
                    <$theirs>::Unspecified $($(| <$theirs>::$without)+)? => {
                        ::std::result::Result::Err($crate::wire_enum::NoCounterpart)
                    }
                    $($crate::wire_enum!(@wire $theirs, $variant $($wire_variant)?) => {
                        ::std::result::Result::Ok(Self::$variant)
                    })+
                }
            }
        }
    )+};
    (@wire $theirs:ty, $variant:ident) => { <$theirs>::$variant };
    (@wire $theirs:ty, $variant:ident $wire_variant:ident) => { <$theirs>::$wire_variant };
}

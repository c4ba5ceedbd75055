//! The five kinds of values that every engine stores.

use std::borrow::Cow;

use bytes::Bytes;
use pulse_kernel::id::{AccountId, CouponId, MerchantId, OrderId, ShopId};
use pulse_kernel::{Currency, Timestamp};

use crate::StoreError;

/// Type of a column. NULL has one too, because PostgreSQL needs the type of every argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// BIGINT.
    Int,
    /// `{real}`.
    Real,
    /// VARCHAR(n) or `{text}`.
    Text,
    /// `{bytes}`.
    Bytes,
}

/// Value of a placeholder or of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// NULL.
    Null(Type),
    /// A whole number, a boolean as 0 or 1, or an instant in milliseconds.
    Int(i64),
    /// A floating-point number.
    Real(f64),
    /// Text.
    Text(Cow<'static, str>),
    /// Bytes.
    Bytes(Bytes),
}

impl Value {
    /// The encoded message, for a `{bytes}` column. [`crate::Row::message`] reads it.
    #[must_use]
    pub fn message(message: &impl prost::Message) -> Self {
        Self::Bytes(message.encode_to_vec().into())
    }
}

/// A Rust type with a column type, which `None` of it needs.
pub trait Typed {
    /// Type of the column.
    const TYPE: Type;
}

/// A Rust type that a column can be read as.
pub trait FromValue: Sized {
    /// Reads the value. `None` when it has another type or is out of range.
    fn from_value(value: &Value) -> Option<Self>;
}

impl<T: Typed + Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null(T::TYPE), Into::into)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null(_) => Some(None),
            Value::Int(_) | Value::Real(_) | Value::Text(_) | Value::Bytes(_) => T::from_value(value).map(Some),
        }
    }
}

crate::stored_number! {
    i64: |value| value, Some;
    i32: i64::from, |number| i32::try_from(number).ok();
    u32: i64::from, |number| u32::try_from(number).ok();
    u16: i64::from, |number| u16::try_from(number).ok();
    u8: i64::from, |number| u8::try_from(number).ok();
    bool: i64::from, |number| match number { 0 => Some(false), 1 => Some(true), _ => None };
    Timestamp: Timestamp::as_millis, |number| Some(Timestamp::from_millis(number));
}

crate::stored_id!(AccountId, CouponId, MerchantId, OrderId, ShopId);

impl Typed for f64 {
    const TYPE: Type = Type::Real;
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl FromValue for f64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Real(real) => Some(*real),
            Value::Null(_) | Value::Int(_) | Value::Text(_) | Value::Bytes(_) => None,
        }
    }
}

impl Typed for String {
    const TYPE: Type = Type::Text;
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(Cow::Owned(value))
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.clone().into_owned()),
            Value::Null(_) | Value::Int(_) | Value::Real(_) | Value::Bytes(_) => None,
        }
    }
}

impl Typed for &str {
    const TYPE: Type = Type::Text;
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Cow::Owned(value.to_owned()))
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::from(value.as_str())
    }
}

impl Typed for Currency {
    const TYPE: Type = Type::Text;
}

impl From<Currency> for Value {
    fn from(value: Currency) -> Self {
        Self::from(value.code())
    }
}

impl FromValue for Currency {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(code) => Self::from_code(code),
            Value::Null(_) | Value::Int(_) | Value::Real(_) | Value::Bytes(_) => None,
        }
    }
}

impl Typed for Bytes {
    const TYPE: Type = Type::Bytes;
}

impl From<Bytes> for Value {
    fn from(value: Bytes) -> Self {
        Self::Bytes(value)
    }
}

impl FromValue for Bytes {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => Some(bytes.clone()),
            Value::Null(_) | Value::Int(_) | Value::Real(_) | Value::Text(_) => None,
        }
    }
}

impl Typed for Vec<u8> {
    const TYPE: Type = Type::Bytes;
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value.into())
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: &Value) -> Option<Self> {
        Bytes::from_value(value).map(|bytes| bytes.to_vec())
    }
}

impl<const N: usize> Typed for [u8; N] {
    const TYPE: Type = Type::Bytes;
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(value: [u8; N]) -> Self {
        Self::Bytes(Bytes::copy_from_slice(&value))
    }
}

impl<const N: usize> FromValue for [u8; N] {
    fn from_value(value: &Value) -> Option<Self> {
        Bytes::from_value(value)?.as_ref().try_into().ok()
    }
}

/// The values of a statement or of a row, each converted by `From`.
///
/// ```
/// use pulse_store::{Value, values};
/// assert_eq!(values![7_i64, "tea"], vec![Value::Int(7), Value::from("tea")]);
/// ```
#[macro_export]
macro_rules! values {
    ($($value:expr),* $(,)?) => { ::std::vec![$($crate::Value::from($value)),*] };
}

/// Reads `value` of the column `name`.
pub(crate) fn read<T: FromValue>(value: &Value, name: &str) -> Result<T, StoreError> {
    T::from_value(value).ok_or_else(|| {
        StoreError::defect(format!("column {name} cannot be read as {}: {value:?}", std::any::type_name::<T>()))
    })
}

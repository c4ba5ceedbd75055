//! One row of a query result, and how it is read into a Rust type.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

use super::value::{FromValue, Value, read};
use crate::StoreError;

/// One row of a query result.
#[derive(Clone, Debug)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

impl Row {
    pub(crate) fn new(columns: Arc<[String]>, values: Vec<Value>) -> Self {
        Self { columns, values }
    }

    /// The value of the column with this name.
    ///
    /// # Errors
    /// `INTERNAL` when there is no such column, or it is not a `T`.
    pub fn get<T: FromValue>(&self, name: &str) -> Result<T, StoreError> {
        let index = self
            .columns
            .iter()
            .position(|column| column == name)
            .ok_or_else(|| StoreError::defect(format!("the result has no column {name}")))?;
        self.at(index)
    }

    /// The value of the column with this index, counted from 0.
    ///
    /// # Errors
    /// `INTERNAL` when there is no such column, or it is not a `T`.
    pub fn at<T: FromValue>(&self, index: usize) -> Result<T, StoreError> {
        let value =
            self.values.get(index).ok_or_else(|| StoreError::defect(format!("the result has no column {index}")))?;
        read(value, self.columns.get(index).map_or("?", String::as_str))
    }

    /// The message that the column with this name stores; [`Value::message`] writes it.
    ///
    /// # Errors
    /// `INTERNAL` when there is no such column, or it is not an encoded `M`.
    pub fn message<M: Message + Default>(&self, name: &str) -> Result<M, StoreError> {
        let bytes: Bytes = self.get(name)?;
        M::decode(bytes).map_err(|error| StoreError::Defect {
            detail: format!("column {name} cannot be decoded as {}", std::any::type_name::<M>()).into(),
            source: Some(error.into()),
        })
    }

    /// The enum of the contract whose number the column with this name stores. A number that this version does not
    /// know is read as `..._UNSPECIFIED`.
    ///
    /// # Errors
    /// `INTERNAL` when there is no such column, or it is not a 32-bit number.
    pub fn wire_enum<E: TryFrom<i32> + Default>(&self, name: &str) -> Result<E, StoreError> {
        Ok(E::try_from(self.get(name)?).unwrap_or_default())
    }
}

/// A value that is read from one row: a struct, a tuple with a column per element, or the value of the only column.
pub trait FromRow: Sized {
    /// Reads the row.
    ///
    /// # Errors
    /// `INTERNAL` when a column is missing or has another type.
    fn from_row(row: &Row) -> Result<Self, StoreError>;
}

impl FromRow for Row {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(row.clone())
    }
}

impl<T: FromValue> FromRow for T {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        row.at(0)
    }
}

/// A struct that is written as one row. [`crate::row!`] implements it.
pub trait ToRow {
    /// The names of the columns.
    const COLUMNS: &'static [&'static str];

    /// The values of the columns, in the order of [`Self::COLUMNS`].
    fn to_row(&self) -> Vec<Value>;
}

macro_rules! tuples_from_row {
    ($(($($type:ident $index:tt),+))*) => {$(
        impl<$($type: FromValue),+> FromRow for ($($type,)+) {
            fn from_row(row: &Row) -> Result<Self, StoreError> {
                Ok(($(row.at::<$type>($index)?,)+))
            }
        }
    )*};
}

tuples_from_row! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}

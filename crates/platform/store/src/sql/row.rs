//! One row of an answer, and how it becomes a value of ours.

use std::sync::Arc;

use super::value::{FromValue, Value, read};
use crate::StoreError;

/// One row of an answer.
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
            .ok_or_else(|| StoreError::defect(format!("the answer has no column {name}")))?;
        self.at(index)
    }

    /// The value of the column at this place, counted from 0.
    ///
    /// # Errors
    /// `INTERNAL` when there is no such column, or it is not a `T`.
    pub fn at<T: FromValue>(&self, index: usize) -> Result<T, StoreError> {
        let value =
            self.values.get(index).ok_or_else(|| StoreError::defect(format!("the answer has no column {index}")))?;
        read(value, self.columns.get(index).map_or("?", String::as_str))
    }
}

/// A value that is read from one row.
pub trait FromRow: Sized {
    /// Reads it.
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

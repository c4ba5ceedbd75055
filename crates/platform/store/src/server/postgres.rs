//! PostgreSQL and databases with its wire protocol.

use std::str::FromStr;

use bytes::Bytes;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgQueryResult, PgRow, PgTypeInfo, PgValueRef};
use sqlx::{Arguments as _, ConnectOptions, Decode, Executor, PgPool, Row as _, TypeInfo as _, ValueRef as _};

use super::{Failure, STATEMENTS_MAX, Wire, execute, fetch, pool_options};
use crate::StoreError;
use crate::options::Options;
use crate::sql::dialect::Dialect;
use crate::sql::{Row, Statement, Type, Value};
use crate::transaction::Transaction;

/// A PostgreSQL database.
#[derive(Debug)]
pub(crate) struct Postgres {
    pool: PgPool,
}

/// Settings of a session: a lock wait over 5 s is a lost race; an idle transaction ends after 30 s.
const SESSION: &str = "SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '30s'; \
                       SET default_transaction_isolation = 'read committed'";

impl Postgres {
    pub(crate) async fn open(url: &str, options: &Options) -> Result<Self, StoreError> {
        let connect = PgConnectOptions::from_str(url)
            .map_err(StoreError::unavailable)?
            .disable_statement_logging()
            .statement_cache_capacity(STATEMENTS_MAX)
            .application_name("pulse");
        let pool = pool_options::<sqlx::Postgres>(options)
            .after_connect(|connection, _| Box::pin(async move { connection.execute(SESSION).await.map(|_| ()) }))
            .connect_with(connect)
            .await
            .map_err(StoreError::unavailable)?;
        Ok(Self { pool })
    }

    pub(crate) async fn query(&self, statement: &Statement) -> Result<Vec<Row>, StoreError> {
        fetch(&self.pool, Dialect::Postgres, statement).await
    }

    pub(crate) async fn execute(&self, transaction: &Transaction) -> Result<(), StoreError> {
        execute(&self.pool, Dialect::Postgres, transaction).await
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

impl Wire for sqlx::Postgres {
    fn bind(arguments: &mut PgArguments, args: &[Value]) -> Result<(), BoxDynError> {
        for arg in args {
            match arg {
                Value::Null(Type::Int) => arguments.add(None::<i64>),
                Value::Null(Type::Real) => arguments.add(None::<f64>),
                Value::Null(Type::Text) => arguments.add(None::<&str>),
                Value::Null(Type::Bytes) => arguments.add(None::<&[u8]>),
                Value::Int(int) => arguments.add(*int),
                Value::Real(real) => arguments.add(*real),
                Value::Text(text) => arguments.add(text.as_ref()),
                Value::Bytes(bytes) => arguments.add(bytes.as_ref()),
            }?;
        }
        Ok(())
    }

    fn read(row: &PgRow, index: usize) -> Result<Value, sqlx::Error> {
        let value = row.try_get_raw(index)?;
        if value.is_null() {
            return Ok(Value::Null(Type::Int));
        }
        let name = value.type_info().name().to_owned();
        match name.as_str() {
            "INT8" => row.try_get::<i64, _>(index).map(Value::Int),
            "INT4" => row.try_get::<i32, _>(index).map(Value::from),
            "INT2" => row.try_get::<i16, _>(index).map(|int| Value::Int(i64::from(int))),
            "BOOL" => row.try_get::<bool, _>(index).map(Value::from),
            "FLOAT8" => row.try_get::<f64, _>(index).map(Value::Real),
            "FLOAT4" => row.try_get::<f32, _>(index).map(|real| Value::Real(f64::from(real))),
            "BYTEA" => row.try_get::<&[u8], _>(index).map(|bytes| Value::Bytes(Bytes::copy_from_slice(bytes))),
            "NUMERIC" => row.try_get::<Numeric, _>(index).map(|numeric| numeric.0),
            _ => row.try_get::<String, _>(index).map(Value::from),
        }
    }

    fn rows_affected(done: &PgQueryResult) -> u64 {
        done.rows_affected()
    }

    fn classify(error: &dyn sqlx::error::DatabaseError) -> Failure {
        match error.code().as_deref() {
            // serialization_failure, deadlock_detected, lock_not_available
            Some("40001" | "40P01" | "55P03") => Failure::Conflict,
            // connection exceptions, too many connections, shutdown, cannot connect now, read-only, disk full
            Some(code) if code.starts_with("08") || code.starts_with("57P") => Failure::Unavailable,
            Some("53300" | "53100" | "53200" | "25006" | "57014" | "25P03") => Failure::Unavailable,
            Some(_) | None => Failure::Defect,
        }
    }
}

/// What SUM and AVG of whole numbers give: a whole number when there is no scale, otherwise a real one.
struct Numeric(Value);

impl sqlx::Type<sqlx::Postgres> for Numeric {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("NUMERIC")
    }

    fn compatible(type_info: &PgTypeInfo) -> bool {
        type_info.name() == "NUMERIC"
    }
}

impl<'r> Decode<'r, sqlx::Postgres> for Numeric {
    /// Reads the binary form: count of digits, weight of the first, sign, scale, then digits of base 10,000.
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        let bytes = value.as_bytes()?;
        let words: Vec<u16> =
            bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(u16::from_be_bytes).collect();
        let [count, weight, sign, scale, digits @ ..] = words.as_slice() else {
            return Err("a NUMERIC is too short".into());
        };
        let weight = i32::from(i16::from_ne_bytes(weight.to_ne_bytes()));
        let is_negative = match sign {
            0 => false,
            0x4000 => true,
            _ => return Err("a NUMERIC is not a number".into()),
        };
        let digits = digits.get(..usize::from(*count)).ok_or("a NUMERIC lacks digits")?;
        if *scale > 0 {
            return Ok(Self(Value::Real(real(digits, weight, is_negative))));
        }
        whole(digits, weight, is_negative)
            .map(|int| Self(Value::Int(int)))
            .ok_or_else(|| "a NUMERIC is too large".into())
    }
}

fn whole(digits: &[u16], weight: i32, is_negative: bool) -> Option<i64> {
    let mut sum: i128 = 0;
    for place in 0..=weight.max(-1) {
        let digit = usize::try_from(place).ok().and_then(|place| digits.get(place)).copied().unwrap_or(0);
        sum = sum.checked_mul(10_000)?.checked_add(i128::from(digit))?;
    }
    i64::try_from(if is_negative { -sum } else { sum }).ok()
}

#[expect(clippy::float_arithmetic, reason = "an average is a real number")]
fn real(digits: &[u16], weight: i32, is_negative: bool) -> f64 {
    let mut sum = 0.0;
    let mut unit = 10_000_f64.powi(weight);
    for digit in digits {
        sum += f64::from(*digit) * unit;
        unit /= 10_000.0;
    }
    if is_negative { -sum } else { sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_whole_and_real_numerics() {
        assert_eq!(whole(&[1, 2345], 1, false), Some(12_345));
        assert_eq!(whole(&[1], 1, true), Some(-10_000));
        assert_eq!(whole(&[], 0, false), Some(0));
        assert_eq!(whole(&[922, 3372, 368, 5477, 5808], 4, true), Some(i64::MIN));
        assert_eq!(whole(&[922, 3372, 368, 5477, 5808], 4, false), None);
        assert!((real(&[1, 5000], 0, false) - 1.5).abs() < 1e-12);
    }
}

//! MariaDB, MySQL and databases with their wire protocol.

use std::str::FromStr;

use bytes::Bytes;
use sqlx::error::BoxDynError;
use sqlx::mysql::{
    MySqlArguments, MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlQueryResult, MySqlRow,
};
use sqlx::{Arguments as _, ConnectOptions, Executor, MySqlPool, Row as _, TypeInfo as _, ValueRef as _};

use super::{Failure, STATEMENTS_MAX, Wire, execute, fetch, pool_options, run_step, store_error};
use crate::StoreError;
use crate::options::Options;
use crate::sql::dialect::Dialect;
use crate::sql::{Row, Statement, Type, Value};
use crate::transaction::{Step, Transaction};

/// A MariaDB or MySQL database.
#[derive(Debug)]
pub(crate) struct Mysql {
    pool: MySqlPool,
    dialect: Dialect,
}

/// Settings of a session: no gap locks; a lock wait over 5 s is a lost race; too long values are errors, not truncated; a
/// backslash in a literal is a plain character; an idle transaction ends after 30 s. Only MariaDB has the last setting,
/// and only MariaDB executes that comment.
const SESSION: &[&str] = &[
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION innodb_lock_wait_timeout = 5, \
     SESSION sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION,PIPES_AS_CONCAT' \
     /*M!100300 , SESSION idle_transaction_timeout = 30 */",
];

/// Maximum time to wait for the migration of another node, in seconds.
const MIGRATION_WAIT_S: i64 = 120;

impl Mysql {
    pub(crate) async fn open(url: &str, options: &Options) -> Result<Self, StoreError> {
        let connect = MySqlConnectOptions::from_str(url)
            .map_err(StoreError::unavailable)?
            .disable_statement_logging()
            .statement_cache_capacity(STATEMENTS_MAX);
        let pool = pool_options::<sqlx::MySql>(options)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    for statement in SESSION {
                        connection.execute(*statement).await?;
                    }
                    Ok(())
                })
            })
            .connect_with(connect)
            .await
            .map_err(StoreError::unavailable)?;
        let (version,): (String,) =
            sqlx::query_as("SELECT VERSION()").fetch_one(&pool).await.map_err(StoreError::unavailable)?;
        // Both compare byte by byte and without padding, unlike `utf8mb4_bin`.
        let is_mariadb = version.to_ascii_lowercase().contains("mariadb");
        let collation = if is_mariadb { "utf8mb4_nopad_bin" } else { "utf8mb4_0900_bin" };
        Ok(Self { pool, dialect: Dialect::Mysql { collation } })
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(crate) async fn query(&self, statement: &Statement) -> Result<Vec<Row>, StoreError> {
        fetch(&self.pool, self.dialect, statement).await
    }

    pub(crate) async fn execute(&self, transaction: &Transaction) -> Result<(), StoreError> {
        execute(&self.pool, self.dialect, transaction).await
    }

    /// Executes steps one by one under a lock of this name, because each schema change commits on its own.
    ///
    /// With `is_resumed`, the first schema change may have been executed before.
    pub(crate) async fn execute_locked(&self, lock: &str, steps: &[Step], is_resumed: bool) -> Result<(), StoreError> {
        let unavailable = |error| store_error::<sqlx::MySql>("GET_LOCK", error);
        let mut connection = self.pool.acquire().await.map_err(unavailable)?;
        let (taken,): (Option<i64>,) = sqlx::query_as("SELECT GET_LOCK(?, ?)")
            .bind(lock)
            .bind(MIGRATION_WAIT_S)
            .fetch_one(&mut *connection)
            .await
            .map_err(unavailable)?;
        if taken != Some(1) {
            return Err(StoreError::Migration(format!(
                "another node has held the lock {lock} for more than {MIGRATION_WAIT_S} s"
            )));
        }
        let outcome = self.run_each(&mut connection, steps, is_resumed).await;
        sqlx::query("DO RELEASE_LOCK(?)").bind(lock).execute(&mut *connection).await.map_err(unavailable)?;
        outcome
    }

    async fn run_each(
        &self,
        connection: &mut MySqlConnection,
        steps: &[Step],
        is_resumed: bool,
    ) -> Result<(), StoreError> {
        for (index, step) in steps.iter().enumerate() {
            match run_step::<sqlx::MySql>(connection, self.dialect, step).await {
                Err(error) if is_resumed && index == 1 && is_done_already(&error) => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Whether a schema change failed because it was executed before: its table, column or index exists or is gone.
fn is_done_already(error: &StoreError) -> bool {
    let StoreError::Defect { source: Some(source), .. } = error else {
        return false;
    };
    let Some(sqlx::Error::Database(error)) = source.downcast_ref::<sqlx::Error>() else {
        return false;
    };
    let number = error.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number);
    [1050, 1051, 1060, 1061, 1091].contains(&number)
}

impl Wire for sqlx::MySql {
    fn bind(arguments: &mut MySqlArguments, args: &[Value]) -> Result<(), BoxDynError> {
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

    fn read(row: &MySqlRow, index: usize) -> Result<Value, sqlx::Error> {
        let value = row.try_get_raw(index)?;
        if value.is_null() {
            return Ok(Value::Null(Type::Int));
        }
        let type_info = value.type_info().into_owned();
        let name = type_info.name();
        if name == "DECIMAL" {
            return row.try_get_unchecked::<&str, _>(index).and_then(decimal);
        }
        if name.ends_with("UNSIGNED") {
            let int = row.try_get_unchecked::<u64, _>(index)?;
            return i64::try_from(int).map(Value::Int).map_err(|error| sqlx::Error::Decode(error.into()));
        }
        if name == "BOOLEAN" || <i64 as sqlx::Type<Self>>::compatible(&type_info) {
            return row.try_get_unchecked::<i64, _>(index).map(Value::Int);
        }
        if <f64 as sqlx::Type<Self>>::compatible(&type_info) {
            return row.try_get_unchecked::<f64, _>(index).map(Value::Real);
        }
        if <str as sqlx::Type<Self>>::compatible(&type_info) {
            return row.try_get_unchecked::<&str, _>(index).map(Value::from);
        }
        row.try_get_unchecked::<&[u8], _>(index).map(|bytes| Value::Bytes(Bytes::copy_from_slice(bytes)))
    }

    fn rows_affected(done: &MySqlQueryResult) -> u64 {
        done.rows_affected()
    }

    fn classify(error: &dyn sqlx::error::DatabaseError) -> Failure {
        let number = error.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number);
        match number {
            // record changed since last read, lock wait timeout, deadlock
            1020 | 1205 | 1213 => Failure::Conflict,
            // too many connections, shutdown, read-only, connection killed, disk full
            1040 | 1053 | 1203 | 1226 | 1290 | 1836 | 1021 | 1927 => Failure::Unavailable,
            _ => Failure::Defect,
        }
    }
}

/// Result of SUM or AVG over whole numbers: a whole number without a fraction, otherwise a floating-point number.
fn decimal(text: &str) -> Result<Value, sqlx::Error> {
    if text.contains('.') {
        return text.parse().map(Value::Real).map_err(|error| sqlx::Error::Decode(Box::new(error)));
    }
    text.parse().map(Value::Int).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

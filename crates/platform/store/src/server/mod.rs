//! The server engines: one transaction per commit, over a pool of connections.

mod mysql;
mod postgres;

use std::sync::Arc;

use sqlx::pool::PoolOptions;
use sqlx::{AssertSqlSafe, Column as _, Executor, IntoArguments, Pool, Row as _};

pub(crate) use self::mysql::Mysql;
pub(crate) use self::postgres::Postgres;
use crate::StoreError;
use crate::options::Options;
use crate::sql::dialect::Dialect;
use crate::sql::{Row, Statement, Value};
use crate::transaction::{Step, Transaction};

/// Number of prepared statements that a connection caches.
const STATEMENTS_MAX: usize = 512;

/// Meaning of a failed statement.
enum Failure {
    /// A unique key was violated.
    Duplicate,
    /// A race was lost: a deadlock, a serialization failure, a lock that took too long.
    Conflict,
    /// The server cannot be reached or rejects the connection.
    Unavailable,
    /// The statement is wrong.
    Defect,
}

/// Differences between the drivers of PostgreSQL and MariaDB.
trait Wire: sqlx::Database {
    /// Adds the arguments.
    fn bind(
        arguments: &mut <Self as sqlx::Database>::Arguments,
        args: &[Value],
    ) -> Result<(), sqlx::error::BoxDynError>;

    /// Reads one column.
    fn read(row: &<Self as sqlx::Database>::Row, index: usize) -> Result<Value, sqlx::Error>;

    /// Number of rows that a statement changed.
    fn rows_affected(done: &<Self as sqlx::Database>::QueryResult) -> u64;

    /// Meaning of an error of the server, by its code.
    fn classify(error: &dyn sqlx::error::DatabaseError) -> Failure;
}

/// Options of both pools.
fn pool_options<DB: sqlx::Database>(options: &Options) -> PoolOptions<DB> {
    // Without the test, the first statement detects a dead connection and is retried.
    PoolOptions::new()
        .max_connections(options.connections_max)
        .acquire_timeout(options.busy_timeout)
        .test_before_acquire(false)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other error of the driver is a wrong statement")]
fn failure<DB: Wire>(error: &sqlx::Error) -> Failure {
    match error {
        sqlx::Error::Database(error) if error.is_unique_violation() => Failure::Duplicate,
        sqlx::Error::Database(error) => DB::classify(error.as_ref()),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => Failure::Unavailable,
        _ => Failure::Defect,
    }
}

fn store_error<DB: Wire>(sql: &str, error: sqlx::Error) -> StoreError {
    match failure::<DB>(&error) {
        Failure::Conflict => StoreError::Conflict,
        Failure::Unavailable => StoreError::unavailable(error),
        Failure::Duplicate | Failure::Defect => StoreError::statement(sql, error),
    }
}

fn step_error<DB: Wire>(step: &Step, error: sqlx::Error) -> StoreError {
    match failure::<DB>(&error) {
        Failure::Duplicate => step.duplicated(error),
        Failure::Conflict | Failure::Unavailable | Failure::Defect => store_error::<DB>(step.sql.as_str(), error),
    }
}

fn is_unavailable<T>(outcome: &Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Unavailable { is_outcome_unknown: false, .. }))
}

type Arguments<DB> = <DB as sqlx::Database>::Arguments;

fn query<DB: Wire>(
    dialect: Dialect,
    sql: &str,
    args: &[Value],
) -> Result<sqlx::query::Query<'static, DB, Arguments<DB>>, StoreError>
where
    Arguments<DB>: IntoArguments<DB>,
{
    let mut arguments = Arguments::<DB>::default();
    DB::bind(&mut arguments, args).map_err(|error| StoreError::statement(sql, error))?;
    // The text comes from the source, never from user input. Values are separate arguments.
    Ok(sqlx::query_with(AssertSqlSafe(dialect.placeholders(sql).into_owned()), arguments))
}

/// All rows of the query. Retries once on another connection when the first one was dead.
async fn fetch<DB: Wire>(pool: &Pool<DB>, dialect: Dialect, statement: &Statement) -> Result<Vec<Row>, StoreError>
where
    Arguments<DB>: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let first = fetch_once(pool, dialect, statement).await;
    if is_unavailable(&first) {
        return fetch_once(pool, dialect, statement).await;
    }
    first
}

async fn fetch_once<DB: Wire>(pool: &Pool<DB>, dialect: Dialect, statement: &Statement) -> Result<Vec<Row>, StoreError>
where
    Arguments<DB>: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let sql = statement.sql.as_str();
    let found = query::<DB>(dialect, sql, &statement.args)?
        .fetch_all(pool)
        .await
        .map_err(|error| store_error::<DB>(sql, error))?;
    let Some(first) = found.first() else {
        return Ok(Vec::new());
    };
    let columns: Arc<[String]> = first.columns().iter().map(|column| column.name().to_owned()).collect();
    found
        .iter()
        .map(|row| {
            let values = (0..columns.len()).map(|index| DB::read(row, index)).collect::<Result<_, _>>();
            Ok(Row::new(Arc::clone(&columns), values.map_err(|error| StoreError::statement(sql, error))?))
        })
        .collect()
}

/// Executes the transaction. Retries once when the connection was dead before it began.
async fn execute<DB: Wire>(pool: &Pool<DB>, dialect: Dialect, transaction: &Transaction) -> Result<(), StoreError>
where
    Arguments<DB>: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let begun = match pool.begin().await {
        // Only BEGIN was sent, so a new connection may be tried.
        Err(error) if matches!(failure::<DB>(&error), Failure::Unavailable) => pool.begin().await,
        outcome => outcome,
    };
    let mut begun = begun.map_err(|error| store_error::<DB>("BEGIN", error))?;
    for step in &transaction.steps {
        let outcome = run_step::<DB>(&mut begun, dialect, step).await;
        if let Err(error) = outcome {
            if let Err(rollback) = begun.rollback().await {
                tracing::debug!(error = %rollback, "rollback failed; the server rolls back when the connection closes");
            }
            return Err(error);
        }
    }
    begun.commit().await.map_err(|error| match failure::<DB>(&error) {
        Failure::Unavailable => StoreError::outcome_unknown(error),
        Failure::Duplicate | Failure::Conflict | Failure::Defect => store_error::<DB>("COMMIT", error),
    })
}

async fn run_step<DB: Wire>(connection: &mut DB::Connection, dialect: Dialect, step: &Step) -> Result<(), StoreError>
where
    Arguments<DB>: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let query = query::<DB>(dialect, step.sql.as_str(), &step.args)?;
    let rows = if step.is_query {
        query.fetch_all(connection).await.map(|rows| u64::try_from(rows.len()).unwrap_or(u64::MAX))
    } else {
        query.execute(connection).await.map(|done| DB::rows_affected(&done))
    };
    step.check(rows.map_err(|error| step_error::<DB>(step, error))?)
}

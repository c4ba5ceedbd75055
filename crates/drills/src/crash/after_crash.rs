//! State after a kill: waits for the connections of the dead node to end, then verifies and repairs its data.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use pulse_kernel::{Clock, IdGenerator};
use pulse_store::{Database, Options, Statement, Store, values};
use serde_json::json;

use super::node_process;
use super::plan::{Plan, Report};

/// Poll interval while connections of the dead node exist.
const POLL_EVERY: Duration = Duration::from_millis(5);
/// Time within which a database server must notice that a client on the same machine has ended.
const DISCONNECTED_WITHIN: Duration = Duration::from_secs(30);

/// Verifies the data of the dead node, repairs interrupted operations, and adds the findings to the report.
pub(super) async fn verify(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    if let Some(store) = &plan.store {
        wait_until_disconnected(store).await?;
    }
    let verified = node_process::verify(plan).await?;
    for finding in verified["findings"].as_array().context("the report of pulse verify has no findings")? {
        if finding["is_repaired"] == json!(true) {
            report.repaired += 1;
        } else {
            report.violations.push(finding.to_string());
        }
    }
    Ok(())
}

/// Waits until this is the only client of the database. Until then a transaction of the dead node may still commit.
async fn wait_until_disconnected(url: &str) -> anyhow::Result<()> {
    let others = match url.split_once(':') {
        Some(("postgres" | "postgresql", _)) => {
            "SELECT COUNT(*) FROM pg_stat_activity \
             WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        }
        Some(("mysql" | "mariadb", _)) => {
            "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
        }
        // An embedded database has no server and no connections of dead processes.
        Some(_) | None => return Ok(()),
    };
    let options = Options { connections_max: 1, ..Options::default() };
    let database = Database::open(url, options).await.context("cannot open the database")?;
    let store = Store::open(&database, "node", &[], Clock::system(), Arc::new(IdGenerator::new(0))).await?;
    let poll = async {
        while store.one::<(i64,)>(Statement::new(others, values![])).await?.0 > 0 {
            tokio::time::sleep(POLL_EVERY).await;
        }
        anyhow::Ok(())
    };
    match tokio::time::timeout(DISCONNECTED_WITHIN, poll).await {
        Ok(polled) => polled,
        Err(_) => bail!("another client is connected to the database; the crash test needs a database of its own"),
    }
}

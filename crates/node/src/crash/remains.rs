//! What is left of a killed node on a database server: connections whose last transaction still runs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use pulse_kernel::{Clock, IdGenerator};
use pulse_store::{Database, Options, Statement, Store, values};

/// How often the server is asked.
const ASK_EVERY: Duration = Duration::from_millis(5);
/// How long a server may take to notice that a client on the same machine is gone.
const ASK_FOR: Duration = Duration::from_secs(30);

/// Waits until nobody but us is connected to the database: what the dead node has sent is then written, or never will be.
pub(super) async fn settle(url: &str) -> anyhow::Result<()> {
    let others = match url.split_once(':') {
        Some(("postgres" | "postgresql", _)) => {
            "SELECT COUNT(*) FROM pg_stat_activity \
             WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        }
        Some(("mysql" | "mariadb", _)) => {
            "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
        }
        // An embedded database ends with its process.
        Some(_) | None => return Ok(()),
    };
    let options = Options { connections_max: 1, ..Options::default() };
    let database = Database::open(url, options).await.context("the database cannot be opened")?;
    let store = Store::open(&database, "node", &[], Clock::system(), Arc::new(IdGenerator::new(0))).await?;
    let ask = async {
        while store.one::<(i64,)>(Statement::new(others, values![])).await?.0 > 0 {
            tokio::time::sleep(ASK_EVERY).await;
        }
        anyhow::Ok(())
    };
    match tokio::time::timeout(ASK_FOR, ask).await {
        Ok(settled) => settled,
        Err(_) => bail!("somebody else is connected to the database"),
    }
}

//! Private PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::child::{Error, Server, command, free_port, is_root, log_to, run};

/// Maximum time from the first connection to the first answer of the server.
const READY_MAX: Duration = Duration::from_secs(30);

/// Running PostgreSQL, without a password and without flushes to disk.
#[derive(Debug)]
pub struct Postgres {
    // Fields are dropped in this order: the server stops before its folder is deleted.
    _server: Server,
    _folder: TempDir,
    port: u16,
    binaries: PathBuf,
    database_count: AtomicU32,
    /// Name of the template database; created for the first copy.
    template: OnceCell<String>,
}

impl Postgres {
    /// Starts a server.
    ///
    /// # Errors
    /// If PostgreSQL is not installed or does not start.
    pub fn start() -> Result<Self, Error> {
        crate::record::engine("PostgreSQL");
        let binaries = newest_binaries()?;
        let folder = tempfile::Builder::new().prefix("pulse-postgres-").tempdir()?;
        if is_root() {
            run(shell("chown", &["postgres:postgres", &folder.path().display().to_string()]))?;
        }
        let data = folder.path().join("data").display().to_string();
        let mut init = command(Some("postgres"), &binaries.join("initdb").display().to_string());
        init.args(["-D", &data, "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]);
        run(init)?;
        let port = free_port()?;
        let mut serve = command(Some("postgres"), &binaries.join("postgres").display().to_string());
        serve.args([
            "-D",
            &data,
            "-p",
            &port.to_string(),
            "-h",
            "127.0.0.1",
            "-k",
            &folder.path().display().to_string(),
        ]);
        serve.args(["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]);
        let log = folder.path().join("log");
        log_to(&mut serve, &log)?;
        let server = Server::start(serve, "INT", port, &log)?;
        let database_count = AtomicU32::new(0);
        let template = OnceCell::new();
        let postgres = Self { _server: server, _folder: folder, port, binaries, database_count, template };
        postgres.wait_until_ready()?;
        Ok(postgres)
    }

    /// Creates an empty database. Returns its URL.
    ///
    /// # Errors
    /// If the statement fails.
    pub fn fresh_database(&self) -> Result<String, Error> {
        Ok(self.url(&self.create("")?))
    }

    /// Creates a copy of a template database, which `fill` fills once for all copies. Returns its URL.
    ///
    /// A copy takes a fifth of the time of creating the tables of all contexts.
    ///
    /// # Errors
    /// If the statement fails, for example because `fill` has left a connection open.
    pub async fn copied_database(&self, fill: impl AsyncFnOnce(String)) -> Result<String, Error> {
        let make = async || {
            let name = self.create("")?;
            fill(self.url(&name)).await;
            Ok::<_, Error>(name)
        };
        let template = self.template.get_or_try_init(make).await?;
        Ok(self.url(&self.create(&format!("TEMPLATE {template}"))?))
    }

    /// Creates a database. Returns its name.
    fn create(&self, clause: &str) -> Result<String, Error> {
        let name = format!("t{}", self.database_count.fetch_add(1, Ordering::Relaxed));
        self.sql(&format!("CREATE DATABASE {name} {clause}"))?;
        Ok(name)
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Waits until the server answers: it accepts connections before its start is complete.
    fn wait_until_ready(&self) -> Result<(), Error> {
        let deadline = Instant::now() + READY_MAX;
        loop {
            match self.sql("SELECT 1") {
                Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(10)),
                outcome => return outcome,
            }
        }
    }

    fn sql(&self, statement: &str) -> Result<(), Error> {
        let mut psql = Command::new(self.binaries.join("psql"));
        psql.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres", "-c", statement]);
        run(psql)
    }
}

fn shell(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    command
}

/// Returns the folder of the newest installed version.
fn newest_binaries() -> Result<PathBuf, Error> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map_err(|error| Error::new(format!("PostgreSQL is not installed (apt install postgresql): {error}")))?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|binaries| Path::exists(&binaries.join("postgres")))
        .collect();
    versions.sort();
    versions.pop().ok_or_else(|| Error::new("PostgreSQL is not installed (apt install postgresql)"))
}

//! Private MariaDB.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use super::child::{Error, Server, command, free_port, is_root, log_to, run};

/// Running MariaDB with the user `pulse`, without a password and without flushes to disk.
#[derive(Debug)]
pub struct Mariadb {
    // Fields are dropped in this order: the server stops before its folder is deleted.
    _server: Server,
    folder: TempDir,
    port: u16,
    database_count: AtomicU32,
}

impl Mariadb {
    /// Starts a server.
    ///
    /// # Errors
    /// If MariaDB is not installed or does not start.
    pub fn start() -> Result<Self, Error> {
        crate::record::engine("MariaDB");
        let folder = tempfile::Builder::new().prefix("pulse-mariadb-").tempdir()?;
        let path = folder.path().display().to_string();
        let user = if is_root() { "--user=mysql" } else { "--skip-name-resolve" };
        if is_root() {
            let mut chown = Command::new("chown");
            chown.args(["mysql:mysql", &path]);
            run(chown)?;
        }
        let mut install = Command::new("mariadb-install-db");
        install.args(["--no-defaults", user, &format!("--datadir={path}/data"), &format!("--tmpdir={path}")]);
        install.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
        run(install)?;
        let port = free_port()?;
        let mut serve = command(Some("mysql"), "/usr/sbin/mariadbd");
        serve.args(["--no-defaults", &format!("--datadir={path}/data"), &format!("--tmpdir={path}")]);
        serve.arg(format!("--port={port}"));
        serve.args(["--bind-address=127.0.0.1", &format!("--socket={path}/s.sock"), &format!("--pid-file={path}/pid")]);
        serve.args(["--innodb-flush-log-at-trx-commit=0", "--character-set-server=utf8mb4", "--skip-name-resolve"]);
        // Each test creates about 100 tables. A separate, flushed file for each of them would take longer than the test.
        serve.args(["--innodb-file-per-table=0", "--sync-frm=0"]);
        let log = folder.path().join("log");
        log_to(&mut serve, &log)?;
        let server = Server::start(serve, "TERM", port, &log)?;
        let mariadb = Self { _server: server, folder, port, database_count: AtomicU32::new(0) };
        mariadb.sql("CREATE USER pulse@'127.0.0.1'; GRANT ALL ON *.* TO pulse@'127.0.0.1'")?;
        Ok(mariadb)
    }

    /// Creates an empty database. Returns its URL.
    ///
    /// # Errors
    /// If the statement fails.
    pub fn fresh_database(&self) -> Result<String, Error> {
        let name = format!("t{}", self.database_count.fetch_add(1, Ordering::Relaxed));
        self.sql(&format!("CREATE DATABASE {name}"))?;
        Ok(format!("mysql://pulse@127.0.0.1:{}/{name}", self.port))
    }

    fn sql(&self, statement: &str) -> Result<(), Error> {
        let mut client = Command::new("mariadb");
        let socket = self.folder.path().join("s.sock").display().to_string();
        client.args(["--no-defaults", "--user=root", "--socket", &socket, "-e", statement]);
        run(client)
    }
}

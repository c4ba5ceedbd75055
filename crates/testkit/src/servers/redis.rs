//! A private Redis.

use tempfile::TempDir;

use super::child::{Error, Server, command, free_port, log_to};

/// A Redis that keeps everything in memory.
#[derive(Debug)]
pub struct Redis {
    // Stopped before its folder goes away: fields are dropped in this order.
    _server: Server,
    _folder: TempDir,
    port: u16,
}

impl Redis {
    /// Starts one.
    ///
    /// # Errors
    /// When Redis is not installed or does not start.
    pub fn start() -> Result<Self, Error> {
        let folder = tempfile::Builder::new().prefix("pulse-redis-").tempdir()?;
        let port = free_port()?;
        let mut serve = command(None, "redis-server");
        serve.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        serve.args(["--dir", &folder.path().display().to_string()]);
        let log = folder.path().join("log");
        log_to(&mut serve, &log)?;
        let server = Server::start(serve, "TERM", port, &log)?;
        Ok(Self { _server: server, _folder: folder, port })
    }

    /// Its URL. All tests share its databases; take keys that no other test takes.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::servers;

    #[test]
    fn tests_share_a_server_and_have_databases_of_their_own() {
        let first = servers::postgres().unwrap();
        let second = servers::postgres().unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert_ne!(first.fresh_database().unwrap(), second.fresh_database().unwrap());
        assert!(servers::mariadb().unwrap().fresh_database().unwrap().starts_with("mysql://"));
        assert!(servers::redis().unwrap().url().starts_with("redis://"));
    }
}

//! A private localstripe: a server that speaks Stripe's API and sends signed webhooks.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::child::{Error, Server, command, free_port, log_to};

/// Starts the server without the copy of its state that it would keep in a file which all of them share.
const START: &str = "from localstripe import resources, server; resources.Store.dump_to_disk = lambda store: None; \
                     server.start()";

/// A localstripe with nothing in it.
#[derive(Debug)]
pub struct LocalStripe {
    // Stopped before its folder goes away: fields are dropped in this order.
    _server: Server,
    _folder: TempDir,
    port: u16,
}

impl LocalStripe {
    /// Starts one.
    ///
    /// # Errors
    /// When it is not installed (`scripts/install-localstripe.sh` does that) or does not start.
    pub fn start() -> Result<Self, Error> {
        crate::record::engine("localstripe");
        let python = python_with_stripe();
        if !python.exists() {
            return Err(Error::new("localstripe is not installed; run scripts/install-localstripe.sh"));
        }
        let folder = tempfile::Builder::new().prefix("pulse-localstripe-").tempdir()?;
        let port = free_port()?;
        let mut serve = command(None, &python.display().to_string());
        serve.args(["-c", START, "--from-scratch", "--port", &port.to_string()]).current_dir(folder.path());
        let log = folder.path().join("log");
        log_to(&mut serve, &log)?;
        let server = Server::start(serve, "INT", port, &log)?;
        Ok(Self { _server: server, _folder: folder, port })
    }

    /// Where its API is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// The Python that has localstripe and Stripe's own library.
#[must_use]
pub fn python_with_stripe() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/localstripe/bin/python")
}

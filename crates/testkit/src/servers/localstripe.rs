//! Private localstripe: a server with the API of Stripe that sends signed webhooks.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::child::{Error, Server, command, free_port, log_to};

/// Starts the server without its state file, which all servers of a machine would share.
const START: &str = "from localstripe import resources, server; resources.Store.dump_to_disk = lambda store: None; \
                     server.start()";

/// Running localstripe without data.
#[derive(Debug)]
pub struct LocalStripe {
    // Fields are dropped in this order: the server stops before its folder is deleted.
    _server: Server,
    _folder: TempDir,
    port: u16,
}

impl LocalStripe {
    /// Starts a server.
    ///
    /// # Errors
    /// If localstripe is not installed (see `scripts/install-localstripe.sh`) or does not start.
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

    /// Returns the URL of the API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// Returns the path of the Python with localstripe and the client library of Stripe.
#[must_use]
pub fn python_with_stripe() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/localstripe/bin/python")
}

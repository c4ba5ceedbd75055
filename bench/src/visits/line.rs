//! A connection that is opened again when it has to be, and that never waits for ever.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::tally::Heard;
use crate::connection::{Connection, ExchangeError};

/// Unused for so long, a connection is opened anew: servers close those that idle, and the request that finds out would
/// count as a failure of the server.
const IDLE_MAX: Duration = Duration::from_secs(15);

/// What went wrong when there was no answer in time.
pub(super) const TIMEOUT: &str = "timeout";

/// A connection and the body of the last answer.
pub(super) struct Line {
    address: SocketAddr,
    patience: Duration,
    connection: Option<(Connection, Instant)>,
    /// The body of the last answer; empty when there was none.
    pub(super) body: Vec<u8>,
}

/// The part of a problem that says which.
#[derive(Deserialize)]
struct Problem<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
}

impl Line {
    /// Connects.
    pub(super) async fn open(address: SocketAddr, patience: Duration) -> Result<Self, ExchangeError> {
        let connection = Some((Connection::open(address).await?, Instant::now()));
        Ok(Self { address, patience, connection, body: Vec::new() })
    }

    /// Sends a request and reads its answer: the status, or what went wrong.
    pub(super) async fn ask(&mut self, request: &[u8]) -> Result<u16, &'static str> {
        let (address, patience) = (self.address, self.patience);
        let asked = tokio::time::timeout(patience, self.exchange(address, request)).await;
        // Whatever was read of an answer that is not complete is none.
        match asked {
            Ok(Ok(status)) => Ok(status),
            Ok(Err(error)) => {
                self.body.clear();
                Err(error.kind())
            }
            Err(_elapsed) => {
                self.body.clear();
                Err(TIMEOUT)
            }
        }
    }

    async fn exchange(&mut self, address: SocketAddr, request: &[u8]) -> Result<u16, ExchangeError> {
        self.body.clear();
        let fresh = self.connection.take().filter(|(_, used)| used.elapsed() < IDLE_MAX);
        let mut connection = match fresh {
            Some((connection, _)) => connection,
            None => Connection::open(address).await?,
        };
        let reply = connection.fetch_into(request, &mut self.body).await?;
        self.connection = reply.keep_alive.then(|| (connection, Instant::now()));
        Ok(reply.status)
    }

    /// What the last answer says.
    pub(super) fn heard(&self, asked: Result<u16, &'static str>) -> Heard<'_> {
        match asked {
            Ok(status) if status < 400 => Heard { status, code: "" },
            Ok(status) => {
                // A code is written without escapes, so nothing is copied.
                let code = match serde_json::from_slice::<Problem<'_>>(&self.body).map(|problem| problem.code) {
                    Ok(Cow::Borrowed(code)) => code,
                    Ok(Cow::Owned(_)) | Err(_) => "",
                };
                Heard { status, code }
            }
            Err(kind) => Heard { status: 0, code: kind },
        }
    }
}

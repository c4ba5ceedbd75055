//! A client with one connection, which reconnects when necessary and has a timeout for every request.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::stats::Response;
use crate::connection::{Connection, ExchangeError};

/// Idle time after which a connection is opened again. Servers close idle connections, and a request on a closed
/// connection would count as a failure of the server.
const IDLE_MAX: Duration = Duration::from_secs(15);

/// Code of a request that was not answered within its timeout.
pub(super) const TIMEOUT: &str = "timeout";

/// A connection, and the body of the last response.
pub(super) struct Client {
    address: SocketAddr,
    timeout: Duration,
    connection: Option<(Connection, Instant)>,
    /// Body of the last response; empty when there was none.
    pub(super) body: Vec<u8>,
}

/// The error code of a problem document.
#[derive(Deserialize)]
struct Problem<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
}

impl Client {
    /// Opens the connection.
    pub(super) async fn open(address: SocketAddr, timeout: Duration) -> Result<Self, ExchangeError> {
        let connection = Some((Connection::open(address).await?, Instant::now()));
        Ok(Self { address, timeout, connection, body: Vec::new() })
    }

    /// Sends a request and reads its response. Returns the status, or the kind of failure.
    pub(super) async fn send(&mut self, request: &[u8]) -> Result<u16, &'static str> {
        let (address, timeout) = (self.address, self.timeout);
        let sent = tokio::time::timeout(timeout, self.exchange(address, request)).await;
        // An incomplete body is discarded.
        match sent {
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

    /// Status and error code of the last response.
    pub(super) fn response(&self, sent: Result<u16, &'static str>) -> Response<'_> {
        match sent {
            Ok(status) if status < 400 => Response { status, code: "" },
            Ok(status) => {
                // Error codes have no JSON escapes, so the text is borrowed.
                let code = match serde_json::from_slice::<Problem<'_>>(&self.body).map(|problem| problem.code) {
                    Ok(Cow::Borrowed(code)) => code,
                    Ok(Cow::Owned(_)) | Err(_) => "",
                };
                Response { status, code }
            }
            Err(kind) => Response { status: 0, code: kind },
        }
    }
}

//! The connection to Redis: one server, the primary behind sentinels, or a cluster.
//!
//! All calls share one connection, and concurrent calls are pipelined. A connection that failed or timed out is dropped;
//! the next call searches again, which after a failover leads to another server.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use parking_lot::RwLock;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, IntoConnectionInfo, Pipeline, RedisError,
    RedisFuture, RedisResult, TlsMode, Value,
};
use tokio::sync::Mutex;

/// Time after a failed search in which calls fail without another search.
const SEARCH_PAUSE: Duration = Duration::from_millis(50);
/// Timeout of a search; it continues when its caller has given up.
const SEARCH_MAX: Duration = Duration::from_secs(5);
/// Maximum number of retries of a call in a cluster after a slot has moved.
const CLUSTER_RETRIES: u32 = 3;
/// Write buffer: concurrent calls are written together.
const WRITE_BUFFER: usize = 64 * 1024;

/// A Redis URL is not valid.
#[derive(Debug)]
pub struct UrlError(String);

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the Redis URL is not valid: {}", self.0)
    }
}

impl std::error::Error for UrlError {}

impl From<RedisError> for UrlError {
    fn from(error: RedisError) -> Self {
        Self(error.to_string())
    }
}

/// A connection; clones share it.
#[derive(Clone)]
pub(super) enum Wire {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Wire {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

/// A connection and its number.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) wire: Wire,
    number: u64,
}

/// The source of connections.
enum Source {
    Server(Box<Client>),
    Sentinels(Box<SentinelClient>),
    Cluster(Box<ClusterClient>),
}

/// The connection of an engine.
pub(super) struct Link {
    line: RwLock<Option<Line>>,
    search: Mutex<Search>,
}

struct Search {
    source: Source,
    config: AsyncConnectionConfig,
    count: u64,
    failed: Option<(Instant, RedisError)>,
}

impl Link {
    /// Parses the URL; does not connect.
    pub(super) fn new(url: &str, timeout: Duration) -> Result<Self, UrlError> {
        // Calls have their own timeout; that of the driver would be a second timer.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(None)
            .set_write_backpressure_boundary(WRITE_BUFFER);
        let search = Search { source: Source::parse(url, timeout)?, config, count: 0, failed: None };
        Ok(Self { line: RwLock::default(), search: Mutex::new(search) })
    }

    /// The connection; a new one if there is none.
    pub(super) async fn line(self: &Arc<Self>) -> RedisResult<Line> {
        if let Some(line) = self.line.read().clone() {
            return Ok(line);
        }
        // In a task: with unresponsive sentinels a search takes longer than the timeout of a call.
        let link = Arc::clone(self);
        match tokio::spawn(async move { link.search().await }).await {
            Ok(found) => found,
            Err(_) => Err((ErrorKind::Client, "the search for a Redis server was aborted").into()),
        }
    }

    /// Drops a connection if it is still the current one. A cluster connection is kept: its driver reconnects to lost servers
    /// itself, and sales on other servers continue.
    pub(super) fn give_up(&self, line: &Line) {
        if matches!(line.wire, Wire::Cluster(_)) {
            return;
        }
        let mut current = self.line.write();
        if current.as_ref().is_some_and(|current| current.number == line.number) {
            *current = None;
        }
    }

    async fn search(&self) -> RedisResult<Line> {
        let mut search = self.search.lock().await;
        if let Some(line) = self.line.read().clone() {
            return Ok(line);
        }
        if let Some((at, error)) = &search.failed
            && at.elapsed() < SEARCH_PAUSE
        {
            return Err(error.clone());
        }
        let found = tokio::time::timeout(SEARCH_MAX, search.connect())
            .await
            .unwrap_or_else(|_| Err((ErrorKind::Client, "no Redis server was found in time").into()));
        match found {
            Ok(wire) => {
                search.count += 1;
                search.failed = None;
                let line = Line { wire, number: search.count };
                *self.line.write() = Some(line.clone());
                Ok(line)
            }
            Err(error) => {
                search.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
}

impl Search {
    async fn connect(&mut self) -> RedisResult<Wire> {
        let config = &self.config;
        match &mut self.source {
            Source::Server(client) => {
                client.get_multiplexed_async_connection_with_config(config).await.map(Wire::Server)
            }
            Source::Sentinels(client) => client.get_async_connection_with_config(config).await.map(Wire::Server),
            // Boxed: the future is large and rarely used.
            Source::Cluster(client) => client.get_async_connection().boxed().await.map(Wire::Cluster),
        }
    }
}

impl Source {
    /// `redis://host:port/db`, `redis+sentinel://host:port,host:port/service`, `redis+cluster://host:port,host:port`;
    /// `rediss` for TLS; `user:password@` before the hosts.
    fn parse(url: &str, timeout: Duration) -> Result<Self, UrlError> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(UrlError("it must have a scheme".to_owned()));
        };
        let (plain, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        if !matches!(plain, "redis" | "rediss") {
            return Err(UrlError(format!("the scheme must be redis or rediss, got {scheme}")));
        }
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = hosts.rsplit_once('@').map_or(("", hosts), |(login, hosts)| (login, hosts));
        let at = if login.is_empty() { "" } else { "@" };
        let each = hosts.split(',').map(|host| format!("{plain}://{login}{at}{host}/"));
        match kind {
            "" => Ok(Self::Server(Box::new(Client::open(url)?))),
            "cluster" => {
                let builder = ClusterClient::builder(each).retries(CLUSTER_RETRIES);
                let client = builder.connection_timeout(timeout).response_timeout(timeout).build()?;
                Ok(Self::Cluster(Box::new(client)))
            }
            "sentinel" => Self::sentinels(each, path, plain == "rediss"),
            _ => Err(UrlError(format!("the scheme must end in +sentinel or +cluster, got {scheme}"))),
        }
    }

    fn sentinels(urls: impl Iterator<Item = String>, service: &str, is_tls: bool) -> Result<Self, UrlError> {
        if service.is_empty() {
            return Err(UrlError("it must name the service of the sentinels after the hosts".to_owned()));
        }
        let infos = urls.map(|url| url.as_str().into_connection_info()).collect::<RedisResult<Vec<_>>>()?;
        let login = infos.first().map(|info| info.redis_settings().clone()).unwrap_or_default();
        let addresses: Vec<ConnectionAddr> = infos.iter().map(|info| info.addr().clone()).collect();
        let mut builder = SentinelClientBuilder::new(addresses, service, SentinelServerType::Master)?;
        if is_tls {
            builder =
                builder.set_client_to_redis_tls_mode(TlsMode::Secure).set_client_to_sentinel_tls_mode(TlsMode::Secure);
        }
        if let Some(username) = login.username() {
            builder = builder.set_client_to_redis_username(username);
        }
        if let Some(password) = login.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        Ok(Self::Sentinels(Box::new(builder.build()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(url: &str) -> &'static str {
        match Source::parse(url, Duration::from_secs(1)) {
            Ok(Source::Server(_)) => "server",
            Ok(Source::Sentinels(_)) => "sentinels",
            Ok(Source::Cluster(_)) => "cluster",
            Err(_) => "error",
        }
    }

    #[test]
    fn the_scheme_selects_the_kind_of_server() {
        for (url, expected) in [
            ("redis://127.0.0.1:6379/", "server"),
            ("redis://127.0.0.1:6379/2", "server"),
            ("rediss://user:secret@cache.example:6380", "server"),
            ("redis+sentinel://a:26379,b:26379/pulse", "sentinels"),
            ("rediss+sentinel://user:secret@a:26379/pulse", "sentinels"),
            ("redis+sentinel://a:26379,b:26379", "error"),
            ("redis+cluster://a:7000,b:7001", "cluster"),
            ("redis+cluster://:secret@a:7000,b:7001", "cluster"),
            ("redis+something://a:7000", "error"),
            ("http://a:7000", "error"),
            ("localhost", "error"),
        ] {
            assert_eq!(kind(url), expected, "{url}");
        }
    }
}

//! Private Redis: a single server, a primary with sentinels, or a cluster.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::child::{Error, Server, command, free_port, log_to, run};

/// Maximum time until the servers of a group have connected to each other.
const MEET_MAX: Duration = Duration::from_secs(60);

/// Single Redis without persistence.
#[derive(Debug)]
pub struct Redis {
    // Stopped before its folder goes away: fields are dropped in this order.
    _server: Server,
    _folder: TempDir,
    port: u16,
}

impl Redis {
    /// Starts a server.
    ///
    /// # Errors
    /// If Redis is not installed or does not start.
    pub fn start() -> Result<Self, Error> {
        crate::record::engine("Redis");
        let folder = folder()?;
        let port = free_port()?;
        let server = serve(folder.path(), port, "TERM", &[])?;
        Ok(Self { _server: server, _folder: folder, port })
    }

    /// Returns the URL. All tests share the databases; each test must use its own keys.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }
}

/// Primary with one replica and three sentinels, which detect a failure after 0.5 s.
#[derive(Debug)]
pub struct RedisSentinels {
    primary: Mutex<Option<Server>>,
    _replica: Server,
    _sentinels: Vec<Server>,
    _folder: TempDir,
    ports: Vec<u16>,
}

impl RedisSentinels {
    /// Starts all five servers. Waits until the replica is connected and each sentinel knows the others.
    ///
    /// # Errors
    /// If Redis is not installed or does not start.
    pub fn start() -> Result<Self, Error> {
        crate::record::engine("Redis Sentinel");
        let folder = folder()?;
        let (primary_port, replica_port) = (free_port()?, free_port()?);
        let primary = serve(folder.path(), primary_port, "KILL", &[])?;
        let follow = format!("127.0.0.1 {primary_port}");
        let replica = serve(folder.path(), replica_port, "KILL", &["--replicaof", &follow])?;
        wait_for(replica_port, &["INFO", "replication"], |reply| reply.contains("master_link_status:up"))?;
        let (mut sentinels, mut ports) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let port = free_port()?;
            sentinels.push(watch(folder.path(), port, primary_port)?);
            ports.push(port);
        }
        for port in &ports {
            wait_for(*port, &["INFO", "sentinel"], |reply| reply.contains("slaves=1,sentinels=3"))?;
        }
        Ok(Self {
            primary: Mutex::new(Some(primary)),
            _replica: replica,
            _sentinels: sentinels,
            _folder: folder,
            ports,
        })
    }

    /// Returns the URL: addresses of the sentinels and name of the service.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+sentinel://{}/pulse", addresses(&self.ports))
    }

    /// Kills the first primary, as a crash does.
    pub fn kill_primary(&self) {
        drop(self.primary.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Cluster of three primaries with one replica each, which detects a failure after 1 s.
#[derive(Debug)]
pub struct RedisCluster {
    servers: Mutex<BTreeMap<u16, Server>>,
    _folder: TempDir,
    ports: Vec<u16>,
}

impl RedisCluster {
    /// Starts all six servers. Waits until each of them reports a complete cluster.
    ///
    /// # Errors
    /// If Redis is not installed or does not start.
    pub fn start() -> Result<Self, Error> {
        crate::record::engine("Redis Cluster");
        let folder = folder()?;
        let mut servers = BTreeMap::new();
        for _ in 0..6 {
            let port = free_port_of_cluster()?;
            let nodes = format!("nodes-{port}.conf");
            let mut mode = vec!["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
            // If a server fails, its keys are unavailable for a while, and the other servers continue.
            mode.extend(["--cluster-require-full-coverage", "no", "--cluster-config-file", &nodes]);
            servers.insert(port, serve(folder.path(), port, "KILL", &mode)?);
        }
        let ports: Vec<u16> = servers.keys().copied().collect();
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]).args(ports.iter().map(|port| format!("127.0.0.1:{port}")));
        run({
            create.args(["--cluster-replicas", "1", "--cluster-yes"]);
            create
        })?;
        for port in &ports {
            wait_for(*port, &["CLUSTER", "INFO"], |reply| reply.contains("cluster_state:ok"))?;
            wait_for(*port, &["INFO", "replication"], |reply| {
                reply.contains("connected_slaves:1") || reply.contains("master_link_status:up")
            })?;
        }
        Ok(Self { servers: Mutex::new(servers), _folder: folder, ports })
    }

    /// Returns the URL: addresses of the servers.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+cluster://{}", addresses(&self.ports))
    }

    /// Returns the port of the primary that stores `key`.
    ///
    /// # Errors
    /// If no server stores the key.
    pub fn primary_of(&self, key: &str) -> Result<u16, Error> {
        for port in self.servers.lock().unwrap_or_else(PoisonError::into_inner).keys() {
            // A server that does not store the key answers `MOVED`.
            if is_primary(*port) && !query(*port, &["EXISTS", key])?.contains("MOVED") {
                return Ok(*port);
            }
        }
        Err(Error::new(format!("no primary stores the key {key}")))
    }

    /// Kills the server at a port, as a crash does.
    pub fn kill(&self, port: u16) {
        drop(self.servers.lock().unwrap_or_else(PoisonError::into_inner).remove(&port));
    }
}

fn folder() -> Result<TempDir, Error> {
    Ok(tempfile::Builder::new().prefix("pulse-redis-").tempdir()?)
}

fn addresses(ports: &[u16]) -> String {
    ports.iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",")
}

/// Starts a server that writes only its log to the disk.
fn serve(folder: &Path, port: u16, signal: &'static str, more: &[&str]) -> Result<Server, Error> {
    let mut serve = command(None, "redis-server");
    serve.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    // The primary sends its data to a replica immediately, without waiting for further replicas.
    serve.args(["--repl-diskless-sync-delay", "0", "--dir", &folder.display().to_string()]).args(more);
    let log = folder.join(format!("{port}.log"));
    log_to(&mut serve, &log)?;
    Server::start(serve, signal, port, &log)
}

fn watch(folder: &Path, port: u16, primary: u16) -> Result<Server, Error> {
    let config = folder.join(format!("sentinel-{port}.conf"));
    let text = format!(
        "port {port}\nbind 127.0.0.1\nsentinel monitor pulse 127.0.0.1 {primary} 2\n\
         sentinel down-after-milliseconds pulse 500\nsentinel failover-timeout pulse 3000\n"
    );
    std::fs::write(&config, text)?;
    let mut watch = command(None, "redis-server");
    watch.arg(&config).arg("--sentinel");
    let log = folder.join(format!("sentinel-{port}.log"));
    log_to(&mut watch, &log)?;
    Server::start(watch, "KILL", port, &log)
}

/// Returns a free port whose cluster bus port, 10,000 above, is free too.
fn free_port_of_cluster() -> Result<u16, Error> {
    for _ in 0..1_000 {
        let port = free_port()?;
        let bus = port.checked_add(10_000);
        if bus.is_some_and(|bus| std::net::TcpListener::bind(("127.0.0.1", bus)).is_ok()) {
            return Ok(port);
        }
    }
    Err(Error::new("no pair of ports is free"))
}

fn is_primary(port: u16) -> bool {
    query(port, &["ROLE"]).is_ok_and(|reply| reply.starts_with("master"))
}

fn query(port: u16, words: &[&str]) -> Result<String, Error> {
    let reply = Command::new("redis-cli").args(["-p", &port.to_string()]).args(words).output()?;
    Ok(String::from_utf8_lossy(&reply.stdout).into_owned())
}

fn wait_for(port: u16, words: &[&str], is_done: impl Fn(&str) -> bool) -> Result<(), Error> {
    let deadline = Instant::now() + MEET_MAX;
    loop {
        let reply = query(port, words)?;
        if is_done(&reply) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Error::new(format!("the servers did not connect to each other; last reply:\n{reply}")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::servers;

    #[test]
    fn tests_share_a_server_and_have_separate_databases() {
        let first = servers::postgres().unwrap();
        let second = servers::postgres().unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert_ne!(first.fresh_database().unwrap(), second.fresh_database().unwrap());
        assert!(servers::mariadb().unwrap().fresh_database().unwrap().starts_with("mysql://"));
        assert!(servers::redis().unwrap().url().starts_with("redis://"));
    }
}

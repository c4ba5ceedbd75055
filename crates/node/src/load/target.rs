//! Where the node is.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use pulse_bench::{Connection, Request};
use serde_json::Value;

use crate::stage::ask;

/// The port of HTTP.
const PORT: u16 = 80;

/// A node that answers.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    /// The value of the Host header.
    pub(super) host: String,
}

impl Target {
    /// Finds the node of a URL and makes sure that somebody listens there.
    pub(super) async fn find(url: &str) -> anyhow::Result<Self> {
        let host = host(url)?;
        let named = if has_port(&host) { host.clone() } else { format!("{host}:{PORT}") };
        let found = tokio::net::lookup_host(&named).await.with_context(|| format!("{url}: there is no such host"))?;
        // A name may stand for addresses on which nobody listens, such as ::1.
        let mut refused = None;
        for address in found {
            match Connection::open(address).await {
                Ok(_connection) => return Ok(Self { address, host }),
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            Some(error) => Err(error).with_context(|| format!("{url} cannot be reached; is the node running?")),
            None => bail!("{url}: the host has no address"),
        }
    }

    /// Reads something as somebody, or as nobody.
    pub(super) async fn get(&self, path: &str, token: Option<&str>) -> anyhow::Result<Value> {
        let request = Request::get(&self.host, path);
        ask(self.address, &format!("GET {path}"), with(request, token)).await
    }

    /// Asks for something as somebody.
    pub(super) async fn post(&self, path: &str, token: &str, body: &Value) -> anyhow::Result<Value> {
        let request = Request::post_json(&self.host, path, body.to_string());
        ask(self.address, &format!("POST {path}"), request.bearer(token)).await
    }

    /// Whether a token of somebody is taken.
    pub(super) async fn takes(&self, token: &str) -> anyhow::Result<bool> {
        let mut connection = Connection::open(self.address).await?;
        let request = Request::get(&self.host, "/v1/me/orders").bearer(token).render();
        let (reply, _) =
            connection.fetch(&request).await.context("what listens there does not answer as a node does")?;
        Ok(reply.status != 401)
    }
}

fn with(request: Request, token: Option<&str>) -> Request {
    match token {
        Some(token) => request.bearer(token),
        None => request,
    }
}

fn host(url: &str) -> anyhow::Result<String> {
    let Some(rest) = url.strip_prefix("http://") else {
        bail!("{url}: give a URL such as http://127.0.0.1:8080; the generator speaks plain HTTP/1.1, without TLS");
    };
    let host = rest.strip_suffix('/').unwrap_or(rest);
    if host.is_empty() || host.contains(['/', '?', '#', '@']) || host.contains(char::is_whitespace) {
        bail!("{url}: a node has its calls at the root; give http://HOST:PORT");
    }
    Ok(host.to_owned())
}

/// Whether a port is named; the colons of an address in brackets name none.
fn has_port(host: &str) -> bool {
    host.rsplit_once(']').map_or(host, |(_, rest)| rest).contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_host_and_perhaps_a_port() {
        for (url, expected) in [
            ("http://127.0.0.1:8080", ("127.0.0.1:8080", true)),
            ("http://city.example/", ("city.example", false)),
            ("http://[::1]:80", ("[::1]:80", true)),
            ("http://[::1]", ("[::1]", false)),
        ] {
            let host = host(url).unwrap();
            assert_eq!((host.as_str(), has_port(&host)), expected, "{url}");
        }
        for url in ["", "127.0.0.1:8080", "https://city.example", "http://", "http://a/b", "http://me@a", "http://a b"]
        {
            assert!(host(url).is_err(), "{url}");
        }
    }
}

//! The node of a URL.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use pulse_bench::{Connection, Request};
use serde_json::Value;

use crate::target_node::call_once;

/// Default port of HTTP.
const PORT: u16 = 80;

/// A reachable node.
#[derive(Clone, Debug)]
pub(super) struct TargetUrl {
    pub(super) address: SocketAddr,
    /// Value of the Host header.
    pub(super) host: String,
}

impl TargetUrl {
    /// Resolves the host of a URL to an address that accepts connections.
    pub(super) async fn resolve(url: &str) -> anyhow::Result<Self> {
        let host = host(url)?;
        let named = if has_port(&host) { host.clone() } else { format!("{host}:{PORT}") };
        let found = tokio::net::lookup_host(&named).await.with_context(|| format!("{url}: unknown host"))?;
        // A name may resolve to several addresses, such as ::1 and 127.0.0.1, of which only one accepts connections.
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

    /// GET of a path, with or without a token. Any status but 200 is an error.
    pub(super) async fn get(&self, path: &str, token: Option<&str>) -> anyhow::Result<Value> {
        let request = Request::get(&self.host, path);
        call_once(self.address, &format!("GET {path}"), with(request, token)).await
    }

    /// POST of a JSON body with a token. Any status but 200 is an error.
    pub(super) async fn post(&self, path: &str, token: &str, body: &Value) -> anyhow::Result<Value> {
        let request = Request::post_json(&self.host, path, body.to_string());
        call_once(self.address, &format!("POST {path}"), request.bearer(token)).await
    }

    /// Whether the node accepts a token.
    pub(super) async fn accepts_token(&self, token: &str) -> anyhow::Result<bool> {
        let mut connection = Connection::open(self.address).await?;
        let request = Request::get(&self.host, "/v1/me/orders").bearer(token).render();
        let (reply, _) = connection.fetch(&request).await.context("the server at this address is not a Pulse node")?;
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
        bail!(
            "{url}: the URL must be like http://127.0.0.1:8080; the load generator supports plain HTTP/1.1 without TLS"
        );
    };
    let host = rest.strip_suffix('/').unwrap_or(rest);
    if host.is_empty() || host.contains(['/', '?', '#', '@']) || host.contains(char::is_whitespace) {
        bail!("{url}: the URL must be http://HOST:PORT without a path");
    }
    Ok(host.to_owned())
}

/// Whether a host has a port. Colons within the brackets of an IPv6 address are not a port.
fn has_port(host: &str) -> bool {
    host.rsplit_once(']').map_or(host, |(_, rest)| rest).contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_host_and_an_optional_port() {
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

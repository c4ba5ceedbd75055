//! Users of a load test: access tokens and client addresses.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use pulse_bench::{Arrivals, Progress, Request};

use super::plan::{Plan, ScenarioName};
use super::target_url::TargetUrl;
use crate::target_node::TargetNode;

/// Maximum number of users; the token of each is kept in memory.
pub const USERS_MAX: u32 = 2_000_000;
/// Default number of users.
const USERS: u32 = 10_000;

/// The users; visits use them in turn.
pub(super) struct Users {
    host: String,
    tokens: Vec<String>,
    is_client_ip_spoofed: bool,
}

impl Users {
    /// Reads the tokens from a file or signs them with the keys of the node. Without both, users of `browse` are anonymous.
    pub(super) async fn prepare(
        plan: &Plan,
        target: &TargetUrl,
        node: Option<&TargetNode>,
        arrivals: &Arrivals,
    ) -> anyhow::Result<Self> {
        let is_once = plan.scenario == ScenarioName::FlashSale;
        let tokens = match (&plan.token_file, node) {
            (Some(file), _) => read(file, plan.users)?,
            (None, Some(node)) => sign(node, plan.users, is_once.then(|| arrivals.count())).await?,
            (None, None) if plan.scenario == ScenarioName::Browse => Vec::new(),
            (None, None) => bail!(
                "this scenario needs signed-in users: set --data to the data folder of the node, or --token-file to a file \
                 with one access token per line"
            ),
        };
        if let Some(token) = tokens.first() {
            ensure!(
                target.accepts_token(token).await?,
                "{} refuses the token: --data must be the data folder of this node, and tokens of --token-file must not be \
                 expired",
                plan.url
            );
        }
        Ok(Self { host: target.host.clone(), tokens, is_client_ip_spoofed: plan.is_client_ip_spoofed })
    }

    /// Number of signed-in users.
    pub(super) fn count(&self) -> usize {
        self.tokens.len()
    }

    /// Token of the user of a visit; `None` for anonymous users.
    pub(super) fn token(&self, visit: u64) -> Option<&str> {
        let place = visit.checked_rem(u64::try_from(self.tokens.len()).ok()?)?;
        self.tokens.get(usize::try_from(place).ok()?).map(String::as_str)
    }

    /// GET by the user of a visit.
    pub(super) fn get(&self, visit: u64, path: &str) -> Bytes {
        self.sent_by(visit, Request::get(&self.host, path)).render()
    }

    /// POST of a JSON body by the user of a visit.
    pub(super) fn post(&self, visit: u64, path: &str, body: String) -> Request {
        self.sent_by(visit, Request::post_json(&self.host, path, body))
    }

    /// POST of a form without a token, as a browser sends it.
    pub(super) fn form(&self, visit: u64, path: &str, body: &'static str) -> Bytes {
        let request = Request::post(&self.host, path, body).header("content-type", "application/x-www-form-urlencoded");
        self.forwarded(visit, request).render()
    }

    fn sent_by(&self, visit: u64, request: Request) -> Request {
        let request = self.forwarded(visit, request);
        match self.token(visit) {
            Some(token) => request.bearer(token),
            None => request,
        }
    }

    fn forwarded(&self, visit: u64, request: Request) -> Request {
        if !self.is_client_ip_spoofed {
            return request;
        }
        let users = u64::try_from(self.tokens.len()).unwrap_or(u64::MAX);
        // Every visit of an anonymous user has another address.
        request.header("x-forwarded-for", &address(visit.checked_rem(users).unwrap_or(visit)))
    }
}

/// Client address of a user: one of the 131,072 addresses of 198.18.0.0/15, which RFC 2544 reserves for benchmarks.
fn address(user: u64) -> String {
    let [.., high, third, last] = user.to_be_bytes();
    format!("198.{}.{third}.{last}", 18 + (high & 1))
}

fn read(file: &Path, users: Option<u32>) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let count_max = usize::try_from(users.unwrap_or(USERS_MAX))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(count_max);
    let tokens: Vec<String> = lines.map(str::to_owned).collect();
    ensure!(!tokens.is_empty(), "{} has no tokens; it must have one per line", file.display());
    ensure!(
        tokens.iter().all(|token| token.bytes().all(|byte| byte.is_ascii_graphic())),
        "{} has a line that is not a token",
        file.display()
    );
    Ok(tokens)
}

/// Signs tokens. `visits` is the number of visits of a scenario with one visit per user.
async fn sign(node: &TargetNode, users: Option<u32>, visits: Option<u64>) -> anyhow::Result<Vec<String>> {
    let count = match (users, visits) {
        (Some(users), _) => u64::from(users),
        (None, Some(visits)) => visits,
        (None, None) => u64::from(USERS),
    };
    ensure!(
        count <= u64::from(USERS_MAX),
        "{count} visits need {count} users, at most {USERS_MAX} are possible; lower --rate or --duration, or set --users"
    );
    let progress = Progress::on_stderr("users", count);
    let mut tokens = Vec::with_capacity(usize::try_from(count)?);
    for _ in 0..count {
        tokens.push(node.customer_token());
        progress.step();
        // Yields, so that Ctrl-C can end the preparation.
        tokio::task::consume_budget().await;
    }
    progress.finish();
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(tokens: &[&str], is_client_ip_spoofed: bool) -> Users {
        let tokens = tokens.iter().map(|token| (*token).to_owned()).collect();
        Users { host: "city".to_owned(), tokens, is_client_ip_spoofed }
    }

    #[test]
    fn visits_use_users_in_turn_with_token_and_address() {
        let two = users(&["a", "b"], true);
        assert_eq!([0, 1, 2].map(|visit| two.token(visit).unwrap()), ["a", "b", "a"]);
        let sent = String::from_utf8(two.get(3, "/x").to_vec()).unwrap();
        assert_eq!(
            sent,
            "GET /x HTTP/1.1\r\nhost: city\r\nx-forwarded-for: 198.18.0.1\r\nauthorization: Bearer b\r\n\r\n"
        );
        let anonymous = users(&[], false);
        assert_eq!(anonymous.token(0), None);
        assert_eq!(&anonymous.get(3, "/x")[..], b"GET /x HTTP/1.1\r\nhost: city\r\n\r\n");
    }

    #[test]
    fn addresses_are_of_the_benchmark_network() {
        let addresses = [0, 255, 256, 65_536, 131_071, 131_072].map(address);
        let expected = ["198.18.0.0", "198.18.0.255", "198.18.1.0", "198.19.0.0", "198.19.255.255", "198.18.0.0"];
        assert_eq!(addresses, expected);
    }

    #[test]
    fn a_file_has_one_token_per_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        std::fs::write(&file, "one\n\n two \nthree\n").unwrap();
        assert_eq!(read(&file, None).unwrap(), ["one", "two", "three"]);
        assert_eq!(read(&file, Some(2)).unwrap(), ["one", "two"]);
        for text in ["", "\n", "two words\n"] {
            std::fs::write(&file, text).unwrap();
            assert!(read(&file, None).is_err(), "{text:?}");
        }
    }
}

//! Who comes: people with tokens that the node takes.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use pulse_bench::{Arrivals, Progress, Request};

use super::target::Target;
use super::{Plan, ScenarioName};
use crate::stage::Stage;

/// So many people at most: each has a token in memory.
pub(crate) const USERS_MAX: u32 = 2_000_000;
/// So many people unless something else is asked for.
const USERS: u32 = 10_000;

/// The people.
pub(super) struct Users {
    host: String,
    tokens: Vec<String>,
    is_proxy: bool,
}

impl Users {
    /// Signs their tokens with the keys of the node, or reads them; without either, people are not signed in.
    pub(super) async fn gather(
        plan: &Plan,
        target: &Target,
        stage: Option<&Stage>,
        arrivals: &Arrivals,
    ) -> anyhow::Result<Self> {
        let is_once = plan.scenario == ScenarioName::FlashSale;
        let tokens = match (&plan.token_file, stage) {
            (Some(file), _) => read(file, plan.users)?,
            (None, Some(stage)) => sign(stage, plan.users, is_once.then(|| arrivals.count())).await?,
            (None, None) if plan.scenario == ScenarioName::Browse => Vec::new(),
            (None, None) => bail!(
                "who orders must be signed in: name the data folder of the node with --data, whose keys sign tokens, or a \
                 file with a token per line with --token-file"
            ),
        };
        if let Some(token) = tokens.first() {
            ensure!(
                target.takes(token).await?,
                "{} refuses the token: --data must be the folder of the node that listens there, and tokens of a \
                 --token-file must not have expired",
                plan.url
            );
        }
        Ok(Self { host: target.host.clone(), tokens, is_proxy: plan.is_proxy })
    }

    pub(super) fn count(&self) -> usize {
        self.tokens.len()
    }

    /// The token of a visitor, when people are signed in.
    pub(super) fn token(&self, visitor: u64) -> Option<&str> {
        let place = visitor.checked_rem(u64::try_from(self.tokens.len()).ok()?)?;
        self.tokens.get(usize::try_from(place).ok()?).map(String::as_str)
    }

    /// Somebody looks at something.
    pub(super) fn get(&self, visitor: u64, path: &str) -> Bytes {
        self.sent_by(visitor, Request::get(&self.host, path)).render()
    }

    /// Somebody asks for something.
    pub(super) fn post(&self, visitor: u64, path: &str, body: String) -> Request {
        self.sent_by(visitor, Request::post_json(&self.host, path, body))
    }

    /// Somebody sends a form, as a browser does that is not signed in.
    pub(super) fn form(&self, visitor: u64, path: &str, body: &'static str) -> Bytes {
        let request = Request::post(&self.host, path, body).header("content-type", "application/x-www-form-urlencoded");
        self.forwarded(visitor, request).render()
    }

    fn sent_by(&self, visitor: u64, request: Request) -> Request {
        let request = self.forwarded(visitor, request);
        match self.token(visitor) {
            Some(token) => request.bearer(token),
            None => request,
        }
    }

    fn forwarded(&self, visitor: u64, request: Request) -> Request {
        if !self.is_proxy {
            return request;
        }
        let users = u64::try_from(self.tokens.len()).unwrap_or(u64::MAX);
        // Who is not signed in is somebody else each time.
        request.header("x-forwarded-for", &address(visitor.checked_rem(users).unwrap_or(visitor)))
    }
}

/// An address of the network that RFC 2544 sets aside for measurements, 198.18.0.0/15; 131,072 in turn.
fn address(user: u64) -> String {
    let [.., high, third, last] = user.to_be_bytes();
    format!("198.{}.{third}.{last}", 18 + (high & 1))
}

fn read(file: &Path, users: Option<u32>) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let count_max = usize::try_from(users.unwrap_or(USERS_MAX))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(count_max);
    let tokens: Vec<String> = lines.map(str::to_owned).collect();
    ensure!(!tokens.is_empty(), "{} has no tokens; write one per line", file.display());
    ensure!(
        tokens.iter().all(|token| token.bytes().all(|byte| byte.is_ascii_graphic())),
        "{} has a line that is no token",
        file.display()
    );
    Ok(tokens)
}

/// Where everybody comes once, there are as many as come.
async fn sign(stage: &Stage, users: Option<u32>, once: Option<u64>) -> anyhow::Result<Vec<String>> {
    let count = match (users, once) {
        (Some(users), _) => u64::from(users),
        (None, Some(visitors)) => visitors,
        (None, None) => u64::from(USERS),
    };
    ensure!(
        count <= u64::from(USERS_MAX),
        "{count} people would come once each, and there can be {USERS_MAX}; lower --rate or --duration, or name --users"
    );
    let progress = Progress::on_stderr("users", count);
    let mut tokens = Vec::with_capacity(usize::try_from(count)?);
    for _ in 0..count {
        tokens.push(stage.customer());
        progress.step();
        // So that it can be ended.
        tokio::task::consume_budget().await;
    }
    progress.finish();
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(tokens: &[&str], is_proxy: bool) -> Users {
        let tokens = tokens.iter().map(|token| (*token).to_owned()).collect();
        Users { host: "city".to_owned(), tokens, is_proxy }
    }

    #[test]
    fn people_come_in_turn_each_with_their_token_and_address() {
        let two = users(&["a", "b"], true);
        assert_eq!([0, 1, 2].map(|visitor| two.token(visitor).unwrap()), ["a", "b", "a"]);
        let sent = String::from_utf8(two.get(3, "/x").to_vec()).unwrap();
        assert_eq!(
            sent,
            "GET /x HTTP/1.1\r\nhost: city\r\nx-forwarded-for: 198.18.0.1\r\nauthorization: Bearer b\r\n\r\n"
        );
        let nobody = users(&[], false);
        assert_eq!(nobody.token(0), None);
        assert_eq!(&nobody.get(3, "/x")[..], b"GET /x HTTP/1.1\r\nhost: city\r\n\r\n");
    }

    #[test]
    fn addresses_are_those_of_the_network_for_measurements() {
        let addresses = [0, 255, 256, 65_536, 131_071, 131_072].map(address);
        let expected = ["198.18.0.0", "198.18.0.255", "198.18.1.0", "198.19.0.0", "198.19.255.255", "198.18.0.0"];
        assert_eq!(addresses, expected);
    }

    #[test]
    fn a_file_has_a_token_per_line() {
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

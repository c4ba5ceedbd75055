//! The developer's inbox: one-time codes on a page instead of a phone. Never in production.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use parking_lot::Mutex;
use pulse_account::{CodeSender, Destination};
use pulse_kernel::Error;

/// How many texts are kept.
const TEXTS_MAX: usize = 200;

/// Keeps the newest texts. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct DevInbox {
    texts: Arc<Mutex<VecDeque<(String, String)>>>,
}

impl DevInbox {
    /// The newest text to a phone or an address.
    #[must_use]
    pub fn newest_to(&self, destination: &str) -> Option<String> {
        let texts = self.texts.lock();
        texts.iter().find(|(to, _)| to == destination).map(|(_, text)| text.clone())
    }

    /// The newest code to a phone or an address: the first six digits in a row of the text.
    #[must_use]
    pub fn newest_code_to(&self, destination: &str) -> Option<String> {
        let text = self.newest_to(destination)?;
        text.split(|character: char| !character.is_ascii_digit()).find(|word| word.len() == 6).map(ToOwned::to_owned)
    }

    /// The page, at `/dev/inbox`.
    pub fn router(&self) -> Router {
        let inbox = self.clone();
        Router::new().route("/dev/inbox", get(move || async move { inbox.page() }))
    }

    fn page(&self) -> Response {
        let texts: Vec<(String, String)> = self.texts.lock().iter().cloned().collect();
        super::page(PAGE, minijinja::context! { texts })
    }
}

#[async_trait]
impl CodeSender for DevInbox {
    async fn send(&self, to: &Destination, text: &str) -> Result<(), Error> {
        let mut texts = self.texts.lock();
        texts.push_front((to.as_str().to_owned(), text.to_owned()));
        texts.truncate(TEXTS_MAX);
        Ok(())
    }
}

/// Sends nothing and says so in the log: for a node whose channels are not set up yet.
#[derive(Clone, Copy, Debug)]
pub struct NoChannel;

#[async_trait]
impl CodeSender for NoChannel {
    async fn send(&self, _to: &Destination, _text: &str) -> Result<(), Error> {
        tracing::error!(
            "a one-time code was not sent: this node has no channel to people (node.has_dev_inbox shows them on a page)"
        );
        Ok(())
    }
}

const PAGE: &str = include_str!("inbox.html");

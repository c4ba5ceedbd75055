//! Developer inbox: shows one-time codes on a page instead of sending them. Not for production.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use parking_lot::Mutex;
use pulse_account::{CodeSender, Destination};
use pulse_kernel::Error;

/// Maximum number of stored texts.
const TEXTS_MAX: usize = 200;

/// Inbox with the newest texts. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct DevInbox {
    texts: Arc<Mutex<VecDeque<(String, String)>>>,
}

impl DevInbox {
    /// Returns the newest text to a phone or an email address.
    #[must_use]
    pub fn newest_to(&self, destination: &str) -> Option<String> {
        let texts = self.texts.lock();
        texts.iter().find(|(to, _)| to == destination).map(|(_, text)| text.clone())
    }

    /// Returns the newest code to a phone or an email address: the first sequence of six digits in its text.
    #[must_use]
    pub fn newest_code_to(&self, destination: &str) -> Option<String> {
        let text = self.newest_to(destination)?;
        text.split(|character: char| !character.is_ascii_digit()).find(|word| word.len() == 6).map(ToOwned::to_owned)
    }

    /// Returns the route of the page, `/dev/inbox`.
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
    fn check(&self, _to: &Destination) -> Result<(), Error> {
        Ok(())
    }

    async fn send(&self, to: &Destination, text: &str) -> Result<(), Error> {
        let mut texts = self.texts.lock();
        texts.push_front((to.as_str().to_owned(), text.to_owned()));
        texts.truncate(TEXTS_MAX);
        Ok(())
    }
}

const PAGE: &str = include_str!("inbox.html");

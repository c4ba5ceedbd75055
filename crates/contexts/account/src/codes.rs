//! How one-time codes reach people: a port, because phones, mail and the developer's inbox are different worlds.

use async_trait::async_trait;
use pulse_kernel::{Error, Locale};

/// Where a code goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A phone number in international form.
    Phone(String),
    /// An e-mail address, in lower case.
    Email(String),
}

impl Destination {
    /// The number or the address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Phone(text) | Self::Email(text) => text,
        }
    }
}

/// Brings texts to people. A code that is lost on the way is asked for again, so trying once is enough.
#[async_trait]
pub trait CodeSender: Send + Sync {
    /// Sends `text`, which holds a one-time code and is not to be logged.
    ///
    /// # Errors
    /// When it certainly did not go out.
    async fn send(&self, to: &Destination, text: &str) -> Result<(), Error>;
}

/// The text that brings a code, in the reader's language.
#[must_use]
pub(crate) fn code_text(code: &str, locale: Locale) -> String {
    match locale {
        Locale::En => format!("{code} is your Pulse code. It works for 5 minutes. Tell it to nobody."),
        Locale::Zh => format!("您的 Pulse 验证码是 {code}，5 分钟内有效，请勿告诉他人。"),
    }
}

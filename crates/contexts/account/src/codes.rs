//! Port for sending one-time codes, by text message, e-mail or to the inbox of a developer.

use async_trait::async_trait;
use pulse_kernel::{Error, Locale};

/// Destination of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Phone number in E.164 format.
    Phone(String),
    /// E-mail address in lower case.
    Email(String),
}

impl Destination {
    /// The phone number or e-mail address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Phone(text) | Self::Email(text) => text,
        }
    }
}

/// Sends texts. One try is enough: the user requests another code when a text is lost.
#[async_trait]
pub trait CodeSender: Send + Sync {
    /// Checks that there is a channel to the destination, before a code is stored.
    ///
    /// # Errors
    /// `ACCOUNT_CODE_CHANNEL_MISSING`.
    fn check(&self, to: &Destination) -> Result<(), Error>;

    /// Sends `text`, which contains a one-time code and must not be logged.
    ///
    /// # Errors
    /// `ACCOUNT_CODE_NOT_SENT`, `ACCOUNT_CODE_CHANNEL_MISSING`.
    async fn send(&self, to: &Destination, text: &str) -> Result<(), Error>;
}

/// Text of a code in the language of the recipient.
#[must_use]
pub(crate) fn code_text(code: &str, locale: Locale) -> String {
    match locale {
        Locale::En => format!("{code} is your Pulse code. It expires in 5 minutes. Do not share it."),
        Locale::Zh => format!("您的 Pulse 验证码是 {code}，5 分钟内有效，请勿告诉他人。"),
    }
}

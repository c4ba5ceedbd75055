//! Channels for one-time codes: e-mail by SMTP, and a signed webhook for text messages.

mod config;
mod smtp;
mod webhook;

use async_trait::async_trait;
use pulse_account::{CodeSender, Destination};
use pulse_contract::account::v1::errors;
use pulse_kernel::Error;

pub use config::CodesConfig;

use smtp::Smtp;
use webhook::Webhook;

/// The configured channels. E-mail addresses are reached by SMTP, or else by the webhook; phone numbers by the webhook.
/// By default there are none.
#[derive(Debug, Default)]
pub struct CodeChannels {
    smtp: Option<Smtp>,
    webhook: Option<Webhook>,
}

impl CodeChannels {
    /// Opens the channels of the configuration. No connection is made before the first code.
    ///
    /// # Errors
    /// If a URL, the address of the sender or the signing key is not valid.
    pub fn new(config: &CodesConfig) -> anyhow::Result<Self> {
        Ok(Self { smtp: Smtp::open(config)?, webhook: Webhook::open(config)? })
    }
}

#[async_trait]
impl CodeSender for CodeChannels {
    fn check(&self, to: &Destination) -> Result<(), Error> {
        let has_channel = match to {
            Destination::Phone(_) => self.webhook.is_some(),
            Destination::Email(_) => self.smtp.is_some() || self.webhook.is_some(),
        };
        if has_channel { Ok(()) } else { Err(no_channel(to)) }
    }

    async fn send(&self, to: &Destination, text: &str) -> Result<(), Error> {
        let sent = match (to, &self.smtp, &self.webhook) {
            (Destination::Email(address), Some(smtp), _) => smtp.send(address, text).await,
            (_, _, Some(webhook)) => webhook.send(to, text).await,
            _ => return Err(no_channel(to)),
        };
        sent.map_err(|error| {
            tracing::error!(error = format!("{error:#}"), kind = kind(to), "one-time code was not sent");
            errors::ACCOUNT_CODE_NOT_SENT.error("the code could not be sent; request another one in a minute")
        })
    }
}

/// Name of the kind of a destination, for logs and webhooks.
const fn kind(to: &Destination) -> &'static str {
    match to {
        Destination::Phone(_) => "phone",
        Destination::Email(_) => "email",
    }
}

fn no_channel(to: &Destination) -> Error {
    let (named, kind) = match to {
        Destination::Phone(_) => ("phone numbers", "phone"),
        Destination::Email(_) => ("e-mail addresses", "email"),
    };
    let detail = format!("this server cannot send codes to {named}");
    errors::ACCOUNT_CODE_CHANNEL_MISSING.error(detail).with("destination", kind)
}

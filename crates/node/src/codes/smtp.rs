//! Codes by e-mail.

use std::time::Duration;

use anyhow::Context;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::AsyncSmtpTransportBuilder;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use pulse_context::SecretUrl;

use super::CodesConfig;

/// Maximum time for each step of the dialogue with the server. The call that requests a code lasts at most 5 s.
const TIMEOUT: Duration = Duration::from_secs(4);
/// Subject of all e-mails. The code is in the text only, so that it is not shown on locked screens.
const SUBJECT: &str = "Pulse";

/// SMTP server and sender address.
#[derive(Debug)]
pub(super) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    /// The server of the configuration; `None` without one.
    ///
    /// # Errors
    /// If the URL or the sender is not valid.
    pub(super) fn open(config: &CodesConfig) -> anyhow::Result<Option<Self>> {
        if config.smtp_url.expose().is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { transport: server(&config.smtp_url)?.build(), from: mailbox(&config.from)? }))
    }

    /// Sends one e-mail.
    ///
    /// # Errors
    /// If the address is not valid, or the server did not accept the e-mail in time.
    pub(super) async fn send(&self, address: &str, text: &str) -> anyhow::Result<()> {
        let message = Message::builder()
            .from(self.from.clone())
            .to(mailbox(address)?)
            .subject(SUBJECT)
            .header(ContentType::TEXT_PLAIN)
            .body(text.to_owned())
            .context("cannot build the e-mail")?;
        let sent = tokio::time::timeout(TIMEOUT, self.transport.send(message)).await;
        sent.context("the SMTP server did not accept the e-mail in time")?.context("the SMTP server refused")?;
        Ok(())
    }
}

/// The server of an SMTP URL. Its transport is built inside of the runtime only.
pub(super) fn server(url: &SecretUrl) -> anyhow::Result<AsyncSmtpTransportBuilder> {
    let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose()).context("cannot read the SMTP URL")?;
    Ok(server.timeout(Some(TIMEOUT)))
}

pub(super) fn mailbox(address: &str) -> anyhow::Result<Mailbox> {
    address.parse().context("cannot read the e-mail address")
}

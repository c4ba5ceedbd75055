//! The section `[codes]` of the configuration.

use pulse_context::{Faults, SecretText, SecretUrl, Section};
use serde::{Deserialize, Serialize};

use super::{smtp, webhook};

/// Channels for one-time codes. Without any, customers cannot register or sign in by code, except with
/// `node.has_dev_inbox`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CodesConfig {
    /// SMTP server for codes to e-mail addresses: `smtps://user:password@host`, `smtp://host:587?tls=required`, or
    /// `smtp://host` without encryption. Default empty: no e-mail. Since 0.1.
    pub smtp_url: SecretUrl,
    /// Sender of the e-mails, for example `Pulse <no-reply@example.com>`. Required with `smtp_url`. Since 0.1.
    pub from: String,
    /// URL that receives codes to phone numbers, and to e-mail addresses without `smtp_url`, as signed POST requests.
    /// Default empty: no text messages. Since 0.1.
    pub webhook_url: SecretUrl,
    /// Key of the signature, `whsec_` and 24 to 64 bytes in base64. Required with `webhook_url`. Since 0.1.
    pub webhook_secret: SecretText,
}

impl CodesConfig {
    /// The warning of a node that cannot send codes; `None` if it can send them to phone numbers and e-mail addresses.
    #[must_use]
    pub fn warning(&self) -> Option<&'static str> {
        match (self.smtp_url.expose().is_empty(), self.webhook_url.expose().is_empty()) {
            (true, true) => Some(
                "no one-time code can be sent, so customers cannot register by phone or e-mail; set codes.smtp_url or \
                 codes.webhook_url",
            ),
            (false, true) => Some("no one-time code can be sent to phone numbers; set codes.webhook_url"),
            (_, false) => None,
        }
    }
}

impl Section for CodesConfig {
    fn check(&self, faults: &mut Faults) {
        let (has_smtp, has_webhook) = (!self.smtp_url.expose().is_empty(), !self.webhook_url.expose().is_empty());
        let is_smtp = !has_smtp || smtp::server(&self.smtp_url).is_ok();
        faults.require(is_smtp, "smtp_url", format_args!("a URL with scheme smtp or smtps, got {:?}", self.smtp_url));
        let is_sender = !has_smtp || smtp::mailbox(&self.from).is_ok();
        faults.require(is_sender, "from", format_args!("an e-mail address with smtp_url, got {:?}", self.from));
        let is_http = !has_webhook || webhook::uri(&self.webhook_url).is_ok();
        faults.require(is_http, "webhook_url", format_args!("an http or https URL, got {:?}", self.webhook_url));
        let is_key = !has_webhook || webhook::key(&self.webhook_secret).is_ok();
        faults.require(is_key, "webhook_secret", format_args!("whsec_ and 24 to 64 bytes in base64 with webhook_url"));
    }
}

//! Codes by a signed webhook, for a gateway of text messages. Signed as <https://www.standardwebhooks.com> describes.

use std::time::Duration;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::Uri;
use pulse_account::Destination;
use pulse_context::{SecretText, SecretUrl};
use pulse_kernel::Clock;
use pulse_payment::{Outbound, OutboundRequest};
use sha2::Sha256;

use super::{CodesConfig, kind};
use crate::outbound::HttpOutbound;

/// Maximum time for the response. The call that requests a code lasts at most 5 s.
const TIMEOUT: Duration = Duration::from_secs(4);
/// Prefix of a signing key.
const KEY_PREFIX: &str = "whsec_";

/// Receiver of codes.
#[derive(Debug)]
pub(super) struct Webhook {
    url: SecretUrl,
    key: Vec<u8>,
    http: HttpOutbound,
}

impl Webhook {
    /// The receiver of the configuration; `None` without one.
    ///
    /// # Errors
    /// If the URL or the key is not valid.
    pub(super) fn open(config: &CodesConfig) -> anyhow::Result<Option<Self>> {
        if config.webhook_url.expose().is_empty() {
            return Ok(None);
        }
        uri(&config.webhook_url)?;
        let (url, key) = (config.webhook_url.clone(), key(&config.webhook_secret)?);
        Ok(Some(Self { url, key, http: HttpOutbound::new()? }))
    }

    /// Posts `{"to": "+8613800138001", "kind": "phone", "text": "..."}`.
    ///
    /// # Errors
    /// If the receiver did not answer with a status of 200 to 299 in time.
    pub(super) async fn send(&self, to: &Destination, text: &str) -> anyhow::Result<()> {
        let body = serde_json::json!({ "to": to.as_str(), "kind": kind(to), "text": text }).to_string();
        let id = format!("msg_{:032x}", rand::random::<u128>());
        let timestamp = Clock::system().now().as_millis().div_euclid(1_000).to_string();
        let signature = signature(&self.key, &id, &timestamp, &body)?;
        let request = OutboundRequest {
            method: "POST",
            url: self.url.expose().to_owned(),
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("webhook-id", id),
                ("webhook-timestamp", timestamp),
                ("webhook-signature", signature),
            ],
            body: Bytes::from(body),
        };
        let reply = tokio::time::timeout(TIMEOUT, self.http.send(request)).await;
        let reply = reply.context("the webhook did not answer in time")?;
        let reply = reply.map_err(|error| anyhow::anyhow!("the webhook cannot be reached: {}", error.0))?;
        ensure!((200..300).contains(&reply.status), "the webhook answered with status {}", reply.status);
        Ok(())
    }
}

/// `v1,` and HMAC-SHA256 over ID, time in seconds and body, in base64.
fn signature(key: &[u8], id: &str, timestamp: &str, body: &str) -> anyhow::Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).context("cannot use the signing key")?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

/// The URL, if it can be requested.
pub(super) fn uri(url: &SecretUrl) -> anyhow::Result<Uri> {
    let uri: Uri = url.expose().parse().context("cannot read the webhook URL")?;
    ensure!(matches!(uri.scheme_str(), Some("http" | "https")), "the webhook URL must begin with http or https");
    Ok(uri)
}

/// The bytes of a signing key.
pub(super) fn key(secret: &SecretText) -> anyhow::Result<Vec<u8>> {
    let text = secret.expose().strip_prefix(KEY_PREFIX).context("the key must begin with whsec_")?;
    let key = STANDARD.decode(text).context("the key must be base64")?;
    ensure!((24..=64).contains(&key.len()), "the key must have 24 to 64 bytes, has {}", key.len());
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification, <https://github.com/standard-webhooks/standard-webhooks>.
    #[test]
    fn the_signature_is_that_of_the_specification() {
        let key = key(&SecretText::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", r#"{"test": 2432232314}"#);
        let signed = signature(&key, id, "1614265330", body).unwrap();
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn keys_and_urls_are_checked() {
        for (text, is_valid) in [
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", true),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", false),
            ("whsec_c2hvcnQ=", false),
            ("whsec_*", false),
            ("", false),
        ] {
            assert_eq!(key(&SecretText::new(text)).is_ok(), is_valid, "{text}");
        }
        for (text, is_valid) in
            [("https://a.example/x", true), ("http://localhost:1", true), ("ftp://a", false), ("", false)]
        {
            assert_eq!(uri(&SecretUrl::new(text)).is_ok(), is_valid, "{text}");
        }
    }
}

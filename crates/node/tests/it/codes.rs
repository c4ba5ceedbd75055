//! One-time codes by e-mail and by webhook, and a node without a channel.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use pulse_account::{CodeSender, Destination};
use pulse_contract::account::v1::RequestCodeRequest;
use pulse_contract::account::v1::request_code_request::Destination as Wire;
use pulse_kernel::Cx;
use pulse_node::codes::{CodeChannels, CodesConfig};
use pulse_node::config::{SecretText, SecretUrl};
use pulse_node::{Config, Node, NodeOptions};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// An SMTP server for one e-mail, which it returns. It answers a recipient at `full.example` with 452.
async fn smtp_server() -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (reading, mut writing) = stream.into_split();
        let mut lines = BufReader::new(reading).lines();
        let (mut text, mut is_data) = (String::new(), false);
        writing.write_all(b"220 test ESMTP\r\n").await.unwrap();
        while let Some(line) = lines.next_line().await.unwrap() {
            let answer = match line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase().as_str() {
                "." if is_data => {
                    is_data = false;
                    "250 accepted\r\n"
                }
                _ if is_data => {
                    text += &line;
                    text.push('\n');
                    continue;
                }
                "EHLO" => "250-test\r\n250 8BITMIME\r\n",
                "RCPT" if line.contains("full.example") => "452 mailbox full\r\n",
                "DATA" => {
                    is_data = true;
                    "354 go on\r\n"
                }
                "QUIT" => return text,
                _ => "250 ok\r\n",
            };
            writing.write_all(answer.as_bytes()).await.unwrap();
            if answer.starts_with("250 accepted") {
                return text;
            }
        }
        text
    });
    (port, server)
}

fn by_smtp(port: u16) -> CodesConfig {
    CodesConfig {
        smtp_url: SecretUrl::new(format!("smtp://127.0.0.1:{port}")),
        from: "Pulse <no-reply@example.com>".to_owned(),
        ..CodesConfig::default()
    }
}

#[test]
fn a_code_is_sent_by_email() {
    runtime().block_on(async {
        let (port, server) = smtp_server().await;
        let channels = CodeChannels::new(&by_smtp(port)).unwrap();
        let to = Destination::Email("li@example.com".to_owned());
        channels.check(&to).unwrap();
        channels.send(&to, "123456 is your Pulse code.").await.unwrap();
        let text = server.await.unwrap();
        for expected in ["From: Pulse <no-reply@example.com>", "To: li@example.com", "123456 is your Pulse code."] {
            assert!(text.contains(expected), "{text}");
        }
        assert!(!text.lines().any(|line| line.starts_with("Subject") && line.contains("123456")), "{text}");
        let phone = Destination::Phone("+8613800138001".to_owned());
        assert_eq!(channels.check(&phone).unwrap_err().code(), "ACCOUNT_CODE_CHANNEL_MISSING");
        assert_eq!(channels.send(&phone, "x").await.unwrap_err().code(), "ACCOUNT_CODE_CHANNEL_MISSING");
    });
}

#[test]
fn a_mail_server_that_refuses_or_is_away_is_an_error() {
    runtime().block_on(async {
        let (port, _server) = smtp_server().await;
        let channels = CodeChannels::new(&by_smtp(port)).unwrap();
        for address in ["li@full.example", "no address", "li@example.com\r\nBcc: all@example.com"] {
            let sent = channels.send(&Destination::Email(address.to_owned()), "x").await;
            assert_eq!(sent.unwrap_err().code(), "ACCOUNT_CODE_NOT_SENT", "{address}");
        }
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let channels = CodeChannels::new(&by_smtp(closed)).unwrap();
        let sent = channels.send(&Destination::Email("li@example.com".to_owned()), "x").await;
        assert_eq!(sent.unwrap_err().code(), "ACCOUNT_CODE_NOT_SENT");
    });
}

type Received = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// A receiver of webhooks that answers with this status.
async fn receiver(status: StatusCode) -> (SecretUrl, Received) {
    let received = Received::default();
    let kept = Arc::clone(&received);
    let handler = async move |headers: HeaderMap, body: Bytes| {
        kept.lock().unwrap().push((headers, body));
        status
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = SecretUrl::new(format!("http://{}/codes", listener.local_addr().unwrap()));
    let router = Router::new().route("/codes", post(handler));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, received)
}

#[test]
fn a_code_is_sent_by_a_signed_webhook() {
    runtime().block_on(async {
        for (status, expected) in [(StatusCode::NO_CONTENT, "ok"), (StatusCode::BAD_GATEWAY, "ACCOUNT_CODE_NOT_SENT")] {
            let (webhook_url, received) = receiver(status).await;
            let config = CodesConfig { webhook_url, webhook_secret: SecretText::new(KEY), ..CodesConfig::default() };
            let channels = CodeChannels::new(&config).unwrap();
            let to = Destination::Phone("+8613800138001".to_owned());
            let sent = channels.send(&to, "您的 Pulse 验证码是 123456").await;
            assert_eq!(sent.as_ref().err().map_or("ok", |error| error.code()), expected);
            let received = received.lock().unwrap();
            let [(headers, body)] = received.as_slice() else { panic!("{received:?}") };
            let body: serde_json::Value = serde_json::from_slice(body).unwrap();
            let expected =
                serde_json::json!({ "to": "+8613800138001", "kind": "phone", "text": "您的 Pulse 验证码是 123456" });
            assert_eq!(body, expected);
            for name in ["webhook-id", "webhook-timestamp"] {
                assert!(!headers[name].is_empty(), "{name}");
            }
            assert!(headers["webhook-signature"].to_str().unwrap().starts_with("v1,"));
        }
    });
}

/// Without a channel a code is refused before it is stored, and the configuration warns.
#[test]
fn a_node_without_a_channel_says_so() {
    assert!(CodesConfig::default().warning().unwrap().contains("no one-time code can be sent"));
    assert!(by_smtp(25).warning().unwrap().contains("phone numbers"));
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.node.data = folder.path().join("data");
        let node = Node::start(&config, NodeOptions::new(Arc::new(CodeChannels::default()))).await.unwrap();
        let cx = Cx::system("test", node.clock.now());
        for destination in [Wire::Phone("+8613800138001".to_owned()), Wire::Email("li@example.com".to_owned())] {
            let request = RequestCodeRequest { destination: Some(destination) };
            let refused = node.accounts().request_code(&cx, request).await.unwrap_err();
            assert_eq!(refused.code(), "ACCOUNT_CODE_CHANNEL_MISSING");
        }
        node.stop().await;
    });
}

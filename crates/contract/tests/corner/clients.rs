//! A local and a remote client give the same answer and the same coded error.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use http::{Extensions, HeaderMap};
use pulse_contract::grpc::{Admission, CX_HEADER};
use pulse_contract::{MethodSpec, page};
use pulse_kernel::{Cx, Error, Kind};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Endpoint, Server};

use crate::corner::v1::{
    All, Color, CornerClient, CornerGrpc, CountRequest, EchoRequest, FailRequest, ListNumbersRequest, Rules,
    SaveRequest, echo_request::Shop,
};
use crate::{Corner, anonymous, staff};

/// Lets in everybody as the same somebody, whatever they say.
struct Doorman(Cx);

#[async_trait]
impl Admission for Doorman {
    async fn admit(&self, spec: &'static MethodSpec, headers: &HeaderMap, _: &Extensions) -> Result<Cx, Error> {
        assert!(headers.contains_key(CX_HEADER), "a remote client sends its context");
        spec.policy.admit(&self.0.actor)?;
        Ok(self.0.clone())
    }
}

async fn serve(server: CornerGrpc) -> Channel {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = TcpListenerStream::new(listener);
    tokio::spawn(async move { Server::builder().add_service(server).serve_with_incoming(incoming).await });
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

/// Both kinds of client, each with its own server.
async fn clients() -> [(CornerClient, Arc<Corner>); 2] {
    let (local, remote) = (Arc::new(Corner::default()), Arc::new(Corner::default()));
    let channel = serve(CornerGrpc::between_nodes(CornerClient::local(remote.clone()))).await;
    [(CornerClient::local(local.clone()), local), (CornerClient::remote(channel), remote)]
}

/// Everything that a caller can see of an error.
fn seen(error: &Error) -> String {
    let mut metadata = error.metadata().to_vec();
    metadata.sort();
    let (violations, wait) = (error.violations(), error.retry_after());
    format!("{:?} {:?} {metadata:?} {violations:?} {wait:?}", error.spec(), error.detail())
}

#[tokio::test]
async fn the_answer_is_the_same() {
    let all = All {
        an_int64: i64::MIN,
        color: Color::Green.into(),
        at: Some(pulse_kernel::Timestamp::from_millis(1).into()),
        by_string: [("城".to_owned(), "x".to_owned())].into(),
        all: Some(Box::new(All { a_bytes: "\0".into(), ..All::default() })),
        ..All::default()
    };
    let request =
        EchoRequest { shop: Some(Shop { id: 7, name: "x".into() }), all: Some(all), ..EchoRequest::default() };
    let mut answers = Vec::new();
    for (client, corner) in clients().await {
        answers.push(client.echo(&staff(), request.clone()).await.unwrap());
        assert_eq!(
            format!("{:?}", corner.seen.lock().take().unwrap()),
            format!("{:?}", staff()),
            "the context arrives"
        );
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn the_error_is_the_same() {
    let [(local, _), (remote, _)] = clients().await;
    for spec in pulse_contract::ERRORS {
        let request = FailRequest { code: spec.code.to_owned() };
        let local = local.fail(&anonymous(), request.clone()).await.unwrap_err();
        let remote = remote.fail(&anonymous(), request).await.unwrap_err();
        assert_eq!(seen(&local), seen(&remote), "{}", spec.code);
    }
}

#[tokio::test]
async fn a_code_that_this_node_does_not_know_keeps_its_name_and_its_kind() {
    let [_, (remote, _)] = clients().await;
    let request = FailRequest { code: "CORNER_TAKEN".to_owned() };
    for _ in 0..2 {
        let error = remote.fail(&anonymous(), request.clone()).await.unwrap_err();
        assert_eq!((error.code(), error.kind()), ("CORNER_TAKEN", Kind::ResourceExhausted));
        assert_eq!((error.detail(), error.spec().domain), ("somebody is there", "corner.pulse"));
        assert_eq!(error.metadata()[0].1, "somebody");
    }
}

#[tokio::test]
async fn streams_are_the_same() {
    for (client, _) in clients().await {
        let request = CountRequest { to: 3, fails_at: 3 };
        let items: Vec<_> = client.count(&anonymous(), request).await.unwrap().collect().await;
        let items: Vec<String> = items
            .iter()
            .map(|item| item.as_ref().map_or_else(|it| it.code().to_owned(), |it| it.number.to_string()))
            .collect();
        assert_eq!(items, ["1", "2", "CORNER_TAKEN"]);
        let refused = client.count(&anonymous(), CountRequest { to: 1, fails_at: -1 }).await;
        assert_eq!(refused.err().unwrap().code(), "CORNER_DARK");
    }
}

#[tokio::test]
async fn a_public_server_checks_policy_and_rules_and_seals_the_key() {
    let corner = Arc::new(Corner::default());
    let open = |cx: Cx| serve(CornerGrpc::new(CornerClient::local(corner.clone()), Arc::new(Doorman(cx))));
    let stranger = CornerClient::remote(open(anonymous()).await);
    let somebody = CornerClient::remote(open(crate::idempotency::with_key(staff(), "k")).await);
    // What the caller says about itself is not believed.
    assert_eq!(stranger.echo(&staff(), EchoRequest::default()).await.unwrap_err().code(), "UNAUTHENTICATED");
    let broken = somebody.r#match(&anonymous(), Rules::default()).await.unwrap_err();
    assert_eq!(broken.code(), "VALIDATION_FAILED");
    assert!(broken.violations().len() > 20, "{broken:?}");
    assert!(broken.violations().iter().any(|it| it.field == "len" && it.code == "string.len"));
    somebody.save(&anonymous(), SaveRequest { text: "a".to_owned() }).await.unwrap();
    let sealed = corner.seen.lock().take().unwrap().idempotency.unwrap();
    assert_eq!((&*sealed.scope, &*sealed.key), ("anyone /pulse.corner.v1.CornerService/Save", "k"));
}

#[tokio::test]
async fn between_nodes_nothing_is_checked_twice() {
    for (client, _) in clients().await {
        assert!(client.r#match(&anonymous(), Rules::default()).await.is_ok());
    }
}

#[tokio::test]
async fn a_sealed_key_arrives_as_it_was_sealed() {
    let [_, (remote, corner)] = clients().await;
    let call = pulse_contract::idempotency::Call { spec: &crate::corner::v1::corner_methods::SAVE };
    let request = SaveRequest { text: "a".to_owned() };
    let cx = call.bind(crate::idempotency::with_key(staff(), "k"), &request);
    remote.save(&cx, request).await.unwrap();
    assert_eq!(corner.seen.lock().take().unwrap().idempotency, cx.idempotency);
}

#[tokio::test]
async fn a_node_that_is_not_there_is_unavailable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    let error = CornerClient::remote(channel).save(&anonymous(), SaveRequest::default()).await.unwrap_err();
    assert_eq!(error.code(), "REMOTE_UNAVAILABLE");
    assert!(!error.detail().contains("127.0.0.1"), "hosts stay in the log: {error}");
}

#[tokio::test]
async fn the_deadline_ends_the_wait() {
    // A listener that accepts and never answers.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let channel = Endpoint::from_shared(format!("http://{}", listener.local_addr().unwrap())).unwrap().connect_lazy();
    let cx = Cx { deadline: crate::NOW, ..anonymous() };
    let error = CornerClient::remote(channel).save(&cx, SaveRequest::default()).await.unwrap_err();
    assert_eq!(error.code(), "DEADLINE_EXCEEDED");
}

/// E5: nodes pass keys to each other, and a public server opens and seals them.
#[tokio::test]
async fn tokens_are_opened_and_sealed_where_a_call_enters() {
    let list = |page_token: String| ListNumbersRequest { page_size: 1, page_token, ..ListNumbersRequest::default() };
    for (client, _) in clients().await {
        let first = client.list_numbers(&anonymous(), list(String::new())).await.unwrap();
        assert_eq!(first.next_page_token, page::token(&[1]));
        let second = client.list_numbers(&anonymous(), list(first.next_page_token)).await.unwrap();
        assert_eq!(second.numbers, [2]);
    }
    let corner = Arc::new(Corner::default());
    let server = CornerGrpc::new(CornerClient::local(corner), Arc::new(Doorman(anonymous())));
    let client = CornerClient::remote(serve(server).await);
    let first = client.list_numbers(&anonymous(), list(String::new())).await.unwrap();
    assert_ne!(first.next_page_token, page::token(&[1]));
    let second = client.list_numbers(&anonymous(), list(first.next_page_token.clone())).await.unwrap();
    assert_eq!(second.numbers, [2]);
    let refused = client.list_others(&anonymous(), list(first.next_page_token)).await.unwrap_err();
    assert_eq!(refused.code(), "PAGE_TOKEN_INVALID");
}

/// E2: U+0000 over gRPC, in a field, in a list and in a map.
#[tokio::test]
async fn texts_without_nul() {
    let corner = Arc::new(Corner::default());
    let server = CornerGrpc::new(CornerClient::local(corner), Arc::new(Doorman(staff())));
    let client = CornerClient::remote(serve(server).await);
    let all = |all: All| EchoRequest {
        shop: Some(Shop { id: 7, name: String::new() }),
        all: Some(all),
        ..EchoRequest::default()
    };
    for (request, field) in [
        (EchoRequest { name: "a\0".into(), ..all(All::default()) }, "name"),
        (all(All { many_string: vec![String::new(), "\0".into()], ..All::default() }), "all.many_string[1]"),
        (all(All { maybe_string: Some("\0".into()), ..All::default() }), "all.maybe_string"),
        (all(All { by_string: [("k".to_owned(), "\0".to_owned())].into(), ..All::default() }), "all.by_string[\"k\"]"),
        (
            all(All { by_string: [("\0".to_owned(), "v".to_owned())].into(), ..All::default() }),
            "all.by_string[\"\\0\"]",
        ),
    ] {
        let error = client.echo(&staff(), request).await.unwrap_err();
        let found: Vec<_> = error.violations().iter().map(|it| (&*it.field, &*it.code)).collect();
        assert_eq!((error.code(), found), ("VALIDATION_FAILED", vec![(field, "string.nul")]));
    }
    let bytes = All { a_bytes: "\0".into(), ..All::default() };
    assert!(client.echo(&staff(), all(bytes)).await.is_ok());
}

//! gRPC and gRPC-web on the same port.

use prost::Message;
use pulse_contract::account::v1::account_service_client::AccountServiceClient;
use pulse_contract::account::v1::{Account, GetMeRequest, GetProfileRequest, UpdateMeRequest};
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_types::StatusExt;

use crate::http_client::{get, request};
use crate::test_edge::{ENDED_SESSION, TestEdge, configured, edge};

async fn channel(edge: &TestEdge) -> Channel {
    let endpoint: Endpoint = format!("http://{}", edge.address).parse().expect("an address");
    endpoint.connect().await.expect("the edge speaks HTTP/2")
}

fn with_token<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    let value: MetadataValue<_> = format!("Bearer {token}").parse().expect("a header value");
    request.metadata_mut().insert("authorization", value);
    request
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().expect("every refusal has a code").reason
}

/// PL-28: REST and gRPC return the same result on one port.
#[tokio::test]
async fn the_same_port_speaks_grpc_and_rest() {
    let edge = edge().await;
    let mut client = AccountServiceClient::new(channel(&edge).await);
    let me = client.get_me(with_token(GetMeRequest {}, &edge.consumer())).await.unwrap();
    assert_eq!(me.get_ref().account_id, 7);
    assert!(me.metadata().contains_key("traceparent") && me.metadata().contains_key("x-request-id"));
    assert_eq!(get("/v1/me").bearer(&edge.consumer()).send(edge.address).await.json()["account_id"], "7");
}

/// PL-28: the policy applies to gRPC, and errors have the same codes.
#[tokio::test]
async fn grpc_calls_pass_the_same_guard() {
    let edge = edge().await;
    let mut client = AccountServiceClient::new(channel(&edge).await);
    let missing = client.get_me(GetMeRequest {}).await.unwrap_err();
    assert_eq!((missing.code(), reason(&missing).as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"));
    let ended = client.get_me(with_token(GetMeRequest {}, &edge.token(ENDED_SESSION, &[], &[]))).await.unwrap_err();
    assert_eq!(reason(&ended), "TOKEN_INVALID");
    let absent = client.get_profile(GetProfileRequest { account_id: 404 }).await.unwrap_err();
    assert_eq!((absent.code(), reason(&absent).as_str()), (Code::NotFound, "ACCOUNT_NOT_FOUND"));
    let wrong = UpdateMeRequest { display_name: Some(String::new()), ..UpdateMeRequest::default() };
    let wrong = client.update_me(with_token(wrong, &edge.consumer())).await.unwrap_err();
    let fields = wrong.get_details_bad_request().unwrap().field_violations;
    assert_eq!((wrong.code(), fields[0].field.as_str()), (Code::InvalidArgument, "display_name"));
    // 60 changes a minute; REST and gRPC count together.
    let change = || with_token(UpdateMeRequest::default(), &edge.consumer());
    for _ in 0..59 {
        client.update_me(change()).await.unwrap();
    }
    let limited = client.update_me(change()).await.unwrap_err();
    assert_eq!((limited.code(), reason(&limited).as_str()), (Code::ResourceExhausted, "RATE_LIMITED"));
    let over_rest = request("PATCH", "/v1/me").bearer(&edge.consumer()).body("{}").send(edge.address).await;
    assert_eq!(over_rest.status, 429);
}

/// PL-28: deny lists apply to gRPC, and unknown methods get a gRPC status.
#[tokio::test]
async fn grpc_errors_have_grpc_statuses() {
    let denied = configured("access.deny = [\"127.0.0.1\"]").await;
    let refused = AccountServiceClient::new(channel(&denied).await).get_me(GetMeRequest {}).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, "CLIENT_DENIED"));
    let edge = edge().await;
    let mut grpc = tonic::client::Grpc::new(channel(&edge).await);
    grpc.ready().await.unwrap();
    let path = "/pulse.account.v1.AccountService/Nothing".parse().unwrap();
    let codec = tonic_prost::ProstCodec::<GetMeRequest, Account>::default();
    let unknown = grpc.unary(Request::new(GetMeRequest {}), path, codec).await.unwrap_err();
    assert_eq!(unknown.code(), Code::Unimplemented);
}

/// DL-05: gRPC errors contain no internals.
#[tokio::test]
async fn grpc_failures_contain_no_internals() {
    let edge = edge().await;
    let mut client = AccountServiceClient::new(channel(&edge).await);
    let failed = client.get_profile(GetProfileRequest { account_id: 500 }).await.unwrap_err();
    assert_eq!((failed.code(), reason(&failed).as_str()), (Code::Internal, "INTERNAL"));
    assert!(!format!("{failed:?}").contains("account_accounts"), "{failed:?}");
    let web = request("POST", "/pulse.account.v1.AccountService/GetProfile")
        .header("content-type", "application/grpc-web+proto")
        .body([0, 0, 0, 0, 3, 8, 0xf4, 3]);
    let reply = web.send(edge.address).await;
    let all = format!("{} {}", reply.head, String::from_utf8_lossy(&reply.body));
    assert!(all.contains("13") && !all.contains("account_accounts"), "{all}");
}

/// PL-28: an invalid message is an error of the client; access is checked before the message is decoded.
#[tokio::test]
async fn invalid_grpc_messages_are_rejected() {
    let edge = edge().await;
    let call = |method: &str, body: Vec<u8>| {
        request("POST", &format!("/pulse.account.v1.AccountService/{method}"))
            .header("content-type", "application/grpc-web+proto")
            .body(body)
            .send(edge.address)
    };
    let frame = |message: &[u8]| [&[0, 0, 0, 0, u8::try_from(message.len()).unwrap()], message].concat();
    let said = |reply: crate::http_client::Reply| format!("{} {}", reply.head, String::from_utf8_lossy(&reply.body));
    // Field 1 is a number; here it is a truncated string. Second body: no message.
    for body in [frame(&[0x0a, 0x7f]), Vec::new()] {
        let refused = said(call("GetProfile", body).await);
        assert!(refused.contains("grpc-status: 3") || refused.contains("grpc-status:3"), "{refused}");
    }
    let stranger = said(call("GetMe", frame(&[0x0a, 0x7f])).await);
    assert!(stranger.contains("grpc-status: 16") || stranger.contains("grpc-status:16"), "{stranger}");
}

/// PL-28: a passed deadline of the caller.
#[tokio::test]
async fn grpc_deadlines_are_kept() {
    let edge = edge().await;
    let mut client = AccountServiceClient::new(channel(&edge).await);
    let mut request = with_token(GetMeRequest {}, &edge.consumer());
    request.metadata_mut().insert("grpc-timeout", "0n".parse().unwrap());
    let late = client.get_me(request).await.unwrap_err();
    assert!(matches!(late.code(), Code::DeadlineExceeded | Code::Cancelled), "{late}");
}

/// PL-28: reflection lists the services of the contract.
#[tokio::test]
async fn reflection_lists_the_services() {
    let edge = edge().await;
    let mut client = ServerReflectionClient::new(channel(&edge).await);
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = client.server_reflection_info(futures::stream::iter([request])).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else { panic!("{answer:?}") };
    let names: Vec<&str> = list.service.iter().map(|service| service.name.as_str()).collect();
    for name in ["pulse.account.v1.AccountService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
}

/// E11: a question without an answer gets an error response, and the stream goes on.
#[tokio::test]
async fn reflection_goes_on_after_a_wrong_symbol() {
    let edge = edge().await;
    let mut client = ServerReflectionClient::new(channel(&edge).await);
    let questions = [
        Some(MessageRequest::FileContainingSymbol("pulse.account.v1.Nothing".into())),
        Some(MessageRequest::FileByFilename("nothing.proto".into())),
        Some(MessageRequest::AllExtensionNumbersOfType("pulse.Nothing".into())),
        None,
        Some(MessageRequest::FileContainingSymbol("pulse.account.v1.AccountService.GetMe".into())),
        Some(MessageRequest::FileContainingSymbol("grpc.health.v1.Health".into())),
        Some(MessageRequest::AllExtensionNumbersOfType("google.protobuf.MethodOptions".into())),
    ];
    let requests = questions.map(|message_request| ServerReflectionRequest { host: "a".into(), message_request });
    let mut answers = client.server_reflection_info(futures::stream::iter(requests)).await.unwrap().into_inner();
    for expected in [5, 5, 5, 3, 0, 0, 0] {
        let answer = answers.message().await.unwrap().unwrap();
        let code = match answer.message_response.unwrap() {
            MessageResponse::ErrorResponse(error) => error.error_code,
            MessageResponse::FileDescriptorResponse(file) => i32::from(file.file_descriptor_proto.is_empty()),
            MessageResponse::AllExtensionNumbersResponse(numbers) => {
                i32::from(!numbers.extension_number.contains(&50_100))
            }
            MessageResponse::ListServicesResponse(list) => panic!("{list:?}"),
        };
        assert_eq!((code, answer.valid_host.as_str()), (expected, "a"));
    }
    assert!(answers.message().await.unwrap().is_none());
}

/// PL-46: gRPC health follows the drain.
#[tokio::test]
async fn health_follows_the_drain() {
    let mut edge = configured("drain.delay = \"1h\"").await;
    let mut client = HealthClient::new(channel(&edge).await);
    for service in ["", "pulse.account.v1.AccountService"] {
        let health = client.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap();
        assert_eq!(health.into_inner().status(), ServingStatus::Serving, "{service:?}");
    }
    let mut watch = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    edge.shut_down();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert_eq!(
        client.check(HealthCheckRequest::default()).await.unwrap().into_inner().status(),
        ServingStatus::NotServing
    );
}

/// PL-28: gRPC-web over HTTP/1.1, successful and rejected.
#[tokio::test]
async fn grpc_web_is_spoken() {
    let edge = configured("cors.origins = [\"https://shop.example\"]").await;
    let call = |token: &str| {
        request("POST", "/pulse.account.v1.AccountService/GetMe")
            .header("content-type", "application/grpc-web+proto")
            .header("origin", "https://shop.example")
            .bearer(token)
            .body([0, 0, 0, 0, 0])
    };
    let reply = call(&edge.consumer()).send(edge.address).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/grpc-web+proto")));
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://shop.example"));
    let (frame, rest) = reply.body.split_at(5);
    let length = usize::try_from(u32::from_be_bytes([frame[1], frame[2], frame[3], frame[4]])).unwrap();
    assert_eq!(Account::decode(&rest[..length]).unwrap().account_id, 7);
    assert!(String::from_utf8_lossy(&rest[length..]).contains("grpc-status:0"));
    let refused = call("junk").send(edge.address).await;
    let status = refused.header("grpc-status").map(str::to_owned);
    let trailers = String::from_utf8_lossy(&refused.body).into_owned();
    assert!(status.as_deref() == Some("16") || trailers.contains("grpc-status:16"), "{refused:?}");
}

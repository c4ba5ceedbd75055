//! An edge with the account service of the contract and test routes, one per behaviour.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use pulse_contract::account::v1::*;
use pulse_contract::route::{Segment, Template};
use pulse_contract::{
    Begin, Caller, IdempotencyStore, InFlightGuard, MethodSpec, Policy, Rate, RatePer, RestReply, RestRequest, Route,
    errors,
};
use pulse_edge::{Deps, Edge, EdgeBuilder, EdgeConfig};
use pulse_kernel::clock::VirtualClock;
use pulse_kernel::id::{AccountId, ShopId};
use pulse_kernel::{Actor, Clock, Cx, Error, Principal, Role, Timestamp};
use pulse_limiter::{MemoryLimiter, MemoryLimiterOptions};
use pulse_token::{Claims, Key, KeyRing};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinHandle;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_750_000_000_000);
pub(crate) const TTL: Duration = Duration::from_secs(900);
/// The revoked session.
pub(crate) const ENDED_SESSION: i64 = 13;

/// A running edge.
pub(crate) struct TestEdge {
    pub(crate) address: SocketAddr,
    pub(crate) clock: VirtualClock,
    pub(crate) keys: KeyRing,
    /// Has one permit per started call of `/test/wait`.
    pub(crate) waiting: Arc<Semaphore>,
    /// Lets one call of `/test/wait` continue.
    pub(crate) go_on: Arc<Notify>,
    pub(crate) shutdown: Option<oneshot::Sender<()>>,
    pub(crate) running: JoinHandle<bool>,
}

/// An edge with the default configuration.
pub(crate) async fn edge() -> TestEdge {
    edge_with("", |edge| edge).await
}

/// An edge with this configuration.
pub(crate) async fn configured(config: &str) -> TestEdge {
    edge_with(config, |edge| edge).await
}

pub(crate) async fn edge_with(config: &str, also: impl FnOnce(EdgeBuilder) -> EdgeBuilder) -> TestEdge {
    let clock = VirtualClock::starting_at(NOW);
    let keys = KeyRing::of(Key::generate().expect("the machine has randomness"));
    let (waiting, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()));
    let config: EdgeConfig = toml::from_str(config).expect("a configuration");
    let deps = Deps {
        clock: Clock::Virtual(clock.clone()),
        limiter: Arc::new(MemoryLimiter::new(MemoryLimiterOptions::default())),
        keys: keys.clone(),
        current_principal: Box::new(|principal, _issued_at| (principal.session != ENDED_SESSION).then_some(principal)),
    };
    let account = AccountClient::local(Arc::new(AccountService::new(Arc::new(Accounts), Arc::new(NoAnswers))));
    let builder = Edge::builder(config, deps);
    let grpc = AccountGrpc::new(account.clone(), builder.admission());
    let builder = builder
        .routes(account_routes(&account))
        .routes(test_routes(&waiting, &go_on))
        .grpc(grpc)
        .descriptors(pulse_contract::FILE_DESCRIPTOR_SET)
        .openapi(r#"{"openapi":"3.1.0"}"#)
        .constant("GET", "/bench/constant", "ok");
    let server = also(builder).build().expect("routes that fit").bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let address = server.address();
    let (shutdown, requested) = oneshot::channel();
    let running = tokio::spawn(server.run(async move { requested.await.unwrap_or_default() }));
    TestEdge { address, clock, keys, waiting, go_on, shutdown: Some(shutdown), running }
}

impl TestEdge {
    /// A token of a consumer.
    pub(crate) fn consumer(&self) -> String {
        self.token(7, &[], &[])
    }

    pub(crate) fn operator(&self) -> String {
        self.token(1, &[Role::Operator], &[])
    }

    /// A token of an account; its session has the same number.
    pub(crate) fn token(&self, account: i64, roles: &[Role], shops: &[i64]) -> String {
        let principal = Principal {
            account: AccountId::new(account),
            session: account,
            roles: roles.to_vec(),
            shops: shops.iter().copied().map(ShopId::new).collect(),
        };
        self.keys.sign(&Claims::new(principal, self.clock.now(), TTL))
    }

    /// Waits until a call of `/test/wait` has reached its use case.
    pub(crate) async fn wait_for_call(&self) {
        self.waiting.acquire().await.expect("never closed").forget();
    }

    /// Starts the shutdown of the edge.
    pub(crate) fn shut_down(&mut self) {
        self.shutdown.take().expect("the shutdown starts once").send(()).expect("the edge runs");
    }
}

/// A store without saved responses.
struct NoAnswers;

#[async_trait]
impl IdempotencyStore for NoAnswers {
    async fn begin(&self, _cx: &Cx) -> Result<Begin, Error> {
        Ok(Begin::Proceed(InFlightGuard::new(|| ())))
    }
}

/// An account service that returns the caller; most rpcs are not implemented.
struct Accounts;

fn account_of(cx: &Cx, display_name: &str) -> Account {
    let account_id = cx.actor.account().map_or(0, AccountId::get);
    Account { account_id, display_name: display_name.to_owned(), ..Account::default() }
}

macro_rules! accounts {
    ($($name:ident($request:ident) -> $reply:ident),* $(,)?) => {
        #[async_trait]
        impl AccountApi for Accounts {
            async fn get_me(&self, cx: &Cx, _request: GetMeRequest) -> Result<Account, Error> {
                Ok(account_of(cx, "me"))
            }
            async fn update_me(&self, cx: &Cx, request: UpdateMeRequest) -> Result<Account, Error> {
                Ok(account_of(cx, &request.display_name.unwrap_or_default()))
            }
            async fn get_profile(&self, _cx: &Cx, request: GetProfileRequest) -> Result<Profile, Error> {
                match request.account_id {
                    500 => Err(errors::INTERNAL.error("row 7 of table account_accounts")),
                    404 => Err(pulse_contract::account::v1::errors::ACCOUNT_NOT_FOUND.error("account 404 does not exist").with("account_id", 404)),
                    account_id => Ok(Profile { account_id, ..Profile::default() }),
                }
            }
            async fn grant_role(&self, cx: &Cx, _request: GrantRoleRequest) -> Result<Account, Error> {
                Ok(account_of(cx, "granted"))
            }
            $(async fn $name(&self, _cx: &Cx, _request: $request) -> Result<$reply, Error> {
                Err(errors::UNIMPLEMENTED.error("this test service does not implement the rpc"))
            })*
        }
    };
}

accounts! {
    request_code(RequestCodeRequest) -> RequestCodeResponse,
    sign_in_with_code(SignInWithCodeRequest) -> Session,
    register_with_password(RegisterWithPasswordRequest) -> Session,
    sign_in_with_password(SignInWithPasswordRequest) -> Session,
    refresh_session(RefreshSessionRequest) -> Session,
    sign_out(SignOutRequest) -> SignOutResponse,
    follow(FollowRequest) -> FollowResponse,
    unfollow(UnfollowRequest) -> UnfollowResponse,
    list_followers(ListFollowersRequest) -> ListFollowersResponse,
    list_following(ListFollowingRequest) -> ListFollowingResponse,
    check_in(CheckInRequest) -> CheckInMonth,
    get_check_ins(GetCheckInsRequest) -> CheckInMonth,
    search_accounts(SearchAccountsRequest) -> SearchAccountsResponse,
    revoke_role(RevokeRoleRequest) -> Account,
}

const fn spec(path: &'static str, callers: &'static [Caller], rates: &'static [Rate]) -> MethodSpec {
    let policy = Policy { callers, rates, idempotent: true, cancels_on_disconnect: false, deadline_ms: 60_000 };
    MethodSpec { service: "test.TestService", name: path, path, policy }
}

static ECHO: MethodSpec = spec("/test.TestService/Echo", &[Caller::Anyone], &[]);
static MINE: MethodSpec = spec("/test.TestService/Mine", &[Caller::Consumer], &[]);
static WAIT: MethodSpec = spec("/test.TestService/Wait", &[Caller::Anyone], &[]);
static STREAM: MethodSpec = spec("/test.TestService/Stream", &[Caller::Anyone], &[]);
static OPERATOR: MethodSpec = spec("/test.TestService/Operator", &[Caller::Operator], &[]);
static STAFF: MethodSpec = spec("/test.TestService/Staff", &[Caller::MerchantStaff], &[]);
static PER_USER: MethodSpec = spec("/test.TestService/PerUser", &[Caller::Consumer], &[rate(RatePer::User, 2)]);
static PER_IP: MethodSpec = spec("/test.TestService/PerIp", &[Caller::Anyone], &[rate(RatePer::Ip, 2)]);
static PER_ROUTE: MethodSpec =
    spec("/test.TestService/PerRoute", &[Caller::Anyone], &[rate(RatePer::User, 9), rate(RatePer::Route, 2)]);

const fn rate(per: RatePer, count: u32) -> Rate {
    Rate { per, count, window_ms: 60_000 }
}

type Handled = BoxFuture<'static, Result<RestReply, Error>>;

fn route(
    (verb, last): (&'static str, &'static str),
    spec: &'static MethodSpec,
    handler: impl Fn(Cx, RestRequest<'_>) -> Handled + Send + Sync + 'static,
) -> Route {
    let segments = Vec::from([Segment::Literal("test"), Segment::Literal(last)]).leak();
    let path = Template { segments, variables: &[], verb: "" };
    let template = format!("/test/{last}").leak();
    let has_body = matches!(verb, "POST" | "PUT");
    Route {
        verb,
        template,
        path,
        spec,
        has_body,
        is_stream: matches!(last, "stream" | "ended"),
        handler: Arc::new(handler),
    }
}

fn json(value: impl Into<Bytes>) -> Handled {
    futures::future::ready(Ok(RestReply::Json(value.into()))).boxed()
}

/// Returns the request as the use case receives it.
fn echo(cx: Cx, request: RestRequest<'_>) -> Handled {
    let actor = match &cx.actor {
        Actor::Anonymous => "nobody".to_owned(),
        Actor::Principal(principal) => principal.account.to_string(),
        Actor::System(name) => (*name).to_owned(),
    };
    let seen = serde_json::json!({
        "actor": actor,
        "ip": cx.client_ip.map(|ip| ip.to_string()),
        "trace_id": format!("{:032x}", cx.trace.trace_id),
        "timeout_ms": u64::try_from(cx.deadline.since(cx.now).as_millis()).unwrap_or(u64::MAX),
        "key": cx.idempotency.map(|idempotency| idempotency.key.clone()),
        "locale": cx.locale.tag(),
        "query": request.query,
        "body_bytes": request.body.len(),
    });
    json(seen.to_string())
}

fn test_routes(waiting: &Arc<Semaphore>, go_on: &Arc<Notify>) -> Vec<Route> {
    let (waiting, go_on) = (Arc::clone(waiting), Arc::clone(go_on));
    let (streaming, next) = (Arc::clone(&waiting), Arc::clone(&go_on));
    let wait = move |_cx: Cx, _request: RestRequest<'_>| {
        let (waiting, go_on) = (Arc::clone(&waiting), Arc::clone(&go_on));
        async move {
            waiting.add_permits(1);
            go_on.notified().await;
            Ok(RestReply::Json(Bytes::from_static(b"{}")))
        }
        .boxed()
    };
    Vec::from([
        route(("GET", "echo"), &ECHO, echo),
        route(("POST", "echo"), &ECHO, echo),
        route(("GET", "mine"), &MINE, echo),
        route(("GET", "wait"), &WAIT, wait),
        route(("GET", "operator"), &OPERATOR, echo),
        route(("POST", "staff"), &STAFF, echo),
        route(("GET", "per-user"), &PER_USER, echo),
        route(("GET", "per-ip"), &PER_IP, echo),
        route(("GET", "per-route"), &PER_ROUTE, echo),
        route(("GET", "panic"), &ECHO, |_, _| panic!("while decoding")),
        route(("GET", "panic-later"), &ECHO, |_, _| async { panic!("while working") }.boxed()),
        route(("GET", "large"), &ECHO, |_, _| json(format!("{{\"text\":\"{}\"}}", "pulse ".repeat(1_000)))),
        route(("GET", "fails"), &ECHO, |_, request| {
            let error = match request.query {
                "internal" => errors::INTERNAL.error("row 7 of table account_accounts").caused_by("disk full at /var"),
                "unavailable" => errors::STORE_UNAVAILABLE.error("db.internal:5432 refused"),
                "contended" => {
                    errors::STORE_CONTENDED.error("others were faster").retry_in(Duration::from_millis(1_200))
                }
                _ => errors::IDEMPOTENCY_KEY_REUSED.error("the key was used before"),
            };
            futures::future::ready(Err(error)).boxed()
        }),
        route(("GET", "ended"), &STREAM, |_, _| {
            let message = Ok(Bytes::from_static(b"{\"state\":\"ended\"}"));
            let messages = futures::stream::iter([message]).boxed();
            futures::future::ready(Ok(RestReply::Stream(messages))).boxed()
        }),
        route(("GET", "stream"), &STREAM, move |_, request| {
            let (streaming, next) = (Arc::clone(&streaming), Arc::clone(&next));
            let ends_badly = request.query == "bad";
            let message = |n: u32| Ok(Bytes::from(format!("{{\"n\":{n}}}")));
            let last = async move {
                streaming.add_permits(1);
                next.notified().await;
                if ends_badly {
                    Err(errors::STORE_UNAVAILABLE.error("gone"))
                } else {
                    Ok(Bytes::from_static(b"{\"n\":2}"))
                }
            };
            let messages = futures::stream::iter([message(0), message(1)]).chain(futures::stream::once(last));
            futures::future::ready(Ok(RestReply::Stream(messages.boxed()))).boxed()
        }),
    ])
}

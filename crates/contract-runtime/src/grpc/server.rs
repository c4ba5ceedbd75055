//! The gRPC server of a service: finds the rpc, admits and checks the call, runs it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use prost::Message;
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};
use tonic::body::Body;
use tonic::server::{Grpc, ServerStreamingService, UnaryService};
use tonic::{Request, Response, Status};

use super::codec::{Encoded, decode, encode};
use super::{Admission, cx_from_headers, status_of};
use crate::errors;
use crate::idempotency::Call;
use crate::method::MethodSpec;
use crate::page::Paging;
use crate::route::prepare;
use crate::validate::Validate;

/// Who comes in here.
#[derive(Clone)]
pub enum Entrance {
    /// Everybody: calls are admitted, and checked against policy and rules.
    Public(Arc<dyn Admission>),
    /// Other nodes of Pulse alone: they have admitted and checked already, and send the context along. So a call that
    /// one context makes to another one behaves the same, whether both run in one node or not.
    Nodes,
}

/// A call that was admitted: its context, and its message as it came.
pub struct Admitted {
    cx: Cx,
    message: Bytes,
    /// Whether policy and rules are still to be checked.
    is_public: bool,
}

type Messages = BoxStream<'static, Result<Bytes, Status>>;
type Unary = Arc<dyn Fn(Admitted) -> BoxFuture<'static, Result<Bytes, Status>> + Send + Sync>;
type Streaming = Arc<dyn Fn(Admitted) -> BoxFuture<'static, Result<Messages, Status>> + Send + Sync>;

#[derive(Clone)]
enum Run {
    Unary(Unary),
    Streaming(Streaming),
}

/// An rpc that can be served.
#[derive(Clone)]
pub struct Method {
    spec: &'static MethodSpec,
    run: Run,
}

impl Method {
    /// The rpc `spec`, which `call` answers. `scope` reads the shop out of a request.
    pub fn unary<Q, A, Answer>(
        spec: &'static MethodSpec,
        scope: fn(&Q) -> Option<ShopId>,
        call: impl Fn(Cx, Q) -> Answer + Send + Sync + 'static,
    ) -> Self
    where
        Q: Message + Default + Validate + 'static,
        A: Message,
        Answer: Future<Output = Result<A, Error>> + Send + 'static,
    {
        let run = move |admitted: Admitted| {
            let answer = admitted.open(spec, scope).map(|(cx, request)| call(cx, request));
            async move { answer?.await.map(|answer| encode(&answer)).map_err(|error| status_of(&error)) }.boxed()
        };
        Self { spec, run: Run::Unary(Arc::new(run)) }
    }

    /// As [`Method::unary`], for a list: the tokens of its pages belong to the call.
    pub fn list<Q, A, Answer>(
        spec: &'static MethodSpec,
        scope: fn(&Q) -> Option<ShopId>,
        paging: Paging<Q, A>,
        call: impl Fn(Cx, Q) -> Answer + Send + Sync + 'static,
    ) -> Self
    where
        Q: Message + Default + Validate + 'static,
        A: Message + 'static,
        Answer: Future<Output = Result<A, Error>> + Send + 'static,
    {
        let paging = Arc::new(paging);
        let run = move |admitted: Admitted| {
            let (is_public, paging) = (admitted.is_public, Arc::clone(&paging));
            let opened = admitted.open(spec, scope).and_then(|(cx, mut request)| {
                // Another node has opened the token already, and seals the next one.
                let binding = is_public.then(|| paging.open(spec, &mut request)).transpose();
                Ok((binding.map_err(|error| status_of(&error))?, call(cx, request)))
            });
            async move {
                let (binding, answer) = opened?;
                let mut answer = answer.await.map_err(|error| status_of(&error))?;
                if let Some(binding) = binding {
                    paging.seal(&binding, &mut answer);
                }
                Ok(encode(&answer))
            }
            .boxed()
        };
        Self { spec, run: Run::Unary(Arc::new(run)) }
    }

    /// As [`Method::unary`], for an rpc that answers with a stream.
    pub fn streaming<Q, A, Answer>(
        spec: &'static MethodSpec,
        scope: fn(&Q) -> Option<ShopId>,
        call: impl Fn(Cx, Q) -> Answer + Send + Sync + 'static,
    ) -> Self
    where
        Q: Message + Default + Validate + 'static,
        A: Message + 'static,
        Answer: Future<Output = Result<BoxStream<'static, Result<A, Error>>, Error>> + Send + 'static,
    {
        let run = move |admitted: Admitted| {
            let answer = admitted.open(spec, scope).map(|(cx, request)| call(cx, request));
            async move {
                let messages = answer?.await.map_err(|error| status_of(&error))?;
                let encoded = |message: Result<A, Error>| match message {
                    Ok(message) => Ok(encode(&message)),
                    Err(error) => Err(status_of(&error)),
                };
                Ok(messages.map(encoded).boxed())
            }
            .boxed()
        };
        Self { spec, run: Run::Streaming(Arc::new(run)) }
    }
}

impl Admitted {
    /// Decodes the message and checks what is still to be checked.
    fn open<Q: Message + Default + Validate>(
        self,
        spec: &'static MethodSpec,
        scope: fn(&Q) -> Option<ShopId>,
    ) -> Result<(Cx, Q), Status> {
        let request = decode::<Q>(self.message)?;
        let cx = if self.is_public {
            let checked = prepare(Call { spec }, scope(&request), self.cx, &request);
            checked.map_err(|error| status_of(&error))?
        } else {
            self.cx
        };
        Ok((cx, request))
    }
}

/// The rpcs of a service behind their entrance. Generated servers hand their requests to it.
#[derive(Clone)]
pub struct Server {
    entrance: Entrance,
    methods: Arc<HashMap<&'static str, Method>>,
}

impl Server {
    /// Serves `methods` to everybody whom `entrance` lets in.
    #[must_use]
    pub fn new(entrance: Entrance, methods: Vec<Method>) -> Self {
        let methods = methods.into_iter().map(|method| (method.spec.path, method)).collect();
        Self { entrance, methods: Arc::new(methods) }
    }

    /// Answers a request; a path that is no rpc of the service is `UNIMPLEMENTED`.
    #[must_use]
    pub fn answer(&self, request: http::Request<Body>) -> BoxFuture<'static, Result<http::Response<Body>, Infallible>> {
        let Some(method) = self.methods.get(request.uri().path()).cloned() else {
            return futures::future::ready(Ok(Status::unimplemented("").into_http())).boxed();
        };
        let serve = Serve { entrance: self.entrance.clone(), method };
        async move {
            let mut grpc = Grpc::new(Encoded);
            match serve.method.run {
                Run::Unary(_) => Ok(grpc.unary(serve, request).await),
                Run::Streaming(_) => Ok(grpc.server_streaming(serve, request).await),
            }
        }
        .boxed()
    }
}

/// One call.
struct Serve {
    entrance: Entrance,
    method: Method,
}

impl UnaryService<Bytes> for Serve {
    type Response = Bytes;
    type Future = BoxFuture<'static, Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (entrance, Method { spec, run }) = (self.entrance.clone(), self.method.clone());
        async move {
            let admitted = admit(spec, &entrance, request).await?;
            match run {
                Run::Unary(run) => run(admitted).await.map(Response::new),
                Run::Streaming(_) => Err(Status::internal("the rpc answers with a stream")),
            }
        }
        .boxed()
    }
}

impl ServerStreamingService<Bytes> for Serve {
    type Response = Bytes;
    type ResponseStream = Messages;
    type Future = BoxFuture<'static, Result<Response<Messages>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (entrance, Method { spec, run }) = (self.entrance.clone(), self.method.clone());
        async move {
            let admitted = admit(spec, &entrance, request).await?;
            match run {
                Run::Streaming(run) => run(admitted).await.map(Response::new),
                Run::Unary(_) => Err(Status::internal("the rpc answers with one message")),
            }
        }
        .boxed()
    }
}

/// Finds out who calls.
async fn admit(spec: &'static MethodSpec, entrance: &Entrance, request: Request<Bytes>) -> Result<Admitted, Status> {
    let (metadata, extensions, message) = request.into_parts();
    let headers = metadata.into_headers();
    let unknown = || errors::UNAUTHENTICATED.error("only other nodes may call here");
    let cx = match entrance {
        Entrance::Public(admission) => admission.admit(spec, &headers, &extensions).await,
        Entrance::Nodes => match cx_from_headers(&headers) {
            Ok(Some(cx)) => Ok(cx),
            Ok(None) => Err(unknown()),
            Err(error) => Err(unknown().caused_by(error)),
        },
    };
    let cx = cx.map_err(|error| status_of(&error))?;
    Ok(Admitted { cx, message, is_public: matches!(entrance, Entrance::Public(_)) })
}

//! The gRPC server of a service, on top of that of the runtime.

use crate::binding::{Method, Service};
use crate::model::Model;
use crate::names;
use crate::policy;
use crate::service::Names;

/// Writes the server: the rpcs of the client, as a service of tonic.
pub(crate) fn emit(model: &Model, service: &Service) -> String {
    let methods: String = service.methods.iter().map(|method| emit_method(model, service, method)).collect();
    format!(
        "#[doc = \" Serves {service_name} over gRPC.\"]
        #[derive(Clone)]
        pub struct {stem}Grpc(::pulse_contract::grpc::Server);

        impl {stem}Grpc {{
            #[doc = \" Serves what `client` reaches to whom `admission` lets in.\"]
            #[must_use]
            pub fn new(
                client: {stem}Client,
                admission: ::std::sync::Arc<dyn ::pulse_contract::grpc::Admission>,
            ) -> Self {{
                Self::behind(client, ::pulse_contract::grpc::Entrance::Public(admission))
            }}

            #[doc = \" Serves what `client` reaches to other nodes, whose word is believed.\"]
            #[doc = \"\"]
            #[doc = \" Only for a listener that other nodes alone can reach.\"]
            #[must_use]
            pub fn between_nodes(client: {stem}Client) -> Self {{
                Self::behind(client, ::pulse_contract::grpc::Entrance::Nodes)
            }}

            fn behind(client: {stem}Client, entrance: ::pulse_contract::grpc::Entrance) -> Self {{
                Self(::pulse_contract::grpc::Server::new(entrance, Vec::from([{methods}])))
            }}
        }}

        impl ::tonic::server::NamedService for {stem}Grpc {{
            const NAME: &'static str = {full_name:?};
        }}

        impl ::tonic::codegen::Service<::tonic::codegen::http::Request<::tonic::body::Body>> for {stem}Grpc {{
            type Response = ::tonic::codegen::http::Response<::tonic::body::Body>;
            type Error = ::std::convert::Infallible;
            type Future = ::futures::future::BoxFuture<'static, Result<Self::Response, Self::Error>>;

            fn poll_ready(
                &mut self,
                _: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<Result<(), Self::Error>> {{
                ::std::task::Poll::Ready(Ok(()))
            }}

            fn call(&mut self, request: ::tonic::codegen::http::Request<::tonic::body::Body>) -> Self::Future {{
                self.0.answer(request)
            }}
        }}\n",
        stem = service.stem(),
        service_name = service.desc.name(),
        full_name = service.desc.full_name(),
    )
}

fn emit_method(model: &Model, service: &Service, method: &Method) -> String {
    let is_list = method.is_list(model);
    format!(
        "::pulse_contract::grpc::Method::{kind}(&{spec}, {scope}, {paging}{{
            let client = client.clone();
            move |cx, request| {{
                let client = client.clone();
                async move {{ client.{function}(&cx, request).await }}
            }}
        }}),\n",
        kind = match method.desc.is_server_streaming() {
            true => "streaming",
            false if is_list => "list",
            false => "unary",
        },
        paging = if is_list { format!("{}, ", Names::of(service).paging(method)) } else { String::new() },
        spec = policy::spec(service, method),
        scope = policy::scope(model, &method.desc, &method.policy).unwrap_or_default(),
        function = names::snake(method.desc.name()),
    )
}

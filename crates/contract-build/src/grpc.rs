//! The gRPC server of a service, on top of what tonic generates.

use crate::binding::{Method, Service};
use crate::model::Model;
use crate::names;
use crate::policy;
use crate::service::Names;

/// Writes the adapter from tonic's server trait to the client.
pub(crate) fn emit(model: &Model, service: &Service) -> String {
    let names = Names::of(service);
    let methods: String = service.methods.iter().map(|method| emit_method(model, service, method, &names)).collect();
    format!(
        "#[doc = \" Serves {tonic} over gRPC.\"]
        #[derive(Clone)]
        pub struct {stem}Grpc {{
            client: {stem}Client,
            entrance: ::pulse_contract::grpc::Entrance,
        }}

        impl {stem}Grpc {{
            #[doc = \" Serves what `client` reaches to whom `admission` lets in.\"]
            #[must_use]
            pub fn new(
                client: {stem}Client,
                admission: ::std::sync::Arc<dyn ::pulse_contract::grpc::Admission>,
            ) -> Self {{
                Self {{ client, entrance: ::pulse_contract::grpc::Entrance::Public(admission) }}
            }}

            #[doc = \" Serves what `client` reaches to other nodes, whose word is believed.\"]
            #[doc = \"\"]
            #[doc = \" Only for a listener that other nodes alone can reach.\"]
            #[must_use]
            pub fn between_nodes(client: {stem}Client) -> Self {{
                Self {{ client, entrance: ::pulse_contract::grpc::Entrance::Nodes }}
            }}

            #[doc = \" As a service of tonic.\"]
            #[must_use]
            pub fn into_server(self) -> {module}::{tonic}Server<Self> {{
                {module}::{tonic}Server::new(self)
            }}
        }}

        #[::async_trait::async_trait]
        impl {module}::{tonic} for {stem}Grpc {{ {methods} }}\n",
        stem = names.stem,
        module = names.server_module,
        tonic = names::camel(service.desc.name()),
    )
}

fn emit_method(model: &Model, service: &Service, method: &Method, names: &Names<'_>) -> String {
    let function = names::snake(method.desc.name());
    let output = names.output(method);
    let (stream, answer, send) = if method.desc.is_server_streaming() {
        let name = format!("{}Stream", names::camel(method.desc.name()));
        let alias = format!("type {name} = ::pulse_contract::grpc::ReplyStream<{output}>;\n");
        (alias, format!("Self::{name}"), "send_stream")
    } else {
        (String::new(), output, "send")
    };
    format!(
        "{stream}async fn {function}(
            &self,
            request: ::tonic::Request<{input}>,
        ) -> Result<::tonic::Response<{answer}>, ::tonic::Status> {{
            let call = ::pulse_contract::idempotency::Call {{ spec: &{spec} }};
            let (cx, request) = ::pulse_contract::grpc::receive(call, &self.entrance, request, {scope}).await?;
            ::pulse_contract::grpc::{send}(self.client.{function}(&cx, request).await)
        }}\n",
        input = names.input(method),
        spec = policy::spec(service, method),
        scope = policy::scope(model, &method.desc, &method.policy).unwrap_or_default(),
    )
}

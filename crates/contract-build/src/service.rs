//! Per service: the trait, the client that is local or remote, and the service that replays saved answers.

use crate::binding::{Method, Service};
use crate::model::{Comments, doc};
use crate::names;
use crate::policy;

/// Names that every part of a service needs.
pub(crate) struct Names<'a> {
    package: &'a str,
    pub(crate) stem: &'a str,
}

impl<'a> Names<'a> {
    pub(crate) fn of(service: &'a Service) -> Self {
        Self { package: service.desc.package_name(), stem: service.stem() }
    }

    pub(crate) fn input(&self, method: &Method) -> String {
        let input = method.desc.input();
        names::type_path(self.package, input.package_name(), input.full_name())
    }

    pub(crate) fn output(&self, method: &Method) -> String {
        let output = method.desc.output();
        names::type_path(self.package, output.package_name(), output.full_name())
    }

    /// An expression of the accessors of a list.
    pub(crate) fn paging(&self, method: &Method) -> String {
        format!(
            "::pulse_contract::page::Paging::<{}, {}> {{
                token: |request| &mut request.page_token,
                size: |request| &mut request.page_size,
                next: |answer| &mut answer.next_page_token,
            }}",
            self.input(method),
            self.output(method)
        )
    }

    /// What the method gives: one message or a stream of them.
    fn answer(&self, method: &Method) -> String {
        Self::answer_of(method, &self.output(method))
    }

    fn answer_of(method: &Method, output: &str) -> String {
        if method.desc.is_server_streaming() {
            format!("::futures::stream::BoxStream<'static, Result<{output}, ::pulse_kernel::Error>>")
        } else {
            output.to_owned()
        }
    }

    /// As [`Names::signature`] comes out of `async_trait`, for methods that only hand the call on: a future of their own
    /// would be one more allocation per call.
    fn plain_signature(&self, method: &Method) -> String {
        plain(method, &self.input(method), &self.answer(method))
    }

    /// The same for another crate, which `path` names the types for by their full name and package, and which reaches
    /// everything else through the contract.
    pub(crate) fn forwarded(method: &Method, path: impl Fn(&str, &str) -> String) -> String {
        let (input, output) = (method.desc.input(), method.desc.output());
        let input = path(input.full_name(), input.package_name());
        let output = path(output.full_name(), output.package_name());
        plain(method, &input, &Self::answer_of(method, &output))
    }

    fn signature(&self, method: &Method) -> String {
        format!(
            "async fn {}(&self, cx: &::pulse_kernel::Cx, request: {}) -> Result<{}, ::pulse_kernel::Error>",
            names::snake(method.desc.name()),
            self.input(method),
            self.answer(method)
        )
    }
}

fn plain(method: &Method, input: &str, answer: &str) -> String {
    format!(
        "fn {}<'life0, 'life1, 'async_trait>(
            &'life0 self, cx: &'life1 ::pulse_kernel::Cx, request: {input},
        ) -> ::std::pin::Pin<::std::boxed::Box<
            dyn ::std::future::Future<Output = Result<{answer}, ::pulse_kernel::Error>> + Send + 'async_trait
        >>
        where 'life0: 'async_trait, 'life1: 'async_trait, Self: 'async_trait",
        names::snake(method.desc.name()),
    )
}

/// Writes the trait, the clients and the idempotent service.
pub(crate) fn emit(service: &Service, comments: &Comments) -> String {
    let names = Names::of(service);
    [
        emit_trait(service, &names, comments),
        emit_client(service, &names, comments),
        emit_remote(service, &names),
        emit_service(service, &names),
    ]
    .concat()
}

fn emit_trait(service: &Service, names: &Names<'_>, comments: &Comments) -> String {
    let comment = comments.of(&service.desc.parent_file(), service.desc.path());
    let methods: String = service
        .methods
        .iter()
        .map(|method| format!("{}{};\n", method_doc(method, comments), names.signature(method)))
        .collect();
    format!(
        "{}#[::async_trait::async_trait]
        pub trait {}Api: Send + Sync + 'static {{ {methods} }}\n",
        doc(comment, service.desc.full_name()),
        names.stem
    )
}

fn method_doc(method: &Method, comments: &Comments) -> String {
    doc(comments.of(&method.desc.parent_file(), method.desc.path()), method.desc.name())
}

fn emit_client(service: &Service, names: &Names<'_>, comments: &Comments) -> String {
    let stem = names.stem;
    let methods: String = service
        .methods
        .iter()
        .map(|method| {
            let function = names::snake(method.desc.name());
            let (doc, input, answer) = (method_doc(method, comments), names.input(method), names.answer(method));
            format!(
                "{doc}pub fn {function}<'a>(&'a self, cx: &'a ::pulse_kernel::Cx, request: {input})
                    -> ::futures::future::BoxFuture<'a, Result<{answer}, ::pulse_kernel::Error>> {{
                    self.0.{function}(cx, request)
                }}\n"
            )
        })
        .collect();
    format!(
        "#[doc = \" Calls {service_name}, in this process or on another node: the caller cannot tell. Cheap to clone.\"]
        #[derive(Clone)]
        pub struct {stem}Client(::std::sync::Arc<dyn {stem}Api>);

        impl {stem}Client {{
            #[doc = \" Calls `api` directly.\"]
            #[must_use]
            pub fn local(api: ::std::sync::Arc<dyn {stem}Api>) -> Self {{ Self(api) }}

            #[doc = \" Calls the node at the other end of `channel`.\"]
            #[must_use]
            pub fn remote(channel: ::tonic::transport::Channel) -> Self {{
                Self(::std::sync::Arc::new({stem}Remote(channel)))
            }}
            {methods}
        }}\n",
        service_name = service.desc.name(),
    )
}

fn emit_remote(service: &Service, names: &Names<'_>) -> String {
    let methods: String = service
        .methods
        .iter()
        .map(|method| {
            let call = if method.desc.is_server_streaming() { "call_stream" } else { "call" };
            let spec = policy::spec(service, method);
            let signature = names.plain_signature(method);
            format!("{signature} {{ ::pulse_contract::grpc::{call}(&self.0, &{spec}, cx, &request) }}\n")
        })
        .collect();
    format!(
        "struct {stem}Remote(::tonic::transport::Channel);

        impl {stem}Api for {stem}Remote {{ {methods} }}\n",
        stem = names.stem,
    )
}

fn emit_service(service: &Service, names: &Names<'_>) -> String {
    let stem = names.stem;
    let methods: String = service
        .methods
        .iter()
        .map(|method| {
            let function = names::snake(method.desc.name());
            if method.policy.idempotent {
                format!(
                    "{} {{ ::pulse_contract::idempotency::Call {{ spec: &{} }}
                        .execute_once(&*self.idempotency, cx, move |cx| async move {{ self.api.{function}(&cx, request).await }}).await }}\n",
                    names.signature(method),
                    policy::spec(service, method)
                )
            } else {
                format!("{} {{ self.api.{function}(cx, request) }}\n", names.plain_signature(method))
            }
        })
        .collect();
    format!(
        "#[doc = \" {service_name} behind its saved answers: a repeated request gets the answer of the first one.\"]
        pub struct {stem}Service {{
            api: ::std::sync::Arc<dyn {stem}Api>,
            idempotency: ::std::sync::Arc<dyn ::pulse_contract::IdempotencyStore>,
        }}

        impl {stem}Service {{
            #[doc = \" Asks `idempotency` for a saved answer before it calls `api`.\"]
            #[must_use]
            pub fn new(
                api: ::std::sync::Arc<dyn {stem}Api>,
                idempotency: ::std::sync::Arc<dyn ::pulse_contract::IdempotencyStore>,
            ) -> Self {{
                Self {{ api, idempotency }}
            }}
        }}

        #[::async_trait::async_trait]
        impl {stem}Api for {stem}Service {{ {methods} }}\n",
        service_name = service.desc.name(),
    )
}

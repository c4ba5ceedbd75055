//! What connects a service with the context that implements it: the forwarding of calls to use cases, the client of an
//! implementation in this process, and the service as one value that the edge serves.

use crate::binding::Service;
use crate::names;
use crate::service::Names;

/// Writes `forward_<stem>!` and the functions of the client that start from an implementation.
pub(crate) fn emit(root: &str, service: &Service) -> String {
    let names = Names::of(service);
    [emit_macro(root, service, &names), emit_client(service, &names)].concat()
}

/// A macro, because the use cases are functions of a crate that the contract cannot name.
///
/// Each call becomes one boxed future: that of the use case itself.
fn emit_macro(root: &str, service: &Service, names: &Names<'_>) -> String {
    let stem = names.stem;
    let path = |name: &str, package: &str| format!("$crate::{}", names::type_path(root, package, name));
    let trait_path =
        path(&format!("{package}.{stem}Api", package = service.desc.package_name()), service.desc.package_name());
    let methods: String = service
        .methods
        .iter()
        .map(|method| {
            let function = names::snake(method.desc.name());
            format!(
                "{signature} {{ ::std::boxed::Box::pin($($use_cases)::+::{function}(self, cx, request)) }}\n",
                signature = Names::forwarded(method, path),
            )
        })
        .collect();
    format!(
        "#[doc = \" Implements [`{stem}Api`] for a type: each call goes to the function of the module `$use_cases` that\"]
        #[doc = \" has the name of the rpc: `async fn(&App, &Cx, Request) -> Result<Response, Error>`.\"]
        #[macro_export]
        macro_rules! forward_{snake} {{
            ($app:ty, $($use_cases:ident)::+) => {{
                impl {trait_path} for $app {{ {methods} }}
            }};
        }}\n",
        snake = names::snake(stem),
    )
}

fn emit_client(service: &Service, names: &Names<'_>) -> String {
    let (stem, snake) = (names.stem, names::snake(names.stem));
    format!(
        "impl {stem}Client {{
            #[doc = \" Calls `api` in this process; `idempotency` replays the saved answer of a repeated request.\"]
            #[must_use]
            pub fn in_process(
                api: impl {stem}Api,
                idempotency: ::std::sync::Arc<dyn ::pulse_contract::IdempotencyStore>,
            ) -> Self {{
                Self::local(::std::sync::Arc::new({stem}Service::new(::std::sync::Arc::new(api), idempotency)))
            }}

            #[doc = \" The REST routes and the gRPC server of {service_name}, which call this client.\"]
            #[must_use]
            pub fn served(&self) -> ::pulse_contract::Served {{
                let client = self.clone();
                ::pulse_contract::Served::new({snake}_routes(self), move |services, admission| {{
                    services.add_service({stem}Grpc::new(client.clone(), admission))
                }})
            }}
        }}\n",
        service_name = service.desc.name(),
    )
}

//! gRPC reflection: the descriptors of all services of the port, for tools that have no copy of the contract.
//!
//! A question without an answer is answered with an `error_response`, and the stream goes on: tools ask several
//! questions on one stream, and most of them guess.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use prost::{DecodeError, Message};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::server_reflection_server::{ServerReflection, ServerReflectionServer};
use tonic_reflection::pb::v1::{
    ErrorResponse, ExtensionNumberResponse, FileDescriptorResponse, ListServiceResponse, ServerReflectionRequest,
    ServerReflectionResponse, ServiceResponse,
};
use tonic_reflection::pb::{v1, v1alpha};

/// Descriptors by file, symbol and extension.
#[derive(Debug, Default)]
struct Descriptors {
    /// Encoded `FileDescriptorProto` by file name, as it came: decoding would lose the options.
    files: BTreeMap<String, Bytes>,
    /// File name by full name of everything that a file declares.
    symbols: BTreeMap<String, String>,
    /// File name by extended message and field number.
    extensions: BTreeMap<(String, i32), String>,
    services: BTreeSet<String>,
}

/// The service, in both of its versions.
#[derive(Clone, Debug)]
pub(crate) struct Reflection(Arc<Descriptors>);

/// A `FileDescriptorSet` whose files stay encoded.
#[derive(Clone, PartialEq, Message)]
struct EncodedFiles {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    files: Vec<Bytes>,
}

impl Reflection {
    /// Serves the descriptors of encoded `FileDescriptorSet`s, and those of health and reflection.
    pub(crate) fn new(sets: &[&'static [u8]]) -> Result<Self, DecodeError> {
        let own = [tonic_health::pb::FILE_DESCRIPTOR_SET, v1::FILE_DESCRIPTOR_SET, v1alpha::FILE_DESCRIPTOR_SET];
        let mut descriptors = Descriptors::default();
        for set in sets.iter().copied().chain(own) {
            for encoded in EncodedFiles::decode(Bytes::from_static(set))?.files {
                descriptors.add(FileDescriptorProto::decode(encoded.clone())?, encoded);
            }
        }
        Ok(Self(Arc::new(descriptors)))
    }

    /// The service in version v1.
    pub(crate) fn v1(&self) -> ServerReflectionServer<Self> {
        ServerReflectionServer::new(self.clone())
    }

    /// The service in version v1alpha, for older tools.
    pub(crate) fn v1alpha(&self) -> v1alpha::server_reflection_server::ServerReflectionServer<Self> {
        v1alpha::server_reflection_server::ServerReflectionServer::new(self.clone())
    }
}

impl Descriptors {
    fn add(&mut self, file: FileDescriptorProto, encoded: Bytes) {
        let (name, package) = (file.name().to_owned(), file.package().to_owned());
        if self.files.insert(name.clone(), encoded).is_some() {
            return;
        }
        for message in &file.message_type {
            self.add_message(&name, &package, message);
        }
        for enumeration in &file.enum_type {
            self.add_enum(&name, &package, enumeration);
        }
        self.add_extensions(&name, &package, &file.extension);
        for service in &file.service {
            let service_name = below(&package, service.name());
            for method in &service.method {
                self.add_symbol(&name, below(&service_name, method.name()));
            }
            self.services.insert(service_name.clone());
            self.add_symbol(&name, service_name);
        }
    }

    fn add_symbol(&mut self, file: &str, symbol: String) {
        self.symbols.insert(symbol, file.to_owned());
    }

    fn add_message(&mut self, file: &str, parent: &str, message: &DescriptorProto) {
        let name = below(parent, message.name());
        for field in &message.field {
            self.add_symbol(file, below(&name, field.name()));
        }
        for oneof in &message.oneof_decl {
            self.add_symbol(file, below(&name, oneof.name()));
        }
        for nested in &message.nested_type {
            self.add_message(file, &name, nested);
        }
        for enumeration in &message.enum_type {
            self.add_enum(file, &name, enumeration);
        }
        self.add_extensions(file, &name, &message.extension);
        self.add_symbol(file, name);
    }

    /// The values of an enum are siblings of the enum.
    fn add_enum(&mut self, file: &str, parent: &str, enumeration: &EnumDescriptorProto) {
        for value in &enumeration.value {
            self.add_symbol(file, below(parent, value.name()));
        }
        self.add_symbol(file, below(parent, enumeration.name()));
    }

    fn add_extensions(&mut self, file: &str, parent: &str, extensions: &[FieldDescriptorProto]) {
        for extension in extensions {
            let extended = extension.extendee().trim_start_matches('.').to_owned();
            self.extensions.insert((extended, extension.number()), file.to_owned());
            self.add_symbol(file, below(parent, extension.name()));
        }
    }

    fn answer(&self, request: ServerReflectionRequest) -> ServerReflectionResponse {
        let message = self.find(request.message_request.as_ref()).unwrap_or_else(|(code, error_message)| {
            MessageResponse::ErrorResponse(ErrorResponse { error_code: code.into(), error_message })
        });
        ServerReflectionResponse {
            valid_host: request.host.clone(),
            original_request: Some(request),
            message_response: Some(message),
        }
    }

    fn find(&self, request: Option<&MessageRequest>) -> Result<MessageResponse, (Code, String)> {
        let not_found = |what: &str, name: &str| (Code::NotFound, format!("{what} {name} does not exist"));
        match request {
            None => Err((Code::InvalidArgument, "message_request is required".to_owned())),
            Some(MessageRequest::FileByFilename(name)) => self.file(Some(name)).ok_or_else(|| not_found("file", name)),
            Some(MessageRequest::FileContainingSymbol(name)) => {
                self.file(self.symbols.get(name)).ok_or_else(|| not_found("symbol", name))
            }
            Some(MessageRequest::FileContainingExtension(extension)) => {
                let (extended, number) = (&extension.containing_type, extension.extension_number);
                let file = self.file(self.extensions.get(&(extended.clone(), number)));
                file.ok_or_else(|| not_found(&format!("extension {number} of"), extended))
            }
            Some(MessageRequest::AllExtensionNumbersOfType(name)) if self.symbols.contains_key(name) => {
                let all = self.extensions.keys().filter(|(extended, _)| extended == name);
                Ok(MessageResponse::AllExtensionNumbersResponse(ExtensionNumberResponse {
                    base_type_name: name.clone(),
                    extension_number: all.map(|(_, number)| *number).collect(),
                }))
            }
            Some(MessageRequest::AllExtensionNumbersOfType(name)) => Err(not_found("type", name)),
            Some(MessageRequest::ListServices(_)) => {
                let service = self.services.iter().map(|name| ServiceResponse { name: name.clone() }).collect();
                Ok(MessageResponse::ListServicesResponse(ListServiceResponse { service }))
            }
        }
    }

    fn file(&self, name: Option<&String>) -> Option<MessageResponse> {
        let file_descriptor_proto = vec![self.files.get(name?)?.to_vec()];
        Some(MessageResponse::FileDescriptorResponse(FileDescriptorResponse { file_descriptor_proto }))
    }
}

/// The full name of an element.
fn below(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

type Answers<T> = BoxStream<'static, Result<T, Status>>;

#[tonic::async_trait]
impl ServerReflection for Reflection {
    type ServerReflectionInfoStream = Answers<ServerReflectionResponse>;

    async fn server_reflection_info(
        &self,
        request: Request<Streaming<ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        let descriptors = Arc::clone(&self.0);
        let answers = request.into_inner().map(move |request| request.map(|request| descriptors.answer(request)));
        Ok(Response::new(answers.boxed()))
    }
}

/// Both versions have the same messages.
#[tonic::async_trait]
impl v1alpha::server_reflection_server::ServerReflection for Reflection {
    type ServerReflectionInfoStream = Answers<v1alpha::ServerReflectionResponse>;

    async fn server_reflection_info(
        &self,
        request: Request<Streaming<v1alpha::ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        let descriptors = Arc::clone(&self.0);
        let answers = request.into_inner().map(move |request| {
            let request: ServerReflectionRequest = same(&request?)?;
            same(&descriptors.answer(request))
        });
        Ok(Response::new(answers.boxed()))
    }
}

/// The message as a type with the same encoding.
fn same<T: Message + Default>(message: &impl Message) -> Result<T, Status> {
    T::decode(message.encode_to_vec().as_slice()).map_err(|error| Status::internal(error.to_string()))
}

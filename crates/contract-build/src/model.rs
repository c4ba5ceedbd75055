//! The contract as the emitters need it: packages with their messages, services and rules, read once and checked.

use std::collections::BTreeMap;

use prost_reflect::{
    Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor,
    OneofDescriptor, ServiceDescriptor,
};

use crate::names;
use crate::options::{self, FieldRules, MessageRules, OneofRules};
use crate::problems::Problems;

/// The one type of google.protobuf that messages may use.
pub(crate) const TIMESTAMP: &str = "google.protobuf.Timestamp";

/// Everything that is generated.
pub(crate) struct Model {
    /// By name, in order.
    pub(crate) packages: BTreeMap<String, Package>,
}

/// One package of the contract.
#[derive(Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The names of its files, relative to the folder of imports.
    pub(crate) files: Vec<String>,
    /// All messages, the nested ones too.
    pub(crate) messages: Vec<Message>,
    pub(crate) enums: Vec<EnumDescriptor>,
    pub(crate) services: Vec<ServiceDescriptor>,
    /// The enums of the errors.proto of the package.
    pub(crate) catalogues: Vec<EnumDescriptor>,
    /// Full names of the messages of its events.proto.
    pub(crate) events: Vec<String>,
}

/// A message and its rules.
pub(crate) struct Message {
    pub(crate) desc: MessageDescriptor,
    pub(crate) fields: Vec<Field>,
    pub(crate) oneofs: Vec<Oneof>,
}

/// A oneof of a message; `optional` fields are not one.
pub(crate) struct Oneof {
    pub(crate) name: String,
    /// The Rust field.
    pub(crate) ident: String,
    /// The Rust enum, seen from the package of the message.
    pub(crate) path: String,
    pub(crate) required: bool,
}

/// A field and its rules.
#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) desc: FieldDescriptor,
    /// The Rust field; for a member of a oneof, the Rust variant.
    pub(crate) ident: String,
    pub(crate) shape: Shape,
    pub(crate) place: Place,
    pub(crate) rules: FieldRules,
}

/// What one value of a field is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    I32,
    I64,
    U32,
    U64,
    F32,
    F64,
    Bool,
    String,
    Bytes,
    Timestamp,
    Message(MessageDescriptor),
    Enum(EnumDescriptor),
}

/// How a field holds its values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    /// Always there; absent means the default.
    Plain,
    /// `Option`; messages always are.
    Optional,
    /// `Vec`.
    Repeated,
    /// `BTreeMap` with keys of this shape.
    Map(Shape),
    /// A variant of the oneof with this index.
    Oneof(usize),
}

impl Model {
    /// Reads the packages whose name is `root` or begins with it.
    pub(crate) fn read(pool: &DescriptorPool, root: &str, problems: &mut Problems) -> Self {
        let mut packages: BTreeMap<String, Package> = BTreeMap::new();
        for file in pool.files() {
            let name = file.package_name();
            let is_ours = name == root || name.strip_prefix(root).is_some_and(|rest| rest.starts_with('.'));
            if is_ours && !is_options(&file) {
                let package = packages.entry(name.to_owned()).or_default();
                package.name = name.to_owned();
                package.files.push(file.name().to_owned());
                package.read_file(&file, problems);
            }
        }
        Self { packages }
    }

    /// The message with this full name, if it is generated.
    pub(crate) fn message(&self, desc: &MessageDescriptor) -> Option<&Message> {
        let package = self.packages.get(desc.package_name())?;
        package.messages.iter().find(|message| message.desc == *desc)
    }
}

/// A file that only extends the options of descriptors; it has no wire format.
pub(crate) fn is_options(file: &FileDescriptor) -> bool {
    file.extensions().len() > 0
}

/// A file that holds error codes and nothing else.
pub(crate) fn is_catalogue(name: &str) -> bool {
    name.ends_with("/errors.proto")
}

impl Package {
    fn read_file(&mut self, file: &FileDescriptor, problems: &mut Problems) {
        if file.syntax() != prost_reflect::Syntax::Proto3 {
            problems.add(file.name(), "must say syntax = \"proto3\"");
        }
        if is_catalogue(file.name()) {
            if file.messages().len() + file.services().len() > 0 {
                problems.add(file.name(), "an errors.proto holds enums of error codes and nothing else");
            }
            self.catalogues.extend(file.enums());
            return;
        }
        for message in file.messages() {
            if file.name().ends_with("/events.proto") {
                self.events.push(message.full_name().to_owned());
            }
            self.read_message(message, problems);
        }
        for enumeration in file.enums() {
            self.read_enum(enumeration, problems);
        }
        self.services.extend(file.services());
    }

    fn read_message(&mut self, desc: MessageDescriptor, problems: &mut Problems) {
        if desc.is_map_entry() {
            return;
        }
        if let Err(error) = options::read::<MessageRules>(&desc.options(), "buf.validate.message") {
            problems.add(desc.full_name(), error);
        }
        let real_oneofs: Vec<OneofDescriptor> = desc.oneofs().filter(|oneof| !oneof.is_synthetic()).collect();
        let oneofs = real_oneofs.iter().map(|oneof| Oneof::read(oneof, &desc, problems)).collect();
        let fields = desc.fields().map(|field| Field::read(field, &real_oneofs, problems)).collect();
        let (messages, enums) = (desc.child_messages().collect::<Vec<_>>(), desc.child_enums().collect::<Vec<_>>());
        self.messages.push(Message { desc, fields, oneofs });
        for child in messages {
            self.read_message(child, problems);
        }
        for child in enums {
            self.read_enum(child, problems);
        }
    }

    fn read_enum(&mut self, desc: EnumDescriptor, problems: &mut Problems) {
        if desc.default_value().number() != 0 {
            problems.add(desc.full_name(), "the first value of an enum is 0");
        }
        self.enums.push(desc);
    }
}

impl Oneof {
    fn read(oneof: &OneofDescriptor, message: &MessageDescriptor, problems: &mut Problems) -> Self {
        let rules = options::read::<OneofRules>(&oneof.options(), "buf.validate.oneof").unwrap_or_else(|error| {
            problems.add(oneof.full_name(), error);
            None
        });
        let package = message.package_name();
        Self {
            name: oneof.name().to_owned(),
            ident: names::snake(oneof.name()),
            path: names::type_path(package, package, oneof.full_name()),
            required: rules.unwrap_or_default().required,
        }
    }
}

impl Field {
    fn read(desc: FieldDescriptor, oneofs: &[OneofDescriptor], problems: &mut Problems) -> Self {
        let is_snake = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !desc.name().bytes().all(is_snake) {
            problems.add(desc.full_name(), "is not snake_case");
        }
        let rules = options::read::<FieldRules>(&desc.options(), "buf.validate.field").unwrap_or_else(|error| {
            problems.add(desc.full_name(), error);
            None
        });
        let mut rules = rules.unwrap_or_default();
        rules.set_pattern_words(&options::read_text(&desc.options(), "pulse.pattern_words").unwrap_or_default());
        let oneof = desc.containing_oneof().and_then(|oneof| oneofs.iter().position(|known| *known == oneof));
        let shape = match map_entry(&desc) {
            Some(entry) => Shape::read(&entry.map_entry_value_field(), problems),
            None => Shape::read(&desc, problems),
        };
        let place = match (map_entry(&desc), oneof) {
            (Some(entry), _) => Place::Map(Shape::read(&entry.map_entry_key_field(), problems)),
            (None, Some(oneof)) => Place::Oneof(oneof),
            (None, None) if desc.cardinality() == Cardinality::Repeated => Place::Repeated,
            (None, None) if desc.supports_presence() => Place::Optional,
            (None, None) => Place::Plain,
        };
        let ident = if oneof.is_some() { names::camel(desc.name()) } else { names::snake(desc.name()) };
        Self { ident, shape, place, rules, desc }
    }

    pub(crate) fn name(&self) -> &str {
        self.desc.name()
    }
}

fn map_entry(desc: &FieldDescriptor) -> Option<MessageDescriptor> {
    desc.kind().as_message().filter(|message| message.is_map_entry()).cloned()
}

impl Shape {
    fn read(desc: &FieldDescriptor, problems: &mut Problems) -> Self {
        match desc.kind() {
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Self::I32,
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Self::I64,
            Kind::Uint32 | Kind::Fixed32 => Self::U32,
            Kind::Uint64 | Kind::Fixed64 => Self::U64,
            Kind::Float => Self::F32,
            Kind::Double => Self::F64,
            Kind::Bool => Self::Bool,
            Kind::String => Self::String,
            Kind::Bytes => Self::Bytes,
            Kind::Enum(desc) => Self::Enum(desc),
            Kind::Message(message) if message.full_name() == TIMESTAMP => Self::Timestamp,
            Kind::Message(message) => {
                if message.package_name().starts_with("google.") {
                    problems
                        .add(desc.full_name(), format!("{} is not supported, only {TIMESTAMP}", message.full_name()));
                }
                Self::Message(message)
            }
        }
    }
}

/// Leading comments of a file by the path of their element.
pub(crate) struct Comments(BTreeMap<(String, Vec<i32>), String>);

impl Comments {
    pub(crate) fn read(pool: &DescriptorPool) -> Self {
        let mut comments = BTreeMap::new();
        for file in pool.files() {
            let info = file.file_descriptor_proto().source_code_info.clone().unwrap_or_default();
            for location in info.location {
                if let Some(text) = location.leading_comments {
                    comments.insert((file.name().to_owned(), location.path), clean(&text));
                }
            }
        }
        Self(comments)
    }

    pub(crate) fn of(&self, file: &FileDescriptor, path: &[i32]) -> &str {
        self.0.get(&(file.name().to_owned(), path.to_vec())).map_or("", String::as_str)
    }
}

fn clean(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end()).collect();
    lines.join("\n").trim().to_owned()
}

/// A text as `///` lines.
pub(crate) fn doc(comment: &str, otherwise: &str) -> String {
    let text = if comment.is_empty() { otherwise } else { comment };
    text.lines().map(|line| format!("#[doc = {:?}]\n", format!(" {line}"))).collect()
}

//! The generator: from proto/ to Rust, REST routes, policy and OpenAPI.
//!
//! protox reads the files, prost writes the messages and tonic a plain gRPC client. What is written here on top of
//! them: per service a trait, a client, an idempotent service, a gRPC server and REST routes; per message fast
//! JSON, rules and fields from text; error catalogues, events, the policy table and the OpenAPI document.
//!
//! **Invariant:** what the contract says and this generator does not understand fails the build with a name.

mod assemble;
mod binding;
mod build_script;
mod catalogue;
mod compile;
mod forward;
mod grpc;
mod json;
mod messages;
mod model;
mod names;
mod openapi;
mod options;
mod part;
mod policy;
mod problems;
mod rest;
mod rules;
mod service;
mod template;
mod text;
mod validate;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::model::{Comments, Model, Package};
use crate::problems::Problems;

pub use crate::build_script::build_script;
pub use crate::part::Part;
pub use crate::problems::Error;

/// What to generate, and where to.
#[derive(Clone, Debug)]
pub struct Contract {
    /// The package that everything is below, for example `pulse`.
    pub root: String,
    /// The crate that the code is for.
    pub part: Part,
    /// The folders that imports are looked up in.
    pub includes: Vec<PathBuf>,
    /// The files, relative to one of the `includes`.
    pub files: Vec<String>,
    /// The folder for the result, usually `OUT_DIR`.
    pub out_dir: PathBuf,
    /// The name of the result: `<name>.rs`, the folder `<name>`, and where the part has lists `<name>.binpb`,
    /// `<name>.openapi.json` and `<name>.messages.rs`.
    pub name: String,
    /// The title of the OpenAPI document.
    pub title: String,
    /// The version that the OpenAPI document names.
    pub version: String,
}

/// Everything that the code is written from.
struct Source<'a> {
    model: &'a Model,
    services: &'a BTreeMap<String, Vec<binding::Service>>,
    codes: &'a BTreeMap<String, Vec<catalogue::Code>>,
    comments: &'a Comments,
}

impl Contract {
    /// Generates the part.
    ///
    /// # Errors
    /// When the files cannot be read, or break a rule; all problems are reported at once.
    pub fn generate(&self) -> Result<(), Error> {
        self.write().map(drop)
    }

    /// Writes the part, and returns the names of the files that it was made from, imports included.
    fn write(&self) -> Result<Vec<String>, Error> {
        let folder = self.out_dir.join(&self.name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let compiled = compile::compile(self)?;
        let mut problems = Problems::default();
        let comments = Comments::read(&compiled.pool);
        let model = Model::read(&compiled.pool, &self.root, &mut problems);
        let services = binding::read(&model, &mut problems);
        let mut codes = BTreeMap::new();
        for package in model.packages.values() {
            codes.insert(package.name.clone(), catalogue::read(package, &self.root, &comments, &mut problems));
        }
        let source = Source { model: &model, services: &services, codes: &codes, comments: &comments };
        let files = self.packages(&source, &mut problems);
        let document = self.part.has_lists().then(|| self.document(&source));
        problems.done()?;
        if !files.is_empty() {
            compile::write_wire(&compiled, &model, &folder)?;
        }
        for (package, code) in files {
            let code = assemble::pretty(&package, &code)?;
            std::fs::write(folder.join(format!("{package}.pulse.rs")), code)?;
        }
        self.write_root(&source)?;
        if let Some(document) = document {
            std::fs::write(self.out_dir.join(format!("{}.binpb", self.name)), compiled.stripped())?;
            std::fs::write(self.out_dir.join(format!("{}.openapi.json", self.name)), document)?;
        }
        Ok(compiled.pool.files().map(|file| file.name().to_owned()).collect())
    }

    /// The code of each package that this part holds.
    fn packages(&self, source: &Source<'_>, problems: &mut Problems) -> Vec<(String, String)> {
        let model = source.model;
        let with_rules = validate::with_rules(model);
        let mut reachable = text::reachable(model, source.services.values().flatten());
        if self.part == Part::Runtime {
            // The requests that contain these messages are in other crates, which cannot add the impls.
            let shared = model.packages.get(&self.root).into_iter().flat_map(|package| &package.messages);
            reachable.extend(shared.map(|message| message.desc.full_name().to_owned()));
        }
        let mut files = Vec::new();
        for package in self.held(model) {
            let mut code =
                String::from("use ::pulse_contract::Validate as _;\nuse ::pulse_contract::text::FromText as _;\n");
            let codes = source.codes.get(&package.name).map_or(&[][..], Vec::as_slice);
            code += &match self.part {
                Part::Context => assemble::codes_of_runtime(&self.root, &package.name, codes),
                Part::Whole | Part::Runtime | Part::Facade => catalogue::emit(codes),
            };
            code += &messages::emit(package, &with_rules, &reachable, problems);
            for service in source.services.get(&package.name).into_iter().flatten() {
                code += &policy::emit(service);
                code += &service::emit(service, source.comments);
                code += &grpc::emit(model, service);
                code += &forward::emit(&self.root, service);
                code += &rest::emit(model, service);
            }
            files.push((package.name.clone(), code));
        }
        files
    }

    /// The packages whose code is in the crate of this part.
    fn held<'a>(&self, model: &'a Model) -> impl Iterator<Item = &'a Package> {
        let packages = model.packages.values();
        packages.filter(|package| self.part.holds(package, self))
    }

    /// The packages below `root` whose code is in crates that this one uses.
    fn used<'a>(&self, model: &'a Model) -> impl Iterator<Item = &'a str> {
        let packages = model.packages.values().filter(|package| !self.part.holds(package, self));
        packages.map(|package| package.name.as_str())
    }

    fn document(&self, source: &Source<'_>) -> String {
        openapi::document(&openapi::Source {
            model: source.model,
            services: source.services,
            codes: source.codes,
            comments: source.comments,
            title: &self.title,
            version: &self.version,
        })
    }

    fn write_root(&self, source: &Source<'_>) -> Result<(), Error> {
        let (model, root, name) = (source.model, self.root.as_str(), self.name.as_str());
        let held = self.held(model).map(|package| package.name.as_str());
        let mut code = assemble::tree(held, root, &|package| assemble::includes(package, name));
        match self.part {
            Part::Whole => code += &assemble::errors(root, source.codes, ""),
            Part::Runtime => {
                code += &assemble::codes(root, source.codes);
                code += &assemble::errors(root, source.codes, assemble::CODES);
            }
            Part::Context | Part::Facade => code += &assemble::exports(root, self.used(model)),
        }
        if self.part.has_lists() {
            code += &assemble::methods(root, source.services);
            code += &messages::topics(model);
            code += &format!(
                "#[doc = \" The descriptors of the contract, for reflection.\"]
                pub static FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(\"{name}.binpb\");
                #[doc = \" The OpenAPI 3.1 document of the contract, as JSON.\"]
                pub static OPENAPI: &str = include_str!(\"{name}.openapi.json\");\n",
            );
            let messages = assemble::pretty(root, &messages::list(model, root))?;
            std::fs::write(self.out_dir.join(format!("{name}.messages.rs")), messages)?;
        }
        std::fs::write(self.out_dir.join(format!("{name}.rs")), assemble::pretty(root, &code)?)?;
        Ok(())
    }

    /// All files below `folder` of the include `include`, sorted, for [`Contract::files`].
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn files_below(include: &Path, folder: &str) -> Result<Vec<String>, Error> {
        let mut files = Vec::new();
        let mut folders = vec![include.join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "proto") {
                    files.extend(path.strip_prefix(include).ok().and_then(Path::to_str).map(ToOwned::to_owned));
                }
            }
        }
        files.sort_unstable();
        Ok(files)
    }
}

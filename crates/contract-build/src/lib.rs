//! The generator: from proto/ to Rust, REST routes, policy and OpenAPI.
//!
//! protox reads the files, prost and tonic write the messages and the wire, pbjson reads JSON. What is written here on
//! top of them: per service a trait, a client, an idempotent service, a gRPC server and REST routes; per message fast
//! JSON, rules and fields from text; error catalogues, events, the policy table and the OpenAPI document.
//!
//! **Invariant:** what the contract says and this generator does not understand fails the build with a name.

mod assemble;
mod binding;
mod catalogue;
mod compile;
mod grpc;
mod json;
mod messages;
mod model;
mod names;
mod openapi;
mod options;
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

use crate::model::{Comments, Model};
use crate::problems::Problems;

pub use crate::problems::Error;

/// What to generate, and where to.
#[derive(Clone, Debug)]
pub struct Contract {
    /// The package that everything is below, for example `pulse`.
    pub root: String,
    /// The folders that imports are looked up in.
    pub includes: Vec<PathBuf>,
    /// The files, relative to one of the `includes`.
    pub files: Vec<String>,
    /// The folder for the result, usually `OUT_DIR`.
    pub out_dir: PathBuf,
    /// The name of the result: `<name>.rs`, `<name>.binpb`, `<name>.openapi.json` and the folder `<name>`.
    pub name: String,
    /// The title of the OpenAPI document.
    pub title: String,
    /// The version that the OpenAPI document names.
    pub version: String,
}

impl Contract {
    /// Generates everything.
    ///
    /// # Errors
    /// When the files cannot be read, or break a rule; all problems are reported at once.
    pub fn generate(&self) -> Result<(), Error> {
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
        let with_rules = validate::with_rules(&model);
        let reachable = text::reachable(&model, services.values().flatten());
        let mut files = Vec::new();
        for package in model.packages.values() {
            let mut code =
                String::from("use ::pulse_contract::Validate as _;\nuse ::pulse_contract::text::FromText as _;\n");
            code += &catalogue::emit(codes.get(&package.name).map_or(&[], Vec::as_slice));
            code += &messages::emit(package, &with_rules, &reachable, &mut problems);
            for service in services.get(&package.name).into_iter().flatten() {
                code += &policy::emit(service);
                code += &service::emit(service, &comments);
                code += &grpc::emit(&model, service);
                code += &rest::emit(&model, service);
            }
            files.push((package.name.clone(), code));
        }
        let document = openapi::document(&openapi::Source {
            model: &model,
            services: &services,
            codes: &codes,
            comments: &comments,
            title: &self.title,
            version: &self.version,
        });
        problems.done()?;
        compile::write_wire(self, &compiled, &model, &folder)?;
        for (package, code) in files {
            let code = assemble::pretty(&package, &code)?;
            std::fs::write(folder.join(format!("{package}.pulse.rs")), code)?;
        }
        self.write_root(&model, &codes, &services)?;
        std::fs::write(self.out_dir.join(format!("{}.binpb", self.name)), compiled.stripped())?;
        std::fs::write(self.out_dir.join(format!("{}.openapi.json", self.name)), document)?;
        Ok(())
    }

    fn write_root(
        &self,
        model: &Model,
        codes: &BTreeMap<String, Vec<catalogue::Code>>,
        services: &BTreeMap<String, Vec<binding::Service>>,
    ) -> Result<(), Error> {
        let mut code = assemble::tree(model, &self.root, &self.name);
        code += &assemble::lists(&self.root, codes, services);
        code += &messages::emit_lists(model, &self.root);
        code += &format!(
            "#[doc = \" The descriptors of the contract, for reflection.\"]
            pub static FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(\"{name}.binpb\");
            #[doc = \" The OpenAPI 3.1 document of the contract, as JSON.\"]
            pub static OPENAPI: &str = include_str!(\"{name}.openapi.json\");\n",
            name = self.name
        );
        std::fs::write(self.out_dir.join(format!("{}.rs", self.name)), assemble::pretty(&self.root, &code)?)?;
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

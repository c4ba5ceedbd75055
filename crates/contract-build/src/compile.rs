//! protox in, prost and tonic out.

use std::path::Path;

use prost::Message;
use prost_reflect::DescriptorPool;
use prost_types::FileDescriptorSet;

use crate::Contract;
use crate::model::{self, Model, TIMESTAMP};
use crate::problems::Error;

/// The files of the contract and everything that they import.
pub(crate) struct Compiled {
    pub(crate) pool: DescriptorPool,
    /// With the options of this contract, which prost's own types would drop.
    bytes: Vec<u8>,
}

/// Reads the files.
pub(crate) fn compile(contract: &Contract) -> Result<Compiled, Error> {
    let fail = |error: &dyn std::fmt::Debug| Error::Compile(format!("{error:?}"));
    let mut compiler = protox::Compiler::new(&contract.includes).map_err(|error| fail(&error))?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(&contract.files).map_err(|error| fail(&error))?;
    Ok(Compiled { pool: compiler.descriptor_pool(), bytes: compiler.encode_file_descriptor_set() })
}

impl Compiled {
    /// The descriptors without comments, for reflection.
    pub(crate) fn stripped(&self) -> Vec<u8> {
        // prost-reflect keeps the options that prost-types does not know.
        let mut pool = DescriptorPool::new();
        let mut files: Vec<_> = self.pool.file_descriptor_protos().cloned().collect();
        files.iter_mut().for_each(|file| file.source_code_info = None);
        match pool.add_file_descriptor_protos(files) {
            Ok(()) => pool.encode_to_vec(),
            Err(_) => self.bytes.clone(),
        }
    }
}

/// Writes the messages and the tonic clients into `folder`, one file per package.
pub(crate) fn write_wire(compiled: &Compiled, model: &Model, folder: &Path) -> Result<(), Error> {
    let mut set =
        FileDescriptorSet::decode(compiled.bytes.as_slice()).map_err(|error| Error::Compile(error.to_string()))?;
    set.file.retain(|file| {
        let is_ours = model.packages.contains_key(file.package());
        let is_options = compiled.pool.get_file_by_name(file.name()).is_some_and(|file| model::is_options(&file));
        let is_timestamp = file.name() == "google/protobuf/timestamp.proto";
        is_timestamp || (is_ours && !is_options && !model::is_catalogue(file.name()))
    });
    for file in &mut set.file {
        file.dependency.clear();
        file.public_dependency.clear();
        file.weak_dependency.clear();
    }
    let timestamp = format!(".{TIMESTAMP}");
    tonic_prost_build::configure()
        .out_dir(folder)
        .build_server(false)
        .btree_map(".")
        .bytes(".")
        .extern_path(timestamp, "::pulse_contract::Timestamp")
        .emit_rerun_if_changed(false)
        .compile_fds(set)?;
    // A package may have no messages, and then nobody has written its file.
    for package in model.packages.keys() {
        let path = folder.join(format!("{package}.rs"));
        if !path.exists() {
            std::fs::write(path, "")?;
        }
    }
    Ok(())
}

//! The build script of every crate of the contract.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::{Contract, Part};

/// Every package of the contract begins with it, and so do the crates of its contexts: `pulse-contract-order`.
const ROOT: &str = "pulse";
const CONTEXT_CRATE: &str = "pulse-contract-";

/// Generates `part` of the contract into `OUT_DIR`, as `contract.rs`. Returns the paths that it depends on, for
/// `cargo:rerun-if-changed`. `environment` reads a variable that cargo has set for the build script.
///
/// [`Part::Context`] reads the folder of `proto/` that the crate is named after: `pulse-contract-order` is generated
/// from `proto/pulse/order`.
///
/// # Errors
/// When the contract breaks a rule, or when a variable of cargo is not set.
pub fn build_script(
    part: Part,
    environment: impl Fn(&'static str) -> Option<OsString>,
) -> Result<Vec<PathBuf>, Box<dyn std::error::Error>> {
    let variable = |name| environment(name).ok_or_else(|| format!("{name} is not set"));
    // Read when the script runs, not when it is compiled: a checkout may have moved meanwhile.
    let (manifest, out_dir) = (PathBuf::from(variable("CARGO_MANIFEST_DIR")?), PathBuf::from(variable("OUT_DIR")?));
    let package = variable("CARGO_PKG_NAME")?.to_string_lossy().into_owned();
    let proto = manifest.ancestors().map(|folder| folder.join("proto")).find(|proto| proto.join(ROOT).is_dir());
    let proto = proto.ok_or_else(|| format!("no folder proto/{ROOT} above {}", manifest.display()))?;
    let folder = match part {
        Part::Context => {
            let context = package.strip_prefix(CONTEXT_CRATE).ok_or_else(|| format!("{package} names no context"))?;
            format!("{ROOT}/{context}")
        }
        Part::Whole | Part::Runtime | Part::Facade => ROOT.to_owned(),
    };
    let mut files = Contract::files_below(&proto, &folder)?;
    let mut watched = Vec::new();
    if part == Part::Runtime {
        files.retain(|file| is_shared(Path::new(file)));
        // A new context, with a catalogue of its own, is named in the manifest of the facade.
        watched.push(manifest.join("../contract/Cargo.toml"));
    } else {
        // A new file changes the folder.
        watched.push(proto.join(&folder));
    }
    let contract = Contract {
        root: ROOT.to_owned(),
        part,
        includes: vec![proto.clone()],
        files,
        out_dir,
        name: "contract".to_owned(),
        title: "Pulse".to_owned(),
        version: variable("CARGO_PKG_VERSION")?.to_string_lossy().into_owned(),
    };
    let read = contract.write()?.into_iter().map(|file| proto.join(file));
    // The files of google.protobuf come with the compiler.
    watched.extend(read.filter(|path| path.exists()));
    Ok(watched)
}

/// Whether the runtime is generated from the file: those of the root package, and the catalogues of all.
fn is_shared(file: &Path) -> bool {
    file.parent() == Some(Path::new(ROOT)) || file.file_name().is_some_and(|name| name == "errors.proto")
}

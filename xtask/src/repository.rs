//! Files that git tracks or would add, and crates of the cargo workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The repository, read once.
pub(crate) struct Repository {
    /// The folder of the workspace; empty for a repository that a test has planted.
    pub(crate) root: PathBuf,
    /// Every file that is tracked, or new and not ignored, in order of the path.
    pub(crate) files: Vec<File>,
    /// Every crate of the workspace.
    pub(crate) crates: Vec<Crate>,
}

/// One file.
pub(crate) struct File {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    /// Content of the file.
    pub(crate) bytes: Vec<u8>,
}

/// One crate of the workspace and its dependencies.
pub(crate) struct Crate {
    /// The name in the manifest.
    pub(crate) name: String,
    /// Its folder relative to the root, with `/`.
    pub(crate) folder: String,
    /// Direct dependencies.
    pub(crate) dependencies: Vec<Dependency>,
}

/// One dependency of a manifest.
pub(crate) struct Dependency {
    /// Name of the crate.
    pub(crate) name: String,
    /// Whether it is a dev-dependency.
    pub(crate) is_dev: bool,
}

impl Repository {
    /// Reads the repository around the current folder.
    pub(crate) fn read() -> Result<Self, String> {
        let metadata = cargo_metadata(&["--no-deps", "--offline"])?;
        let root = PathBuf::from(text(&metadata, "workspace_root"));
        let crates = crates(&metadata, &root);
        let mut files = Vec::new();
        let listing =
            output(Command::new("git").current_dir(&root).args(["ls-files", "-coz", "--exclude-standard"]), "git")?;
        for path in listing.split('\0').filter(|path| !path.is_empty()) {
            // A listed file can be missing, or be a link to a folder; both are skipped.
            if let Ok(bytes) = std::fs::read(root.join(path)) {
                files.push(File { path: path.to_owned(), bytes });
            }
        }
        files.sort_by(|left, right| left.path.cmp(&right.path));
        files.dedup_by(|left, right| left.path == right.path);
        Ok(Self { root, files, crates })
    }

    /// The file with this path.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Every Rust file.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }
}

impl File {
    /// Content as text; empty for a binary file.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }

    /// The lines with their numbers, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text().lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// Output of `cargo metadata`.
pub(crate) fn cargo_metadata(arguments: &[&str]) -> Result<Value, String> {
    let json = output(Command::new("cargo").args(["metadata", "--format-version", "1"]).args(arguments), "cargo")?;
    serde_json::from_str(&json).map_err(|error| format!("cargo metadata: {error}"))
}

/// The text under a key, or an empty one.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The list under a key, or an empty one.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Standard output of a command, or its error output as an error.
pub(crate) fn output(command: &mut Command, name: &str) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("cannot start {name}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{name}: {error}"))
}

fn crates(metadata: &Value, root: &Path) -> Vec<Crate> {
    let folder = |package: &Value| -> String {
        let manifest = Path::new(text(package, "manifest_path"));
        let folder = manifest.parent().and_then(|folder| folder.strip_prefix(root).ok());
        folder.map_or_else(String::new, |folder| folder.to_string_lossy().replace('\\', "/"))
    };
    list(metadata, "packages")
        .iter()
        .map(|package| Crate {
            name: text(package, "name").to_owned(),
            folder: folder(package),
            dependencies: list(package, "dependencies")
                .iter()
                .map(|dependency| Dependency {
                    name: text(dependency, "name").to_owned(),
                    is_dev: text(dependency, "kind") == "dev",
                })
                .collect(),
        })
        .collect()
}

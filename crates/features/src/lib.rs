//! Nothing but dependencies, and no crate depends on this one.
//!
//! Cargo compiles a crate once per set of features that the built part of the workspace asks for. Tests, build scripts and
//! the node ask for different features of common crates such as tokio, so `make test` would compile those crates, and
//! everything above them, again after `make demo`. The manifest of this crate asks for the features of all of them at
//! once. They count in every build of the workspace, also where this crate is not built: `cargo build --bin pulse`.
//!
//! `scripts/check-features.sh` prints what to add here when a crate would be compiled twice.

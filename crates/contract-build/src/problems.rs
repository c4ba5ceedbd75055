//! What is wrong with a contract. All of it is reported at once, with the full name of the element.

use std::fmt;

/// The contract cannot be generated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The files cannot be read or parsed.
    #[error("{0}")]
    Compile(String),
    /// The files are valid, and break rules of this contract.
    #[error("the contract has {} problem(s):\n{}", .0.len(), .0.join("\n"))]
    Problems(Vec<String>),
    /// The result cannot be written.
    #[error("cannot write the generated code: {0}")]
    Write(#[from] std::io::Error),
    /// A defect of the generator: it wrote something that is not Rust.
    #[error("the generator wrote broken code for {package}: {error}")]
    Broken {
        /// The package.
        package: String,
        /// What the parser says.
        error: String,
    },
}

/// Collects problems while the model is read.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<String>);

impl Problems {
    pub(crate) fn add(&mut self, element: &str, problem: impl fmt::Display) {
        self.0.push(format!("  {element}: {problem}"));
    }

    pub(crate) fn done(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Problems(self.0)) }
    }
}

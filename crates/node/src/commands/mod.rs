//! The command line: each command in its own file.

mod arguments;
mod serve;
mod show;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

/// Reads the arguments, runs the command, and says what went wrong in one place.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("pulse: a TLS provider was installed twice");
    }
    match dispatch(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pulse: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Serve(serve) => run_async(serve::serve(serve)),
        Command::Demo(demo) => run_async(serve::demo(demo)),
        Command::Migrate(migrate) => run_async(show::migrate(migrate)),
        Command::CheckConfig(check) => show::check_config(&check),
        Command::Openapi => show::openapi(),
        Command::Completions { shell } => show::completions(shell),
    }
}

fn run_async(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

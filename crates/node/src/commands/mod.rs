//! The command line: each command in its own file.

mod admin;
mod arguments;
mod bench;
mod crash;
mod export;
mod import;
mod load;
mod process;
mod race;
mod serve;
mod show;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Admin, Arguments, Command, Export, Import};

/// Reads the arguments, runs the command, and says what went wrong in one place.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("pulse: a TLS provider was installed twice");
    }
    match dispatch(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("pulse: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let done = match arguments.command {
        Command::Serve(serve) => run_async(serve::serve(serve)),
        Command::Demo(demo) => run_async(serve::demo(demo)),
        // Commands whose result is more than done or failed.
        Command::Import(Import::Shops(shops)) => return run_async(import::shops(shops)),
        Command::Verify(verify) => return run_async(verify::verify(verify)),
        Command::Load(load) => return run_async(load::load(*load)),
        Command::Race(race) => return run_async(race::race(race)),
        Command::Crash(crash) => return run_async(crash::crash(crash)),
        Command::Export(Export::Shops(shops)) => run_async(export::shops(shops)),
        Command::Bench(bench) => run_async(bench::bench(bench)),
        Command::Admin(Admin::GrantOperator(grant)) => run_async(admin::grant_operator(grant)),
        Command::Admin(Admin::RotateKeys(rotate)) => admin::rotate_keys(&rotate),
        Command::Migrate(migrate) => run_async(show::migrate(migrate)),
        Command::CheckConfig(check) => show::check_config(&check),
        Command::Openapi => show::openapi(),
        Command::Completions { shell } => show::completions(shell),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn run_async<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

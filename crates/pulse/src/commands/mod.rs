//! The commands, each in its own file.

mod admin;
mod arguments;
mod bench;
mod crash_test;
mod export;
mod import;
mod load_test;
mod race;
mod serve;
mod show;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Admin, Arguments, Command, Export, Import};

/// Exit code of a command whose checks found a violation.
const EXIT_VIOLATION: u8 = 4;

/// Parses the arguments, runs the command, and prints its error.
pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::parse();
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("pulse: the TLS provider is already installed");
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
        // Commands with further exit codes.
        Command::Import(Import::Shops(shops)) => return run_async(import::shops(shops)),
        Command::Verify(verify) => return run_async(verify::verify(verify)),
        Command::LoadTest(load_test) => return run_async(load_test::load_test(*load_test)),
        Command::Race(race) => return run_async(race::race(race)),
        Command::CrashTest(crash_test) => return run_async(crash_test::crash_test(crash_test)),
        Command::Export(Export::Shops(shops)) => run_async(export::shops(shops)),
        Command::Bench(bench) => run_async(bench::bench(bench)),
        Command::Admin(Admin::GrantOperator(grant)) => run_async(admin::grant_operator(grant)),
        Command::Admin(Admin::RotateKeys(rotate)) => admin::rotate_keys(&rotate),
        Command::Migrate(migrate) => run_async(show::migrate(migrate)),
        Command::CheckConfig(check) => show::check_config(&check),
        Command::Openapi(_) => show::openapi(),
        Command::Completions(completions) => show::completions(&completions),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn run_async<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// Path of this binary, for commands that start a node as a process of its own.
fn program() -> anyhow::Result<std::path::PathBuf> {
    use anyhow::Context;
    std::env::current_exe().context("cannot find the path of this binary")
}

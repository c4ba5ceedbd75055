//! Arguments of the command line.

mod admin;
mod bench;
mod crash_test;
mod load_test;
mod node;
mod race;
mod transfer;

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub(super) use admin::{Admin, GrantOperator, RotateKeys};
pub(super) use bench::BenchArguments;
pub(super) use crash_test::CrashTestArguments;
pub(super) use load_test::LoadTestArguments;
pub(super) use node::{CheckConfig, Demo, Migrate, Serve, Verify, require_data, require_folder};
pub(super) use race::RaceArguments;
pub(super) use transfer::{Export, ExportShops, Import, ImportShops};

/// Pulse: the server of a local-commerce app in one binary.
#[derive(Debug, Parser)]
#[command(
    name = "pulse",
    version,
    after_help = "Examples:
  pulse demo                    Serve a generated city on http://127.0.0.1:8080
  pulse serve --data data       Run a node that stores everything in the folder data
  pulse check-config            Print the configuration in force

Run 'pulse COMMAND --help' for details and examples of a command."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Serve(Serve),
    Demo(Demo),
    #[command(subcommand)]
    Import(Import),
    #[command(subcommand)]
    Export(Export),
    Bench(BenchArguments),
    LoadTest(Box<LoadTestArguments>),
    Race(RaceArguments),
    CrashTest(CrashTestArguments),
    Verify(Verify),
    #[command(subcommand)]
    Admin(Admin),
    Migrate(Migrate),
    CheckConfig(CheckConfig),
    Openapi(Openapi),
    Completions(Completions),
}

/// Print the OpenAPI 3.1 document of the REST API.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  pulse openapi > openapi.json")]
pub(super) struct Openapi {}

/// Print the completion script of a shell.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  pulse completions bash > /etc/bash_completion.d/pulse")]
pub(super) struct Completions {
    /// Shell of the script.
    pub(super) shell: Shell,
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use super::Arguments;

    /// The long help of a command and of all its subcommands, in the order of the list.
    fn help_of(command: &mut Command, pages: &mut Vec<(String, String)>) {
        let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
        pages.push((name, command.render_long_help().to_string()));
        for subcommand in command.get_subcommands_mut().filter(|subcommand| subcommand.get_name() != "help") {
            help_of(subcommand, pages);
        }
    }

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    /// The help of every command, as a reader sees it. `INSTA_UPDATE=always cargo test -p pulse` records a change.
    #[test]
    fn the_help_of_every_command_is_recorded() {
        let mut command = Arguments::command().version("VERSION");
        command.build();
        let mut pages = Vec::new();
        help_of(&mut command, &mut pages);
        for (name, text) in pages {
            insta::assert_snapshot!(name.replace(' ', "-"), text);
        }
    }
}

//! Arguments of `pulse race`.

use clap::Args;
use pulse_drills::race::Race;

use super::node::NodeArguments;

/// Provoke known race conditions on a running node and check the results.
///
/// The command creates its own shop and customers on the node at --listen. It signs access tokens with the keys in --data,
/// so it must run on the machine of the node. All requests are prepared first and then sent at the same moment. The race
/// pay needs the sandbox payment provider (payment.has_sandbox), which the demo has.
///
/// Exit codes: 0 all checks passed; 4 a check failed; 1 the race could not be run; 2 invalid arguments.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  pulse race checkout --parallel 200 --data data/demo
  pulse race coupon --parallel 30 --single-packet --data data/demo
  pulse race pay --parallel 50 --data data/demo
  pulse race sale --parallel 30 --single-packet --data data/demo")]
pub(in crate::commands) struct RaceArguments {
    /// Race to run.
    #[arg(value_enum)]
    pub(in crate::commands) race: Race,
    #[command(flatten)]
    pub(in crate::commands) node: NodeArguments,
    /// Number of concurrent requests, 2 to 2000.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(2..=2_000))]
    pub(in crate::commands) parallel: u32,
    /// Send all requests in one packet, as streams of one HTTP/2 connection.
    #[arg(long)]
    pub(in crate::commands) single_packet: bool,
    /// Print one JSON object per race.
    #[arg(long)]
    pub(in crate::commands) json: bool,
}

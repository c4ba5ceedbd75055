//! Arguments of `pulse admin`.

use clap::{Args, Subcommand};

use super::node::NodeArguments;

/// Administrative tasks without an API call: the first operator, new signing keys.
#[derive(Debug, Subcommand)]
pub(in crate::commands) enum Admin {
    GrantOperator(GrantOperator),
    RotateKeys(RotateKeys),
}

/// Grant the operator role to an account.
///
/// Operators can grant the role to others through the API; this command creates the first operator. Sign up with the phone
/// number first. If a node uses the data folder, the command calls it at --listen; otherwise it opens the data.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  pulse admin grant-operator --phone +8613800000000 --data /var/lib/pulse")]
pub(in crate::commands) struct GrantOperator {
    /// Phone number of the account in international form.
    #[arg(long, value_name = "PHONE")]
    pub(in crate::commands) phone: String,
    #[command(flatten)]
    pub(in crate::commands) node: NodeArguments,
}

/// Create a new key that signs access tokens.
///
/// Tokens of the previous key stay valid until they expire, so users stay signed in. If a key was stolen, run the command
/// twice: this invalidates all tokens of the stolen key. A running node uses the new key within 10 seconds.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  pulse admin rotate-keys --data /var/lib/pulse")]
pub(in crate::commands) struct RotateKeys {
    #[command(flatten)]
    pub(in crate::commands) node: NodeArguments,
}

//! Events: what has happened, as messages of the contract.

/// A message of an `events.proto`.
pub trait Event: prost::Message + Default {
    /// The topic, which is the full name of the message: `pulse.account.v1.AccountRegistered`.
    const TOPIC: &'static str;
}

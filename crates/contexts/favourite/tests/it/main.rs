//! Behaviour of the favourite context on every engine: use cases through the client, on a real database.

#![expect(clippy::unwrap_used, reason = "a behaviour that cannot go on fails its test")]

mod marks;

pulse_testkit::behaviours!("&mut TestNode", pulse_testkit::run, "");

//! SQL by URL: load, commit, outbox, inbox, timers, idempotency, leases.

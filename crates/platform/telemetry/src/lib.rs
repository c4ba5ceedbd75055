//! Logs, traces, metrics and profiles.

//! HELP texts of the metrics of this crate.

/// Describes every metric of this crate.
pub(crate) fn describe() {
    let counters = [
        ("pulse_store_commits_total", "Commits that SQLite's writer wrote."),
        (
            "pulse_store_commits_rejected_total",
            "Commits that SQLite's writer rejected, after a lost race or by a rule.",
        ),
        ("pulse_store_groups_total", "Transactions of SQLite's writer, each a group of commits with one flush."),
        (
            "pulse_store_group_commit_splits_total",
            "Groups of commits that were written a second time, with a savepoint for each commit.",
        ),
        ("pulse_store_timers_fired_total", "Runs of timer handlers, failed ones included."),
    ];
    for (name, text) in counters {
        metrics::describe_counter!(name, text);
    }
    metrics::describe_histogram!(
        "pulse_store_flush_seconds",
        metrics::Unit::Seconds,
        "Time to begin, commit and flush a group of commits of SQLite's writer."
    );
}

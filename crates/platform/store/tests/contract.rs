//! The suite of a store, on every engine.

#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod suite;

/// Declares the cases for each engine.
macro_rules! on_every_engine {
    ($($section:ident { $($case:ident),* $(,)? })*) => {
        on_every_engine!(@engine sqlite_file SqliteFile $($section { $($case),* })*);
        on_every_engine!(@engine sqlite_memory SqliteMemory $($section { $($case),* })*);
        on_every_engine!(@engine postgres Postgres $($section { $($case),* })*);
        on_every_engine!(@engine mariadb Mariadb $($section { $($case),* })*);
    };
    (@engine $name:ident $engine:ident $($section:ident { $($case:ident),* })*) => {
        mod $name {
            $(mod $section {
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $case() {
                        let fixture = crate::suite::Fixture::new(crate::suite::Engine::$engine).await;
                        crate::suite::$section::$case(&fixture).await;
                    }
                )*
            })*
        }
    };
}

on_every_engine! {
    rows {
        every_type_is_read_as_it_was_written,
        a_text_with_nul_is_refused,
        a_declared_row_is_read_as_it_was_written,
        a_stored_value_of_another_kind_is_a_defect,
        text_is_compared_byte_by_byte,
        sums_counts_and_averages_are_numbers,
        a_list_finds_its_rows,
        many_rows_are_inserted_at_once,
        an_existing_row_is_updated_or_skipped,
        a_wrong_statement_is_a_defect,
    }
    commits {
        a_duplicate_is_the_error_that_the_commit_names,
        a_missed_expectation_leaves_nothing,
        a_commit_is_counted_once_it_is_written,
        a_rejected_commit_rejects_no_other,
        the_last_unit_is_sold_once,
        a_lost_race_is_repeated_a_bounded_number_of_times,
        a_commit_may_run_inside_of_an_async_trait,
    }
    events {
        events_keep_the_order_of_their_commits,
        a_reader_never_misses_an_event,
        an_event_is_consumed_once,
        the_inbox_keeps_events_from_their_consumption_on,
        numbers_that_stay_locked_are_a_lost_race,
        delivered_events_are_pruned_but_the_last,
        commits_with_events_wake_the_relay,
    }
    timers {
        a_timer_fires_once_at_its_time,
        a_timer_is_moved_and_cancelled,
        timers_survive_a_restart,
        a_failed_timer_is_retried_later,
        two_nodes_fire_a_timer_once,
        a_slow_timer_does_not_delay_others,
        a_hung_timer_has_failed,
        a_failure_that_cannot_be_written_pauses,
    }
    idempotency {
        a_repeated_request_gets_its_answer,
        a_key_in_flight_is_rejected,
        a_key_of_another_request_is_rejected,
        two_nodes_answer_a_key_once,
        an_answered_key_decides_before_anything_else,
        answers_are_kept_for_a_day,
    }
    leases {
        a_late_holder_is_fenced,
        a_lease_is_held_by_one,
        a_lease_is_renewed_and_released,
        nodes_draw_with_different_numbers,
        a_lapsed_node_stops_drawing,
    }
    migrations {
        migrations_are_applied_once,
        an_edited_migration_is_rejected,
        two_nodes_migrate_at_once,
        tables_that_are_behind_are_rejected,
        a_slow_migration_is_waited_for,
        a_half_applied_migration_is_resumed,
    }
}

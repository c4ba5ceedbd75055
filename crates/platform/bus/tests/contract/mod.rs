//! The suite that every engine passes: `bus_contract!(name(attributes), open)` declares one test per behaviour.

pub(crate) mod crash;
pub(crate) mod delivery;
pub(crate) mod failure;
pub(crate) mod fixture;

/// Declares one test per behaviour of the bus, each on a database of its own.
macro_rules! bus_contract {
    ($engine:ident($($flavor:tt)*), $open:expr) => {
        mod $engine {
            use crate::contract::{crash, delivery, failure};
            bus_contract!(@tests ($($flavor)*) $open;
                delivery: a_commit_wakes_its_consumers concurrent_writers_lose_nothing every_event_has_its_effect_in_order duplicates_have_no_effect injected_faults_change_no_effect random_failures_keep_the_order
                    two_consumers_deduplicate_separately consumers_subscribe_to_topics_or_contexts
                    a_new_consumer_starts_at_its_position draining_follows_chains_of_events the_trace_continues
                    a_failed_handler_is_never_acknowledged;
                failure: a_failing_event_blocks_its_own_key_only a_lost_race_is_retried_immediately attempts_have_one_id_and_growing_pauses
                    attempts_survive_a_restart dead_letters_are_replayed_edited_or_discarded
                    an_unreadable_event_becomes_a_dead_letter_immediately classes_decide_what_is_lost
                    a_consumer_can_be_paused_and_degraded settled_events_can_be_pruned blocked_events_are_bounded;
                crash: a_crash_at_any_step_loses_nothing a_dead_letter_stays_one_over_a_crash a_discarded_letter_stays_so_over_a_crash a_stop_finishes_what_runs
                    one_node_delivers_and_another_takes_over a_late_holder_is_fenced_off
                    a_random_run_delivers_everything_in_order;
            );
        }
    };
    (@tests $flavor:tt $open:expr; $($module:ident: $($behaviour:ident)*;)*) => {$(
        $(bus_contract!(@test $flavor $open, $module::$behaviour);)*
    )*};
    (@test ($($flavor:tt)*) $open:expr, $module:ident::$behaviour:ident) => {
        #[tokio::test($($flavor)*)]
        async fn $behaviour() {
            let (database, _guard) = $open.await;
            $module::$behaviour(database).await;
        }
    };
}

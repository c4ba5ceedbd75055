//! Metrics of the bus.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

#[expect(dead_code, reason = "the suite of the engines uses the rest")]
#[path = "contract/fixture.rs"]
mod fixture;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use pulse_bus::{Consumer, Mode};
use pulse_store::{Database, Options};

use fixture::{BROKEN, Fixture, Placed, three_attempts};

type Values = Arc<Mutex<BTreeMap<String, f64>>>;

/// A recorder of the last value of every gauge and the sum of every counter.
#[derive(Clone, Default)]
struct TestRecorder(Values);

struct Metric(Values, String);

fn name_of(key: &Key) -> String {
    let labels: Vec<String> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
    format!("{}{{{}}}", key.name(), labels.join(","))
}

impl CounterFn for Metric {
    #[expect(clippy::float_arithmetic, reason = "counts small numbers")]
    fn increment(&self, value: u64) {
        *self.0.lock().unwrap().entry(self.1.clone()).or_default() += f64::from(u32::try_from(value).unwrap());
    }

    fn absolute(&self, _value: u64) {}
}

impl GaugeFn for Metric {
    fn increment(&self, _value: f64) {}

    fn decrement(&self, _value: f64) {}

    fn set(&self, value: f64) {
        self.0.lock().unwrap().insert(self.1.clone(), value);
    }
}

impl Recorder for TestRecorder {
    fn describe_counter(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

    fn describe_gauge(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

    fn describe_histogram(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

    fn register_counter(&self, key: &Key, _metadata: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(Metric(Arc::clone(&self.0), name_of(key))))
    }

    fn register_gauge(&self, key: &Key, _metadata: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::new(Metric(Arc::clone(&self.0), name_of(key))))
    }

    fn register_histogram(&self, _key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// TR-38: lag, blocked events, dead letters, failures and the mode are metrics.
#[tokio::test]
async fn lag_failures_and_dead_letters_are_metrics() {
    let recorder = TestRecorder::default();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let value = |name: &str| recorder.0.lock().unwrap().get(name).copied().unwrap_or(-1.0);
    let fixture = Fixture::on(Database::open("sqlite::memory:", Options::default()).await.unwrap()).await;
    let consumer = Consumer::named("critic").backoff(three_attempts()).on(|_, _, event: Placed| async move {
        if event.number == 13 { Err(BROKEN.error("thirteen")) } else { Ok(()) }
    });
    let bus = fixture.start_with(consumer).await;
    bus.set_mode("critic", Mode::Paused).await.unwrap();
    for number in 11..=15 {
        fixture.place(1, number).await;
    }
    fixture.clock.advance(std::time::Duration::from_secs(5));
    bus.drain().await;
    assert_eq!(value("pulse_bus_consumer_paused{consumer=critic}"), 1.0);
    assert_eq!(value("pulse_bus_lag_events{consumer=critic,context=order}"), 5.0);
    bus.set_mode("critic", Mode::Running).await.unwrap();
    bus.drain().await;
    assert_eq!(value("pulse_bus_lag_events{consumer=critic,context=order}"), 0.0);
    assert_eq!(value("pulse_bus_blocked_events{consumer=critic}"), 3.0);
    fixture.drain(&bus).await;
    assert_eq!(value("pulse_bus_blocked_events{consumer=critic}"), 0.0);
    assert_eq!(value("pulse_bus_dead_letters{consumer=critic}"), 1.0);
    for (outcome, count) in [("handled", 4.0), ("failed", 2.0), ("dead_letter", 1.0)] {
        assert_eq!(
            value(&format!("pulse_bus_deliveries_total{{consumer=critic,outcome={outcome}}}")),
            count,
            "{outcome}"
        );
    }
}

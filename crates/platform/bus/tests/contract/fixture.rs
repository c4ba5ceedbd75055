//! The fixture of the suite: an outbox of `order`, and a store of `kitchen` whose rows are the effects of handlers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pulse_bus::{Backoff, Builder, Bus, Consumer, Delivery, Options};
use pulse_contract::Event;
use pulse_kernel::clock::VirtualClock;
use pulse_kernel::{Clock, Cx, Error, ErrorSpec, IdGenerator, Kind, Retry, Timestamp};
use pulse_store::{Commit, Database, Insert, Migration, Statement, Store, values};

/// Event of these tests.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Placed {
    /// Number of the event within its key, from 1.
    #[prost(int64, tag = "1")]
    pub(crate) number: i64,
}

impl Event for Placed {
    const TOPIC: &'static str = "pulse.order.v1.Placed";
}

/// Another topic of the same context.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Viewed {
    #[prost(int64, tag = "1")]
    pub(crate) number: i64,
}

impl Event for Viewed {
    const TOPIC: &'static str = "pulse.order.v1.Viewed";
}

/// Event that the kitchen writes.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Cooked {
    #[prost(int64, tag = "1")]
    pub(crate) number: i64,
}

impl Event for Cooked {
    const TOPIC: &'static str = "pulse.kitchen.v1.Cooked";
}

/// Another message under the topic of [`Placed`].
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Impostor {
    #[prost(string, tag = "1")]
    pub(crate) text: String,
}

impl Event for Impostor {
    const TOPIC: &'static str = Placed::TOPIC;
}

pub(crate) static BROKEN: ErrorSpec = ErrorSpec {
    code: "BROKEN",
    domain: "test.pulse",
    kind: Kind::Internal,
    retry: Retry::Never,
    title: "Broken",
    title_zh: "坏了",
    http: 0,
};

const KITCHEN: &[Migration] = &[Migration {
    version: 1,
    name: "effects",
    sql: "CREATE TABLE kitchen_effects (
              id BIGINT NOT NULL,
              consumer VARCHAR(64) NOT NULL,
              event_id BIGINT NOT NULL,
              event_key BIGINT NOT NULL,
              number BIGINT NOT NULL,
              PRIMARY KEY (id)
          );",
}];

pub(crate) const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Two contexts and a clock on one database.
#[derive(Clone)]
pub(crate) struct Fixture {
    pub(crate) database: Database,
    pub(crate) clock: VirtualClock,
    pub(crate) ids: Arc<IdGenerator>,
    pub(crate) order: Store,
    pub(crate) kitchen: Store,
}

impl Fixture {
    pub(crate) async fn on(database: Database) -> Self {
        let clock = VirtualClock::starting_at(START);
        let ids = Arc::new(IdGenerator::new(1));
        let open = |context, migrations| {
            Store::open(&database, context, migrations, Clock::Virtual(clock.clone()), Arc::clone(&ids))
        };
        let order = open("order", &[]).await.unwrap();
        let kitchen = open("kitchen", KITCHEN).await.unwrap();
        Self { database, clock, ids, order, kitchen }
    }

    pub(crate) fn cx(&self) -> Cx {
        Cx::system("test", self.clock.now())
    }

    /// Writes an event of `key`.
    pub(crate) async fn place(&self, key: i64, number: i64) {
        self.order.commit(&self.cx(), Commit::new().event(key, &Placed { number })).await.unwrap();
    }

    /// Writes `count` events for each of `keys` keys, numbered from 1 per key, in turns.
    pub(crate) async fn place_many(&self, keys: i64, count: i64) {
        for number in 1..=count {
            self.place_each(keys, number).await;
        }
    }

    /// Writes the event with this number for each of `keys` keys, in one commit.
    pub(crate) async fn place_each(&self, keys: i64, number: i64) {
        let commit = (0..keys).fold(Commit::new(), |commit, key| commit.event(key, &Placed { number }));
        self.order.commit(&self.cx(), commit).await.unwrap();
    }

    pub(crate) fn builder(&self) -> Builder {
        self.builder_of(options("node"))
    }

    pub(crate) fn builder_of(&self, options: Options) -> Builder {
        Bus::builder(options).outbox(&self.order).outbox(&self.kitchen)
    }

    pub(crate) async fn start(&self, builder: Builder) -> Bus {
        let clock = Clock::Virtual(self.clock.clone());
        builder.start(&self.database, clock, Arc::clone(&self.ids)).await.unwrap()
    }

    pub(crate) async fn start_with(&self, consumer: Consumer) -> Bus {
        self.start(self.builder().consumer(consumer)).await
    }

    /// Advances the clock until all events are delivered.
    pub(crate) async fn drain(&self, bus: &Bus) {
        for _ in 0..10_000 {
            bus.drain().await;
            if bus.status().iter().all(pulse_bus::ConsumerStatus::is_caught_up) {
                return;
            }
            self.clock.advance(Duration::from_secs(30));
        }
        panic!("not delivered: {:?}", bus.leftovers());
    }

    /// Commits the effect of one event to the kitchen.
    pub(crate) async fn effect(&self, cx: &Cx, delivery: &Delivery, number: i64) -> Result<(), Error> {
        let insert =
            Insert::into("kitchen_effects", &["id", "consumer", "event_id", "event_key", "number"]).row(values![
                self.kitchen.next_id(cx.now),
                delivery.consumer,
                delivery.event.id,
                delivery.event.key,
                number
            ]);
        Ok(delivery.commit(&self.kitchen, cx, Commit::new().insert(insert)).await?)
    }

    /// Numbers of the effects of `consumer`, per key, in the order of their writes.
    pub(crate) async fn effects(&self, consumer: &str) -> BTreeMap<i64, Vec<i64>> {
        let text = "SELECT event_key, number FROM kitchen_effects WHERE consumer = ? ORDER BY id";
        let rows = self.kitchen.all::<(i64, i64)>(Statement::new(text, values![consumer])).await.unwrap();
        let mut effects: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (key, number) in rows {
            effects.entry(key).or_default().push(number);
        }
        effects
    }

    /// Asserts that every key has the effects 1 to `count`, once and in order.
    pub(crate) async fn assert_effects(&self, consumer: &str, keys: i64, count: i64) {
        let expected: BTreeMap<i64, Vec<i64>> = (0..keys).map(|key| (key, (1..=count).collect())).collect();
        assert_eq!(self.effects(consumer).await, expected);
    }

    /// A consumer that writes its effects.
    pub(crate) fn cook(&self, name: &'static str) -> Consumer {
        let fixture = self.clone();
        Consumer::named(name).backoff(quick()).on(move |cx, delivery, event: Placed| {
            let fixture = fixture.clone();
            async move { fixture.effect(&cx, &delivery, event.number).await }
        })
    }
}

pub(crate) fn options(holder: &str) -> Options {
    Options { seed: Some(1), ..Options::of(holder) }
}

/// Short pauses and enough attempts for any test.
pub(crate) fn quick() -> Backoff {
    Backoff { attempts_max: 10_000, first: Duration::from_millis(100), longest: Duration::from_secs(10) }
}

/// Three attempts.
pub(crate) fn three_attempts() -> Backoff {
    Backoff { attempts_max: 3, ..quick() }
}

/// A seeded random generator that handlers share.
#[derive(Clone)]
pub(crate) struct Dice(Arc<std::sync::atomic::AtomicU64>);

impl Dice {
    pub(crate) fn of(seed: u64) -> Self {
        Self(Arc::new(std::sync::atomic::AtomicU64::new(seed)))
    }

    /// A random number below `sides` (splitmix64).
    pub(crate) fn roll(&self, sides: u64) -> u64 {
        let state = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, std::sync::atomic::Ordering::Relaxed);
        let mut mixed = state ^ (state >> 30);
        mixed = mixed.wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }
}

//! PL-18: the answers of an ordinary script, as one finds it in books, are ours too.

use std::collections::BTreeMap;

use proptest::prelude::*;
use pulse_gate::sale::{Ask, Known, MemorySaleGate, SaleGate, Standing, Verdict};
use pulse_testkit::servers;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{node, open};

/// A counter of what is left and a set of who has bought, with a look at the first before it is compared (T1).
const TEXTBOOK: &str = "
    local stock = redis.call('get', KEYS[1])
    if not stock then return -1 end
    if redis.call('sismember', KEYS[2], ARGV[1]) == 1 then return 2 end
    if tonumber(stock) <= 0 then return 1 end
    redis.call('incrby', KEYS[1], -1)
    redis.call('sadd', KEYS[2], ARGV[1])
    return 0";

/// The code of the textbook for our verdict.
fn code(verdict: Verdict) -> i64 {
    match verdict {
        Verdict::Admitted => 0,
        Verdict::SoldOut => 1,
        Verdict::Duplicate { .. } => 2,
        Verdict::NoSale => -1,
    }
}

/// PL-18: 200 seeded steps of 40 buyers over three sales: 9 units, 25 units, and one that nobody opened.
#[tokio::test]
async fn two_hundred_steps_get_the_answers_of_the_textbook() {
    let server = servers::redis().unwrap();
    let client = ::redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let textbook = ::redis::Script::new(TEXTBOOK);
    let (ours, memory) = (node(&server.url(), "golden"), MemorySaleGate::new());
    for (sale, units) in [(101, 9_u64), (102, 25)] {
        open(&ours, sale, units).await;
        open(&memory, sale, units).await;
        let () = ::redis::cmd("SET")
            .arg(format!("golden:stock:{sale}"))
            .arg(units)
            .query_async(&mut connection)
            .await
            .unwrap();
    }
    let mut random = StdRng::seed_from_u64(18);
    let mut seen = BTreeMap::<(i64, i64), u32>::new();
    for step in 1..=200 {
        let (sale, buyer) = (random.random_range(101..=103), random.random_range(1..=40));
        let (stock, bought) = (format!("golden:stock:{sale}"), format!("golden:bought:{sale}"));
        let expected: i64 = textbook.key(stock).key(bought).arg(buyer).invoke_async(&mut connection).await.unwrap();
        let ask = Ask { sale, buyer, admission: step, units: 1 };
        let answers = [ours.admit(ask).await.unwrap(), memory.admit(ask).await.unwrap()];
        assert_eq!(answers.map(code), [expected; 2], "step {step}: {ask:?}");
        assert_eq!(answers[0], answers[1], "the first admission too");
        *seen.entry((sale, expected)).or_default() += 1;
    }
    let kinds: Vec<_> = seen.keys().copied().collect();
    let expected = [(101, 0), (101, 1), (101, 2), (102, 0), (102, 1), (102, 2), (103, -1)];
    assert_eq!(kinds, expected, "every kind of answer came up");
    assert_eq!(seen[&(101, 0)] + seen[&(102, 0)], 34, "both sales were sold out");
}

/// A step of the model: what is done, by whom, under which of a few names, how many units.
#[derive(Clone, Debug)]
enum Step {
    Admit(Ask),
    Revoke(Ask),
    GiveBack(Ask),
    Add(i64),
    Reload,
}

fn step() -> impl Strategy<Value = Step> {
    let ask = (1..6_i64, 1..5_i64, 1..4_u32).prop_map(|(buyer, name, units)| Ask {
        sale: 1,
        buyer,
        admission: 10 * buyer + name,
        units,
    });
    prop_oneof![
        8 => ask.clone().prop_map(Step::Admit),
        2 => ask.clone().prop_map(Step::Revoke),
        3 => ask.prop_map(Step::GiveBack),
        1 => (-4..6_i64).prop_map(Step::Add),
        1 => Just(Step::Reload),
    ]
}

/// Free units, and for each buyer their admission with the units that they still have.
#[derive(Default)]
struct Model {
    free: i64,
    buyers: BTreeMap<i64, (i64, u32)>,
}

impl Model {
    fn admit(&mut self, ask: Ask) -> Verdict {
        match self.buyers.get(&ask.buyer) {
            Some((first, units)) if *first == ask.admission && *units > 0 => Verdict::Admitted,
            Some((first, _)) => Verdict::Duplicate { admission: *first },
            None if self.free < i64::from(ask.units) => Verdict::SoldOut,
            None => {
                self.free -= i64::from(ask.units);
                self.buyers.insert(ask.buyer, (ask.admission, ask.units));
                Verdict::Admitted
            }
        }
    }

    /// The units of the admission with this name, when its buyer still has them; they are free then.
    fn return_units(&mut self, ask: Ask) -> Option<u32> {
        let (_, units) = self.buyers.get(&ask.buyer).filter(|(name, units)| *name == ask.admission && *units > 0)?;
        self.free += i64::from(*units);
        Some(*units)
    }

    fn known(&self) -> Vec<Known> {
        self.buyers
            .iter()
            .map(|(buyer, (admission, units))| Known { buyer: *buyer, admission: *admission, units: *units })
            .collect()
    }
}

/// Whatever is done in whatever order, the engine stands and answers as the model does.
fn agree(gate: &impl SaleGate, runtime: &tokio::runtime::Runtime, steps: Vec<Step>) {
    runtime.block_on(async {
        let mut model = Model { free: 5, ..Model::default() };
        open(gate, 1, 5).await;
        for step in steps {
            match step {
                Step::Admit(ask) => assert_eq!(gate.admit(ask).await.unwrap(), model.admit(ask)),
                Step::Revoke(ask) => {
                    // Whoever returns units says how many there were.
                    let units = model.return_units(ask);
                    let ask = Ask { units: units.unwrap_or(ask.units), ..ask };
                    assert_eq!(gate.revoke(ask).await.unwrap(), units.is_some());
                    if units.is_some() {
                        model.buyers.remove(&ask.buyer);
                    }
                }
                Step::GiveBack(ask) => {
                    let units = model.return_units(ask);
                    let ask = Ask { units: units.unwrap_or(ask.units), ..ask };
                    assert_eq!(gate.give_back(ask).await.unwrap(), units.is_some());
                    if let (Some(_), Some(buyer)) = (units, model.buyers.get_mut(&ask.buyer)) {
                        buyer.1 = 0;
                    }
                }
                Step::Add(units) => {
                    gate.add(1, units).await.unwrap();
                    model.free += units;
                }
                Step::Reload => {
                    let loading = gate.prepare(1).await.unwrap();
                    assert!(gate.load(loading, &model.known()).await.unwrap());
                    model.free = model.free.max(0);
                    assert!(gate.open(loading, model.free.try_into().unwrap()).await.unwrap());
                }
            }
            let stands = gate.standing(1).await.unwrap();
            let expected = Standing { free: model.free, buyers: model.buyers.len().try_into().unwrap() };
            assert_eq!(stands, Some(expected));
        }
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn the_memory_engine_agrees_with_the_model() {
    let runtime = runtime();
    proptest!(ProptestConfig::with_cases(256), |(steps in prop::collection::vec(step(), 1..80))| {
        agree(&MemorySaleGate::new(), &runtime, steps);
    });
}

#[test]
fn the_redis_engine_agrees_with_the_model() {
    let runtime = runtime();
    // A server of its own: the model lives in sale 1, as one of the suite does.
    let server = servers::Redis::start().unwrap();
    let gate = node(&server.url(), "model");
    proptest!(ProptestConfig::with_cases(64), |(steps in prop::collection::vec(step(), 1..80))| {
        agree(&gate, &runtime, steps);
    });
}

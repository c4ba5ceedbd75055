//! PL-18: the engines make the same decisions as a textbook script.

use std::collections::BTreeMap;

use proptest::prelude::*;
use pulse_limiter::admission::{
    AdmissionEngine, AdmissionRequest, ExistingAdmission, MemoryAdmissionEngine, SaleStats, Verdict,
};
use pulse_testkit::servers;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{node, open};

/// A counter of free units and a set of buyers (T1).
const TEXTBOOK: &str = "
    local stock = redis.call('get', KEYS[1])
    if not stock then return -1 end
    if redis.call('sismember', KEYS[2], ARGV[1]) == 1 then return 2 end
    if tonumber(stock) <= 0 then return 1 end
    redis.call('incrby', KEYS[1], -1)
    redis.call('sadd', KEYS[2], ARGV[1])
    return 0";

/// Result code of the textbook script for a verdict.
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
    let (ours, memory) = (node(&server.url(), "golden"), MemoryAdmissionEngine::new());
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
        let request = AdmissionRequest { sale, buyer, admission: step, units: 1 };
        let answers = [ours.admit(request).await.unwrap(), memory.admit(request).await.unwrap()];
        assert_eq!(answers.map(code), [expected; 2], "step {step}: {request:?}");
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
    Admit(AdmissionRequest),
    Revoke(AdmissionRequest),
    GiveBack(AdmissionRequest),
    Add(i64),
    Reload,
}

fn step() -> impl Strategy<Value = Step> {
    let request = (1..6_i64, 1..5_i64, 1..4_u32).prop_map(|(buyer, name, units)| AdmissionRequest {
        sale: 1,
        buyer,
        admission: 10 * buyer + name,
        units,
    });
    prop_oneof![
        8 => request.clone().prop_map(Step::Admit),
        2 => request.clone().prop_map(Step::Revoke),
        3 => request.prop_map(Step::GiveBack),
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
    fn admit(&mut self, request: AdmissionRequest) -> Verdict {
        match self.buyers.get(&request.buyer) {
            Some((first, units)) if *first == request.admission && *units > 0 => Verdict::Admitted,
            Some((first, _)) => Verdict::Duplicate { admission: *first },
            None if self.free < i64::from(request.units) => Verdict::SoldOut,
            None => {
                self.free -= i64::from(request.units);
                self.buyers.insert(request.buyer, (request.admission, request.units));
                Verdict::Admitted
            }
        }
    }

    /// The units of the admission with this name, when its buyer still has them; they are free then.
    fn return_units(&mut self, request: AdmissionRequest) -> Option<u32> {
        let (_, units) =
            self.buyers.get(&request.buyer).filter(|(name, units)| *name == request.admission && *units > 0)?;
        self.free += i64::from(*units);
        Some(*units)
    }

    fn known(&self) -> Vec<ExistingAdmission> {
        self.buyers
            .iter()
            .map(|(buyer, (admission, units))| ExistingAdmission {
                buyer: *buyer,
                admission: *admission,
                units: *units,
            })
            .collect()
    }
}

/// For any sequence of steps the engine has the same results and numbers as the model.
fn agree(engine: &impl AdmissionEngine, runtime: &tokio::runtime::Runtime, steps: Vec<Step>) {
    runtime.block_on(async {
        let mut model = Model { free: 5, ..Model::default() };
        open(engine, 1, 5).await;
        for step in steps {
            match step {
                Step::Admit(request) => assert_eq!(engine.admit(request).await.unwrap(), model.admit(request)),
                Step::Revoke(request) => {
                    // Whoever returns units says how many there were.
                    let units = model.return_units(request);
                    let request = AdmissionRequest { units: units.unwrap_or(request.units), ..request };
                    assert_eq!(engine.cancel(request).await.unwrap(), units.is_some());
                    if units.is_some() {
                        model.buyers.remove(&request.buyer);
                    }
                }
                Step::GiveBack(request) => {
                    let units = model.return_units(request);
                    let request = AdmissionRequest { units: units.unwrap_or(request.units), ..request };
                    assert_eq!(engine.release(request).await.unwrap(), units.is_some());
                    if let (Some(_), Some(buyer)) = (units, model.buyers.get_mut(&request.buyer)) {
                        buyer.1 = 0;
                    }
                }
                Step::Add(units) => {
                    engine.add(1, units).await.unwrap();
                    model.free += units;
                }
                Step::Reload => {
                    let loading = engine.prepare(1).await.unwrap();
                    assert!(engine.load(loading, &model.known()).await.unwrap());
                    model.free = model.free.max(0);
                    assert!(engine.open(loading, model.free.try_into().unwrap()).await.unwrap());
                }
            }
            let stands = engine.stats(1).await.unwrap();
            let expected = SaleStats { free: model.free, buyers: model.buyers.len().try_into().unwrap() };
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
        agree(&MemoryAdmissionEngine::new(), &runtime, steps);
    });
}

#[test]
fn the_redis_engine_agrees_with_the_model() {
    let runtime = runtime();
    // A server of its own: the model lives in sale 1, as one of the suite does.
    let server = servers::Redis::start().unwrap();
    let engine = node(&server.url(), "model");
    proptest!(ProptestConfig::with_cases(64), |(steps in prop::collection::vec(step(), 1..80))| {
        agree(&engine, &runtime, steps);
    });
}

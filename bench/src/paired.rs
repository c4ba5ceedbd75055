//! Subject and reference in the same run, in alternating rounds.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::load::{Load, LoadError};
use crate::machine::machine;
use crate::measurement::Measurement;
use crate::outcome::Outcome;
use crate::progress::Progress;
use crate::rates::{fraction, median, per_second, ratio, rounded, share_of};
use crate::request::Requests;

/// The latency run uses this share of the measured maximum rate: loaded like a busy server, not like a drowning one.
pub const LOAD_PERCENT: u8 = 70;

/// A server that answered this share of an open loop within its time kept up.
const KEPT_UP_PERCENT: u8 = 98;

/// The rounds of a paired measurement, in the order in which they ran.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    /// What is measured.
    pub subject: Vec<Outcome>,
    /// What it is measured against; as many as `subject`.
    pub reference: Vec<Outcome>,
}

/// Runs `subject` and `reference` in turn (A B A B ...), `rounds` times each; both get the number of the round.
///
/// # Errors
/// The first error of either; the run ends there.
pub async fn alternate<E>(
    rounds: usize,
    progress: &Progress,
    mut subject: impl AsyncFnMut(usize) -> Result<Outcome, E>,
    mut reference: impl AsyncFnMut(usize) -> Result<Outcome, E>,
) -> Result<Rounds, E> {
    let mut done = Rounds::default();
    for round in 0..rounds {
        done.subject.push(subject(round).await?);
        progress.step();
        done.reference.push(reference(round).await?);
        progress.step();
        progress.say(format!("{:.0}/s, x{:.2}", done.rate_per_s(), done.ratio()));
    }
    Ok(done)
}

impl Rounds {
    /// The median of the subject's rates.
    #[must_use]
    pub fn rate_per_s(&self) -> f64 {
        median(self.subject.iter().map(Outcome::rate_per_s))
    }

    /// The median of the reference's rates.
    #[must_use]
    pub fn reference_rate_per_s(&self) -> f64 {
        median(self.reference.iter().map(Outcome::rate_per_s))
    }

    /// The median of the ratios of neighbouring rounds, which drift of the machine hardly touches.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        let pairs = self.subject.iter().zip(&self.reference);
        median(pairs.map(|(subject, reference)| ratio(subject.rate_per_s(), reference.rate_per_s())))
    }

    /// All of the subject's rounds in one: for its percentiles, where no open-loop run exists.
    #[must_use]
    pub fn subject_as_one(&self) -> Outcome {
        let mut all = Outcome::default();
        for round in &self.subject {
            all.merge(round);
            all.elapsed += round.elapsed;
        }
        all
    }

    /// The measurement: rates and ratio from the rounds, percentiles from `latency`.
    ///
    /// `latency` is the outcome of an open-loop run of the subject, or [`Rounds::subject_as_one`].
    #[must_use]
    pub fn measurement(&self, name: &str, reference: &str, connections: usize, latency: &Outcome) -> Measurement {
        let outcomes = self.subject.iter().chain(&self.reference);
        Measurement {
            name: name.to_owned(),
            rate_per_s: rounded(self.rate_per_s(), 1),
            reference: reference.to_owned(),
            reference_rate_per_s: rounded(self.reference_rate_per_s(), 1),
            ratio: rounded(self.ratio(), 3),
            p50_ms: rounded(latency.latency_ms(50.0), 3),
            p99_ms: rounded(latency.latency_ms(99.0), 3),
            p999_ms: rounded(latency.latency_ms(99.9), 3),
            errors: outcomes.map(Outcome::error_count).sum(),
            connections,
            rounds: self.subject.len(),
            machine: machine(),
            notes: Vec::new(),
        }
    }
}

/// One of the two servers or routes of a paired measurement.
#[derive(Clone)]
pub struct Side {
    /// What it is, in a few words.
    pub label: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it is asked.
    pub requests: Requests,
    /// The status that every reply has when it is a refusal that is right.
    pub refusal: Option<u16>,
}

/// How a server is measured against a reference.
#[derive(Clone, Debug)]
pub struct Paired {
    /// The measurement's name.
    pub name: String,
    /// Connections, the same for both sides.
    pub connections: usize,
    /// Pairs of rounds; odd, so that the median is a round that ran.
    pub rounds: usize,
    /// How long a round measures; its warm-up takes a fifth of it in addition.
    pub round: Duration,
    /// How long the open-loop run measures.
    pub latency: Duration,
}

impl Paired {
    /// The usual measure: 5 pairs of rounds of 1 s and 5 s of open loop, 19 s in all.
    #[must_use]
    pub fn new(name: impl Into<String>, connections: usize) -> Self {
        let (round, latency) = (Duration::from_secs(1), Duration::from_secs(5));
        Self { name: name.into(), connections, rounds: 5, round, latency }
    }

    /// How many steps [`Paired::run`] reports to its progress bar.
    #[must_use]
    pub fn steps(&self) -> u64 {
        u64::try_from(self.rounds).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(1)
    }

    /// Measures both sides in alternating closed loops, then the subject's latency in an open loop at
    /// [`LOAD_PERCENT`] percent of its rate.
    ///
    /// Refusals (429) and failures are counted in `errors`, of which a measurement to be believed has none.
    ///
    /// # Errors
    /// [`LoadError`] when a server cannot be reached or the generator cannot start.
    pub async fn run(&self, subject: &Side, reference: &Side, progress: &Progress) -> Result<Measurement, LoadError> {
        let closed = async |side: &Side| {
            let load = Load::closed(side.address, self.connections, self.round);
            load.run(&side.requests).await.map(|outcome| Outcome { refusal: side.refusal, ..outcome })
        };
        let rounds =
            alternate(self.rounds, progress, async |_| closed(subject).await, async |_| closed(reference).await);
        let rounds = rounds.await?;
        let arrivals = NonZeroU64::new(share_of(rounds.rate_per_s(), LOAD_PERCENT)).unwrap_or(NonZeroU64::MIN);
        progress.say(format!("latency at {arrivals}/s"));
        let open = Load::closed(subject.address, self.connections, self.latency).open(arrivals);
        let latency = Outcome { refusal: subject.refusal, ..open.run(&subject.requests).await? };
        progress.step();
        let mut measurement = rounds.measurement(&self.name, &reference.label, self.connections, &latency);
        measurement.errors += latency.error_count();
        let measurement = measurement.with_note(format!(
            "subject: {}; percentiles from an open loop at {arrivals}/s ({LOAD_PERCENT} % of the rate), {} replies",
            subject.label, latency.replies,
        ));
        let notes = [generator_share(&rounds), overload(&latency, arrivals)];
        Ok(notes.into_iter().flatten().fold(measurement, Measurement::with_note))
    }
}

/// Says so when the server did not keep up: the percentiles are then those of a queue that only grew.
fn overload(latency: &Outcome, arrivals: NonZeroU64) -> Option<String> {
    let kept_up = share_of(latency.rate_per_s(), 100) >= share_of(fraction(arrivals.get()), KEPT_UP_PERCENT);
    (!kept_up).then(|| {
        format!(
            "only {:.0}/s of the open loop were answered: the machine was busy with something else, or {LOAD_PERCENT} % \
             of full speed is too much without full speed's batches; the percentiles show a growing queue",
            latency.rate_per_s()
        )
    })
}

/// What the generator itself cost, so that the reader can take it off.
fn generator_share(rounds: &Rounds) -> Option<String> {
    let all = rounds.subject_as_one();
    let micros = ratio(1e6, per_second(all.sent, all.generator_cpu?));
    Some(format!("the generator used {micros:.1} us of processor time per request"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(rate: u64) -> Outcome {
        Outcome::of_job(rate, Duration::from_secs(1))
    }

    #[tokio::test]
    async fn rounds_take_turns_and_ratios_are_of_neighbours() {
        // The machine halves its speed in the middle; each pair still says 2.
        let speeds = [100, 100, 50];
        let order = std::cell::RefCell::new(String::new());
        let subject = async |round: usize| {
            order.borrow_mut().push('A');
            Ok::<_, LoadError>(at(speeds[round] * 2))
        };
        let reference = async |round: usize| {
            order.borrow_mut().push('B');
            Ok(at(speeds[round]))
        };
        let rounds = alternate(3, &Progress::hidden(), subject, reference).await.unwrap();
        assert_eq!(order.into_inner(), "ABABAB");
        assert_eq!((rounds.rate_per_s(), rounds.reference_rate_per_s(), rounds.ratio()), (200.0, 100.0, 2.0));
        let all = rounds.subject_as_one();
        assert_eq!((all.replies, all.elapsed), (500, Duration::from_secs(3)));
        let measurement = rounds.measurement("name", "reference", 64, &all);
        assert_eq!((measurement.ratio, measurement.rounds), (2.0, 3));
        assert!((1_000.0..1_001.0).contains(&measurement.p50_ms), "{}", measurement.p50_ms);
    }

    #[test]
    fn an_overload_is_told() {
        let arrivals = NonZeroU64::new(1_000).unwrap();
        assert_eq!(overload(&at(980), arrivals), None);
        assert!(overload(&at(979), arrivals).unwrap().starts_with("only 979/s"));
    }
}

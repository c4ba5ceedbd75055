//! Subject and reference in the same run, in alternating rounds.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::load::{Load, LoadError};
use crate::machine::machine;
use crate::measurement::Measurement;
use crate::outcome::Outcome;
use crate::progress::Progress;
use crate::rates::{median, per_second, ratio, rounded, share_of};
use crate::request::Requests;

/// The latency run uses this share of the measured maximum rate: loaded like a busy server, not like a drowning one.
pub const LOAD_PERCENT: u8 = 70;

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
        let closed = |side: &Side| Load::closed(side.address, self.connections, self.round);
        let rounds = alternate(
            self.rounds,
            progress,
            async |_| closed(subject).run(&subject.requests).await,
            async |_| closed(reference).run(&reference.requests).await,
        );
        let rounds = rounds.await?;
        let arrivals = NonZeroU64::new(share_of(rounds.rate_per_s(), LOAD_PERCENT)).unwrap_or(NonZeroU64::MIN);
        progress.say(format!("latency at {arrivals}/s"));
        let open = Load::closed(subject.address, self.connections, self.latency).open(arrivals);
        let latency = open.run(&subject.requests).await?;
        progress.step();
        let mut measurement = rounds.measurement(&self.name, &reference.label, self.connections, &latency);
        measurement.errors += latency.error_count();
        let measurement = measurement.with_note(format!(
            "subject: {}; percentiles from an open loop at {arrivals}/s ({LOAD_PERCENT} % of the rate), {} replies",
            subject.label, latency.replies,
        ));
        Ok(match generator_share(&rounds) {
            Some(note) => measurement.with_note(note),
            None => measurement,
        })
    }
}

/// What the generator itself cost, so that the reader can take it off.
fn generator_share(rounds: &Rounds) -> Option<String> {
    let all = rounds.subject_as_one();
    let micros = ratio(1e6, per_second(all.sent, all.generator_cpu?));
    Some(format!("the generator used {micros:.1} us of processor time per request"))
}

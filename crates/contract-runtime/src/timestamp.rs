//! `google.protobuf.Timestamp` as proto3 JSON wants it: RFC 3339 with `Z`.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An instant on the wire: seconds and nanoseconds since 1970-01-01T00:00:00Z.
///
/// Pulse itself counts in milliseconds ([`pulse_kernel::Timestamp`]), finer values are cut when they are converted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Message)]
pub struct Timestamp {
    /// Seconds since 1970; negative before.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Nanoseconds within the second, 0 to 999999999, counting forward before 1970 too.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// 0001-01-01T00:00:00Z.
const SECONDS_MIN: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z.
const SECONDS_MAX: i64 = 253_402_300_799;

impl Timestamp {
    /// Whether it is between the years 1 and 9999, with its nanoseconds in range.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        (SECONDS_MIN..=SECONDS_MAX).contains(&self.seconds) && (0..1_000_000_000).contains(&self.nanos)
    }
}

impl From<pulse_kernel::Timestamp> for Timestamp {
    fn from(instant: pulse_kernel::Timestamp) -> Self {
        let millis = instant.as_millis();
        let nanos = millis.rem_euclid(1_000) * 1_000_000;
        Self { seconds: millis.div_euclid(1_000), nanos: i32::try_from(nanos).unwrap_or_default() }
    }
}

impl From<Timestamp> for pulse_kernel::Timestamp {
    fn from(timestamp: Timestamp) -> Self {
        let millis = i64::from(timestamp.nanos).div_euclid(1_000_000);
        Self::from_millis(timestamp.seconds.saturating_mul(1_000).saturating_add(millis))
    }
}

/// RFC 3339 with `Z`. What is out of range prints as the nearest instant that is not.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.seconds.clamp(SECONDS_MIN, SECONDS_MAX);
        let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (date, (hour, minute, second)) = (at.date(), at.to_hms());
        write!(f, "{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())?;
        write!(f, "T{hour:02}:{minute:02}:{second:02}")?;
        match self.nanos.clamp(0, 999_999_999) {
            0 => {}
            nanos if nanos % 1_000_000 == 0 => write!(f, ".{:03}", nanos.div_euclid(1_000_000))?,
            nanos if nanos % 1_000 == 0 => write!(f, ".{:06}", nanos.div_euclid(1_000))?,
            nanos => write!(f, ".{nanos:09}")?,
        }
        f.write_str("Z")
    }
}

/// The text is not an instant between the years 1 and 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotATimestamp;

impl fmt::Display for NotATimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an RFC 3339 timestamp such as 2026-05-01T08:30:00Z")
    }
}

impl std::error::Error for NotATimestamp {}

impl FromStr for Timestamp {
    type Err = NotATimestamp;

    fn from_str(text: &str) -> Result<Self, NotATimestamp> {
        let at = OffsetDateTime::parse(text, &Rfc3339).ok().ok_or(NotATimestamp)?;
        let nanos = i32::try_from(at.nanosecond()).ok().ok_or(NotATimestamp)?;
        let timestamp = Self { seconds: at.unix_timestamp(), nanos };
        timestamp.is_valid().then_some(timestamp).ok_or(NotATimestamp)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 timestamp")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_z_and_as_many_digits_as_needed() {
        for (seconds, nanos, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (-1, 500_000_000, "1969-12-31T23:59:59.500Z"),
            (1_777_624_200, 1_000, "2026-05-01T08:30:00.000001Z"),
            (1_777_624_200, 1, "2026-05-01T08:30:00.000000001Z"),
            (SECONDS_MIN, 0, "0001-01-01T00:00:00Z"),
            (SECONDS_MAX, 999_999_999, "9999-12-31T23:59:59.999999999Z"),
        ] {
            let timestamp = Timestamp { seconds, nanos };
            assert_eq!(timestamp.to_string(), text);
            assert_eq!(text.parse(), Ok(timestamp));
        }
        assert_eq!("2026-05-01T10:30:00+02:00".parse(), Ok(Timestamp { seconds: 1_777_624_200, nanos: 0 }));
    }

    #[test]
    fn refuses_what_is_not_an_instant() {
        for text in ["", "2026-05-01", "2026-05-01T08:30:00", "2026-13-01T00:00:00Z", "0000-12-31T23:59:59Z", "now"] {
            assert_eq!(text.parse::<Timestamp>(), Err(NotATimestamp), "{text:?}");
        }
    }

    #[test]
    fn converts_to_milliseconds_and_back() {
        for millis in [0, 1, -1, 999, -999, 1_777_624_200_123] {
            let instant = pulse_kernel::Timestamp::from_millis(millis);
            assert_eq!(pulse_kernel::Timestamp::from(Timestamp::from(instant)), instant);
            assert!(Timestamp::from(instant).is_valid());
        }
    }
}

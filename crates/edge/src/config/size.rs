//! A number of bytes with a unit.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// A number of bytes, written as `"16 MiB"`, `"512 B"`, or as a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

/// The text is not a whole number with the unit B, KiB, MiB or GiB, or does not fit 64 bits.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a size: a whole number with B, KiB, MiB or GiB, for example \"16 MiB\"")]
pub struct ByteSizeError(String);

impl ByteSize {
    /// `count` bytes.
    #[must_use]
    pub const fn bytes(count: u64) -> Self {
        Self(count)
    }

    /// `count` times 1024 bytes.
    #[must_use]
    pub const fn kib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 10))
    }

    /// `count` times 1024 × 1024 bytes.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 20))
    }

    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number of bytes as an index; saturates.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<Self, ByteSizeError> {
        let trimmed = text.trim();
        let with_unit = UNITS.iter().find_map(|(unit, factor)| Some((trimmed.strip_suffix(unit)?, *factor)));
        let (digits, factor) = with_unit.unwrap_or((trimmed, 1));
        let count = digits.trim_end().parse::<u64>().ok();
        count.and_then(|count| count.checked_mul(factor)).map(Self).ok_or_else(|| ByteSizeError(text.to_owned()))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, factor): &&(&str, u64)| self.0.is_multiple_of(*factor) && (self.0 > 0 || *factor == 1);
        let (unit, factor) = UNITS.iter().find(whole).copied().unwrap_or(("B", 1));
        write!(f, "{} {unit}", self.0.checked_div(factor).unwrap_or(0))
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a size such as \"16 MiB\", or a number of bytes")]
        enum Written {
            Bytes(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Bytes(count) => Ok(Self(count)),
            Written::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_units() {
        for (text, bytes, printed) in [
            ("0", 0, "0 B"),
            ("1000", 1_000, "1000 B"),
            ("16 MiB", 16 << 20, "16 MiB"),
            ("1KiB", 1 << 10, "1 KiB"),
            ("2048 KiB", 2 << 20, "2 MiB"),
        ] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!((size.get(), size.to_string().as_str()), (bytes, printed), "{text}");
        }
        for wrong in ["", "MiB", "1 MB", "-1", "1.5 MiB", "99999999999 GiB"] {
            assert_eq!(wrong.parse::<ByteSize>(), Err(ByteSizeError(wrong.to_owned())), "{wrong:?}");
        }
    }
}

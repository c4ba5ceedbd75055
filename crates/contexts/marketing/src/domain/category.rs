//! Category codes, as far as a scope needs them: a category contains everything below it.
//!
//! A code is written "0 000 000 000", three digits per level. As a number it is the nine digits of its levels, padded with
//! zeros, and its depth as the tenth digit, so a category with everything below it is one range of numbers.

use std::ops::RangeInclusive;

/// Difference between the numbers of neighbouring categories, by depth.
const STEP: [i64; 4] = [10_000_000_000, 10_000_000, 10_000, 10];

/// A category and everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subtree(RangeInclusive<i64>);

impl Subtree {
    /// The subtree of a category code; `None` for an invalid code.
    #[must_use]
    pub fn of(code: i64) -> Option<Self> {
        let depth = code % 10;
        let step = *STEP.get(usize::try_from(depth).ok()?)?;
        let is_clean = (0..STEP[0]).contains(&code) && code % step == depth;
        // The last code of the range has the depth of the deepest level, 3.
        is_clean.then(|| Self(code..=code - depth + step - 10 + 3))
    }

    /// Whether the subtree contains the category. Code 0, for a line without a category, is in the root only.
    #[must_use]
    pub fn contains(&self, code: i64) -> bool {
        self.0.contains(&code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_contains_itself_and_everything_below_it() {
        for (above, inside, outside) in [
            // 0 005: itself, 0 005 012, 0 005 999 999; not 0 004 999 999, not 0 006.
            (50_000_001, &[50_000_001, 50_120_002, 59_999_993][..], &[49_999_993, 60_000_001, 0][..]),
            // 0 005 012.
            (50_120_002, &[50_120_002, 50_120_003, 50_129_993], &[50_000_001, 50_130_002]),
            // 0 005 012 003.
            (50_120_033, &[50_120_033], &[50_120_002, 50_120_043]),
            // The root.
            (0, &[0, 1, 50_120_033, 9_999_999_993], &[]),
        ] {
            let subtree = Subtree::of(above).unwrap();
            assert!(inside.iter().all(|code| subtree.contains(*code)), "{above}");
            assert!(!outside.iter().any(|code| subtree.contains(*code)), "{above}");
        }
        for broken in [-1, 4, 10, 50_120_001, 50_000_000, 10_000_000_000] {
            assert_eq!(Subtree::of(broken), None, "{broken}");
        }
    }
}

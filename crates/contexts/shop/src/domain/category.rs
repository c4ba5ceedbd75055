//! Category codes, "0 000 000 000": 0 is the root, then three digits per level.
//!
//! The written form of a code is its prefix: `0`, `0 005`, `0 005 012`, `0 005 012 003`. So 000 is a normal child, a category
//! has at most 1000 children, and every code is unique. As a number (in the database and in the contract) a code is the nine
//! digits of its three levels, padded with zeros, and its depth as the tenth digit: `0 005 012` is 005 012 000 2. Numbers are
//! ordered depth first, so a category with everything below it is one range of numbers: `code BETWEEN ? AND ?`.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Number of levels below the root.
pub const DEPTH_MAX: u32 = 3;
/// Maximum number of children of a category: 000 to 999.
pub const CHILDREN_MAX: i64 = 1_000;
/// Maximum length of a code of another system, in characters.
pub const LEGACY_CODE_CHARS_MAX: usize = 64;

/// Base of the depth digit, which follows the nine digits of the levels.
const DEPTH_BASE: i64 = 10;
/// Difference between the numbers of neighbouring categories, by depth.
const STEP: [i64; 4] = [CHILDREN_MAX * 1_000_000 * DEPTH_BASE, 1_000_000 * DEPTH_BASE, 1_000 * DEPTH_BASE, DEPTH_BASE];

/// The code of a category.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(i64);

/// Reason why a category cannot be created or moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The parent has [`CHILDREN_MAX`] children.
    Full,
    /// A category would be deeper than [`DEPTH_MAX`].
    TooDeep,
    /// The category would be below itself.
    UnderItself,
    /// The root cannot be moved.
    RootFixed,
}

impl Code {
    /// The root of the tree.
    pub const ALL: Self = Self(0);

    /// The code of a number; `None` for an invalid number.
    #[must_use]
    pub fn new(number: i64) -> Option<Self> {
        let depth = usize::try_from(number % DEPTH_BASE).ok()?;
        let below = STEP.get(depth)?;
        let is_clean = number % below == number % DEPTH_BASE;
        ((0..STEP[0]).contains(&number) && is_clean).then_some(Self(number))
    }

    /// The number of the code, in the database and in the contract.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Number of levels below the root, 0 to [`DEPTH_MAX`].
    #[must_use]
    pub fn depth(self) -> u32 {
        u32::try_from(self.0 % DEPTH_BASE).unwrap_or(DEPTH_MAX)
    }

    /// The parent; `None` for the root.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        self.depth().checked_sub(1).map(|depth| self.ancestor(depth))
    }

    /// The child with these three digits, 0 to 999; `None` for larger values and below the deepest level.
    #[must_use]
    pub fn child(self, digits: u16) -> Option<Self> {
        let digits = i64::from(digits);
        (self.depth() < DEPTH_MAX && digits < CHILDREN_MAX).then(|| Self(self.0 + digits * step(self.depth() + 1) + 1))
    }

    /// Its three digits below the parent, 0 to 999; 0 for the root.
    #[must_use]
    #[expect(clippy::integer_division, reason = "removes the digits of the levels below")]
    pub fn digits(self) -> u16 {
        u16::try_from(self.0 / step(self.depth()) % CHILDREN_MAX).unwrap_or(0)
    }

    /// Whether `other` is this category or below it.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.subtree().contains(&other.0)
    }

    /// The numbers of this category and of all possible categories below it.
    #[must_use]
    pub fn subtree(self) -> RangeInclusive<i64> {
        let depth = i64::from(self.depth());
        self.0..=self.0 - depth + step(self.depth()) - DEPTH_BASE + i64::from(DEPTH_MAX)
    }

    /// The code of a new child, given the codes `taken`; codes that are not children are ignored.
    ///
    /// Continues after the highest child, so that a deleted code is not reused at once; then fills gaps, and 000 last.
    ///
    /// # Errors
    /// [`Refusal::Full`] for the 1001st child, [`Refusal::TooDeep`] below the deepest level.
    pub fn next_child(self, taken: impl IntoIterator<Item = Self>) -> Result<Self, Refusal> {
        let mut digits: Vec<u16> =
            taken.into_iter().filter(|code| code.parent() == Some(self)).map(Self::digits).collect();
        digits.sort_unstable();
        let after_highest = digits.last().map_or(1, |highest| highest + 1);
        let free = |candidate: &u16| digits.binary_search(candidate).is_err();
        let gaps = (1..1_000).chain(std::iter::once(0)).find(free);
        let chosen = Some(after_highest).filter(|digits| *digits < 1_000).or(gaps).ok_or(Refusal::Full)?;
        self.child(chosen).ok_or(Refusal::TooDeep)
    }

    fn ancestor(self, depth: u32) -> Self {
        Self(self.0 - self.0 % step(depth) + i64::from(depth))
    }
}

fn step(depth: u32) -> i64 {
    usize::try_from(depth).ok().and_then(|depth| STEP.get(depth)).copied().unwrap_or(DEPTH_BASE)
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0")?;
        (1..=self.depth()).try_for_each(|depth| write!(f, " {:03}", self.ancestor(depth).digits()))
    }
}

/// The text is not a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotACode;

impl FromStr for Code {
    type Err = NotACode;

    /// Parses the written form, with all blanks or without any.
    fn from_str(text: &str) -> Result<Self, NotACode> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
        let (b'0', levels) = digits.split_first().ok_or(NotACode)? else { return Err(NotACode) };
        let mut code = Self::ALL;
        for level in levels.chunks(3) {
            let [a, b, c] = level else { return Err(NotACode) };
            if ![a, b, c].iter().all(|digit| digit.is_ascii_digit()) {
                return Err(NotACode);
            }
            let number = [a, b, c].iter().fold(0, |number, digit| number * 10 + u16::from(*digit - b'0'));
            code = code.child(number).ok_or(NotACode)?;
        }
        // Blanks in other positions would make "0 5 12" equal to "0 512".
        if text.contains(' ') && code.to_string() != text {
            return Err(NotACode);
        }
        Ok(code)
    }
}

/// Move of a subtree to another parent; all its codes change in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Code of the category before the move.
    pub from: Code,
    /// Code of the category after the move.
    pub to: Code,
}

impl Move {
    /// Plans the move of `from` below `parent`, whose children are `siblings`; `depth_deepest` is the depth of the deepest
    /// moved category before the move. A category that is a child of `parent` keeps its code.
    ///
    /// # Errors
    /// All variants of [`Refusal`].
    pub fn plan(
        from: Code,
        parent: Code,
        siblings: impl IntoIterator<Item = Code>,
        depth_deepest: u32,
    ) -> Result<Self, Refusal> {
        let old_parent = from.parent().ok_or(Refusal::RootFixed)?;
        if from.contains(parent) {
            return Err(Refusal::UnderItself);
        }
        let depth_below = depth_deepest.saturating_sub(from.depth());
        if parent.depth() + 1 + depth_below > DEPTH_MAX {
            return Err(Refusal::TooDeep);
        }
        let to = if old_parent == parent { from } else { parent.next_child(siblings)? };
        Ok(Self { from, to })
    }

    /// The new code of a moved category; `None` for a category outside of the subtree.
    #[must_use]
    pub fn recode(&self, code: Code) -> Option<Code> {
        if !self.from.contains(code) {
            return None;
        }
        (self.from.depth() + 1..=code.depth()).try_fold(self.to, |new, depth| new.child(code.ancestor(depth).digits()))
    }
}

/// Code of a category in another system, stored unchanged for imports.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LegacyCode(String);

impl LegacyCode {
    /// The code without surrounding blanks; `None` when it is empty or longer than [`LEGACY_CODE_CHARS_MAX`].
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (1..=LEGACY_CODE_CHARS_MAX).contains(&text.chars().count()).then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> Code {
        text.parse().unwrap()
    }

    #[test]
    fn a_code_is_written_as_its_prefix_and_numbered_with_its_depth() {
        for (text, number, parent) in [
            ("0", 0, None),
            ("0 000", 1, Some("0")),
            ("0 005", 50_000_001, Some("0")),
            ("0 005 000", 50_000_002, Some("0 005")),
            ("0 005 012", 50_120_002, Some("0 005")),
            ("0 999 999 999", 9_999_999_993, Some("0 999 999")),
        ] {
            assert_eq!(code(text).get(), number, "{text}");
            assert_eq!(Code::new(number), Some(code(text)));
            assert_eq!(code(text).to_string(), text);
            assert_eq!(code(&text.replace(' ', "")), code(text));
            assert_eq!(code(text).parent(), parent.map(code));
        }
        for broken in ["", "1", "0 05", "0 5 12", "0 000 000 000 000", "0 0x5", "0005x"] {
            assert_eq!(broken.parse::<Code>(), Err(NotACode), "{broken}");
        }
        for broken in [-1, 4, 10, 50_120_001, 50_000_000, 10_000_000_000] {
            assert_eq!(Code::new(broken), None, "{broken}");
        }
    }

    /// TR-78: the 1001st child is refused, and the deepest level has no children.
    #[test]
    fn the_1001st_child_is_refused() {
        for parent in ["0", "0 007", "0 007 123"].map(code) {
            let mut taken = Vec::new();
            for _ in 0..CHILDREN_MAX {
                taken.push(parent.next_child(taken.iter().copied()).unwrap());
            }
            let mut distinct = taken.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), 1_000);
            assert!(distinct.iter().all(|child| child.parent() == Some(parent)));
            assert_eq!(parent.next_child(taken.iter().copied()), Err(Refusal::Full));
            taken.remove(500);
            assert_eq!(parent.next_child(taken).unwrap().digits(), 501);
        }
        assert_eq!(code("0 001 002 003").next_child([]), Err(Refusal::TooDeep));
    }

    /// TR-78: a move changes all codes of the subtree; a move below itself or too deep is refused.
    #[test]
    fn a_move_recodes_the_subtree() {
        let plan = |from, to, taken: &[&str], deepest| {
            Move::plan(code(from), code(to), taken.iter().map(|text| code(text)), deepest)
        };
        let moved = plan("0 001", "0 002", &["0 002 001", "0 002 002"], 2).unwrap();
        assert_eq!(moved.to, code("0 002 003"));
        assert_eq!(moved.recode(code("0 001")), Some(code("0 002 003")));
        assert_eq!(moved.recode(code("0 001 044")), Some(code("0 002 003 044")));
        assert_eq!(moved.recode(code("0 011 044")), None);
        let up = plan("0 001 002", "0", &["0 001"], 3).unwrap();
        assert_eq!(up.recode(code("0 001 002 000")), Some(code("0 002 000")));
        assert_eq!(plan("0 001", "0", &["0 001"], 3).unwrap().to, code("0 001"));
        for (from, to, deepest, refusal) in [
            ("0", "0 001", 0, Refusal::RootFixed),
            ("0 001", "0 001", 1, Refusal::UnderItself),
            ("0 001", "0 001 002", 3, Refusal::UnderItself),
            ("0 001", "0 002", 3, Refusal::TooDeep),
            ("0 001", "0 002 001 001", 1, Refusal::TooDeep),
        ] {
            assert_eq!(plan(from, to, &[], deepest), Err(refusal), "{from} -> {to}");
        }
    }

    #[test]
    fn legacy_codes_are_stored_unchanged() {
        assert_eq!(LegacyCode::new(" A-01.3 ").unwrap().as_str(), "A-01.3");
        assert_eq!(LegacyCode::new("  "), None);
        assert_eq!(LegacyCode::new(&"x".repeat(65)), None);
    }

    fn any_code() -> impl Strategy<Value = Code> {
        // Few digits, so that codes are often related; with both ends of the range.
        let digits = prop::sample::select(vec![0_u16, 1, 2, 998, 999]);
        prop::collection::vec(digits, 0..=3)
            .prop_map(|levels| levels.into_iter().fold(Code::ALL, |code, digits| code.child(digits).unwrap()))
    }

    proptest! {
        /// TR-78: a subtree is one range of numbers.
        #[test]
        fn the_subtree_is_the_range_of_the_prefix(above in any_code(), below in any_code()) {
            let is_prefix = below.to_string().starts_with(&above.to_string());
            prop_assert_eq!(above.contains(below), is_prefix);
            prop_assert_eq!(below.to_string().parse::<Code>(), Ok(below));
            prop_assert_eq!(Code::new(below.get()), Some(below));
        }

        #[test]
        fn a_valid_number_is_a_code(number in any::<i64>()) {
            if let Some(code) = Code::new(number) {
                prop_assert_eq!(code.to_string().parse::<Code>(), Ok(code));
            }
        }
    }
}

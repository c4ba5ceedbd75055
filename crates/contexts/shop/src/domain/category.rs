//! Categories and the law of their codes, "0 000 000 000": 0 is everything, then three digits per level.
//!
//! The written form of a code is its prefix: `0`, `0 005`, `0 005 012`, `0 005 012 003`. So 000 is a child like any
//! other, exactly 1000 children fit below a code, and a code never means two things. As a number (in the database and
//! on the wire) a code is the nine digits of its three levels, filled up with zeros, and its depth as the tenth digit:
//! `0 005 012` is 005 012 000 2. Numbers sort like a walk through the tree, therefore everything below a code,
//! itself included, is one range of numbers: `code BETWEEN ? AND ?`.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// How many levels there are below "everything".
pub const DEPTH_MAX: u32 = 3;
/// How many children a category may have: 000 to 999.
pub const CHILDREN_MAX: i64 = 1_000;
/// How long another system's code may be, in characters.
pub const LEGACY_CODE_CHARS_MAX: usize = 64;

/// The digit behind the nine digits of the levels.
const DEPTH_BASE: i64 = 10;
/// By how much the number of a level differs from its neighbour's, by depth.
const STEP: [i64; 4] = [CHILDREN_MAX * 1_000_000 * DEPTH_BASE, 1_000_000 * DEPTH_BASE, 1_000 * DEPTH_BASE, DEPTH_BASE];

/// The code of a category.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(i64);

/// Why a category cannot be made or moved there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The parent has [`CHILDREN_MAX`] children already.
    Full,
    /// Something would be deeper than [`DEPTH_MAX`].
    TooDeep,
    /// The category would be below itself.
    UnderItself,
    /// "Everything" stays where it is.
    RootStays,
}

impl Code {
    /// Everything: the root of the tree.
    pub const ALL: Self = Self(0);

    /// From its number; `None` when no category can have it.
    #[must_use]
    pub fn new(number: i64) -> Option<Self> {
        let depth = usize::try_from(number % DEPTH_BASE).ok()?;
        let below = STEP.get(depth)?;
        let is_clean = number % below == number % DEPTH_BASE;
        ((0..STEP[0]).contains(&number) && is_clean).then_some(Self(number))
    }

    /// Its number, in the database and on the wire.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// How many levels it is below "everything", 0 to [`DEPTH_MAX`].
    #[must_use]
    pub fn depth(self) -> u32 {
        u32::try_from(self.0 % DEPTH_BASE).unwrap_or(DEPTH_MAX)
    }

    /// What it is directly below of; `None` for "everything".
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        self.depth().checked_sub(1).map(|depth| self.ancestor(depth))
    }

    /// The child with these three digits, 0 to 999; `None` for more, and below the deepest level.
    #[must_use]
    pub fn child(self, digits: u16) -> Option<Self> {
        let digits = i64::from(digits);
        (self.depth() < DEPTH_MAX && digits < CHILDREN_MAX).then(|| Self(self.0 + digits * step(self.depth() + 1) + 1))
    }

    /// Its own three digits below its parent, 0 to 999; 0 for "everything".
    #[must_use]
    #[expect(clippy::integer_division, reason = "cuts off the digits of the levels below")]
    pub fn digits(self) -> u16 {
        u16::try_from(self.0 / step(self.depth()) % CHILDREN_MAX).unwrap_or(0)
    }

    /// Whether `other` is this category or somewhere below it.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.subtree().contains(&other.0)
    }

    /// The numbers of this category and of everything that is or can be below it.
    #[must_use]
    pub fn subtree(self) -> RangeInclusive<i64> {
        let depth = i64::from(self.depth());
        self.0..=self.0 - depth + step(self.depth()) - DEPTH_BASE + i64::from(DEPTH_MAX)
    }

    /// The code for a new child, when the children `taken` exist (others in the list are passed over).
    ///
    /// Goes on after the highest, so that a code that was given up is not used again at once; then fills the gaps,
    /// and 000 comes last.
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

/// The text is not a code of the law.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotACode;

impl FromStr for Code {
    type Err = NotACode;

    /// Reads the written form; the blanks may be left out, all of them.
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
        // Blanks in other places would let "0 5 12" pass for "0 512".
        if text.contains(' ') && code.to_string() != text {
            return Err(NotACode);
        }
        Ok(code)
    }
}

/// A subtree on its way to another parent: all its codes change in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The category that moves, with everything below it.
    pub from: Code,
    /// Its code afterwards.
    pub to: Code,
}

impl Move {
    /// Plans to put `from` below `parent`, whose children are `siblings`; `depth_deepest` is the depth of the deepest
    /// category that moves, as it is before the move. A category that is below `parent` already keeps its code.
    ///
    /// # Errors
    /// Every [`Refusal`].
    pub fn plan(
        from: Code,
        parent: Code,
        siblings: impl IntoIterator<Item = Code>,
        depth_deepest: u32,
    ) -> Result<Self, Refusal> {
        let old_parent = from.parent().ok_or(Refusal::RootStays)?;
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

    /// The new code of a category that moves along; `None` for one that does not.
    #[must_use]
    pub fn recode(&self, code: Code) -> Option<Code> {
        if !self.from.contains(code) {
            return None;
        }
        (self.from.depth() + 1..=code.depth()).try_fold(self.to, |new, depth| new.child(code.ancestor(depth).digits()))
    }
}

/// The code that another system uses for a category; kept as it came, for imports.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LegacyCode(String);

impl LegacyCode {
    /// Without surrounding blanks; `None` when empty or longer than [`LEGACY_CODE_CHARS_MAX`].
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

    /// TR-78: exactly 1000 children fit, the 1001st is refused, and the deepest level has none.
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

    /// TR-78: a move re-codes the whole subtree, and nothing moves under itself or too deep.
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
            ("0", "0 001", 0, Refusal::RootStays),
            ("0 001", "0 001", 1, Refusal::UnderItself),
            ("0 001", "0 001 002", 3, Refusal::UnderItself),
            ("0 001", "0 002", 3, Refusal::TooDeep),
            ("0 001", "0 002 001 001", 1, Refusal::TooDeep),
        ] {
            assert_eq!(plan(from, to, &[], deepest), Err(refusal), "{from} -> {to}");
        }
    }

    #[test]
    fn other_systems_codes_are_kept_as_they_came() {
        assert_eq!(LegacyCode::new(" A-01.3 ").unwrap().as_str(), "A-01.3");
        assert_eq!(LegacyCode::new("  "), None);
        assert_eq!(LegacyCode::new(&"x".repeat(65)), None);
    }

    fn any_code() -> impl Strategy<Value = Code> {
        // Few digits, so that codes are often related; the edges of the range are among them.
        let digits = prop::sample::select(vec![0_u16, 1, 2, 998, 999]);
        prop::collection::vec(digits, 0..=3)
            .prop_map(|levels| levels.into_iter().fold(Code::ALL, |code, digits| code.child(digits).unwrap()))
    }

    proptest! {
        /// TR-78: a subtree is exactly one range of numbers.
        #[test]
        fn the_subtree_is_the_range_of_the_prefix(above in any_code(), below in any_code()) {
            let is_prefix = below.to_string().starts_with(&above.to_string());
            prop_assert_eq!(above.contains(below), is_prefix);
            prop_assert_eq!(below.to_string().parse::<Code>(), Ok(below));
            prop_assert_eq!(Code::new(below.get()), Some(below));
        }

        #[test]
        fn a_number_is_a_code_or_nothing(number in any::<i64>()) {
            if let Some(code) = Code::new(number) {
                prop_assert_eq!(code.to_string().parse::<Code>(), Ok(code));
            }
        }
    }
}

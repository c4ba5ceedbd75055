//! Categories: three levels, under the law "0 000 000 000".

use std::fmt;

use crate::random::Random;
use crate::words::{GROUPS, Kind};

/// The code of a category: three digits per level below the root.
///
/// Prints as its prefix (`0`, `0 001`, `0 001 004`, `0 001 004 002`). As a number it is the nine digits of its levels,
/// filled up with zeros, and its depth as the last digit, so everything below a code is one range of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CategoryCode {
    levels: [u16; 3],
    depth: u8,
}

impl CategoryCode {
    const ROOT: Self = Self { levels: [0; 3], depth: 0 };

    /// The number of the code: 10 digits at most.
    #[must_use]
    pub fn number(self) -> i64 {
        let [first, second, third] = self.levels.map(i64::from);
        ((first * 1_000 + second) * 1_000 + third) * 10 + i64::from(self.depth)
    }

    /// How many levels it is below the root, 1 to 3.
    #[must_use]
    pub const fn depth(self) -> u8 {
        self.depth
    }

    /// The category above it; `None` for the first level.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        let depth = self.depth.checked_sub(1).filter(|depth| *depth > 0)?;
        let mut levels = self.levels;
        levels.iter_mut().skip(usize::from(depth)).for_each(|level| *level = 0);
        Some(Self { levels, depth })
    }

    /// The child at this place among its siblings; the first one has the digits 001.
    fn child(self, place: usize) -> Self {
        let mut levels = self.levels;
        if let Some(level) = levels.get_mut(usize::from(self.depth)) {
            *level = u16::try_from(place).map_or(u16::MAX, |place| place + 1);
        }
        Self { levels, depth: self.depth + 1 }
    }
}

impl fmt::Display for CategoryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0")?;
        self.levels.iter().take(usize::from(self.depth)).try_for_each(|level| write!(f, " {level:03}"))
    }
}

/// A category of shops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Category {
    /// Its code, which says where in the tree it is.
    pub code: CategoryCode,
    /// Its name.
    pub name: &'static str,
    /// Its name in English.
    pub name_en: &'static str,
}

/// All categories in the order of their codes, so each comes after the one above it.
#[must_use]
pub fn categories() -> Vec<Category> {
    let mut all = Vec::new();
    let mut add = |code, (name, name_en)| all.push(Category { code, name, name_en });
    for (place, group) in GROUPS.iter().enumerate() {
        let first = CategoryCode::ROOT.child(place);
        add(first, group.name);
        for (place, kind) in group.kinds.iter().enumerate() {
            let second = first.child(place);
            add(second, kind.name);
            for (place, name) in kind.below.iter().enumerate() {
                add(second.child(place), *name);
            }
        }
    }
    all
}

/// The kinds of shops with their codes, to be drawn by weight.
#[derive(Clone, Debug)]
pub(crate) struct Kinds {
    /// Each kind with the sum of the weights up to it.
    all: Vec<(u64, CategoryCode, &'static Kind)>,
    sum: u64,
}

impl Kinds {
    pub(crate) fn new() -> Self {
        let mut sum = 0;
        let mut all = Vec::new();
        for (place, group) in GROUPS.iter().enumerate() {
            let first = CategoryCode::ROOT.child(place);
            for (place, kind) in group.kinds.iter().enumerate() {
                sum += kind.weight;
                all.push((sum, first.child(place), kind));
            }
        }
        Self { all, sum }
    }

    /// A kind, and its category or one of those below it.
    pub(crate) fn draw(&self, random: &mut Random) -> (CategoryCode, &'static Kind) {
        let drawn = random.below(self.sum);
        let index = self.all.partition_point(|(sum, ..)| *sum <= drawn);
        let (_, code, kind) = self.all.get(index).expect("what is drawn is below the sum of the weights");
        let below = kind.below.len();
        // One in four shops says only roughly what it is.
        match below > 0 && random.percent(75) {
            true => {
                let place = random.below(u64::try_from(below).unwrap_or(0));
                (code.child(usize::try_from(place).unwrap_or(0)), kind)
            }
            false => (*code, kind),
        }
    }

    /// The kind that a category belongs to.
    pub(crate) fn of(&self, category: CategoryCode) -> &'static Kind {
        let is_same = |code: &CategoryCode| code.levels.iter().zip(category.levels).take(2).all(|(a, b)| *a == b);
        self.all
            .iter()
            .find(|(_, code, _)| is_same(code))
            .map(|(.., kind)| *kind)
            .expect("the category is of this city")
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// TR-77, TR-78: the demo's tree obeys the law of the codes.
    #[test]
    fn the_tree_obeys_its_law() {
        let all = categories();
        let mut seen = BTreeSet::new();
        for category in &all {
            assert!(seen.insert(category.code.number()), "{} comes twice", category.code);
            assert!(category.code.parent().is_none_or(|parent| seen.contains(&parent.number())), "{}", category.code);
            assert_eq!(category.code.number() % 10, i64::from(category.code.depth()));
            assert!(!category.name.is_empty() && category.name_en.is_ascii() && !category.name_en.is_empty());
        }
        assert!(all.is_sorted_by_key(|category| category.code.levels));
        let on_level = |depth| all.iter().filter(|category| category.code.depth() == depth).count();
        assert_eq!([on_level(1), on_level(2), on_level(3)], [12, 69, 53]);
    }

    #[test]
    fn codes_print_as_prefixes() {
        let code = CategoryCode::ROOT.child(0).child(3).child(1);
        assert_eq!((code.to_string().as_str(), code.number()), ("0 001 004 002", 10_040_023));
        let parent = code.parent().unwrap();
        assert_eq!((parent.to_string().as_str(), parent.number()), ("0 001 004", 10_040_002));
        assert_eq!(parent.parent().unwrap().parent(), None);
    }
}

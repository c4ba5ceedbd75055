//! Menus: modifier groups, valid choices and their price.

use std::collections::HashSet;

use pulse_kernel::Money;

/// Maximum number of modifier groups of a product.
pub const GROUPS_MAX: usize = 20;
/// Maximum number of modifiers of a group.
pub const MODIFIERS_MAX: usize = 50;
/// Maximum number of choices of one group; repeated choices of a modifier count each time.
pub const CHOICES_MAX: u16 = 20;

/// Option of a product: "large", "no onions", "extra cheese".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modifier {
    /// Name, unique within the group.
    pub name: String,
    /// Increase of the price, in minor units of the currency of the variant, 0 or more.
    pub price_delta_minor: i64,
}

/// Group of modifiers to choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Name, unique within the product.
    pub name: String,
    /// Minimum number of choices.
    pub choices_min: u16,
    /// Maximum number of choices.
    pub choices_max: u16,
    /// Modifiers to choose from.
    pub modifiers: Vec<Modifier>,
}

/// Kind of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// More than [`GROUPS_MAX`] groups or [`MODIFIERS_MAX`] modifiers.
    TooMany,
    /// The name is blank or not unique.
    NameInvalid,
    /// `choices_max` is zero, less than `choices_min` or more than [`CHOICES_MAX`].
    ChoicesInvalid,
    /// The group has no modifiers.
    Empty,
    /// The price of a modifier is negative.
    PriceNegative,
}

/// Fault of a modifier group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Index of the group.
    pub group: usize,
    /// Index of the modifier within the group; `None` for a fault of the group.
    pub modifier: Option<usize>,
    /// Kind of the fault.
    pub kind: FaultKind,
}

/// Checks the modifier groups of a product.
///
/// # Errors
/// All faults in order, at most one per group and modifier.
pub fn check_groups(groups: &[Group]) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    let mut names = HashSet::new();
    for (index, group) in groups.iter().enumerate() {
        let kind = if index >= GROUPS_MAX || group.modifiers.len() > MODIFIERS_MAX {
            Some(FaultKind::TooMany)
        } else if group.name.trim().is_empty() || !names.insert(group.name.as_str()) {
            Some(FaultKind::NameInvalid)
        } else if group.choices_max == 0 || !(group.choices_min..=CHOICES_MAX).contains(&group.choices_max) {
            Some(FaultKind::ChoicesInvalid)
        } else if group.modifiers.is_empty() {
            Some(FaultKind::Empty)
        } else {
            None
        };
        faults.extend(kind.map(|kind| Fault { group: index, modifier: None, kind }));
        faults.extend(modifier_faults(index, group));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn modifier_faults(group_index: usize, group: &Group) -> impl Iterator<Item = Fault> {
    let mut names = HashSet::new();
    group.modifiers.iter().take(MODIFIERS_MAX).enumerate().filter_map(move |(index, modifier)| {
        let kind = if modifier.name.trim().is_empty() || !names.insert(modifier.name.as_str()) {
            FaultKind::NameInvalid
        } else if modifier.price_delta_minor < 0 {
            FaultKind::PriceNegative
        } else {
            return None;
        };
        Some(Fault { group: group_index, modifier: Some(index), kind })
    })
}

/// Modifier that a buyer chose; a modifier can be chosen more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Name of the group.
    pub group: String,
    /// Name of the modifier.
    pub modifier: String,
}

/// Reason why choices are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChoiceRefusal {
    /// The product does not have this modifier.
    Unknown(Choice),
    /// The number of choices of a group is out of range.
    CountOutOfRange {
        /// Name of the group.
        group: String,
        /// Number of choices.
        count: usize,
    },
    /// The price exceeds the range of an amount.
    PriceTooHigh,
}

/// The price of one unit: the price of the variant plus the chosen modifiers.
///
/// # Errors
/// The first refusal: an unknown modifier, then groups in their order.
pub fn price(base: Money, groups: &[Group], choices: &[Choice]) -> Result<Money, ChoiceRefusal> {
    let mut total = base;
    for choice in choices {
        let group = groups.iter().find(|group| group.name == choice.group);
        let modifier = group
            .and_then(|group| group.modifiers.iter().find(|modifier| modifier.name == choice.modifier))
            .ok_or_else(|| ChoiceRefusal::Unknown(choice.clone()))?;
        let delta = Money::new(modifier.price_delta_minor, base.currency);
        total = total.checked_add(delta).ok_or(ChoiceRefusal::PriceTooHigh)?;
    }
    for group in groups {
        let count = choices.iter().filter(|choice| choice.group == group.name).count();
        if !(usize::from(group.choices_min)..=usize::from(group.choices_max)).contains(&count) {
            return Err(ChoiceRefusal::CountOutOfRange { group: group.name.clone(), count });
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulse_kernel::Currency;

    use super::*;

    fn group(name: &str, choices_min: u16, choices_max: u16, modifiers: &[(&str, i64)]) -> Group {
        let modifiers = modifiers
            .iter()
            .map(|(name, price_delta_minor)| Modifier {
                name: (*name).to_owned(),
                price_delta_minor: *price_delta_minor,
            })
            .collect();
        Group { name: name.to_owned(), choices_min, choices_max, modifiers }
    }

    fn choices(text: &str) -> Vec<Choice> {
        text.split_whitespace()
            .filter_map(|part| part.split_once(':'))
            .map(|(group, modifier)| Choice { group: group.to_owned(), modifier: modifier.to_owned() })
            .collect()
    }

    #[test]
    fn all_faults_of_a_menu_are_returned() {
        let good = [group("size", 1, 1, &[("small", 0), ("large", 300)]), group("extra", 0, 3, &[("egg", 200)])];
        assert_eq!(check_groups(&good), Ok(()));
        let bad = [
            group("size", 2, 1, &[("small", 0), ("small", 300)]),
            group("size", 0, 1, &[("x", -1)]),
            group("extra", 0, 0, &[("egg", 200)]),
            group("sauce", 0, 1, &[]),
            group("many", 0, 21, &[(" ", 0)]),
        ];
        let found: Vec<_> = check_groups(&bad).unwrap_err().iter().map(|f| (f.group, f.modifier, f.kind)).collect();
        assert_eq!(
            found,
            [
                (0, None, FaultKind::ChoicesInvalid),
                (0, Some(1), FaultKind::NameInvalid),
                (1, None, FaultKind::NameInvalid),
                (1, Some(0), FaultKind::PriceNegative),
                (2, None, FaultKind::ChoicesInvalid),
                (3, None, FaultKind::Empty),
                (4, None, FaultKind::ChoicesInvalid),
                (4, Some(0), FaultKind::NameInvalid),
            ]
        );
        let names: Vec<String> = (0..=GROUPS_MAX).map(|index| index.to_string()).collect();
        let many: Vec<Group> = names.iter().map(|name| group(name, 0, 1, &[("x", 0)])).collect();
        assert_eq!(check_groups(&many).unwrap_err()[0].kind, FaultKind::TooMany);
    }

    #[test]
    fn a_choice_adds_the_prices_of_its_modifiers() {
        let menu = [group("size", 1, 1, &[("small", 0), ("large", 300)]), group("extra", 0, 2, &[("egg", 200)])];
        let count = |group: &str, count| ChoiceRefusal::CountOutOfRange { group: group.to_owned(), count };
        for (chosen, expected) in [
            ("size:small", Ok(1_000)),
            ("size:large extra:egg extra:egg", Ok(1_700)),
            ("", Err(count("size", 0))),
            ("size:small size:large", Err(count("size", 2))),
            ("size:small extra:egg extra:egg extra:egg", Err(count("extra", 3))),
            ("size:huge", Err(ChoiceRefusal::Unknown(choices("size:huge").remove(0)))),
            ("taste:hot", Err(ChoiceRefusal::Unknown(choices("taste:hot").remove(0)))),
        ] {
            let answer = price(Money::new(1_000, Currency::CNY), &menu, &choices(chosen));
            assert_eq!(answer.map(|money| money.minor), expected, "{chosen}");
        }
        let maximum = Money::new(i64::MAX, Currency::CNY);
        assert_eq!(price(maximum, &menu, &choices("size:large")), Err(ChoiceRefusal::PriceTooHigh));
    }

    proptest! {
        /// The price is the base price plus the sum of the chosen modifiers.
        #[test]
        fn a_price_is_the_sum(deltas in prop::collection::vec(0_i64..1_000, 1..20), picks in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
            let names: Vec<String> = (0..deltas.len()).map(|index| index.to_string()).collect();
            let modifiers: Vec<(&str, i64)> = names.iter().map(String::as_str).zip(deltas.iter().copied()).collect();
            let menu = [group("g", 0, CHOICES_MAX, &modifiers)];
            prop_assert_eq!(check_groups(&menu), Ok(()));
            let picked: Vec<usize> = picks.iter().map(|pick| pick.index(deltas.len())).collect();
            let chosen: Vec<Choice> = picked.iter().map(|index| Choice { group: "g".to_owned(), modifier: names[*index].clone() }).collect();
            let expected: i64 = picked.iter().map(|index| deltas[*index]).sum();
            prop_assert_eq!(price(Money::new(500, Currency::EUR), &menu, &chosen), Ok(Money::new(500 + expected, Currency::EUR)));
        }
    }
}

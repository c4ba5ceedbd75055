//! Assignment of order lines to stations.

use std::collections::BTreeSet;

/// Station of a kitchen without configured stations.
pub const ONLY: &str = "kitchen";

/// Station that prepares a part of the menu.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Station {
    /// Name of the station.
    pub name: String,
    /// Sections of the menu that it prepares.
    pub sections: Vec<String>,
    /// Initial prep time per unit in minutes; 0 means that the shop states none.
    pub prep_minutes: i32,
}

/// Reason why stations are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The name is not unique.
    NameTwice(String),
    /// The section occurs more than once.
    SectionTwice(String),
}

/// Checks that names and sections are unique.
///
/// # Errors
/// The first violation.
pub fn check(stations: &[Station]) -> Result<(), Refusal> {
    let (mut names, mut sections) = (BTreeSet::new(), BTreeSet::new());
    for station in stations {
        if !names.insert(station.name.as_str()) {
            return Err(Refusal::NameTwice(station.name.clone()));
        }
        if let Some(section) = station.sections.iter().find(|section| !sections.insert(section.as_str())) {
            return Err(Refusal::SectionTwice(section.clone()));
        }
    }
    Ok(())
}

/// Name of the station of a section: the station that lists it, otherwise the first station.
#[must_use]
pub fn of_section<'a>(stations: &'a [Station], section: Option<&str>) -> &'a str {
    let named = section
        .and_then(|section| stations.iter().find(|station| station.sections.iter().any(|named| named == section)));
    named.or_else(|| stations.first()).map_or(ONLY, |station| station.name.as_str())
}

/// Assigns lines to stations by the section of each line. Stations are in the order of the kitchen; stations without lines
/// are left out.
#[must_use]
pub fn split<'a>(stations: &'a [Station], sections: &[Option<String>]) -> Vec<(&'a str, Vec<usize>)> {
    let makers: Vec<&str> = sections.iter().map(|section| of_section(stations, section.as_deref())).collect();
    let names = stations.iter().map(|station| station.name.as_str()).chain(stations.is_empty().then_some(ONLY));
    names
        .map(|name| {
            let lines = makers.iter().enumerate().filter(|(_, maker)| **maker == name).map(|(line, _)| line);
            (name, lines.collect::<Vec<_>>())
        })
        .filter(|(_, lines)| !lines.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn station(name: &str, sections: &[&str]) -> Station {
        let sections = sections.iter().map(|section| (*section).to_owned()).collect();
        Station { name: name.to_owned(), sections, prep_minutes: 0 }
    }

    #[test]
    fn names_and_sections_are_unique() {
        let twice = |text: &str| text.to_owned();
        for (stations, expected) in [
            (vec![], Ok(())),
            (vec![station("bar", &["tea", "coffee"]), station("grill", &["meat"])], Ok(())),
            (vec![station("bar", &[]), station("bar", &[])], Err(Refusal::NameTwice(twice("bar")))),
            (vec![station("bar", &["tea"]), station("b", &["tea"])], Err(Refusal::SectionTwice(twice("tea")))),
            (vec![station("bar", &["tea", "tea"])], Err(Refusal::SectionTwice(twice("tea")))),
        ] {
            assert_eq!(check(&stations), expected, "{stations:?}");
        }
    }

    #[test]
    fn a_section_goes_to_its_station_and_others_to_the_first() {
        let stations = [station("bar", &["tea"]), station("grill", &["meat", "fish"])];
        for (section, expected) in
            [(Some("fish"), "grill"), (Some("tea"), "bar"), (Some("cake"), "bar"), (Some(""), "bar"), (None, "bar")]
        {
            assert_eq!(of_section(&stations, section), expected, "{section:?}");
            assert_eq!(of_section(&[], section), ONLY);
        }
    }

    #[test]
    fn lines_are_split_in_the_order_of_the_kitchen() {
        let stations = [station("bar", &["tea"]), station("grill", &["meat"]), station("cold", &["ice"])];
        let sections = ["meat", "ice", "meat"].map(|section| Some(section.to_owned()));
        assert_eq!(split(&stations, &sections), [("grill", vec![0, 2]), ("cold", vec![1])]);
        assert_eq!(split(&[], &sections), [(ONLY, vec![0, 1, 2])]);
        assert_eq!(split(&stations, &[]), []);
    }

    proptest! {
        /// Every line is assigned to exactly one station.
        #[test]
        fn every_line_is_assigned_once(sections in prop::collection::vec(prop::option::of("[a-e]"), 0..30), count in 0..4_usize) {
            let names = ["a", "b", "c"];
            let stations: Vec<Station> = names.iter().take(count).map(|name| station(name, &[name])).collect();
            let split = split(&stations, &sections);
            let mut lines: Vec<usize> = split.into_iter().flat_map(|(_, lines)| lines).collect();
            lines.sort_unstable();
            prop_assert_eq!(lines, (0..sections.len()).collect::<Vec<_>>());
        }
    }
}

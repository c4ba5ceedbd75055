//! Opening hours by local time: tables, and a comparison with a scan of every minute.

use jiff::civil::date;
use proptest::prelude::*;

use super::*;

fn zone(name: &str) -> Zone {
    Zone::new(name).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn hours(text: &str, zone_name: &str) -> Hours {
    Hours::from_osm(text, &zone(zone_name))
}

/// The printed schedule; `?` for a text that cannot be parsed.
fn reads(text: &str) -> String {
    let hours = hours(text, "UTC");
    assert_eq!(hours.text(), text, "the text is always kept");
    let printed = hours.schedule().map(|schedule| osm::print(schedule));
    if let Some(printed) = printed.as_ref().filter(|_| hours.mistakes().is_empty()) {
        assert_eq!(Hours::from_osm(printed, &Zone::utc()).schedule(), hours.schedule(), "{text} -> {printed}");
    }
    printed.unwrap_or_else(|| "?".to_owned())
}

#[test]
fn texts_of_the_map_are_parsed() {
    for (text, written) in [
        ("24/7", "00:00-24:00"),
        ("Mo-Su 6:30-20:00", "06:30-20:00"),
        ("10:00-22:00", "10:00-22:00"),
        ("Mo-Fr 06:30-17:00; Sa 08:00-17:00", "Mo-Fr 06:30-17:00; Sa 08:00-17:00"),
        ("Mo-Fr 05:45-20:00, Sa 06:15-20:00", "Mo-Fr 05:45-20:00, Sa 06:15-20:00"),
        ("Mo-We 12:00-14:30, 17:00-22:30; Th 12:00-22:30", "Mo-We 12:00-14:30,17:00-22:30; Th 12:00-22:30"),
        ("Mo-Th 12:00-22:30;Fr-Sa 12:00-13:00;", "Mo-Th 12:00-22:30; Fr-Sa 12:00-13:00"),
        ("Fr-Sa 12:00-00:00", "Fr-Sa 12:00-24:00"),
        ("Mo-Su 12:00-01:00", "12:00-01:00"),
        ("Sa-Mo 18:00-26:00", "Mo,Sa-Su 18:00-02:00"),
        ("Mo,We,Fr,PH 09:00-12:00", "Mo,We,Fr,PH 09:00-12:00"),
        ("mo-fr 9:00 - 17:00", "Mo-Fr 09:00-17:00"),
        ("Mo\u{2013}Fr 09:00\u{2013}17:00", "Mo-Fr 09:00-17:00"),
        ("Mo-Fr 09:00-17:00; PH off", "Mo-Fr 09:00-17:00; PH off"),
        ("Mo-Fr 09:00-17:00, PH closed", "Mo-Fr 09:00-17:00; PH off"),
        (
            "Apr-Sep: Mo-Su 10:00-18:00; Oct-Mar Sa,Su 11:00-15:00",
            "Apr 01-Sep 31 10:00-18:00; Oct 01-Mar 31 Sa-Su 11:00-15:00",
        ),
        ("10:00-18:00; Dec 24-26,Jan 01 off", "10:00-18:00; Dec 24-Dec 26,Jan 01 off"),
        (
            "10:00-18:00; 2026 Dec 24 10:00-14:00; 2026 Dec 25 off",
            "10:00-18:00; 2026 Dec 24 10:00-14:00; 2026 Dec 25 off",
        ),
        ("2026 Jun-2026 Aug off", "2026 Jun 01-2026 Aug 31 off"),
        ("off", "off"),
        ("Mo-Fr open", "Mo-Fr 00:00-24:00"),
        ("Mo-Fr 18:00+", "Mo-Fr 18:00-04:00 unknown"),
        ("07:00+", "07:00-24:00 unknown"),
        ("Mo-Fr 18:00-22:00+", "Mo-Fr 18:00-22:00 || Mo-Fr 22:00-06:00 unknown"),
        ("Mo-Fr 18:00-02:00+", "Mo-Fr 18:00-02:00"),
        ("Mo-Fr 10:00-18:00 \"by appointment\"", "Mo-Fr 10:00-18:00 unknown"),
        ("Mo-Fr 10:00-18:00 open \"ring; twice\"", "Mo-Fr 10:00-18:00"),
        ("Mo-Fr 10:00-18:00; Sa off \"a; b\"", "Mo-Fr 10:00-18:00; Sa off"),
        ("Mo-Fr 10:00-18:00 || \"on request\"", "Mo-Fr 10:00-18:00 || Mo-Su 00:00-24:00 unknown"),
        ("\"summer\": Apr-Sep 10:00-18:00", "Apr 01-Sep 31 10:00-18:00"),
        ("week 1-20/2,30 Mo 10:00-12:00", "week 01-20/2,30 Mo 10:00-12:00"),
        ("Mo[1] 10:00-12:00", "Mo[1] 10:00-12:00"),
        ("Sa[1,3],Su[-1],Tu[2-3] 10:00-12:00", "Sa[1],Sa[3],Su[-1],Tu[2],Tu[3] 10:00-12:00"),
        ("Mo-Fr 08:00-18:00; Fr 12:00-14:00 off", "Mo-Fr 08:00-18:00; Fr 12:00-14:00 off"),
        ("10:00-18:00; Easter off", "10:00-18:00; easter off"),
        ("10:00-18:00; easter -2 days-easter +1 day off", "10:00-18:00; easter -2 days-easter +1 days off"),
        ("Mar 01-easter 10:00-18:00", "Mar 01-easter 10:00-18:00"),
        ("10:00-18:00; 2026 easter off", "10:00-18:00; 2026 Apr 05 off"),
        ("10:00-18:00; Dec 24,25,31 off", "10:00-18:00; Dec 24,Dec 25,Dec 31 off"),
        ("2026-2027 Mo 10:00-18:00", "2026 Jan 01-2027 Dec 31 Mo 10:00-18:00"),
        ("24/7 off", "off"),
        ("24/7 \"call first\"", "00:00-24:00 unknown"),
        ("24/7; Jan 01 off", "00:00-24:00; Jan 01 off"),
        ("Mo-Fr 10:00-18:00;;", "Mo-Fr 10:00-18:00"),
        // Not readable: stored as text.
        ("", "?"),
        ("ten to ten", "?"),
        ("SH off", "?"),
        ("Monday 10:00-12:00", "?"),
        ("täglich ab elf", "?"),
        ("sunrise-sunset", "?"),
        // Readable in part: the days of the other parts count, and the days of this part are unknown.
        ("Mo-Fr", "Mo-Fr 00:00-24:00 unknown"),
        ("Mo 25:00-26:00", "Mo 00:00-24:00 unknown"),
        ("Mo-Fr 9am-5pm; Sa 10:00-12:00", "Mo-Fr 00:00-24:00 unknown; Sa 10:00-12:00"),
        ("Mo-Fr 09:00-17:00; Sa sunrise-sunset", "Mo-Fr 09:00-17:00; Sa 00:00-24:00 unknown"),
        ("Mo-Fr 09:00-17:00; SH off", "Mo-Fr 09:00-17:00"),
        ("Mo-Fr,SH 09:00-17:00", "Mo-Fr 09:00-17:00"),
        ("Mo-Fr 09:00-17:00; 2026 Feb 30 off", "Mo-Fr 09:00-17:00"),
    ] {
        assert_eq!(reads(text), written, "{text}");
    }
}

#[test]
fn the_clock_on_the_wall_decides() {
    let lunch_and_dinner = "Mo-Fr 11:30-14:00,17:00-22:00; Fr-Sa 18:00-02:00; PH off";
    for (text, zone_name, instant, expected) in [
        // 2026-11-20 is a Friday, and Shanghai is 8 hours ahead.
        (lunch_and_dinner, "Asia/Shanghai", "2026-11-19T03:29:59Z", false),
        (lunch_and_dinner, "Asia/Shanghai", "2026-11-19T03:30:00Z", true),
        (lunch_and_dinner, "Asia/Shanghai", "2026-11-19T06:00:00Z", false),
        (lunch_and_dinner, "Asia/Shanghai", "2026-11-20T04:00:00Z", false),
        (lunch_and_dinner, "Asia/Shanghai", "2026-11-20T17:59:00Z", true),
        (lunch_and_dinner, "Asia/Shanghai", "2026-11-20T18:00:00Z", false),
        (lunch_and_dinner, "Asia/Shanghai", "2026-11-21T17:00:00Z", true),
        // A span that begins on Saturday continues on a Sunday that is off.
        ("Sa 20:00-04:00; Su off", "UTC", "2026-11-22T03:00:00Z", true),
        ("10:00-18:00; 2026 Nov 20 off", "UTC", "2026-11-20T12:00:00Z", false),
        ("10:00-18:00; Nov 20-22 12:00-13:00", "UTC", "2026-11-20T12:00:00Z", true),
        ("10:00-18:00; Nov 20-22 12:00-13:00", "UTC", "2026-11-20T11:00:00Z", false),
        ("Dec 20-Jan 05 10:00-12:00", "UTC", "2027-01-01T11:00:00Z", true),
        ("Dec 20-Jan 05 10:00-12:00", "UTC", "2027-01-06T11:00:00Z", false),
        // The later rule overrides the earlier one.
        ("2026 Nov 20 off; 10:00-18:00", "UTC", "2026-11-20T12:00:00Z", true),
        // London, clocks set back on 2026-10-25 at 01:00Z: 01:30 occurs twice.
        ("01:00-02:00", "Europe/London", "2026-10-25T00:30:00Z", true),
        ("01:00-02:00", "Europe/London", "2026-10-25T01:30:00Z", true),
        ("01:00-02:00", "Europe/London", "2026-10-25T02:00:00Z", false),
        // London, clocks set forward on 2026-03-29 at 01:00Z: 01:30 does not occur.
        ("01:00-02:00", "Europe/London", "2026-03-29T01:00:00Z", false),
        ("01:30-10:00", "Europe/London", "2026-03-29T01:00:00Z", true),
        ("24/7", "America/St_Johns", "1930-01-01T00:00:00Z", true),
        // H3: days of Easter, positions in the month, weeks. Easter of 2026 is April 5, of 2027 March 28.
        ("Mo-Su 07:00-23:00; Easter off", "UTC", "2026-04-05T12:00:00Z", false),
        ("Mo-Su 07:00-23:00; Easter off", "UTC", "2026-04-06T12:00:00Z", true),
        ("Mo-Su 07:00-23:00; Easter off", "UTC", "2027-03-28T12:00:00Z", false),
        ("07:00-23:00; easter -2 days-easter +1 day off", "UTC", "2026-04-03T12:00:00Z", false),
        ("07:00-23:00; easter -2 days-easter +1 day off", "UTC", "2026-04-06T12:00:00Z", false),
        ("07:00-23:00; easter -2 days-easter +1 day off", "UTC", "2026-04-07T12:00:00Z", true),
        ("Dec 01-easter 07:00-23:00", "UTC", "2026-04-05T12:00:00Z", true),
        ("Dec 01-easter 07:00-23:00", "UTC", "2026-04-06T12:00:00Z", false),
        ("Sa[1,3] 10:00-12:00", "UTC", "2026-11-07T11:00:00Z", true),
        ("Sa[1,3] 10:00-12:00", "UTC", "2026-11-14T11:00:00Z", false),
        ("Sa[1,3] 10:00-12:00", "UTC", "2026-11-21T11:00:00Z", true),
        ("Sa[-1] 10:00-12:00", "UTC", "2026-11-28T11:00:00Z", true),
        ("Sa[-1] 10:00-12:00", "UTC", "2026-11-21T11:00:00Z", false),
        // 2026-11-20 is in ISO week 47; 2027-01-01 in week 53 of 2026.
        ("week 47-52/2 10:00-12:00", "UTC", "2026-11-20T11:00:00Z", true),
        ("week 46-52/2 10:00-12:00", "UTC", "2026-11-20T11:00:00Z", false),
        ("week 53 10:00-12:00", "UTC", "2027-01-01T11:00:00Z", true),
        ("2026-2027 10:00-12:00", "UTC", "2028-01-01T11:00:00Z", false),
        ("2026+ 10:00-12:00", "UTC", "2028-01-01T11:00:00Z", true),
        ("24/7 off", "UTC", "2026-11-20T11:00:00Z", false),
        ("08:00-18:00; Fr 12:00-14:00 off", "UTC", "2026-11-20T13:00:00Z", false),
        ("08:00-18:00; Fr 12:00-14:00 off", "UTC", "2026-11-20T15:00:00Z", true),
        ("Mo-Fr 18:00+", "UTC", "2026-11-20T17:59:00Z", false),
        ("Mo-Fr 12:00-14:00+", "UTC", "2026-11-20T13:00:00Z", true),
        // Closed days count when other days cannot be read.
        ("Mo-Fr 9am-5pm; Sa 10:00-12:00", "UTC", "2026-11-21T11:00:00Z", true),
        ("Mo-Fr 9am-5pm; Sa 10:00-12:00", "UTC", "2026-11-21T13:00:00Z", false),
        ("Mo-Fr 09:00-17:00; Sa sunrise-sunset", "UTC", "2026-11-20T18:00:00Z", false),
        ("Su off", "UTC", "2026-11-22T12:00:00Z", false),
        ("Dec 25 off", "UTC", "2026-12-25T12:00:00Z", false),
        ("2026 Dec 25 off", "UTC", "2026-12-25T12:00:00Z", false),
        ("Mo-Fr 09:00-17:00; PH off", "UTC", "2026-11-21T12:00:00Z", false),
    ] {
        assert_eq!(hours(text, zone_name).is_open(at(instant)), Some(expected), "{text} {zone_name} {instant}");
    }
    assert_eq!(hours("by chance", "UTC").is_open(at("2026-01-01T00:00:00Z")), None);
}

/// H1, H3: days that no rule opens are unknown when all rules close, and so are days that cannot be read.
#[test]
fn some_times_are_unknown() {
    for (text, instant) in [
        ("PH off", "2026-11-20T12:00:00Z"),
        ("Su off", "2026-11-20T12:00:00Z"),
        ("Su off; PH off", "2026-11-21T12:00:00Z"),
        ("Dec 25 off", "2026-11-20T12:00:00Z"),
        ("2026 Dec 25 off", "2026-11-20T12:00:00Z"),
        ("Fr 12:00-14:00 off", "2026-11-20T11:00:00Z"),
        ("ten to ten", "2026-11-20T12:00:00Z"),
        ("Mo-Fr 9am-5pm; Sa 10:00-12:00", "2026-11-20T12:00:00Z"),
        ("Mo-Fr 9am-5pm; Sa 10:00-12:00", "2026-11-22T12:00:00Z"),
        ("Mo-Fr 09:00-17:00; Sa sunrise-sunset", "2026-11-21T12:00:00Z"),
        ("Mo-Fr 09:00-17:00; SH off", "2026-11-21T12:00:00Z"),
        ("Mo-Fr 18:00+", "2026-11-20T18:00:00Z"),
        ("Mo-Fr 18:00+", "2026-11-21T03:00:00Z"),
        ("Mo-Fr 12:00-14:00+", "2026-11-20T14:00:00Z"),
        ("Mo-Fr 10:00-18:00 \"by appointment\"", "2026-11-20T12:00:00Z"),
        ("Mo-Fr 10:00-18:00 || \"on request\"", "2026-11-21T12:00:00Z"),
    ] {
        let hours = hours(text, "UTC");
        assert_eq!(hours.is_open(at(instant)), None, "{text} {instant}");
        assert_eq!(hours.next_change(at(instant)), None, "{text} {instant}");
    }
    // The next change is not known when the next state is not.
    assert_eq!(hours("Fr 18:00+", "UTC").next_change(at("2026-11-20T12:00:00Z")), None);
}

/// H3: Easter, compared with known dates.
#[test]
fn easter_is_known() {
    for (year, month, day) in
        [(1961, 4, 2), (2000, 4, 23), (2008, 3, 23), (2024, 3, 31), (2025, 4, 20), (2026, 4, 5), (2038, 4, 25)]
    {
        assert_eq!(schedule::easter(year), Some(date(year, month, day)));
    }
}

#[test]
fn tells_when_it_opens_or_closes_next() {
    for (text, zone_name, instant, expected) in [
        ("Mo-Fr 09:00-17:00", "Asia/Shanghai", "2026-11-20T00:00:00Z", Some("2026-11-20T01:00:00Z")),
        ("Mo-Fr 09:00-17:00", "Asia/Shanghai", "2026-11-20T01:00:00Z", Some("2026-11-20T09:00:00Z")),
        ("Mo-Fr 09:00-17:00", "Asia/Shanghai", "2026-11-20T09:00:00Z", Some("2026-11-23T01:00:00Z")),
        ("20:00-04:00", "UTC", "2026-11-20T22:00:00Z", Some("2026-11-21T04:00:00Z")),
        // Adjacent spans have no change between them.
        ("Mo-Su 00:00-24:00; We 00:00-12:00", "UTC", "2026-11-20T22:00:00Z", Some("2026-11-25T12:00:00Z")),
        ("24/7", "UTC", "2026-11-20T22:00:00Z", None),
        ("off", "UTC", "2026-11-20T22:00:00Z", None),
        // The search ends after a week.
        ("Jan 10 10:00-12:00", "UTC", "2026-01-03T10:00:00Z", Some("2026-01-10T10:00:00Z")),
        ("Jan 10 10:00-12:00", "UTC", "2026-01-03T09:59:00Z", None),
        // New York: the span ends at the first of two 02:00; the skipped 02:00 begins it at 03:00.
        ("20:00-01:30", "America/New_York", "2026-11-01T03:00:00Z", Some("2026-11-01T05:30:00Z")),
        ("02:30-05:00", "America/New_York", "2026-03-08T06:00:00Z", Some("2026-03-08T07:00:00Z")),
    ] {
        let next = hours(text, zone_name).next_change(at(instant));
        assert_eq!(next, expected.map(at), "{text} {zone_name} {instant}");
    }
}

#[test]
fn a_plain_week_is_written_as_rules() {
    let span = |from_hour: u16, until_hour: u16| Span { from_minute: from_hour * 60, until_minute: until_hour * 60 };
    let week = [(0, span(17, 22)), (0, span(11, 14)), (1, span(11, 14)), (1, span(17, 22)), (5, span(18, 26))];
    let special = [(date(2026, 12, 25), vec![]), (date(2026, 12, 24), vec![span(11, 14)])];
    let schedule = Schedule::weekly(zone("Asia/Shanghai"), &week, &special).unwrap();
    assert_eq!(schedule.week_spans(1), [span(11, 14), span(17, 22)]);
    assert_eq!(schedule.week_spans(6), []);
    assert_eq!(schedule.special().len(), 2);
    let hours = Hours::from_schedule(schedule);
    assert_eq!(hours.text(), "Mo-Tu 11:00-14:00,17:00-22:00; Sa 18:00-02:00; 2026 Dec 24 11:00-14:00; 2026 Dec 25 off");
    let closed = Hours::from_schedule(Schedule::weekly(Zone::utc(), &[], &[]).unwrap());
    assert_eq!((closed.text(), closed.is_open(Timestamp::EPOCH)), ("off", Some(false)));
    for (week, refusal) in [
        (vec![(0, span(10, 12)), (0, span(11, 13))], Refusal::SpansOverlap),
        (vec![(7, span(10, 12))], Refusal::WeekdayInvalid),
        (vec![(0, span(12, 12))], Refusal::SpanInvalid),
        (vec![(0, span(24, 25))], Refusal::SpanInvalid),
        (vec![(0, span(12, 49))], Refusal::SpanInvalid),
    ] {
        assert_eq!(Schedule::weekly(Zone::utc(), &week, &[]), Err(refusal));
    }
    let days = |count: i16| (0..count).map(|step| (date(2026 + step, 1, 1), vec![])).collect::<Vec<_>>();
    assert!(Schedule::weekly(Zone::utc(), &[], &days(400)).is_ok());
    assert_eq!(Schedule::weekly(Zone::utc(), &[], &days(401)), Err(Refusal::TooMany));
    assert_eq!(Schedule::new(Zone::utc(), vec![]), Err(Refusal::Empty));
}

#[test]
fn holidays_are_the_days_that_somebody_named() {
    let read = hours("Mo-Su 10:00-18:00; PH 12:00-14:00", "UTC");
    let schedule = Schedule::clone(read.schedule().unwrap()).with_holidays(vec![date(2026, 12, 25), date(2026, 1, 1)]);
    for (instant, expected) in
        [("2026-12-25T11:00:00Z", false), ("2026-12-25T13:00:00Z", true), ("2026-12-24T11:00:00Z", true)]
    {
        assert_eq!(schedule.is_open(at(instant)), Some(expected), "{instant}");
    }
}

#[test]
fn knows_the_zones_by_name() {
    assert_eq!(Zone::new("asia/shanghai").unwrap().name(), "Asia/Shanghai");
    assert_eq!(Zone::new("Moon/Base"), None);
    assert_eq!(Zone::utc(), zone("UTC"));
    for far in [i64::MIN, i64::MAX] {
        assert_eq!(hours("24/7", "Asia/Shanghai").is_open(Timestamp::from_millis(far)), Some(true));
        assert_eq!(hours("24/7", "Asia/Shanghai").next_change(Timestamp::from_millis(far)), None);
    }
}

fn any_span() -> impl Strategy<Value = Span> {
    (0_u16..96, 1_u16..=96)
        .prop_map(|(from, length)| Span { from_minute: from * 15, until_minute: (from * 15 + length * 15).min(2_880) })
}

fn any_date_range() -> impl Strategy<Value = DateRange> {
    let month_day = || (1_i8..=12, 1_i8..=31).prop_map(|(month, day)| MonthDay { month, day });
    let once = (1_i8..=12, 1_i8..=28, 0_i64..40).prop_map(|(month, day, length)| {
        let first = date(2026, month, day);
        DateRange::Once(first, first.checked_add(jiff::Span::new().days(length)).unwrap())
    });
    let easter = (-200_i16..=200).prop_map(Edge::Easter);
    let movable = (easter, any_edge()).prop_map(|(first, last)| DateRange::Movable(first, last));
    prop_oneof![(month_day(), month_day()).prop_map(|(first, last)| DateRange::Yearly(first, last)), once, movable]
}

fn any_edge() -> impl Strategy<Value = Edge> {
    let yearly = (1_i8..=12, 1_i8..=31).prop_map(|(month, day)| Edge::Yearly(MonthDay { month, day }));
    prop_oneof![(-200_i16..=200).prop_map(Edge::Easter), yearly]
}

fn any_week() -> impl Strategy<Value = WeekRange> {
    (1_i8..=53, 1_i8..=53, 1_i8..=4).prop_map(|(first, last, step)| WeekRange {
        first,
        last,
        step: if first == last { 1 } else { step },
    })
}

fn any_nth() -> impl Strategy<Value = NthWeekday> {
    (0_u8..7, 1_i8..=5, any::<bool>())
        .prop_map(|(weekday, nth, is_last)| NthWeekday { weekday, nth: if is_last { -nth } else { nth } })
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let days = prop_oneof![
        Just(Weekdays::ALL),
        any::<u8>().prop_map(|bits| { (0..7).filter(|day| bits & 1 << day != 0).fold(Weekdays::NONE, Weekdays::with) })
    ];
    let spans = prop::collection::vec(any_span(), 0..3);
    let dates = prop::collection::vec(any_date_range(), 0..3);
    let positions = (prop::collection::vec(any_week(), 0..2), prop::collection::vec(any_nth(), 0..2));
    let states = prop::sample::select(vec![State::Open, State::Open, State::Open, State::Closed, State::Unknown]);
    let effects = prop::sample::select(vec![Effect::Replace, Effect::Replace, Effect::Add, Effect::Fallback]);
    (days, any::<bool>(), dates, spans, positions, states, effects).prop_map(
        |(weekdays, on_holidays, dates, spans, (weeks, nth), state, effect)| {
            let (state, effect) = match (spans.is_empty(), state) {
                (true, _) => (State::Closed, Effect::Replace),
                (false, State::Closed) => (state, Effect::Add),
                (false, _) => (state, effect),
            };
            // A rule without days cannot be printed.
            let on_holidays = on_holidays || (weekdays == Weekdays::NONE && nth.is_empty());
            Rule { weekdays, nth, on_holidays, dates, weeks, spans, state, effect }
        },
    )
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let zones = ["UTC", "Asia/Shanghai", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"];
    (prop::sample::select(zones.to_vec()), prop::collection::vec(any_rule(), 1..5)).prop_map(|(name, mut rules)| {
        // The first rule has no earlier rule to add to.
        if rules[0].state != State::Closed {
            rules[0].effect = Effect::Replace;
        }
        Schedule::new(zone(name), rules).unwrap()
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(schedule in any_schedule()) {
        let written = Hours::from_schedule(schedule.clone());
        let read = Hours::from_osm(written.text(), schedule.zone());
        prop_assert_eq!(read.schedule().map(AsRef::as_ref), Some(&schedule), "{}", written.text());
    }

    #[test]
    fn reading_never_panics(text in "([MoTuFrSaPH0-9:,;+ \\-ofJanDec/é\"|\\[\\]]|easter|week |day| off|SH|unknown){0,40}") {
        let hours = Hours::from_osm(&text, &Zone::utc());
        prop_assert_eq!(hours.text(), text.as_str());
    }

    /// The next change is the first quarter of an hour that differs, across all clock changes of a year, within a week.
    #[test]
    fn the_next_change_is_the_first_that_differs(schedule in any_schedule(), quarter in 0_i64..35_040) {
        const QUARTER_MS: i64 = 15 * 60_000;
        let start = at("2026-01-01T00:00:00Z").as_millis() + quarter * QUARTER_MS;
        let is_open = schedule.is_open(Timestamp::from_millis(start));
        let scanned = (1..=4 * 24 * 7)
            .map(|step| Timestamp::from_millis(start + step * QUARTER_MS))
            .find(|instant| schedule.is_open(*instant) != is_open)
            .filter(|instant| is_open.is_some() && schedule.is_open(*instant).is_some());
        let next = schedule.next_change(Timestamp::from_millis(start));
        prop_assert_eq!(next, scanned);
    }
}

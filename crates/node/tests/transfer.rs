//! The commands import, export and admin, as a person runs them.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

fn pulse(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pulse"));
    command.args(arguments).arg("--data").arg(data).stdin(Stdio::null());
    command
}

fn run(data: &Path, arguments: &[&str]) -> Output {
    pulse(data, arguments).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Imports and gives the report.
fn import(data: &Path, file: &Path, more: &[&str]) -> (Option<i32>, Value) {
    let output = run(data, &[&["import", "shops", text(file), "--json"], more].concat());
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
    });
    (output.status.code(), report)
}

fn export(data: &Path, file: &Path) {
    let output = run(data, &["export", "shops", text(file)]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn count(report: &Value, name: &str) -> u64 {
    report[name].as_u64().unwrap()
}

/// The lines without what separates them: the order is that of the batches, which run at the same time.
fn lines(file: &Path) -> BTreeSet<String> {
    fs::read_to_string(file).unwrap().lines().map(|line| line.trim_end_matches(',').to_owned()).collect()
}

fn feature(number: u32) -> String {
    format!(
        r#"{{"type":"Feature","id":"node/{number}","geometry":{{"type":"Point","coordinates":[-3.{number:05},55.{number:05}]}},"properties":{{"name":"Tea house {number}","name:en":"Tea {number}","name:fr":"Thé {number}","amenity":"cafe","cuisine":"tea;cake","addr:street":"Rose Street","addr:housenumber":"{number}","opening_hours":"Mo-Fr 09:00-18:00; PH off","phone":"+44 131 496 0000","wheelchair":"yes","stars":4.5,"description":"Quiet, \"cosy\""}}}}"#
    )
}

fn features(folder: &Path, count: u32) -> PathBuf {
    let file = folder.join("shops.geojson");
    let features: Vec<String> = (0..count).map(feature).collect();
    fs::write(&file, format!("{{\"type\":\"FeatureCollection\",\"features\":[\n{}\n]}}", features.join(",\n")))
        .unwrap();
    file
}

/// TR-67, TR-68: the same file again changes nothing; what is exported can be imported and exported again, in every
/// format, and is equal.
#[test]
fn what_is_exported_can_be_imported_again() {
    let temp = tempfile::tempdir().unwrap();
    let file = features(temp.path(), 1_200);
    let data = temp.path().join("first");
    let (code, report) = import(&data, &file, &["--time-zone", "Europe/London"]);
    assert_eq!((code, count(&report, "created_count"), count(&report, "read_count")), (Some(0), 1_200, 1_200));
    let (code, report) = import(&data, &file, &["--time-zone", "Europe/London"]);
    assert_eq!((code, count(&report, "unchanged_count"), count(&report, "created_count")), (Some(0), 1_200, 0));
    for name in ["out.geojson", "out.csv", "out.jsonl"] {
        let first = temp.path().join(name);
        export(&data, &first);
        assert!(lines(&first).len() >= 1_200, "{name}");
        let again = temp.path().join(["again-", name].concat());
        let other = temp.path().join(["data-", name].concat());
        let (code, report) = import(&other, &first, &[]);
        assert_eq!((code, count(&report, "created_count")), (Some(0), 1_200), "{name}: {report}");
        export(&other, &again);
        assert_eq!(lines(&first), lines(&again), "{name}");
    }
}

/// TR-67: a bad row is refused with its line and the reason, and costs no other row.
#[test]
fn bad_rows_are_refused_alone() {
    let temp = tempfile::tempdir().unwrap();
    let (data, file, refused) = (temp.path().join("data"), temp.path().join("list.csv"), temp.path().join("no.jsonl"));
    let long = "x".repeat(121);
    fs::write(
        &file,
        format!("Nr,Title,Y,X\n1,Good,1.5,2.5\n2,Bad,north,2\n3,,1,2\n4,{long},1,2\n5,Fine,3,4\n1,Twice,1,2\n"),
    )
    .unwrap();
    let map = ["--map", "id=Nr,name=Title,latitude=Y,longitude=X", "--source", "register", "--refused", text(&refused)];
    let (code, report) = import(&data, &file, &map);
    assert_eq!((code, count(&report, "created_count"), count(&report, "refused_count")), (Some(3), 2, 4), "{report}");
    let told = fs::read_to_string(&refused).unwrap();
    let rows: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.iter().map(|row| count(row, "line")).collect::<Vec<_>>(), [3, 4, 5, 7], "{told}");
    assert_eq!(rows[1]["external_id"], "register:3");
    assert!(rows.iter().all(|row| row["code"] == "VALIDATION_FAILED"), "{told}");
    assert!(rows[1]["reason"].as_str().unwrap().contains("name"), "{told}");
    let people = run(&data, &[&["import", "shops", text(&file)], &map[..4]].concat());
    assert_eq!(people.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&people.stdout).contains("line 3: "), "{people:?}");
}

/// Kills a child when the test ends early.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// TR-67: killed in the middle, the import goes on where it was, and no shop is there twice.
#[test]
fn an_import_that_was_killed_goes_on() {
    const SHOPS: u32 = 30_000;
    let temp = tempfile::tempdir().unwrap();
    let (file, data) = (features(temp.path(), SHOPS), temp.path().join("data"));
    let import_of =
        |data: &Path| pulse(data, &["import", "shops", text(&file), "--json"]).stdout(Stdio::piped()).spawn();
    let mut child = Killed(import_of(&data).unwrap());
    // The first checkpoint is written with the first batch.
    let has_begun = || fs::read_dir(data.join("imports")).is_ok_and(|mut files| files.next().is_some());
    while !has_begun() {
        assert!(child.0.try_wait().unwrap().is_none(), "it ended before its first checkpoint");
        std::thread::yield_now();
    }
    drop(child);
    let (code, report) = import(&data, &file, &[]);
    assert_eq!((code, count(&report, "read_count")), (Some(0), u64::from(SHOPS)), "{report}");
    assert!(count(&report, "resumed_after_count") > 0, "{report}");
    let taken_in = count(&report, "created_count") + count(&report, "unchanged_count");
    assert_eq!((taken_in, count(&report, "updated_count")), (u64::from(SHOPS), 0), "{report}");
    let out = temp.path().join("out.jsonl");
    export(&data, &out);
    let told = fs::read_to_string(&out).unwrap();
    assert_eq!(told.lines().count(), 30_000, "a shop is there twice, or not at all");
    assert_eq!(lines(&out).len(), 30_000);
    assert!(fs::read_dir(data.join("imports")).unwrap().next().is_none(), "a finished import leaves no checkpoint");
    let (_, report) = import(&data, &file, &["--restart"]);
    assert_eq!(count(&report, "unchanged_count"), u64::from(SHOPS));
}

#[test]
fn administration_says_what_is_wrong_and_rotates_keys() {
    let temp = tempfile::tempdir().unwrap();
    let output = run(temp.path(), &["admin", "grant-operator", "--phone", "+8613800000000"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nobody has signed up with +8613800000000"));
    let elsewhere = run(&temp.path().join("nowhere"), &["admin", "rotate-keys"]);
    assert!(String::from_utf8_lossy(&elsewhere.stderr).contains("there is no data folder"));
    let first = run(temp.path(), &["admin", "rotate-keys"]);
    let second = run(temp.path(), &["admin", "rotate-keys"]);
    assert!(first.status.success() && second.status.success());
    assert_ne!(first.stdout, second.stdout);
}

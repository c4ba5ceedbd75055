//! The commands import, export and admin, as a person runs them.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use pulse_contract::shop::v1::{
    CloseShopRequest, CreateCategoryRequest, CreateMerchantRequest, Hours, HoursSpan, ReviewShopRequest, ShopDecision,
    ShopDraft, SubmitShopApplicationRequest,
};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Actor, Cx, Principal};
use pulse_node::codes::CodeChannels;
use pulse_node::{Config, Node, NodeOptions};
use pulse_testkit::{draft, place};
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
    fs::create_dir_all(data).unwrap();
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
    collection(folder, (0..count).map(feature))
}

fn collection(folder: &Path, features: impl Iterator<Item = String>) -> PathBuf {
    let file = folder.join("shops.geojson");
    let features: Vec<String> = features.collect();
    fs::write(&file, format!("{{\"type\":\"FeatureCollection\",\"features\":[\n{}\n]}}", features.join(",\n")))
        .unwrap();
    file
}

/// Opens two shops of this platform, one of which closes for good, and makes a category for them.
async fn trade(data: &Path) {
    let mut config = Config::default();
    data.clone_into(&mut config.node.data);
    let node = Node::start(&config, NodeOptions::new(Arc::new(CodeChannels::default()))).await.unwrap();
    let shops = &node.shops().shops;
    let operator = Cx::system("test", node.clock.now());
    let account = AccountId::new(7);
    let principal = Principal { account, session: 0, roles: Vec::new(), shops: Vec::new() };
    let owner = operator.clone().with_actor(Actor::Principal(principal.into()));
    let category = CreateCategoryRequest { name: "Tea".into(), ..Default::default() };
    let category = shops.create_category(&operator, category).await.unwrap();
    let merchant = CreateMerchantRequest { name: "Tea & co".into(), ..Default::default() };
    let merchant_id = shops.create_merchant(&owner, merchant).await.unwrap().merchant_id;
    let week = vec![HoursSpan { weekday: 1, opens_minute: 540, closes_minute: 1_080 }];
    let ours = |name: &str| ShopDraft {
        name_en: format!("{name} in English"),
        category_code: category.code,
        location: Some(place(31.2304, 121.4737)),
        address: "12 Rose Street".into(),
        phone: "+86 21 5555 0000".into(),
        website: "https://tea.example".into(),
        hours: Some(Hours { week: week.clone(), ..Hours::default() }),
        image_urls: vec!["https://tea.example/1.png".into()],
        description: "Quiet, \"cosy\"".into(),
        ..draft(name)
    };
    for name in ["Open", "Closed"] {
        let request = SubmitShopApplicationRequest { merchant_id, shop: Some(ours(name)) };
        let shop_id = shops.submit_shop_application(&owner, request).await.unwrap().shop_id;
        let decision = ShopDecision::Approve.into();
        let review = ReviewShopRequest { shop_id, decision, reason: "Welcome".into() };
        shops.review_shop(&operator, review).await.unwrap();
        if name == "Closed" {
            shops.close_shop(&operator, CloseShopRequest { shop_id }).await.unwrap();
        }
    }
    node.stop().await;
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

/// TR-68: the platform's own shops, which are called nothing elsewhere, come back as themselves in every format.
#[test]
fn shops_of_ours_are_not_made_again() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    tokio::runtime::Runtime::new().unwrap().block_on(trade(&data));
    for name in ["out.geojson", "out.csv", "out.jsonl"] {
        let (first, again) = (temp.path().join(name), temp.path().join(["again-", name].concat()));
        export(&data, &first);
        let (code, report) = import(&data, &first, &["--source", "elsewhere"]);
        assert_eq!(
            (code, count(&report, "unchanged_count"), count(&report, "read_count")),
            (Some(0), 2, 2),
            "{report}"
        );
        export(&data, &again);
        assert_eq!(lines(&first), lines(&again), "{name}");
    }
}

/// I7: an export brings its categories; a category that cannot be there is named by its code.
#[test]
fn an_export_brings_its_categories() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    tokio::runtime::Runtime::new().unwrap().block_on(trade(&data));
    for name in ["out.geojson", "out.csv", "out.jsonl"] {
        let (first, again) = (temp.path().join(name), temp.path().join(["again-", name].concat()));
        let fresh = temp.path().join(["data-", name].concat());
        export(&data, &first);
        let (code, report) = import(&fresh, &first, &[]);
        assert_eq!((code, count(&report, "created_count")), (Some(0), 2), "{name}: {report}");
        export(&fresh, &again);
        assert_eq!(lines(&first), lines(&again), "{name}");
        let (code, report) = import(&fresh, &first, &[]);
        assert_eq!((code, count(&report, "unchanged_count")), (Some(0), 2), "{name}: {report}");
    }
    let (file, fresh) = (temp.path().join("codes.csv"), temp.path().join("codes"));
    fs::write(&file, "id,name,lat,lon,pulse:category\n1,Tea,1,2,50120002\n").unwrap();
    let (code, report) = import(&fresh, &file, &[]);
    assert_eq!(code, Some(3), "{report}");
    assert_eq!(report["refused"][0]["code"], "SHOP_CATEGORY_NOT_FOUND");
    assert!(report["refused"][0]["reason"].as_str().unwrap().contains("50120002"), "{report}");
}

fn data_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// I6: files with equal ids are different sources by their names; names with a meaning of their own get a suffix.
#[test]
fn the_name_of_a_file_is_its_source() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    for name in ["cafes.csv", "bars.csv"] {
        let (code, report) = import(&data, &data_file(name), &[]);
        assert_eq!((code, count(&report, "created_count"), count(&report, "updated_count")), (Some(0), 2, 0), "{name}");
        let (_, report) = import(&data, &data_file(name), &["--restart"]);
        assert_eq!(count(&report, "unchanged_count"), 2, "{name}");
    }
    let named = temp.path().join("pulse.csv");
    fs::copy(data_file("bars.csv"), &named).unwrap();
    assert_eq!(count(&import(&data, &named, &[]).1, "created_count"), 2);
    let out = temp.path().join("out.csv");
    export(&data, &out);
    let written = fs::read_to_string(&out).unwrap();
    for id in ["cafes:1,Cafe One", "cafes:2,Cafe Two", "bars:1,Bar One", "bars:2,Bar Two", "pulse-file:1,Bar One"] {
        assert!(written.contains(&format!("\n{id},")), "{id}: {written}");
    }
}

/// I9: commands that read data refuse a folder that is not there, and create none.
#[test]
fn only_a_server_creates_a_data_folder() {
    let temp = tempfile::tempdir().unwrap();
    let (typo, out) = (temp.path().join("typo"), temp.path().join("out.csv"));
    let list = data_file("cafes.csv");
    let commands: [&[&str]; 5] = [
        &["export", "shops", text(&out)],
        &["import", "shops", text(&list)],
        &["verify"],
        &["migrate"],
        &["admin", "grant-operator", "--phone", "+8613800000000"],
    ];
    for command in commands {
        let output = run(&typo, command);
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("typo does not exist"), "{command:?} {output:?}");
        assert!(!typo.exists() && !out.exists(), "{command:?}");
    }
    fs::create_dir(&typo).unwrap();
    let output = run(&typo, &["export", "shops", text(&out)]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no data at"), "{output:?}");
    assert_eq!(fs::read_dir(&typo).unwrap().count(), 0);
}

/// I9: a reader that ends early, such as `head`, is no error.
#[test]
fn a_closed_output_is_no_error() {
    for arguments in [&["completions", "bash"][..], &["openapi"], &["--help"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pulse"));
        let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?} {output:?}");
    }
}

/// T4: an export can be safe to open in spreadsheets.
#[test]
fn an_export_can_be_safe_for_spreadsheets() {
    let temp = tempfile::tempdir().unwrap();
    let (data, file, out) = (temp.path().join("data"), temp.path().join("f.csv"), temp.path().join("out.csv"));
    fs::write(&file, "id,name,lat,lon,phone\n1,=1+1,1,-2,+44 131\n").unwrap();
    import(&data, &file, &[]);
    for (option, expected) in
        [("--spreadsheet-safe", "f:1,'=1+1,1,-2,"), ("--spreadsheet-safe=false", "f:1,=1+1,1,-2,")]
    {
        assert!(run(&data, &["export", "shops", text(&out), option]).status.success());
        let written = fs::read_to_string(&out).unwrap();
        assert!(written.contains(expected), "{written}");
    }
    let help = run(&data, &["export", "shops", "--help"]);
    assert!(String::from_utf8_lossy(&help.stdout).contains("spreadsheets"), "{help:?}");
}

/// T1, T2: rows with a name that nobody sees or an address that is no web page are refused; a bare domain stays a tag.
#[test]
fn texts_of_a_file_follow_the_rules_of_the_api() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let refused_of = |name: &str| {
        let (code, report) = import(&data, &data_file(name), &[]);
        assert_eq!(code, Some(3), "{report}");
        let refused = report["refused"].as_array().unwrap().clone();
        refused.iter().map(|row| row["external_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(refused_of("names.csv"), ["names:1", "names:2", "names:3", "names:4"]);
    assert_eq!(refused_of("websites.csv"), ["websites:1", "websites:2"]);
    let out = temp.path().join("out.csv");
    export(&data, &out);
    let written = fs::read_to_string(&out).unwrap();
    assert!(written.contains("\nnames:5,padded,") && written.contains("Familie"), "{written}");
    assert!(written.contains("www.anker.example") && !written.contains("javascript"), "{written}");
}

/// I5: a file of one line names the number of the feature.
#[test]
fn a_file_of_one_line_names_the_feature() {
    let temp = tempfile::tempdir().unwrap();
    let (data, file) = (temp.path().join("data"), temp.path().join("one.geojson"));
    let broken = feature(2).replace("Point", "GeometryCollection");
    let long = feature(3).replace("Tea house 3", &"x".repeat(121));
    fs::write(&file, format!("[{},{broken},{long}]", feature(1))).unwrap();
    fs::create_dir(&data).unwrap();
    let people = run(&data, &["import", "shops", text(&file)]);
    assert_eq!(people.status.code(), Some(3));
    let written = String::from_utf8_lossy(&people.stdout);
    for place in ["line 1, feature 2: geometry: the type GeometryCollection", "line 1, feature 3: name: "] {
        assert!(written.contains(place), "{written}");
    }
}

/// TR-67: of rows with the same id the last one of the file stays, though batches are written at the same time and a
/// small one is done before a large one.
#[test]
fn the_later_row_wins() {
    let temp = tempfile::tempdir().unwrap();
    let last = feature(500).replacen("node/500", "node/7", 1);
    let rows = (0..500).map(feature).chain([last]);
    let (file, data) = (collection(temp.path(), rows), temp.path().join("data"));
    let (code, report) = import(&data, &file, &[]);
    assert_eq!((code, count(&report, "created_count"), count(&report, "updated_count")), (Some(0), 500, 1), "{report}");
    let out = temp.path().join("out.jsonl");
    export(&data, &out);
    let told = fs::read_to_string(&out).unwrap();
    let seventh: Vec<&str> = told.lines().filter(|line| line.contains("osm:node/7\"")).collect();
    assert!(matches!(seventh[..], [line] if line.contains("Tea house 500\"")), "{seventh:?}");
}

/// TR-67: a checkpoint counts on rows of its own database only.
#[test]
fn a_new_database_gets_every_row() {
    const SHOPS: u32 = 10_000;
    let temp = tempfile::tempdir().unwrap();
    let (file, data) = (features(temp.path(), SHOPS), temp.path().join("data"));
    kill_after_first_checkpoint(&data, &["import", "shops", text(&file)]);
    for end in ["", "-wal", "-shm"] {
        fs::remove_file(data.join(["pulse.db", end].concat())).unwrap();
    }
    let (code, report) = import(&data, &file, &[]);
    assert_eq!((code, count(&report, "created_count")), (Some(0), u64::from(SHOPS)), "{report}");
    assert_eq!(count(&report, "resumed_after_count"), 0);
}

/// TR-67: an import goes on only with the very file of refused rows that it had, and never writes over what it reads.
#[test]
fn refused_rows_are_never_lost() {
    const SHOPS: u32 = 10_000;
    let temp = tempfile::tempdir().unwrap();
    let row = |number| feature(number).replace("Tea house 3\"", &format!("{}\"", "x".repeat(121)));
    let (file, data) = (collection(temp.path(), (0..SHOPS).map(row)), temp.path().join("data"));
    let (one, two) = (temp.path().join("one.jsonl"), temp.path().join("two.jsonl"));
    kill_after_first_checkpoint(&data, &["import", "shops", text(&file), "--refused", text(&one)]);
    let refused_of = |file: &Path| {
        let told = fs::read_to_string(file).unwrap();
        told.lines().map(|line| count(&serde_json::from_str(line).unwrap(), "line")).collect::<Vec<_>>()
    };
    assert_eq!(refused_of(&one), [5]);
    let failure = |refused: &Path| {
        let output = run(&data, &["import", "shops", text(&file), "--refused", text(refused)]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    // Cut short, and gone.
    let whole = fs::read(&one).unwrap();
    fs::write(&one, "{").unwrap();
    assert!(failure(&one).contains("has lost refused rows"));
    assert_eq!(fs::read(&one).unwrap(), b"{");
    fs::remove_file(&one).unwrap();
    assert!(failure(&one).contains("--restart"));
    assert!(!one.exists());

    let before = fs::read(&file).unwrap();
    let link = temp.path().join("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    for same in [&file, &link] {
        assert!(failure(same).contains("is the imported file"));
        assert!(fs::read(&file).unwrap() == before, "it wrote over what it reads");
    }
    // Back in its place, the import would go on; with another file it is another import, from the beginning.
    fs::write(&one, &whole).unwrap();
    fs::write(&two, "foreign\n".repeat(100)).unwrap();
    let (code, report) = import(&data, &file, &["--refused", text(&two)]);
    assert_eq!((code, count(&report, "resumed_after_count")), (Some(3), 0), "{report}");
    assert_eq!(refused_of(&two), [5]);
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

/// Starts an import and kills it when its first checkpoint is there, which is written with the first batch.
fn kill_after_first_checkpoint(data: &Path, arguments: &[&str]) {
    fs::create_dir_all(data).unwrap();
    let mut child = Killed(pulse(data, arguments).stdout(Stdio::piped()).spawn().unwrap());
    let is_checkpoint = |file: fs::DirEntry| file.path().extension().is_some_and(|extension| extension == "json");
    let has_begun =
        || fs::read_dir(data.join("imports")).is_ok_and(|files| files.map(Result::unwrap).any(is_checkpoint));
    while !has_begun() {
        assert!(child.0.try_wait().unwrap().is_none(), "it ended before its first checkpoint");
        std::thread::yield_now();
    }
}

/// TR-67: killed in the middle, the import goes on where it was, and no shop is there twice.
#[test]
fn an_import_that_was_killed_goes_on() {
    const SHOPS: u32 = 30_000;
    let temp = tempfile::tempdir().unwrap();
    let (file, data) = (features(temp.path(), SHOPS), temp.path().join("data"));
    kill_after_first_checkpoint(&data, &["import", "shops", text(&file), "--json"]);
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
    assert!(run(temp.path(), &["migrate"]).status.success());
    let output = run(temp.path(), &["admin", "grant-operator", "--phone", "+8613800000000"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no account has the phone number +8613800000000"));
    let elsewhere = run(&temp.path().join("nowhere"), &["admin", "rotate-keys"]);
    assert!(String::from_utf8_lossy(&elsewhere.stderr).contains("does not exist"));
    let first = run(temp.path(), &["admin", "rotate-keys"]);
    let second = run(temp.path(), &["admin", "rotate-keys"]);
    assert!(first.status.success() && second.status.success());
    assert_ne!(first.stdout, second.stdout);
}

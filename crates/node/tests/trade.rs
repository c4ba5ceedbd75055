//! What is proven from outside, with the binary itself: kills, races, loads, books.

#![expect(clippy::unwrap_used, reason = "a command that cannot be run fails its test")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

fn pulse(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pulse"));
    command.args(arguments);
    command
}

/// The objects that a command has printed, one in each line, once it has ended well.
fn told(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A node as a process, killed when the test is over.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start(data: &Path) -> Self {
        let mut command = pulse(&["serve", "--listen", "127.0.0.1:0", "--json", "--log", "error", "--data"]);
        command.arg(data).env("PULSE_PAYMENT__HAS_SANDBOX", "true");
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let address = ready["url"].as_str().unwrap().trim_start_matches("http://").to_owned();
        Self { child, address }
    }

    fn load(&self, data: &Path, arguments: &[&str]) -> Command {
        let mut command = pulse(&["load", "--json", "--even", "--duration", "1s", "--patience", "60s"]);
        command.arg(format!("http://{}", self.address)).args(arguments).arg("--data").arg(data);
        command
    }

    fn race(&self, data: &Path, arguments: &[&str]) -> Vec<Value> {
        let mut command = pulse(&["race"]);
        command.args(arguments).args(["--json", "--listen", &self.address, "--data"]).arg(data);
        told(&command.output().unwrap())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has noticed.
        self.child.kill().unwrap_or_default();
        self.child.wait().unwrap();
    }
}

/// PL-34, TR-09, R17: a node that is killed under load loses nothing that a customer was told, and nothing comes from
/// nowhere. `pulse crash --rounds 300` is the long version.
#[test]
fn nothing_is_lost_when_the_node_is_killed() {
    let output = pulse(&["crash", "--rounds", "8", "--seed", "1", "--json"]).output().unwrap();
    let [report] = told(&output).try_into().unwrap();
    assert_eq!(report["kills"], 8);
    assert!(report["placed"].as_u64().unwrap() > 0, "{report}");
}

/// PL-34, TR-09: the same on a database that outlives the node, with the connections of the dead.
#[test]
fn nothing_is_lost_when_the_node_is_killed_on_postgres() {
    let server = pulse_testkit::servers::postgres().unwrap();
    let url = server.fresh_database().unwrap();
    let output = pulse(&["crash", "--rounds", "4", "--seed", "2", "--json", "--store", &url]).output().unwrap();
    let [report] = told(&output).try_into().unwrap();
    assert_eq!(report["kills"], 4);
    assert!(report["placed"].as_u64().unwrap() > 0, "{report}");
}

/// TR-19, PL-20: a flash sale under kills: whoever was told that they are admitted stays so, the sum is exact, and in the
/// end every unit can be sold again. `pulse crash --sale --rounds 100` is the long version.
#[test]
fn nobody_who_was_admitted_is_forgotten() {
    let output = pulse(&["crash", "--sale", "--rounds", "6", "--seed", "3", "--json"]).output().unwrap();
    let [report] = told(&output).try_into().unwrap();
    assert_eq!(report["kills"], 6);
    assert_eq!(report["placed"], report["cancelled"], "{report}");
}

/// R04, R06, R07, R08: the last units and the last coupons go to as many as there are, also when all requests come in one
/// packet; then the books hold.
#[test]
fn races_have_as_many_winners_as_there_are_prizes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = Served::start(&data);
    let checkout = node.race(&data, &["checkout", "--parallel", "200"]);
    assert_eq!(checkout[0]["answers"]["200"], 50);
    assert_eq!(checkout[0]["answers"]["409 ORDER_STOCK_SHORT"], 150);
    node.race(&data, &["checkout", "--parallel", "30", "--single-packet"]);
    node.race(&data, &["coupon", "--parallel", "30", "--single-packet"]);
    node.race(&data, &["coupon", "--parallel", "60"]);
    drop(node);
    let mut verify = pulse(&["verify", "--json", "--data"]);
    let [report] = told(&verify.arg(&data).output().unwrap()).try_into().unwrap();
    assert_eq!(report["findings"], serde_json::json!([]));
    assert!(report["checked"]["between.orders_have_their_units"].as_u64().unwrap() > 50, "{report}");
}

/// TR-04, TR-05, TR-11, PL-19: the last units of a flash sale go to as many buyers as there are, each with the order that
/// was promised, and a ticket is good once, also when all requests come in one packet.
#[test]
fn a_flash_sale_has_as_many_winners_as_units() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = Served::start(&data);
    let races = node.race(&data, &["sale", "--parallel", "30", "--single-packet"]);
    assert_eq!(races[0]["answers"]["200"], 8);
    assert_eq!(races[0]["answers"]["409 SALE_SOLD_OUT"], 22);
    assert_eq!(races[1]["answers"]["200"], 1);
    node.race(&data, &["sale", "--parallel", "200"]);
    drop(node);
    let mut verify = pulse(&["verify", "--json", "--data"]);
    let [report] = told(&verify.arg(&data).output().unwrap()).try_into().unwrap();
    assert_eq!(report["findings"], serde_json::json!([]));
}

/// R09, R10, R12, R15, TR-26: whatever is paid, told or cancelled many times at the same moment, an order has its price
/// once or not at all, and the books say so.
#[test]
fn an_order_is_paid_once_however_often_it_is_paid() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = Served::start(&data);
    for arguments in [["pay", "--parallel", "24"].as_slice(), &["pay", "--parallel", "12", "--single-packet"]] {
        let outcomes = node.race(&data, arguments);
        let races: Vec<&Value> = outcomes.iter().map(|outcome| &outcome["race"]).collect();
        assert_eq!(races, ["pay-once", "pay-webhooks", "pay-two-pages", "pay-or-cancel"]);
        assert!(outcomes.iter().all(|outcome| !outcome["told"].as_array().unwrap().is_empty()));
    }
    drop(node);
    let mut verify = pulse(&["verify", "--json", "--data"]);
    let [report] = told(&verify.arg(&data).output().unwrap()).try_into().unwrap();
    assert_eq!(report["findings"], serde_json::json!([]));
    assert!(report["checked"]["payment.entries_sum_to_zero"].as_u64().unwrap() > 50, "{report}");
}

/// How many answers of each kind an operation had.
fn answers(report: &Value, operation: &str) -> BTreeMap<String, u64> {
    let operations = report["operations"].as_array().unwrap();
    let operation = operations.iter().find(|found| found["name"] == operation).unwrap();
    let answers = operation["answers"].as_array().unwrap().iter().map(|answer| {
        let code = answer["code"].as_str().unwrap_or_default();
        (format!("{} {code}", answer["status"]).trim_end().to_owned(), answer["latency_ms"]["count"].as_u64().unwrap())
    });
    answers.collect()
}

/// How visits ended: served, refused, wrong, failed, dropped, unfinished.
fn ends(report: &Value) -> [u64; 6] {
    ["served", "refused", "wrong", "failed", "dropped", "unfinished"].map(|end| report[end].as_u64().unwrap())
}

fn counts<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
    counts.map(|(label, count)| (label.to_owned(), count)).into()
}

/// PL-21: people who look around come as often as the schedule says, and every one is accounted for.
#[test]
fn everybody_who_looks_around_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = Served::start(&data);
    let mut load = node.load(&data, &["--scenario", "browse", "--rate", "100/s", "--users", "10", "--seed", "1"]);
    let [report] = told(&load.output().unwrap()).try_into().unwrap();
    assert_eq!((&report["arrived"], ends(&report)), (&100.into(), [100, 0, 0, 0, 0, 0]), "{report}");
    let asked =
        report["operations"].as_array().unwrap().iter().map(|operation| operation["latency_ms"]["count"].as_u64());
    assert_eq!(asked.sum::<Option<u64>>(), Some(100));
    assert_eq!((&report["settings"]["seed"], &report["visit_ms"]["count"]), (&1.into(), &100.into()));
    // Nobody is that fast.
    let slow = load.args(["--fail-above", "p50=0s"]).output().unwrap();
    assert_eq!(slow.status.code(), Some(4), "{slow:?}");
    assert!(String::from_utf8_lossy(&slow.stderr).contains("p50 of visits is"), "{slow:?}");
}

/// PL-21: people who order are served step by step, and afterwards the books hold.
#[test]
fn everybody_who_orders_is_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = Served::start(&data);
    let mut load = node.load(&data, &["--scenario", "order", "--rate", "40/s", "--users", "10", "--fail-errors"]);
    let [report] = told(&load.output().unwrap()).try_into().unwrap();
    assert_eq!((&report["arrived"], ends(&report)), (&40.into(), [40, 0, 0, 0, 0, 0]), "{report}");
    assert_eq!(answers(&report, "place"), counts([("200", 40)]));
    let begun = answers(&report, "start-payment")["200"];
    assert_eq!(answers(&report, "pay"), counts([("303", begun)]));
    assert!(begun > 0 && begun + answers(&report, "cancel").get("200").copied().unwrap_or_default() <= 40);
    drop(node);
    let mut verify = pulse(&["verify", "--json", "--data"]);
    let [report] = told(&verify.arg(&data).output().unwrap()).try_into().unwrap();
    assert_eq!(report["findings"], serde_json::json!([]));
}

/// PL-21: everybody comes to a flash sale once; as many are admitted as there are units, and the others hear why not.
#[test]
fn everybody_who_comes_to_a_sale_is_admitted_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = Served::start(&data);
    let mut load = node.load(&data, &["--scenario", "flash-sale", "--rate", "80/s", "--units", "25"]);
    let [report] = told(&load.output().unwrap()).try_into().unwrap();
    assert_eq!((&report["arrived"], ends(&report)), (&80.into(), [25, 55, 0, 0, 0, 0]), "{report}");
    assert_eq!(answers(&report, "ticket"), counts([("200", 80)]));
    assert_eq!(answers(&report, "admission"), counts([("200", 25), ("409 SALE_SOLD_OUT", 55)]));
    // Fewer people than the schedule has room for: each comes once all the same.
    let mut load = node.load(&data, &["--scenario", "flash-sale", "--rate", "80/s", "--users", "7"]);
    let [report] = told(&load.output().unwrap()).try_into().unwrap();
    assert_eq!((&report["arrived"], ends(&report)), (&7.into(), [7, 0, 0, 0, 0, 0]), "{report}");
}

/// A load that cannot begin says why.
#[test]
fn a_load_that_cannot_begin_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = Served::start(&data);
    let url = format!("http://{}", node.address);
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, "forged").unwrap();
    let tokens = tokens.to_str().unwrap();
    for (arguments, reason) in [
        ([url.as_str(), "order"].as_slice(), "--token-file"),
        (&[&url, "order", "--token-file", tokens], "refuses the token"),
        (&[&url, "flash-sale", "--data", folder.path().to_str().unwrap()], "has no keys"),
        (&[&url, "browse"], "--near"),
        (&["https://127.0.0.1", "browse"], "plain HTTP/1.1"),
        // Nobody listens on port 1.
        (&["http://127.0.0.1:1", "browse"], "is the node running?"),
    ] {
        let output = pulse(&["load", "--scenario", arguments[1], arguments[0]]).args(&arguments[2..]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && text.contains(reason), "{arguments:?}: {text}");
    }
}

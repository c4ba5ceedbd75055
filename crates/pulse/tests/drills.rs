//! The drills, run with the binary: crash tests, races, load tests, and verification afterwards.

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

/// The JSON objects that a successful command has printed, one per line.
fn printed(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A node process, killed at the end of the test.
struct ServedNode {
    child: Child,
    address: String,
}

impl ServedNode {
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

    fn load_test(&self, data: &Path, arguments: &[&str]) -> Command {
        let mut command =
            pulse(&["load-test", "--json", "--constant-interval", "--duration", "1s", "--timeout", "60s"]);
        command.arg(format!("http://{}", self.address)).args(arguments).arg("--data").arg(data);
        command
    }

    fn race(&self, data: &Path, arguments: &[&str]) -> Vec<Value> {
        let mut command = pulse(&["race"]);
        command.args(arguments).args(["--json", "--listen", &self.address, "--data"]).arg(data);
        printed(&command.output().unwrap())
    }
}

impl Drop for ServedNode {
    fn drop(&mut self) {
        // The process may have ended already, which fails the test elsewhere.
        self.child.kill().unwrap_or_default();
        self.child.wait().unwrap();
    }
}

/// PL-34, TR-09, R17: a node that is killed under load loses no confirmed order and invents none.
/// `pulse crash-test --rounds 300` is the long version.
#[test]
fn nothing_is_lost_when_the_node_is_killed() {
    let output = pulse(&["crash-test", "--rounds", "8", "--seed", "1", "--json"]).output().unwrap();
    let [report] = printed(&output).try_into().unwrap();
    assert_eq!(report["kills"], 8);
    assert!(report["placed"].as_u64().unwrap() > 0, "{report}");
}

/// PL-34, TR-09: the same on a database server, which keeps the connections of a dead node for a while.
#[test]
fn nothing_is_lost_when_the_node_is_killed_on_postgres() {
    let server = pulse_testkit::servers::postgres().unwrap();
    let url = server.fresh_database().unwrap();
    let output = pulse(&["crash-test", "--rounds", "4", "--seed", "2", "--json", "--store", &url]).output().unwrap();
    let [report] = printed(&output).try_into().unwrap();
    assert_eq!(report["kills"], 4);
    assert!(report["placed"].as_u64().unwrap() > 0, "{report}");
}

/// TR-19, PL-20: a flash sale under kills: confirmed admissions persist, the count is exact, and all units can be sold
/// again. `pulse crash-test --sale --rounds 100` is the long version.
#[test]
fn no_admission_is_lost() {
    let output = pulse(&["crash-test", "--sale", "--rounds", "6", "--seed", "3", "--json"]).output().unwrap();
    let [report] = printed(&output).try_into().unwrap();
    assert_eq!(report["kills"], 6);
    assert_eq!(report["placed"], report["cancelled"], "{report}");
}

/// R04, R06, R07, R08: the last units and coupons are given out exactly once, also when all requests arrive in one packet;
/// afterwards all invariants hold.
#[test]
fn the_last_units_and_coupons_are_given_out_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = ServedNode::start(&data);
    let checkout = node.race(&data, &["checkout", "--parallel", "200"]);
    assert_eq!(checkout[0]["answers"]["200"], 50);
    assert_eq!(checkout[0]["answers"]["409 ORDER_STOCK_SHORT"], 150);
    node.race(&data, &["checkout", "--parallel", "30", "--single-packet"]);
    node.race(&data, &["coupon", "--parallel", "30", "--single-packet"]);
    node.race(&data, &["coupon", "--parallel", "60"]);
    drop(node);
    let mut verify = pulse(&["verify", "--json", "--data"]);
    let [report] = printed(&verify.arg(&data).output().unwrap()).try_into().unwrap();
    assert_eq!(report["findings"], serde_json::json!([]));
    assert!(report["checked"]["between.orders_have_their_units"].as_u64().unwrap() > 50, "{report}");
}

/// F2: a node on the embedded database goes on after its process was suspended for longer than a lease, as by the lid of a
/// laptop or a snapshot of its machine: nobody else can use its data folder.
#[test]
fn a_suspended_node_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut node = ServedNode::start(&data);
    node.race(&data, &["coupon", "--parallel", "10"]);
    let signal = |name: &str| Command::new("kill").args([name, &node.child.id().to_string()]).status().unwrap();
    assert!(signal("-STOP").success());
    // The suspension itself: a lease of a node number lasts 30 s.
    std::thread::sleep(std::time::Duration::from_secs(35));
    assert!(signal("-CONT").success());
    node.race(&data, &["coupon", "--parallel", "10"]);
    assert_eq!(node.child.try_wait().unwrap(), None, "the process runs");
}

/// TR-04, TR-05, TR-11, PL-19: a flash sale admits one buyer per unit, each with the promised order, and a ticket is valid
/// once, also when all requests arrive in one packet.
#[test]
fn a_flash_sale_admits_one_buyer_per_unit() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = ServedNode::start(&data);
    let races = node.race(&data, &["sale", "--parallel", "30", "--single-packet"]);
    assert_eq!(races[0]["answers"]["200"], 8);
    assert_eq!(races[0]["answers"]["409 SALE_SOLD_OUT"], 22);
    assert_eq!(races[1]["answers"]["200"], 1);
    node.race(&data, &["sale", "--parallel", "200"]);
    drop(node);
    let mut verify = pulse(&["verify", "--json", "--data"]);
    let [report] = printed(&verify.arg(&data).output().unwrap()).try_into().unwrap();
    assert_eq!(report["findings"], serde_json::json!([]));
}

/// R09, R10, R12, R15, TR-26: under concurrent payments, webhooks and cancellations, an order is paid once or not at all, and
/// the ledger agrees.
#[test]
fn an_order_is_paid_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = ServedNode::start(&data);
    for arguments in [["pay", "--parallel", "24"].as_slice(), &["pay", "--parallel", "12", "--single-packet"]] {
        let outcomes = node.race(&data, arguments);
        let races: Vec<&Value> = outcomes.iter().map(|outcome| &outcome["race"]).collect();
        assert_eq!(races, ["pay-once", "pay-webhooks", "pay-two-pages", "pay-or-cancel"]);
        assert!(outcomes.iter().all(|outcome| !outcome["passed"].as_array().unwrap().is_empty()));
    }
    drop(node);
    let mut verify = pulse(&["verify", "--json", "--data"]);
    let [report] = printed(&verify.arg(&data).output().unwrap()).try_into().unwrap();
    assert_eq!(report["findings"], serde_json::json!([]));
    assert!(report["checked"]["payment.entries_sum_to_zero"].as_u64().unwrap() > 50, "{report}");
}

/// Number of responses of an operation by status and code.
fn answers(report: &Value, operation: &str) -> BTreeMap<String, u64> {
    let operations = report["operations"].as_array().unwrap();
    let operation = operations.iter().find(|found| found["name"] == operation).unwrap();
    let answers = operation["responses"].as_array().unwrap().iter().map(|answer| {
        let code = answer["code"].as_str().unwrap_or_default();
        (format!("{} {code}", answer["status"]).trim_end().to_owned(), answer["latency_ms"]["count"].as_u64().unwrap())
    });
    answers.collect()
}

/// Ends of visits: served, refused, unexpected, failed, dropped, unfinished.
fn ends(report: &Value) -> [u64; 6] {
    ["served", "refused", "unexpected", "failed", "dropped", "unfinished"].map(|end| report[end].as_u64().unwrap())
}

fn counts<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
    counts.map(|(label, count)| (label.to_owned(), count)).into()
}

/// PL-21: `browse` runs as many visits as the schedule has, and counts every one.
#[test]
fn a_load_test_of_reads_counts_every_visit() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = ServedNode::start(&data);
    let mut load = node.load_test(&data, &["--scenario", "browse", "--rate", "100/s", "--users", "10", "--seed", "1"]);
    let [report] = printed(&load.output().unwrap()).try_into().unwrap();
    assert_eq!((&report["arrived"], ends(&report)), (&100.into(), [100, 0, 0, 0, 0, 0]), "{report}");
    let asked =
        report["operations"].as_array().unwrap().iter().map(|operation| operation["latency_ms"]["count"].as_u64());
    assert_eq!(asked.sum::<Option<u64>>(), Some(100));
    assert_eq!((&report["settings"]["seed"], &report["visit_ms"]["count"]), (&1.into(), &100.into()));
    // No visit is that fast.
    let slow = load.args(["--fail-above", "p50=0s"]).output().unwrap();
    assert_eq!(slow.status.code(), Some(4), "{slow:?}");
    assert!(String::from_utf8_lossy(&slow.stderr).contains("p50 of visits is"), "{slow:?}");
}

/// PL-21: `order` runs all steps of its visits, and afterwards all invariants hold.
#[test]
fn a_load_test_of_orders_counts_every_visit() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = ServedNode::start(&data);
    let mut load = node.load_test(&data, &["--scenario", "order", "--rate", "40/s", "--users", "10", "--fail-errors"]);
    let [report] = printed(&load.output().unwrap()).try_into().unwrap();
    assert_eq!((&report["arrived"], ends(&report)), (&40.into(), [40, 0, 0, 0, 0, 0]), "{report}");
    assert_eq!(answers(&report, "place"), counts([("200", 40)]));
    let begun = answers(&report, "start-payment")["200"];
    assert_eq!(answers(&report, "pay"), counts([("303", begun)]));
    assert!(begun > 0 && begun + answers(&report, "cancel").get("200").copied().unwrap_or_default() <= 40);
    drop(node);
    let mut verify = pulse(&["verify", "--json", "--data"]);
    let [report] = printed(&verify.arg(&data).output().unwrap()).try_into().unwrap();
    assert_eq!(report["findings"], serde_json::json!([]));
}

/// PL-21: in `flash-sale` every user visits once; one user per unit is admitted, and the others are refused.
#[test]
fn a_load_test_of_a_flash_sale_admits_one_user_per_unit() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = ServedNode::start(&data);
    let mut load = node.load_test(&data, &["--scenario", "flash-sale", "--rate", "80/s", "--units", "25"]);
    let [report] = printed(&load.output().unwrap()).try_into().unwrap();
    assert_eq!((&report["arrived"], ends(&report)), (&80.into(), [25, 55, 0, 0, 0, 0]), "{report}");
    assert_eq!(answers(&report, "ticket"), counts([("200", 80)]));
    assert_eq!(answers(&report, "admission"), counts([("200", 25), ("409 SALE_SOLD_OUT", 55)]));
    // With fewer users than scheduled visits, each user still visits once.
    let mut load = node.load_test(&data, &["--scenario", "flash-sale", "--rate", "80/s", "--users", "7"]);
    let [report] = printed(&load.output().unwrap()).try_into().unwrap();
    assert_eq!((&report["arrived"], ends(&report)), (&7.into(), [7, 0, 0, 0, 0, 0]), "{report}");
}

/// A load test that cannot start names the missing argument.
#[test]
fn a_load_test_that_cannot_start_names_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = ServedNode::start(&data);
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
        // No server listens on port 1.
        (&["http://127.0.0.1:1", "browse"], "is the node running?"),
    ] {
        let output =
            pulse(&["load-test", "--scenario", arguments[1], arguments[0]]).args(&arguments[2..]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && text.contains(reason), "{arguments:?}: {text}");
    }
}

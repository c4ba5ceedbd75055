//! What is proven from outside, with the binary itself: kills, races, books.

#![expect(clippy::unwrap_used, reason = "a command that cannot be run fails its test")]

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

//! The guide "a shop in ten minutes", run word for word against a fresh node.

#![expect(clippy::unwrap_used, reason = "a guide that cannot be read or run fails its test")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const GUIDE: &str = include_str!("../../../docs/guides/a-shop-in-ten-minutes.md");

/// The content of all fenced blocks of one language, in the order of the page.
fn blocks(language: &str) -> String {
    let fence = format!("```{language}");
    let mut is_inside = false;
    let lines = GUIDE.lines().filter(|line| match is_inside {
        false => {
            is_inside = *line == fence;
            false
        }
        true => {
            is_inside = *line != "```";
            is_inside
        }
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// A node process, killed at the end of the test.
struct ServedNode {
    child: Child,
    url: String,
}

impl ServedNode {
    /// A node as the guide starts it, on a free port.
    fn start(data: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pulse"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--json", "--log", "error", "--data"]).arg(data);
        command.env("PULSE_NODE__HAS_DEV_INBOX", "true").env("PULSE_PAYMENT__HAS_SANDBOX", "true");
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
        Self { child, url: ready["url"].as_str().unwrap().to_owned() }
    }
}

impl Drop for ServedNode {
    fn drop(&mut self) {
        // The process may have ended already, which fails the test elsewhere.
        self.child.kill().unwrap_or_default();
        self.child.wait().unwrap();
    }
}

/// Every `sh` block works by copy and paste, and prints what the `text` blocks of the guide promise, up to the refund.
#[test]
fn the_guide_works_word_for_word() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let node = ServedNode::start(&data);
    let mut shell = Command::new("bash");
    shell.args(["-euxo", "pipefail", "-c", &blocks("sh")]);
    shell.env("BASE", &node.url).env("DATA", &data).env("PULSE", env!("CARGO_BIN_EXE_pulse"));
    let output = shell.output().unwrap();
    let (printed, trace) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}\n{trace}");
    assert_eq!(printed, blocks("text"), "{trace}");
    assert!(printed.contains("REFUND_STATE_SUCCEEDED"), "the guide ends with a refund");
}

//! Every line says in which trace it was written, whoever writes it and however it looks.

mod lines;

use pulse_kernel::TraceContext;
use pulse_telemetry::{
    LogFormat, SpanKind, TelemetryConfig, TraceSpan, current_trace, in_current_trace, in_trace, install,
};
use tracing::{debug, error, info};

use crate::lines::Lines;

const ONE: TraceContext = TraceContext { trace_id: 0x1111, span_id: 0x11, is_sampled: false };
const TWO: TraceContext = TraceContext { trace_id: 0x2222, span_id: 0x22, is_sampled: true };

/// Starts logging for this thread.
fn start(log_format: LogFormat, log_filter: &str) -> (Lines, tracing::subscriber::DefaultGuard) {
    let lines = Lines::default();
    let config = TelemetryConfig { log_format, log_filter: log_filter.to_owned(), ..TelemetryConfig::default() };
    let (subscriber, _guard) = install(&config, lines.writer()).expect("the filter is valid");
    (lines, tracing::subscriber::set_default(subscriber))
}

fn read(lines: &Lines) -> Vec<String> {
    let bytes = lines.0.lock().expect("no writer panics").clone();
    String::from_utf8(bytes).expect("lines are text").lines().map(str::to_owned).collect()
}

/// Writes from everywhere: outside of any trace, from two traces that take turns, and from spawned tasks.
async fn write_from_everywhere() {
    info!("outside");
    let step = |trace: TraceContext| async move {
        for round in 0..3 {
            info!(round, "inside");
            tokio::task::yield_now().await;
            assert_eq!(current_trace().trace_id, trace.trace_id);
        }
        tokio::spawn(in_current_trace(async { info!("spawned") })).await.expect("it does not panic");
    };
    let two = TraceSpan::open("two", SpanKind::Server, TWO);
    tokio::join!(in_trace(ONE, step(ONE)), two.run(step(TWO)));
    info!("outside");
}

/// PL-50: each line of JSON has the field `trace`.
#[tokio::test]
async fn every_json_line_has_its_trace() {
    let (lines, _default) = start(LogFormat::Json, "info");
    write_from_everywhere().await;
    let lines: Vec<serde_json::Value> = read(&lines).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 10);
    let outside = format!("{:032x}", current_trace().trace_id);
    for line in &lines {
        let trace = line["trace"].as_str().unwrap();
        match line["message"].as_str().unwrap() {
            "outside" => assert_eq!(trace, outside),
            _ => assert!(["00000000000000000000000000001111", "00000000000000000000000000002222"].contains(&trace)),
        }
    }
    let of_one = lines.iter().filter(|line| line["trace"] == "00000000000000000000000000001111");
    assert_eq!(of_one.count(), 4, "three rounds and a spawned task");
    assert_eq!(lines[1]["round"], 0);
    assert_eq!(lines[1]["level"], "INFO");
    assert_eq!(lines[1]["target"], "logs");
}

/// PL-50: each line for people has it too.
#[tokio::test]
async fn every_human_line_has_its_trace() {
    let (lines, _default) = start(LogFormat::Human, "info");
    write_from_everywhere().await;
    let lines = read(&lines);
    assert_eq!(lines.len(), 10);
    assert!(lines.iter().all(|line| line.contains(" trace=") && line.contains("INFO")), "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| line.contains("trace=00000000000000000000000000002222")).count(), 4);
}

#[tokio::test]
async fn levels_are_filtered_by_module() {
    let (lines, _default) = start(LogFormat::Human, "error,quiet=warn,loud=debug");
    info!("no");
    error!("yes");
    debug!(target: "loud", "yes");
    info!(target: "quiet", "no");
    assert_eq!(read(&lines).len(), 2);
}

/// PL-50: what callers send can neither end a line nor pretend to be one of its fields.
#[tokio::test]
async fn lines_cannot_be_forged() {
    let name = "x\nINFO trace=0 fake\u{1b}[31m \"quoted\"";
    for format in [LogFormat::Human, LogFormat::Json] {
        let (lines, _default) = start(format, "info");
        info!(name, trace = "forged", level = 7, "hello {name}");
        let lines = read(&lines);
        assert_eq!(lines.len(), 1);
        assert!(!lines[0].contains('\u{1b}'));
        if format == LogFormat::Json {
            let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
            assert_eq!(line["name"], name);
            assert_eq!((&line["event.trace"], &line["event.level"]), (&"forged".into(), &7.into()));
            assert_eq!(line["trace"].as_str().unwrap().len(), 32);
        }
    }
}

#[tokio::test]
async fn an_error_tells_its_whole_story() {
    let (lines, _default) = start(LogFormat::Json, "info");
    let disk = std::io::Error::other("the disk is gone");
    let error: Box<dyn std::error::Error> = Box::new(std::io::Error::other(Outer(disk)));
    error!(error, "it failed");
    let line: serde_json::Value = serde_json::from_str(&read(&lines)[0]).unwrap();
    assert_eq!(line["error"], "cannot save: the disk is gone");
}

#[derive(Debug)]
struct Outer(std::io::Error);

impl std::fmt::Display for Outer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cannot save")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

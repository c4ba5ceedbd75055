//! What is counted can be read by Prometheus.

mod lines;

use std::io::Write;
use std::process::{Command, Stdio};

use pulse_kernel::Timestamp;
use pulse_telemetry::{BuildInfo, TelemetryConfig, install, metrics as exported};

use crate::lines::Lines;

fn start() {
    let build = BuildInfo {
        version: "0.1.0".to_owned(),
        revision: "abc\"def".to_owned(),
        released_at: Some(Timestamp::from_millis(1_790_000_000_000)),
    };
    // Each test of this process may be the first one; nodes may start again and again.
    let config = TelemetryConfig { build, ..TelemetryConfig::default() };
    drop(install(&config, Lines::default().writer()).expect("the configuration is valid"));
}

/// What `promtool check metrics` of the package `prometheus` says; empty when it has nothing to say.
fn promtool(text: &str) -> String {
    let tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut tool = tool.expect("promtool is missing: install the package `prometheus`");
    tool.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("promtool reads");
    let output = tool.wait_with_output().expect("promtool ends");
    let complaints = String::from_utf8([output.stdout, output.stderr].concat()).expect("promtool writes text");
    assert_eq!(output.status.success(), complaints.is_empty(), "{complaints}");
    complaints
}

/// PL-51: counters, gauges and histograms, described, pass the check of promtool, and so do ours.
#[tokio::test]
async fn promtool_accepts_what_is_exported() {
    start();
    metrics::describe_counter!("pulse_order_placed_total", "Orders that were placed.");
    metrics::describe_gauge!("pulse_bus_lag_events", "Events that wait.");
    metrics::describe_histogram!("pulse_edge_request_duration_seconds", "How long answers take.");
    metrics::counter!("pulse_order_placed_total", "city" => "Zürich \"old\" town").increment(3);
    metrics::gauge!("pulse_bus_lag_events").set(7.0);
    metrics::histogram!("pulse_edge_request_duration_seconds").record(0.0012);
    let text = exported::render();
    assert_eq!(promtool(&text), "");
    assert!(text.contains("pulse_order_placed_total{city=\"Zürich \\\"old\\\" town\"} 3"), "{text}");
    assert!(text.contains("pulse_edge_request_duration_seconds_bucket{le=\"0.0025\"} 1"), "{text}");
    assert!(text.contains("pulse_build_info{version=\"0.1.0\",revision=\"abc\\\"def\"} 1"), "{text}");
    assert!(text.contains("pulse_build_release_time_seconds 1790000000.000"), "{text}");
}

/// PL-51: the check of the test itself: promtool does complain about a name that breaks the rules.
#[test]
fn promtool_refuses_what_is_wrong() {
    assert!(promtool("# TYPE pulse_orders counter\npulse_orders 1\n").contains("pulse_orders"));
}

/// DL-20, DL-22: process, machine and runtime are there with plausible values.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_machine_and_runtime_are_there() {
    start();
    let text = exported::render();
    let value = |name: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in\n{text}"));
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    for (name, least, most) in [
        ("pulse_process_cpu_seconds_total{mode=\"user\"}", 0.0, 1e6),
        ("pulse_process_resident_memory_bytes", 1e6, 1e11),
        ("pulse_process_open_files ", 3.0, 1e6),
        ("pulse_process_open_files_limit", 16.0, 1e12),
        ("pulse_process_threads", 2.0, 1e4),
        // After 2020 and before 2100.
        ("pulse_process_start_time_seconds", 1.577e9, 4.1e9),
        ("pulse_process_context_switches_total{kind=\"voluntary\"}", 0.0, 1e9),
        ("pulse_system_cpu_cores", 1.0, 4096.0),
        ("pulse_system_cpu_seconds_total{mode=\"idle\"}", 0.0, 1e12),
        ("pulse_system_cpu_seconds_total{mode=\"iowait\"}", 0.0, 1e12),
        ("pulse_system_load{minutes=\"15\"}", 0.0, 1e5),
        ("pulse_system_context_switches_total", 1.0, 1e18),
        ("pulse_system_interrupts_total", 0.0, 1e18),
        ("pulse_system_memory_bytes{kind=\"total\"}", 1e7, 1e15),
        ("pulse_system_memory_bytes{kind=\"slab\"}", 0.0, 1e15),
        ("pulse_system_memory_bytes{kind=\"swap_total\"}", 0.0, 1e15),
        ("pulse_system_network_bytes_total{device=\"lo\",direction=\"receive\"}", 0.0, 1e18),
        ("pulse_system_tcp_established", 0.0, 1e9),
        ("pulse_system_tcp_sockets{state=\"time_wait\"}", 0.0, 1e9),
        ("pulse_system_open_files ", 1.0, 1e12),
        ("pulse_runtime_workers", 2.0, 2.0),
        ("pulse_runtime_tasks", 0.0, 1e6),
    ] {
        assert!((least..=most).contains(&value(name)), "{name} {}", value(name));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_runtime_report_names_workers_and_threads() {
    // A thread has its name before it runs its first task.
    tokio::spawn(async {}).await.unwrap();
    let report = pulse_telemetry::runtime::report(&tokio::runtime::Handle::current());
    assert!(report.contains("workers            2"), "{report}");
    assert!(report.contains("tokio-rt-worker"), "{report}");
}

//! `pulse bench`.

use pulse_bench::table;
use pulse_node::Config;

use super::arguments::BenchArguments;
use super::show::print;

/// Prints figures as JSON when they are measured, or as one table at the end.
pub(super) async fn bench(arguments: BenchArguments) -> anyhow::Result<()> {
    // Telemetry as in `pulse serve`: metrics are recorded, log lines filtered, requests sampled.
    let mut config = Config::default();
    "warn".clone_into(&mut config.telemetry.log);
    let telemetry = pulse_telemetry::init(&config.telemetry.telemetry())?;
    let is_json = arguments.json;
    let plan = arguments.into_plan(super::program()?);
    let mut measured = Vec::new();
    let mut report = |figure: pulse_drills::bench::Figure| {
        if is_json {
            return print(&serde_json::to_string(&figure)?);
        }
        measured.push(figure.measurement);
        Ok(())
    };
    pulse_drills::bench::run(&plan, &mut report).await?;
    telemetry.shutdown().await;
    if is_json { Ok(()) } else { print(table(&measured).trim_end()) }
}

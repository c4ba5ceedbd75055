//! `pulse serve` and `pulse demo`: run a node until a stop signal.

use std::sync::Arc;

use pulse_drills::demo;
use pulse_node::codes::CodeChannels;
use pulse_node::pages::{self, DevInbox};
use pulse_node::{Config, Node, NodeOptions};
use tokio::signal::unix::{SignalKind, signal};

use super::arguments::{Demo, Serve};
use super::show::print;

/// `pulse serve`.
pub(super) async fn serve(arguments: Serve) -> anyhow::Result<()> {
    let config = arguments.node.config()?;
    let telemetry = pulse_telemetry::init(&config.telemetry.telemetry())?;
    let options = if config.node.has_dev_inbox {
        with_inbox(&DevInbox::default())
    } else {
        if let Some(warning) = config.codes.warning() {
            tracing::warn!("{warning}");
        }
        let channels = Arc::new(CodeChannels::new(&config.codes)?);
        NodeOptions { pages: Some(pages::router(false, None)), ..NodeOptions::new(channels) }
    };
    let node = Node::start(&config, options).await?;
    run(node, &config, arguments.json, None::<std::future::Pending<()>>).await?;
    telemetry.shutdown().await;
    Ok(())
}

/// `pulse demo`.
pub(super) async fn demo(arguments: Demo) -> anyhow::Result<()> {
    let mut config = arguments.node.config()?;
    if arguments.node.data.is_none() && config.node.data == Config::default().node.data {
        config.node.data.push("demo");
    }
    config.node.has_dev_inbox = true;
    config.payment.has_sandbox = true;
    let telemetry = pulse_telemetry::init(&config.telemetry.telemetry())?;
    let inbox = DevInbox::default();
    let options = NodeOptions { pages: Some(inbox.router()), ..NodeOptions::new(Arc::new(inbox.clone())) };
    let mut node = Node::start(&config, options).await?;
    let size = pulse_city::Size { shops: arguments.shops, people: arguments.people, couriers: 10 };
    let city = Arc::new(demo::seed(&node, &inbox, pulse_city::City::new(arguments.seed, size)).await?);
    node.add_pages(pages::router(true, Some(demo::examples(&node, &city))));
    let simulation = (!arguments.quiet).then(|| demo::simulate(city));
    run(node, &config, arguments.json, simulation).await?;
    telemetry.shutdown().await;
    Ok(())
}

fn with_inbox(inbox: &DevInbox) -> NodeOptions {
    let pages = pages::router(true, None).merge(inbox.router());
    NodeOptions { pages: Some(pages), ..NodeOptions::new(Arc::new(inbox.clone())) }
}

async fn run(
    node: Node,
    config: &Config,
    is_json: bool,
    simulation: Option<impl Future<Output = ()> + Send + 'static>,
) -> anyhow::Result<()> {
    let server = node.bind(config, config.node.listen)?;
    print(&banner(&server.address().to_string(), config, is_json))?;
    let simulation = simulation.map(tokio::spawn);
    let stop = stop_signal()?;
    let finished = server.run(stop).await;
    if let Some(simulation) = simulation {
        simulation.abort();
    }
    node.stop().await;
    tracing::info!(finished_all_requests = finished, "node stopped");
    Ok(())
}

fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn banner(address: &str, config: &Config, is_json: bool) -> String {
    let url = format!("http://{address}");
    if is_json {
        return serde_json::json!({ "url": url, "data": config.node.data, "version": env!("CARGO_PKG_VERSION") })
            .to_string();
    }
    let mut banner = format!(
        "\n  Pulse {} is ready\n\n    start page      {url}/\n    REST and gRPC   {url}\n    API reference   {url}/docs\n    OpenAPI         {url}/openapi.json\n    health          {url}/health\n",
        env!("CARGO_PKG_VERSION")
    );
    if config.node.has_dev_inbox {
        banner += &format!("    one-time codes  {url}/dev/inbox\n");
    }
    banner += &format!("    data            {}\n\n  Press Ctrl-C to stop.\n", config.node.data.display());
    banner
}

//! Log lines: one event per line, each with its trace id.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::Context;

use crate::config::LogFormat;
use crate::current::current_trace;

/// Writes events as lines.
pub(crate) struct Lines<W> {
    format: LogFormat,
    writer: W,
}

impl<W> Lines<W> {
    pub(crate) const fn new(format: LogFormat, writer: W) -> Self {
        Self { format, writer }
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut line = String::with_capacity(256);
        let written = match self.format {
            LogFormat::Human => human(event, &mut line),
            LogFormat::Json => json(event, &mut line),
        };
        if written.is_ok() {
            line.push('\n');
            // There is no other place to report a failed log write.
            self.writer.make_writer_for(event.metadata()).write_all(line.as_bytes()).unwrap_or(());
        }
    }
}

fn human(event: &Event<'_>, line: &mut String) -> fmt::Result {
    let fields = Fields::of(event);
    write_time(line)?;
    write!(line, " {:5} trace={:032x} {}: ", event.metadata().level(), current_trace().trace_id, fields.target)?;
    write_plain(line, &fields.message)?;
    for (name, value) in &fields.others {
        write!(line, " {name}=")?;
        match value.as_str() {
            Some(text) if text.contains([' ', '"']) => write_plain(line, &format!("{text:?}"))?,
            Some(text) => write_plain(line, text)?,
            None => write!(line, "{value}")?,
        }
    }
    Ok(())
}

fn json(event: &Event<'_>, line: &mut String) -> fmt::Result {
    let fields = Fields::of(event);
    line.push_str(r#"{"at":""#);
    write_time(line)?;
    let (level, trace) = (event.metadata().level(), current_trace().trace_id);
    write!(line, r#"","level":"{level}","trace":"{trace:032x}","target":{}"#, Value::from(fields.target))?;
    write!(line, r#","message":{}"#, Value::from(fields.message))?;
    for (name, value) in fields.others {
        // A field with the name of a standard member gets a prefix.
        let prefix = if MEMBERS.contains(&name) { "event." } else { "" };
        write!(line, r#","{prefix}{name}":{value}"#)?;
    }
    line.push('}');
    Ok(())
}

/// Members of every line.
const MEMBERS: [&str; 5] = ["at", "level", "trace", "target", "message"];

fn write_time(line: &mut String) -> fmt::Result {
    SystemTime.format_time(&mut Writer::new(line))
}

/// Writes text with control characters escaped, so input of a client cannot forge log lines.
fn write_plain(line: &mut String, text: &str) -> fmt::Result {
    for character in text.chars() {
        if character.is_control() {
            write!(line, "{}", character.escape_default())?;
        } else {
            line.push(character);
        }
    }
    Ok(())
}

/// The message and fields of an event.
struct Fields {
    target: String,
    message: String,
    others: Vec<(&'static str, Value)>,
}

impl Fields {
    fn of(event: &Event<'_>) -> Self {
        let mut fields =
            Self { target: event.metadata().target().to_owned(), message: String::new(), others: Vec::new() };
        event.record(&mut fields);
        fields
    }

    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(message)) => self.message = message,
            // Events of the `log` crate carry their own target.
            ("log.target", Value::String(target)) => self.target = target,
            ("log.module_path" | "log.file" | "log.line", _) => {}
            (name, value) => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Value::from(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut report = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            // Writing to a string cannot fail.
            write!(report, ": {error}").unwrap_or(());
            cause = error.source();
        }
        self.add(field, Value::String(report));
    }
}

//! Metrics of the process, the machine, the runtime and the build, read when they are exported.

mod exposition;
mod machine;
mod process;
mod runtime;

use self::exposition::{Exposition, Type};
use crate::config::BuildInfo;

/// The metrics as text. Values that the system does not provide are omitted.
pub(crate) fn render(build: Option<&BuildInfo>) -> String {
    let mut out = Exposition::default();
    if let Some(build) = build {
        write_build(&mut out, build);
    }
    process::write(&mut out);
    machine::write(&mut out);
    runtime::write(&mut out);
    out.into_text()
}

fn write_build(out: &mut Exposition, build: &BuildInfo) {
    let labels = [("version", build.version.as_str()), ("revision", build.revision.as_str())];
    out.family("pulse_build_info", Type::Gauge, "Version and revision of the binary; the value is 1.")
        .sample(&labels, 1);
    if let Some(released_at) = build.released_at {
        out.family("pulse_build_release_time_seconds", Type::Gauge, "Release time of the binary, as Unix time.")
            .millis(&[], u64::try_from(released_at.as_millis()).unwrap_or(0));
    }
}

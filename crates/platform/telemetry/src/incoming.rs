//! The trace context of an incoming request (W3C Trace Context, B3).

use pulse_kernel::TraceContext;

use crate::current::random_trace_id;

const MILLION: u32 = 1_000_000;

/// Selection of traced requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    /// Number of sampled traces per million that start at this node, 0 to 1 000 000. The trace id decides, so all nodes
    /// decide alike.
    pub per_million: u32,
    /// Whether the sampling decision of the caller applies. Set it to false for untrusted callers: their trace ids are
    /// kept, but they cannot cause spans to be recorded.
    pub honor_upstream_sampling: bool,
}

impl Default for Sampling {
    /// One trace of a hundred, and those that callers sample.
    fn default() -> Self {
        Self { per_million: 10_000, honor_upstream_sampling: true }
    }
}

impl Sampling {
    /// The trace of a request: that of `traceparent` (W3C), else that of B3 (`b3` or `x-b3-*`), else a new one.
    ///
    /// `header` returns the value of a header by its name in lower case. A new trace has the `span_id` 0: it has no parent.
    /// An invalid header is ignored, as both standards require.
    #[must_use]
    pub fn trace_of<'h>(&self, header: impl Fn(&'static str) -> Option<&'h str>) -> TraceContext {
        let Some(incoming) = header("traceparent").and_then(w3c).or_else(|| b3(&header)) else {
            return self.root(None);
        };
        match incoming {
            Incoming::Trace { trace_id, span_id, is_sampled } => {
                let by_caller = is_sampled.filter(|_| self.honor_upstream_sampling);
                let is_sampled = by_caller.unwrap_or_else(|| self.samples(trace_id));
                TraceContext { trace_id, span_id, is_sampled }
            }
            Incoming::Decision(is_sampled) => self.root(Some(is_sampled).filter(|_| self.honor_upstream_sampling)),
        }
    }

    fn root(&self, is_sampled: Option<bool>) -> TraceContext {
        let trace_id = random_trace_id();
        TraceContext { trace_id, span_id: 0, is_sampled: is_sampled.unwrap_or_else(|| self.samples(trace_id)) }
    }

    fn samples(&self, trace_id: u128) -> bool {
        // The low half is random in all id schemes; the high half may be a time or zero.
        let low = trace_id & u128::from(u64::MAX);
        low * u128::from(MILLION) < u128::from(self.per_million) << 64
    }
}

enum Incoming {
    Trace {
        trace_id: u128,
        span_id: u64,
        is_sampled: Option<bool>,
    },
    /// A B3 sampling decision without a trace id.
    Decision(bool),
}

/// `traceparent`: `00-<32 hex>-<16 hex>-<2 hex>`; a later version may have more parts.
fn w3c(value: &str) -> Option<Incoming> {
    let value = value.trim();
    let mut parts = value.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_whole = version != "00" || parts.next().is_none();
    if !is_whole || hex(version, 2)? == 0xff {
        return None;
    }
    let (trace_id, span_id) = (nonzero(hex(trace, 32)?)?, nonzero(hex(span, 16)?)?);
    let is_sampled = hex(flags, 2)? & 1 == 1;
    Some(Incoming::Trace { trace_id, span_id: u64::try_from(span_id).ok()?, is_sampled: Some(is_sampled) })
}

fn b3<'h>(header: &impl Fn(&'static str) -> Option<&'h str>) -> Option<Incoming> {
    if let Some(single) = header("b3").and_then(b3_single) {
        return Some(single);
    }
    let is_sampled = match header("x-b3-flags") {
        Some("1") => Some(true),
        _ => header("x-b3-sampled").and_then(b3_decision),
    };
    let ids = header("x-b3-traceid").zip(header("x-b3-spanid"));
    ids.and_then(|(trace, span)| b3_ids(trace, span, is_sampled)).or_else(|| is_sampled.map(Incoming::Decision))
}

/// `<trace>-<span>`, `<trace>-<span>-<decision>`, the same followed by the parent span, or `<decision>`.
fn b3_single(value: &str) -> Option<Incoming> {
    let mut parts = value.trim().split('-');
    let first = parts.next()?;
    let Some(span) = parts.next() else { return b3_decision(first).map(Incoming::Decision) };
    b3_ids(first, span, parts.next().and_then(b3_decision))
}

/// B3 trace ids have 16 or 32 digits.
fn b3_ids(trace: &str, span: &str, is_sampled: Option<bool>) -> Option<Incoming> {
    let trace_id = nonzero(hex(trace, 32).or_else(|| hex(trace, 16))?)?;
    let span_id = u64::try_from(nonzero(hex(span, 16)?)?).ok()?;
    Some(Incoming::Trace { trace_id, span_id, is_sampled })
}

fn b3_decision(value: &str) -> Option<bool> {
    match value.trim() {
        "1" | "d" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

/// Parses exactly `digits` hexadecimal digits. (`from_str_radix` alone would accept a sign.)
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex { u128::from_str_radix(text, 16).ok() } else { None }
}

fn nonzero(id: u128) -> Option<u128> {
    (id != 0).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
    const SPAN: u64 = 0x00f0_67aa_0ba9_02b7;
    const NEVER: Sampling = Sampling { per_million: 0, honor_upstream_sampling: true };
    const ALWAYS: Sampling = Sampling { per_million: MILLION, honor_upstream_sampling: true };

    fn trace_of(sampling: Sampling, headers: &[(&str, &str)]) -> TraceContext {
        sampling.trace_of(|name| headers.iter().find(|(other, _)| *other == name).map(|(_, value)| *value))
    }

    fn known(is_sampled: bool) -> TraceContext {
        TraceContext { trace_id: TRACE, span_id: SPAN, is_sampled }
    }

    /// PL-47: the trace of the caller is continued, from each supported header.
    #[test]
    fn traces_are_continued() {
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let sampled: &[&[(&str, &str)]] = &[
            &[("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")],
            &[("traceparent", " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03 ")],
            &[("traceparent", "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later")],
            &[("b3", "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1")],
            &[("b3", "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-d-05e3ac9a4f6e3b90")],
            &[("x-b3-traceid", trace), ("x-b3-spanid", span), ("x-b3-sampled", "1")],
            &[("x-b3-traceid", trace), ("x-b3-spanid", span), ("x-b3-flags", "1")],
            // W3C has priority; an invalid W3C header does not hide B3.
            &[("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), ("b3", "0")],
            &[("traceparent", "00-broken"), ("b3", "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1")],
        ];
        for headers in sampled {
            assert_eq!(trace_of(NEVER, headers), known(true), "{headers:?}");
        }
        let unsampled: &[&[(&str, &str)]] = &[
            &[("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")],
            &[("b3", "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0")],
            &[("x-b3-traceid", trace), ("x-b3-spanid", span), ("x-b3-sampled", "0")],
        ];
        for headers in unsampled {
            assert_eq!(trace_of(ALWAYS, headers), known(false), "{headers:?}");
        }
        let undecided = [("b3", "a3ce929d0e0e4736-00f067aa0ba902b7")];
        assert_eq!(trace_of(ALWAYS, &undecided).trace_id, 0xa3ce_929d_0e0e_4736);
        assert!(trace_of(ALWAYS, &undecided).is_sampled && !trace_of(NEVER, &undecided).is_sampled);
    }

    /// PL-47: without a valid header a new trace starts.
    #[test]
    fn a_new_trace_starts_without_a_valid_header() {
        for headers in [
            &[][..],
            &[("traceparent", "")],
            &[("traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01")],
            &[("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01")],
            &[("traceparent", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")],
            &[("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more")],
            &[("traceparent", "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")],
            &[("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e473ü-00f067aa0ba902b7-01")],
            &[("b3", "-")],
            &[("x-b3-traceid", "4bf92f3577b34da6a3ce929d0e0e4736")],
        ] {
            let (first, second) = (trace_of(ALWAYS, headers), trace_of(ALWAYS, headers));
            assert!(first.trace_id != 0 && first.span_id == 0 && first.is_sampled, "{headers:?}");
            assert_ne!(first.trace_id, second.trace_id, "{headers:?}");
        }
        assert!(trace_of(NEVER, &[("b3", "1")]).is_sampled);
        assert!(!trace_of(ALWAYS, &[("x-b3-sampled", "0")]).is_sampled);
    }

    #[test]
    fn untrusted_callers_cannot_cause_recording() {
        let sampling = Sampling { per_million: 0, honor_upstream_sampling: false };
        let headers = [("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")];
        assert_eq!(trace_of(sampling, &headers), known(false));
        assert!(!trace_of(sampling, &[("b3", "d")]).is_sampled);
    }

    #[test]
    fn the_ratio_is_kept() {
        let sampling = Sampling { per_million: 100_000, honor_upstream_sampling: true };
        let sampled = (0..100_000).filter(|_| trace_of(sampling, &[]).is_sampled).count();
        assert!((9_000..11_000).contains(&sampled), "{sampled} of 100 000");
    }
}

//! The same rpcs over gRPC: who is let in, how errors and the context travel.

mod catalogue;
mod client;
mod codec;
mod context;
mod server;
mod status;

use async_trait::async_trait;
use http::{Extensions, HeaderMap};
use pulse_kernel::{Cx, Error};

pub use catalogue::kind_of;
pub use client::{call, call_stream};
pub use context::{CX_HEADER, CxWireError, cx_from_headers, request_with};
pub use server::{Admitted, Entrance, Method, Server};
pub use status::{error_of, status_of};

use crate::method::MethodSpec;

/// Decides who is let in, and makes the context of a call. Implemented by the edge.
#[async_trait]
pub trait Admission: Send + Sync + 'static {
    /// Admits a call of `spec` that came with `headers`; `extensions` holds what the layers before have found.
    ///
    /// The shop that the request names is not known yet: the generated adapter checks it afterwards.
    ///
    /// # Errors
    /// Whatever the edge refuses for: `UNAUTHENTICATED`, `RATE_LIMITED`, ...
    async fn admit(&self, spec: &'static MethodSpec, headers: &HeaderMap, extensions: &Extensions)
    -> Result<Cx, Error>;
}

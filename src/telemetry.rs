//! What is told of a request: one line of log after its body has ended, warnings on the way, and a trace
//! where a collector is configured.
//!
//! Never told: keys, cookies, query strings, bodies, WebSocket subprotocols. The fields of a
//! [`RequestRecord`] are all there is, and none of them can hold one.

mod line;
mod record;
mod root_span;
mod subscriber;
mod traces;

pub use record::{InnerCall, RequestRecord, record_request};
pub use root_span::RequestSpan;
pub use subscriber::{LogControl, LogStyle, init};
pub use traces::{SpanMaker, Traces, TracesError};

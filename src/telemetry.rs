//! What the log tells of a request: one line after its body has ended, and warnings on the way.
//!
//! Never in the log: keys, cookies, query strings, bodies, WebSocket subprotocols. The fields of a
//! [`RequestRecord`] are all there is, and none of them can hold one.

mod line;
mod record;
mod root_span;
mod subscriber;

pub use record::{InnerCall, RequestRecord, record_request};
pub use root_span::RequestSpan;
pub use subscriber::{LogControl, LogStyle, init};

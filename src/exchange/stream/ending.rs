//! The event that ends a stream which broke.

use crate::body::SseTail;
use crate::dialect::stream_error_event;
use crate::error::GatewayError;
use crate::types::Dialect;

pub(super) fn tail_for(dialect: Dialect) -> SseTail {
    match dialect {
        Dialect::OpenAiResponses => SseTail::numbered(),
        _ => SseTail::default(),
    }
}

/// The event that ends a broken stream. What was left open is closed first: a line that has begun
/// cannot be taken back, but the client must not read our event as its end.
pub(super) fn ending(dialect: Dialect, tail: &SseTail, error: &GatewayError) -> String {
    let (code, status) = error.classify();
    let crlf = tail.uses_crlf();
    let line_end = if crlf { "\r\n" } else { "\n" };
    let close = if tail.is_at_event_boundary() { String::new() } else { line_end.repeat(2) };
    let message = error.to_string();
    let number = tail.next_sequence_number();
    close + &stream_error_event(dialect, code, &message, status, number, crlf)
}

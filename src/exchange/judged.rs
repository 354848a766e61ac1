//! What an answer says of the credential it came by, found out before a byte of it has left.
//!
//! A failure may look like a success for a moment: a stream that opens with an error, a stream that
//! ends before it says anything, an error in the body of a 200. Until the first event of a stream
//! another credential can still answer instead.

use std::time::{Duration, SystemTime};

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::ahead::BegunAnswer;
use crate::actors::upstream::UpstreamResponse;
use crate::body::{GZIP_MAGIC, decode_request};
use crate::config::Family;
use crate::dialect::{
    FirstEvent, Trouble, Verdict, error_in_ok_body, first_event, judge, refuses_long_context,
};
use crate::headers::is_event_stream;
use crate::types::Dialect;

/// How much of an error's body is read to judge it: they have a few hundred bytes.
const ERROR_BYTES: usize = 16 * 1024;

/// The most that such a body may become when it is decoded.
const DECODED_ERROR_BYTES: u64 = 256 * 1024;

/// How long the rest of an error's body is waited for. Its head is what matters most.
const ERROR_PATIENCE: Duration = Duration::from_secs(5);

/// How long a stream that has begun may keep us from passing it on. It begins with comments or with
/// word that the answer is under way, and the client should see those while the model thinks.
const FIRST_EVENT_PATIENCE: Duration = Duration::from_secs(2);

/// An answer, and what it says.
#[derive(Debug)]
pub(super) struct Judged {
    pub answer: BegunAnswer,
    pub verdict: Verdict,
    /// Whether the verdict is more than a presumption: a stream that has said nothing yet is passed on,
    /// and proves nothing.
    pub is_settled: bool,
    /// The provider turned down the flag for the long context.
    pub refuses_long_context: bool,
    /// A stream that ended without a word: there is nothing to pass on.
    pub is_empty_stream: bool,
}

/// Reads as much of an answer as it takes to judge it.
pub(super) async fn look_at(
    response: UpstreamResponse,
    dialect: Dialect,
    family: Family,
    now: SystemTime,
) -> Judged {
    let mut answer = BegunAnswer::from(response);
    let status = answer.response.status;
    let mut judged_status = status;
    let mut is_empty_stream = false;
    let mut words = None;
    if !status.is_success() {
        let BegunAnswer { response, ahead } = &mut answer;
        ahead.read_bytes_within(&mut response.body, ERROR_BYTES, ERROR_PATIENCE).await;
    } else if is_event_stream(&answer.response.fields) && !is_encoded(&answer.response.fields) {
        match read_first_event(&mut answer, dialect).await {
            FirstEvent::Failed { status, body } => {
                judged_status = status;
                words = Some(body); // the event's own, without the stream's lines around it
            }
            FirstEvent::Empty => {
                is_empty_stream = true;
                judged_status = StatusCode::BAD_GATEWAY;
            }
            FirstEvent::Fine => return fine(answer),
            FirstEvent::Incomplete => return Judged { is_settled: false, ..fine(answer) },
        }
    } else if family == Family::OpenAiCompatible && has_small_json(&answer.response) {
        let BegunAnswer { response, ahead } = &mut answer;
        ahead.read_bytes(&mut response.body, ERROR_BYTES).await;
        match error_in_ok_body(dialect, &ahead.joined()) {
            Some(status) => judged_status = status,
            None => return fine(answer),
        }
    } else {
        return fine(answer);
    }
    let fields = &answer.response.fields;
    let body = words.unwrap_or_else(|| readable(fields, answer.ahead.joined()));
    let verdict = if is_empty_stream {
        Verdict::Trouble(Trouble::silent())
    } else {
        judge(judged_status, fields, &body, now)
    };
    let refuses_long_context = refuses_long_context(judged_status, &body);
    Judged { answer, verdict, is_settled: true, refuses_long_context, is_empty_stream }
}

fn fine(answer: BegunAnswer) -> Judged {
    Judged {
        answer,
        verdict: Verdict::Fine,
        is_settled: true,
        refuses_long_context: false,
        is_empty_stream: false,
    }
}

/// Reads until the first event that says something. The client sees nothing until then, so once the
/// stream has begun it is not held for long.
async fn read_first_event(answer: &mut BegunAnswer, dialect: Dialect) -> FirstEvent {
    let BegunAnswer { response, ahead } = answer;
    ahead.read_piece(&mut response.body).await;
    let deadline = Instant::now() + FIRST_EVENT_PATIENCE;
    loop {
        if ahead.starts_with(&GZIP_MAGIC) {
            return FirstEvent::Fine; // what is in it is not ours to judge before it is repaired
        }
        // Only the end of a line can decide; a long event comes in many pieces. A body that broke is
        // over as well: what it said so far is passed on, unless it said nothing.
        if ahead.is_over() || ahead.last_piece_ends_a_line() {
            match first_event(dialect, &ahead.joined(), ahead.is_over()) {
                FirstEvent::Incomplete if !ahead.is_over() => {}
                decided => return decided,
            }
        }
        if timeout_at(deadline, ahead.read_piece(&mut response.body)).await.is_err() {
            return FirstEvent::Incomplete;
        }
    }
}

pub(super) fn is_encoded(fields: &HeaderMap) -> bool {
    coding(fields).is_some()
}

fn coding(fields: &HeaderMap) -> Option<&str> {
    let coding = fields.get(header::CONTENT_ENCODING)?.to_str().ok()?;
    (!coding.eq_ignore_ascii_case("identity")).then_some(coding)
}

/// The body without its content coding, as far as it can be read: a piece of one cannot.
fn readable(fields: &HeaderMap, body: Bytes) -> Bytes {
    let Some(coding) = coding(fields) else { return body };
    decode_request(coding, &body, DECODED_ERROR_BYTES).unwrap_or_default()
}

/// Some compatible servers put an error into a 200. It is short, and says so.
fn has_small_json(response: &UpstreamResponse) -> bool {
    let content_type = response.fields.get(header::CONTENT_TYPE);
    let is_json = content_type.is_some_and(|value| {
        value.as_bytes().to_ascii_lowercase().starts_with(b"application/json")
    });
    let is_small = response.body.length().is_some_and(|length| length <= ERROR_BYTES as u64);
    is_json && is_small && !is_encoded(&response.fields)
}

//! Claude as Amazon Bedrock hosts it.

use std::time::{Duration, SystemTime};

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use bytes::{Bytes, BytesMut};

use super::{HostedCall, HostedRequest};
use crate::actors::upstream::{BodyDecoder, UpstreamResponse};
use crate::adapt::bedrock::{
    EventFrames, error_body, flags, is_about_the_signature, known_flags, path, request_body,
    status_of_error,
};
use crate::config::Credential;
use crate::error::GatewayError;

const ANTHROPIC_BETA: &str = "anthropic-beta";
const X_AMZN_ERRORTYPE: &str = "x-amzn-errortype";
const X_AMZN_REQUESTID: &str = "x-amzn-requestid";

const FRAMES: &[u8] = b"application/vnd.amazon.eventstream";
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");

/// As much of an error's body is kept for its words.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// AWS takes signatures whose date is off by no more.
const LARGEST_SKEW: Duration = Duration::from_secs(5 * 60);

pub(super) fn request(call: &HostedCall<'_>) -> Result<HostedRequest, GatewayError> {
    let HostedCall { credential, model, streams, body, client_fields, .. } = call;
    // What the team writes for the credential is sent as it is: it may know more than we do.
    let own = credential.headers.iter().find(|(name, _)| *name == ANTHROPIC_BETA);
    let flags: Vec<&str> = if let Some((_, value)) = own {
        flags(value.to_str().unwrap_or_default()).collect()
    } else {
        let lists = client_fields.get_all(ANTHROPIC_BETA);
        lists.filter_map(|list| list.to_str().ok()).flat_map(known_flags).collect()
    };
    let body = request_body(body, &flags).map_err(GatewayError::BadBody)?;
    Ok(HostedRequest::of_all(path(&credential.base_path, model, *streams), body))
}

/// What is asked to find out whether Bedrock takes the credential: a call that is refused for its body,
/// once it is known whose it is. There is no question that Bedrock's runtime answers for free.
pub(super) fn probe(credential: &Credential) -> HostedRequest {
    let model = credential.models.first().map_or("none", |model| model.name.as_str());
    let target = path(&credential.base_path, model, false);
    HostedRequest::of_all(target, Bytes::from_static(b"{}"))
}

/// Anthropic's own fields mean nothing here, and a field in the name of the signature must be ours: it
/// would be signed, and need not be true.
pub(super) fn put_fields(fields: &mut HeaderMap) {
    fields.retain(|name, _| {
        let name = name.as_str();
        !name.starts_with("anthropic-") && !name.starts_with("x-amz-")
    });
    fields.insert(header::CONTENT_TYPE, JSON);
    // It is the type of the model's answer: JSON, whether or not frames are around it.
    fields.insert(header::ACCEPT, JSON);
    // Frames must be readable here.
    fields.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

pub(super) fn answer(mut response: UpstreamResponse, now: SystemTime) -> UpstreamResponse {
    if !response.status.is_success() {
        return refused(response, now);
    }
    let is_framed = response.fields.get(header::CONTENT_TYPE).is_some_and(|value| {
        value.as_bytes().get(..FRAMES.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(FRAMES))
    });
    if is_framed {
        response.fields.insert(header::CONTENT_TYPE, EVENTS);
        response.fields.remove(header::CONTENT_LENGTH);
        response.body = response.body.decoded_by(EventFrames::default());
    }
    response
}

fn refused(mut response: UpstreamResponse, now: SystemTime) -> UpstreamResponse {
    let text = |name: &str| Some(response.fields.get(name)?.to_str().ok()?.to_owned());
    let kind = text(X_AMZN_ERRORTYPE).unwrap_or_default();
    let request_id = text(X_AMZN_REQUESTID).unwrap_or_default();
    let mut status = status_of_error(&kind, response.status);
    let mut instead = None;
    if is_about_the_signature(&kind)
        && let Some(clock) = text(header::DATE.as_str()).and_then(|date| wrong_clock(&date, now))
    {
        // No other key would do better, and no new token.
        status = StatusCode::INTERNAL_SERVER_ERROR;
        tracing::warn!(upstream.name = "bedrock", clock, "AWS refuses signatures of this clock");
        instead = Some(clock);
    }
    response.status = status;
    response.fields.insert(header::CONTENT_TYPE, JSON);
    response.fields.remove(header::CONTENT_LENGTH);
    let told = ErrorWords { status, request_id, instead, told: Vec::new() };
    response.body = response.body.decoded_by(told);
    response
}

/// How far this machine's clock is off, if it is so far that AWS refuses what it signs.
fn wrong_clock(date: &str, now: SystemTime) -> Option<String> {
    let theirs = httpdate::parse_http_date(date).ok()?;
    let (off, word) = match now.duration_since(theirs) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    (off >= LARGEST_SKEW).then(|| {
        let seconds = off.as_secs();
        format!("the gateway's clock is {seconds} s {word} AWS's; set it, or let NTP do it")
    })
}

impl BodyDecoder for EventFrames {
    fn push(&mut self, piece: &Bytes, out: &mut BytesMut) -> Result<(), String> {
        self.push(piece, out).map_err(|error| error.to_string())
    }

    fn finish(&mut self, _out: &mut BytesMut) -> Result<(), String> {
        self.finish().map_err(|error| error.to_string())
    }
}

/// An error of AWS, which becomes one of Anthropic's when it is whole.
#[derive(Debug)]
struct ErrorWords {
    status: StatusCode,
    request_id: String,
    /// What is said in the place of AWS's own words.
    instead: Option<String>,
    told: Vec<u8>,
}

impl BodyDecoder for ErrorWords {
    fn push(&mut self, piece: &Bytes, _out: &mut BytesMut) -> Result<(), String> {
        let room = MAX_ERROR_BYTES - self.told.len();
        self.told.extend_from_slice(&piece[..piece.len().min(room)]);
        Ok(())
    }

    fn finish(&mut self, out: &mut BytesMut) -> Result<(), String> {
        let told = self.instead.as_ref().map_or(&*self.told, String::as_bytes);
        let body = error_body(self.status, told, &self.request_id);
        out.extend_from_slice(body.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderName;

    use super::*;

    #[test]
    fn a_clock_is_wrong_when_aws_would_refuse_what_it_signs() {
        let theirs = httpdate::parse_http_date("Sun, 30 Aug 2015 12:36:00 GMT").unwrap();
        let seconds = Duration::from_secs;
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (theirs,                None,               "the same time"),
            (theirs + seconds(299), None,               "within what AWS takes"),
            (theirs + seconds(301), Some("301 s ahead of"), "ahead"),
            (theirs - seconds(900), Some("900 s behind"),   "behind"),
        ];
        for (now, expected, why) in cases {
            let told = wrong_clock("Sun, 30 Aug 2015 12:36:00 GMT", now);
            match expected {
                Some(words) => assert!(told.unwrap().contains(words), "{why}"),
                None => assert_eq!(told, None, "{why}"),
            }
        }
        assert_eq!(wrong_clock("yesterday", theirs), None, "no date");
    }

    #[test]
    fn fields_that_mean_nothing_to_aws_end_here() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // name,               sent,            becomes,                  why
            ("anthropic-version",  "2023-06-01",    None,                     "in the body"),
            ("anthropic-beta",     "a",             None,                     "in the body"),
            ("x-amz-content-sha256", "0",           None,                     "would be signed, and is another's"),
            ("accept",             "text/event-stream", Some("application/json"), "what the model answers"),
            ("accept-encoding",    "gzip",          Some("identity"),         "frames must be readable"),
            ("content-type",       "text/plain",    Some("application/json"), "what Bedrock reads"),
            ("x-amzn-bedrock-guardrailidentifier", "g", Some("g"),            "Bedrock's own"),
            ("user-agent",         "claude-cli/2",  Some("claude-cli/2"),     "who asks is true"),
        ];
        let mut fields = HeaderMap::new();
        for (name, value, ..) in cases {
            fields.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }

        put_fields(&mut fields);

        for (name, _, expected, why) in cases {
            let seen = fields.get(name).map(|value| value.to_str().unwrap());
            assert_eq!(seen, expected, "{name}: {why}");
        }
    }
}

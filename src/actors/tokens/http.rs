//! One question of the gateway's own to an authorization server or its like.

use std::time::{Duration, SystemTime};

use actix_http::Payload;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;

use crate::actors::upstream::{OutgoingRequest, RequestBody, Upstream, UpstreamFailure};
use crate::config::Endpoint;
use crate::error::GatewayError;
use crate::headers::USER_AGENT;
use crate::types::ProviderName;

/// For the whole answer. Token endpoints answer within a second; one that does not answer by then has
/// clients of ours waiting.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Much more than tokens take.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    pub endpoint: &'a Endpoint,
    /// What the server is called in errors and logs.
    pub name: ProviderName,
    pub method: Method,
    /// Besides `Host`, `User-Agent`, `Accept` and those of the body.
    pub fields: HeaderMap,
    /// With its content type.
    pub body: Option<(&'static str, Bytes)>,
}

/// A whole answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub fields: HeaderMap,
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// The server has not got the question.
    #[error("{0}")]
    NotAsked(String),
    /// The server may have got it, and may have answered: a refresh token that rotates may be spent.
    #[error("{0}; whether the server has acted is not known")]
    Lost(String),
}

impl Answer {
    /// What `Retry-After` says (RFC 9110, section 10.2.3): seconds, or a date.
    #[must_use]
    pub fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        let text = self.fields.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        Some(httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default())
    }
}

/// Asks, and reads the whole answer. No question is ever sent twice: what is asked here may be answered
/// only once.
pub async fn ask(upstream: &Upstream, question: Question<'_>) -> Result<Answer, Unanswered> {
    let outgoing = outgoing(question)?;
    let answer = async {
        let response = upstream.send(outgoing).await.map_err(|failure| unanswered(&failure))?;
        let (status, fields) = (response.status.as_u16(), response.fields);
        let mut pieces = response.body;
        let mut body = BytesMut::new();
        while let Some(piece) = pieces.next().await {
            body.extend_from_slice(&piece.map_err(|broke| Unanswered::Lost(broke.to_string()))?);
            if body.len() > MAX_ANSWER_BYTES {
                return Err(Unanswered::Lost(format!("an answer over {MAX_ANSWER_BYTES} bytes")));
            }
        }
        Ok(Answer { status, fields, body: body.freeze() })
    };
    let late = |_elapsed| {
        let patience = humantime::format_duration(PATIENCE);
        Err(Unanswered::Lost(format!("no whole answer within {patience}")))
    };
    tokio::time::timeout(PATIENCE, answer).await.unwrap_or_else(late)
}

fn outgoing(question: Question<'_>) -> Result<OutgoingRequest, Unanswered> {
    let Question { endpoint, name, method, mut fields, body } = question;
    let host = HeaderValue::from_str(endpoint.origin.authority());
    let host = host.map_err(|_value| Unanswered::NotAsked("its host is no host".to_owned()))?;
    fields.insert(header::HOST, host);
    fields.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    if !fields.contains_key(header::ACCEPT) {
        fields.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    }
    // Nothing here takes a coding off.
    fields.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let body = match body {
        None => RequestBody::None,
        Some((content_type, body)) => {
            fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            let length = body.len() as u64;
            // As a stream, since a buffered body goes out again where a pooled connection was stale: the
            // server may have spent the refresh token all the same.
            RequestBody::streamed(Payload::from(body), Some(length), length, None)
        }
    };
    let path_and_query = endpoint.path.parse();
    let path_and_query =
        path_and_query.map_err(|_uri| Unanswered::NotAsked("its path is no path".to_owned()))?;
    Ok(OutgoingRequest {
        origin: endpoint.origin.clone(),
        proxy: endpoint.proxy.clone(),
        provider: name,
        method,
        path_and_query,
        fields,
        body,
        first_byte_timeout: PATIENCE,
    })
}

fn unanswered(failure: &UpstreamFailure) -> Unanswered {
    use GatewayError as E;
    let cause = failure.cause.clone();
    match failure.error {
        E::UpstreamUnreachable { .. }
        | E::ProxyFailed { .. }
        | E::ConnectTimeout { .. }
        | E::UpstreamBusy { .. }
        | E::Draining => Unanswered::NotAsked(cause),
        _ => Unanswered::Lost(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_never_left_counts_as_not_asked() {
        let provider = || ProviderName::new("corp");
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (GatewayError::UpstreamUnreachable { provider: provider() }, true,  "no connection"),
            (GatewayError::ConnectTimeout { provider: provider() },      true,  "no connection"),
            (GatewayError::UpstreamReset { provider: provider() },       false, "it may have read the question before"),
            (GatewayError::FirstByteTimeout { provider: provider() },    false, "it may be answering"),
            (GatewayError::UpstreamGarbled { provider: provider() },     false, "it has answered"),
        ];
        for (error, is_unasked, why) in cases {
            let unanswered = unanswered(&UpstreamFailure::from(error));
            assert_eq!(matches!(unanswered, Unanswered::NotAsked(_)), is_unasked, "{why}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let date = |seconds| httpdate::fmt_http_date(now + Duration::from_secs(seconds));
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (Some("7".to_owned()), Some(7),  "seconds"),
            (Some(date(60)),       Some(60), "a date"),
            (Some("soon".to_owned()), None,  "neither"),
            (None,                 None,     "nothing"),
        ];
        for (value, expected, why) in cases {
            let mut fields = HeaderMap::new();
            if let Some(value) = value {
                fields.insert(header::RETRY_AFTER, HeaderValue::from_str(&value).unwrap());
            }
            let answer = Answer { status: 429, fields, body: Bytes::new() };
            assert_eq!(answer.retry_after(now), expected.map(Duration::from_secs), "{why}");
        }
    }
}

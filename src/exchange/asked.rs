//! Which model a call asks for, and where the name stands.

use std::ops::Range;

use actix_web::http::header;
use bytes::Bytes;

use super::head::Head;
use crate::body::{DecodeError, decode_request, find_model};
use crate::dialect::{GeminiCall, leads_elsewhere, parse_gemini_call};
use crate::door::ModelCall;
use crate::error::GatewayError;
use crate::types::ModelName;

/// What is wrong with a name in a path that has `..` in it, or the like.
pub(super) const NAME_LEADS_ELSEWHERE: &str =
    "a part of the model's name in its path is empty, `.` or `..`";

/// A model call's question.
#[derive(Debug)]
pub(super) struct Asked {
    /// As the client wrote it, thinking suffix included.
    pub model: ModelName,
    pub named_in: NamedIn,
    /// The body without its content coding, when it had one that had to be taken off.
    decoded: Option<Bytes>,
}

/// Where the model's name stands, so that an alias can be replaced and nothing else touched.
#[derive(Debug)]
pub(super) enum NamedIn {
    /// In the path: Gemini.
    Path(GeminiCall),
    /// In the body, here.
    Body { span: Range<usize> },
}

impl Asked {
    pub fn parse(
        request: &Head<'_>,
        call: ModelCall,
        body: &Bytes,
        limit_bytes: u64,
    ) -> Result<Self, GatewayError> {
        if let ModelCall::Gemini { model_at, .. } = call {
            return Self::in_path(request, model_at, body, limit_bytes);
        }
        let decoded = decode(request, body, limit_bytes)?;
        let field = find_model(decoded.as_ref().unwrap_or(body))
            .map_err(|error| GatewayError::BadBody(error.to_string()))?;
        let model = ModelName::parse(&field.name).ok_or_else(|| {
            GatewayError::BadBody(format!("`model` {}", ModelName::fault(&field.name)))
        })?;
        Ok(Self { model, named_in: NamedIn::Body { span: field.span }, decoded })
    }

    /// The body without its content coding, if it had to be read.
    pub fn decoded(&self) -> Option<&Bytes> {
        self.decoded.as_ref()
    }

    pub fn is_named_in_body(&self) -> bool {
        matches!(self.named_in, NamedIn::Body { .. })
    }

    /// Whether the client's body has a content coding that has been taken off.
    pub fn is_encoded(&self) -> bool {
        self.decoded.is_some()
    }

    fn in_path(
        request: &Head<'_>,
        model_at: usize,
        body: &Bytes,
        limit_bytes: u64,
    ) -> Result<Self, GatewayError> {
        let path = request.uri().path();
        let unclear = || GatewayError::BadBody("the path names no model and method".to_owned());
        let tail = path.get(model_at..).ok_or_else(unclear)?;
        let call = parse_gemini_call(tail).ok_or_else(unclear)?;
        // SECURITY: what was written here goes out byte for byte, by the rules of the name that was read.
        if leads_elsewhere(&call.model) {
            return Err(GatewayError::AmbiguousRequest(NAME_LEADS_ELSEWHERE));
        }
        let model = ModelName::parse(&call.model).ok_or_else(|| {
            let fault = ModelName::fault(&call.model);
            GatewayError::BadBody(format!("the name of the model in the path {fault}"))
        })?;
        // Nothing but a thinking suffix, the client's or a mapping's, changes such a body; one that
        // cannot be read is passed on unread.
        let decoded = decode(request, body, limit_bytes).unwrap_or_default();
        Ok(Self { model, named_in: NamedIn::Path(call), decoded })
    }
}

/// Undoes the body's content coding for a look at it; Codex compresses with zstd.
fn decode(
    request: &Head<'_>,
    body: &Bytes,
    limit_bytes: u64,
) -> Result<Option<Bytes>, GatewayError> {
    let codings: Vec<&str> = request
        .headers()
        .get_all(header::CONTENT_ENCODING)
        .filter_map(|value| value.to_str().ok())
        .collect();
    if codings.is_empty() {
        return Ok(None);
    }
    match decode_request(&codings.join(","), body, limit_bytes) {
        Ok(decoded) => Ok(Some(decoded)),
        Err(DecodeError::TooLarge { .. }) => Err(GatewayError::BodyTooLarge { limit_bytes }),
        Err(error @ DecodeError::Unsupported(_)) => {
            Err(GatewayError::UnsupportedEncoding(error.to_string()))
        }
        Err(error) => Err(GatewayError::BadBody(error.to_string())),
    }
}

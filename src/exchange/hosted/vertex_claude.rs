//! Claude as Vertex AI hosts it.
//!
//! The model stands in the path and not in the body; the version of the API in the body and not in a
//! field. All else is Anthropic's, `Anthropic-Beta` included.

use actix_web::http::header::HeaderMap;

use super::{HostedCall, HostedRequest, path_segment};
use crate::adapt::{vertex_claude_body, vertex_claude_name};
use crate::config::Hosting;
use crate::error::GatewayError;

pub(super) fn request(call: &HostedCall<'_>) -> Result<HostedRequest, GatewayError> {
    let Hosting::VertexAi(place) = &call.credential.hosting else {
        return Err(GatewayError::Internal);
    };
    let model = vertex_claude_name(call.model);
    let (name, method) = match (call.only_counts, call.streams) {
        (true, _) => ("count-tokens".into(), "rawPredict"),
        (false, true) => (path_segment(&model).to_string(), "streamRawPredict"),
        (false, false) => (path_segment(&model).to_string(), "rawPredict"),
    };
    let base = &call.credential.base_path;
    let target = format!("{base}/v1/{place}/publishers/anthropic/models/{name}:{method}");
    let counted = call.only_counts.then_some(&*model);
    let body = vertex_claude_body(call.body, counted)
        .map_err(|error| GatewayError::BadBody(error.to_string()))?;
    Ok(HostedRequest::of_all(target, body))
}

pub(super) fn put_fields(fields: &mut HeaderMap) {
    fields.remove("anthropic-version");
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::config::{Credential, Sources, load_text};
    use crate::types::Dialect;

    fn credential() -> Credential {
        let sources = Sources::default();
        let yaml = "vertex-ai: [{ project: p, location: eu, models: [{ name: claude-a }] }]";
        load_text(yaml, &sources).unwrap().settings.credentials.remove(0)
    }

    #[test]
    fn the_model_goes_into_the_path_and_cannot_lead_elsewhere() {
        const BODY: &str = r#"{"anthropic_version":"vertex-2023-10-16","n":1}"#;
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // model,                  streams, counts, name and method,                              body
            ("claude-opus-4-6",          false, false, "claude-opus-4-6:rawPredict",                  BODY.to_owned()),
            ("claude-opus-4-6",          true,  false, "claude-opus-4-6:streamRawPredict",            BODY.to_owned()),
            ("claude-opus-4-5-20251101", false, false, "claude-opus-4-5@20251101:rawPredict",         BODY.to_owned()),
            ("claude-opus-4-5-20251101", false, true,  "count-tokens:rawPredict",                     BODY.replace(r#""n""#, r#""model":"claude-opus-4-5@20251101","n""#)),
            ("claude-/../../x?y#z;w",    false, false, "claude-%2F..%2F..%2Fx%3Fy%23z%3Bw:rawPredict", BODY.to_owned()),
        ];
        let credential = credential();
        for (model, streams, only_counts, ending, body) in cases {
            let call = HostedCall {
                credential: &credential,
                dialect: Dialect::Anthropic,
                model,
                streams,
                only_counts,
                completes_text: false,
                body: &Bytes::from_static(br#"{"model":"opus","n":1}"#),
                client_fields: &HeaderMap::new(),
            };

            let request = request(&call).unwrap();

            let base = "/v1/projects/p/locations/eu/publishers/anthropic/models";
            assert_eq!(request.target, format!("{base}/{ending}"));
            let members = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
            assert_eq!(members(&request.body), members(body.as_bytes()), "{model}");
        }
    }
}

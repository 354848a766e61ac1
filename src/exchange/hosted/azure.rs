//! OpenAI's models as Azure hosts them: by deployments.
//!
//! | API      | Chat Completions                                                       | Responses                       |
//! | -------- | ---------------------------------------------------------------------- | ------------------------------- |
//! | v1       | `/openai/v1/chat/completions`                                          | `/openai/v1/responses`          |
//! | of a day | `/openai/deployments/{deployment}/chat/completions?api-version={date}` | `/openai/responses?api-version={date}` |
//!
//! The deployment stands in the body as the model, too, where it must be or does no harm.

use bytes::Bytes;

use super::{HostedCall, HostedRequest, path_segment};
use crate::body::{find_model, replace_model};
use crate::config::{AzureApi, Hosting};
use crate::error::GatewayError;
use crate::types::Dialect;

pub(super) fn request(call: &HostedCall<'_>) -> Result<HostedRequest, GatewayError> {
    let Hosting::Azure(api) = &call.credential.hosting else { return Err(GatewayError::Internal) };
    let base = format!("{}/openai", call.credential.base_path);
    let method = match (call.dialect, call.completes_text) {
        (Dialect::OpenAiResponses, _) => "responses",
        (_, true) => "completions",
        (_, false) => "chat/completions",
    };
    let target = match api {
        AzureApi::V1 => format!("{base}/v1/{method}"),
        AzureApi::Dated(version) if call.dialect == Dialect::OpenAiResponses => {
            format!("{base}/{method}?api-version={version}")
        }
        AzureApi::Dated(version) => {
            let deployment = path_segment(call.model);
            format!("{base}/deployments/{deployment}/{method}?api-version={version}")
        }
    };
    Ok(HostedRequest::of_all(target, named(call.body, call.model)?))
}

fn named(body: &Bytes, model: &str) -> Result<Bytes, GatewayError> {
    let field = find_model(body).map_err(|error| GatewayError::BadBody(error.to_string()))?;
    Ok(replace_model(body, &field.span, model).concat().into())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderMap;

    use super::*;
    use crate::config::{Credential, Sources, load_text};

    fn credential(version: &str) -> Credential {
        let yaml = format!(
            "azure-openai: [{{ api-key: k, base-url: 'https://n.example/gate', \
             api-version: '{version}', models: [{{ name: d }}] }}]"
        );
        load_text(&yaml, &Sources::default()).unwrap().settings.credentials.remove(0)
    }

    #[test]
    fn each_api_has_its_paths_and_the_deployment_where_it_wants_it() {
        use Dialect::{OpenAiChat as Chat, OpenAiResponses as Responses};
        const DATE: &str = "2025-04-01-preview";
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("",   Chat,      false, "d",   "/gate/openai/v1/chat/completions"),
            ("",   Chat,      true,  "d",   "/gate/openai/v1/completions"),
            ("",   Responses, false, "d",   "/gate/openai/v1/responses"),
            (DATE, Chat,      false, "d",   "/gate/openai/deployments/d/chat/completions?api-version=2025-04-01-preview"),
            (DATE, Chat,      true,  "d",   "/gate/openai/deployments/d/completions?api-version=2025-04-01-preview"),
            (DATE, Chat,      false, "a/b?", "/gate/openai/deployments/a%2Fb%3F/chat/completions?api-version=2025-04-01-preview"),
            (DATE, Responses, false, "d",   "/gate/openai/responses?api-version=2025-04-01-preview"),
        ];
        for (version, dialect, completes_text, model, target) in cases {
            let credential = credential(version);
            let call = HostedCall {
                credential: &credential,
                dialect,
                model,
                streams: false,
                only_counts: false,
                completes_text,
                body: &Bytes::from_static(br#"{ "model" : "gpt-5","n":1.0 }"#),
                client_fields: &HeaderMap::new(),
            };

            let request = request(&call).unwrap();

            assert_eq!(request.target, target);
            let body = format!(r#"{{ "model" : "{model}","n":1.0 }}"#);
            assert_eq!(request.body, body, "{target}: the rest is the client's, byte for byte");
        }
    }
}

//! The demo upstream's refusals, in the words and shape of the dialect they answer.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::json;

use crate::types::Dialect;

/// The one model this upstream does not have, so that a client can be shown an upstream's 404.
const MISSING_MODEL: &str = "no-such-model";

/// A missing or foreign key; without a dialect, in the shape of Amp's management.
pub fn unauthenticated(dialect: Option<Dialect>) -> HttpResponse {
    let message = "the demo upstream was not shown its own key, or was shown another one too";
    let Some(dialect) = dialect else {
        return HttpResponse::Unauthorized().json(
            json!({ "ok": false, "error": { "code": "auth-required", "message": message } }),
        );
    };
    match dialect {
        Dialect::Anthropic => {
            in_dialect(dialect, StatusCode::UNAUTHORIZED, "authentication_error", message)
        }
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            in_dialect(dialect, StatusCode::UNAUTHORIZED, "invalid_api_key", message)
        }
        Dialect::Gemini => {
            in_dialect(dialect, StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message)
        }
    }
}

/// A body this upstream cannot read.
pub fn bad_request(dialect: Dialect, message: &str) -> HttpResponse {
    let code = match dialect {
        Dialect::Anthropic | Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            "invalid_request_error"
        }
        Dialect::Gemini => "INVALID_ARGUMENT",
    };
    in_dialect(dialect, StatusCode::BAD_REQUEST, code, message)
}

/// The answer to a model this upstream does not have; `None` when it has it.
pub fn missing_model(dialect: Dialect, model: &str) -> Option<HttpResponse> {
    if !model.contains(MISSING_MODEL) {
        return None;
    }
    let (code, message) = match dialect {
        Dialect::Anthropic => ("not_found_error", format!("model: {model}")),
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            ("model_not_found", format!("The model `{model}` does not exist."))
        }
        Dialect::Gemini => ("NOT_FOUND", format!("models/{model} is not found.")),
    };
    Some(in_dialect(dialect, StatusCode::NOT_FOUND, code, &message))
}

fn in_dialect(dialect: Dialect, status: StatusCode, code: &str, message: &str) -> HttpResponse {
    let body = match dialect {
        Dialect::Anthropic => json!({
            "type": "error",
            "error": { "type": code, "message": message },
            "request_id": "req_demo",
        }),
        Dialect::OpenAiChat | Dialect::OpenAiResponses => json!({
            "error": {
                "message": message, "type": "invalid_request_error", "param": null, "code": code,
            },
        }),
        Dialect::Gemini => json!({
            "error": { "code": status.as_u16(), "message": message, "status": code },
        }),
    };
    HttpResponse::build(status).insert_header(("x-should-retry", "false")).json(body)
}

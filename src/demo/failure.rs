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
    let code = match dialect {
        Dialect::Anthropic => "authentication_error",
        Dialect::OpenAiChat | Dialect::OpenAiResponses => "invalid_api_key",
        Dialect::Gemini => "UNAUTHENTICATED",
    };
    in_dialect(dialect, StatusCode::UNAUTHORIZED, code, message)
}

/// A path that a compatible server does not have, in the words of the frameworks they are built with.
pub async fn no_such_route() -> HttpResponse {
    HttpResponse::NotFound().json(json!({ "detail": "Not Found" }))
}

/// Why a model call with the right key is not answered.
pub enum Refusal {
    NotJson,
    NoModel,
    NoSuchModel(String),
    NoSuchMethod,
}

impl Refusal {
    /// Why there is no such model; `None` when there is.
    pub fn of_model(model: &str) -> Option<Self> {
        model.contains(MISSING_MODEL).then(|| Self::NoSuchModel(model.to_owned()))
    }

    pub fn in_dialect(&self, dialect: Dialect) -> HttpResponse {
        let is_gemini = dialect == Dialect::Gemini;
        let bad_request = if is_gemini { "INVALID_ARGUMENT" } else { "invalid_request_error" };
        let (status, code, message) = match self {
            Self::NotJson => (StatusCode::BAD_REQUEST, bad_request, "the body is not JSON".into()),
            Self::NoModel => (StatusCode::BAD_REQUEST, bad_request, "model is missing".into()),
            Self::NoSuchMethod => {
                (StatusCode::BAD_REQUEST, bad_request, "the path names no known method".into())
            }
            Self::NoSuchModel(model) => {
                let code = match dialect {
                    Dialect::Anthropic => "not_found_error",
                    Dialect::OpenAiChat | Dialect::OpenAiResponses => "model_not_found",
                    Dialect::Gemini => "NOT_FOUND",
                };
                (StatusCode::NOT_FOUND, code, format!("the model {model} does not exist"))
            }
        };
        in_dialect(dialect, status, code, &message)
    }
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

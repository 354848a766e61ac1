//! The models the demo upstream lists. It answers for any name; these are there to be shown.

use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

const CLAUDE: [&str; 2] = ["claude-demo", "claude-demo-small"];
const GPT: [&str; 2] = ["gpt-demo", "gpt-demo-small"];
const GEMINI: [&str; 2] = ["gemini-demo", "gemini-demo-small"];

/// `GET /v1/models`: who asks tells the shape.
pub async fn list(req: HttpRequest) -> HttpResponse {
    let is_anthropic = req.headers().contains_key("anthropic-version")
        || req.path().starts_with("/api/provider/anthropic/");
    if is_anthropic {
        HttpResponse::Ok().json(json!({
            "data": CLAUDE.map(anthropic),
            "has_more": false,
            "first_id": CLAUDE.first(),
            "last_id": CLAUDE.last(),
        }))
    } else {
        HttpResponse::Ok().json(json!({ "object": "list", "data": GPT.map(openai) }))
    }
}

/// `GET /v1/models/{id}`
pub async fn show(req: HttpRequest, path: Path<Vec<(String, String)>>) -> HttpResponse {
    let model = path.iter().find(|(name, _)| name == "model").map_or("", |(_, model)| model);
    let is_anthropic = req.headers().contains_key("anthropic-version");
    HttpResponse::Ok().json(if is_anthropic { anthropic(model) } else { openai(model) })
}

/// `GET /v1beta/models`
pub async fn list_gemini() -> HttpResponse {
    let models = GEMINI.map(|model| {
        json!({
            "name": format!("models/{model}"),
            "version": "1",
            "displayName": model,
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        })
    });
    HttpResponse::Ok().json(json!({ "models": models }))
}

fn anthropic(id: &str) -> Value {
    json!({
        "type": "model",
        "id": id,
        "display_name": id,
        "created_at": "2026-01-01T00:00:00Z",
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
    })
}

fn openai(id: &str) -> Value {
    json!({ "id": id, "object": "model", "created": 1_767_225_600, "owned_by": "demo" })
}

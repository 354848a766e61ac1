//! What an error body says, in one form for every dialect.

use serde_json::Value;

/// The words of an error body, in lower case.
pub(super) struct ErrorWords {
    /// `None` when the body is no whole JSON: cut off, a page, nothing.
    json: Option<Value>,
    /// Its codes, types and reasons; empty without JSON.
    codes: Vec<String>,
    /// Its message; without JSON the whole text.
    message: String,
}

impl ErrorWords {
    pub(super) fn read(body: &[u8]) -> Self {
        let json: Option<Value> = serde_json::from_slice(body).ok();
        let Some(json) = json.filter(|json| json.is_object() || json.is_array()) else {
            let message = String::from_utf8_lossy(body).to_lowercase();
            return Self { json: None, codes: Vec::new(), message };
        };
        let (codes, message) = (codes(&json), message(&json));
        Self { json: Some(json), codes, message }
    }

    pub(super) fn has_code(&self, wanted: &[&str]) -> bool {
        if self.json.is_some() {
            return self.codes.iter().any(|code| wanted.contains(&code.as_str()));
        }
        // Inside a message a quote is escaped, so this finds only what stands by itself.
        wanted.iter().any(|code| self.message.contains(&format!("\"{code}\"")))
    }

    pub(super) fn says(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.message.contains(phrase))
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Whether the body is a page for a browser.
    pub(super) fn is_html(&self) -> bool {
        let text = self.message.trim_start();
        self.json.is_none() && (text.starts_with("<!doctype") || text.starts_with("<html"))
    }

    /// Whether OpenAI's `param` blames a field of the request other than the model.
    pub(super) fn blames_a_parameter(&self) -> bool {
        let param = self.error().and_then(|error| error.get("param")).and_then(Value::as_str);
        param.is_some_and(|param| param != "model")
    }

    /// The error itself, out of whatever it is wrapped in.
    pub(super) fn error(&self) -> Option<&Value> {
        self.json.as_ref().map(error_within)
    }

    /// The `details` of a `google.rpc.Status`.
    pub(super) fn details(&self) -> impl Iterator<Item = &Value> {
        let details = self.error().and_then(|error| error.get("details"));
        details.and_then(Value::as_array).into_iter().flatten()
    }
}

/// The error inside an error body: in `error`, in `response.error` of a failed Responses event, in
/// the array that a Gemini stream without `alt=sse` is, or flat.
pub(super) fn error_within(body: &Value) -> &Value {
    let body = body.get(0).unwrap_or(body);
    let inner = [body.get("error"), body.pointer("/response/error")];
    inner.into_iter().flatten().find(|error| !error.is_null()).unwrap_or(body)
}

fn codes(body: &Value) -> Vec<String> {
    let error = error_within(body);
    let details = error.get("details").and_then(Value::as_array).into_iter().flatten();
    let places = [error.get("code"), error.get("type"), error.get("status"), body.get("code")];
    places
        .into_iter()
        .chain(details.map(|detail| detail.get("reason")))
        .filter_map(|code| Some(code?.as_str()?.to_lowercase()))
        .collect()
}

fn message(body: &Value) -> String {
    let error = error_within(body);
    // `detail` is what the Codex backend and FastAPI servers say, a bare string what Ollama says.
    let places = [Some(error), error.get("message"), body.get("message"), body.get("detail")];
    let said: Vec<&str> = places.into_iter().filter_map(|text| text?.as_str()).collect();
    said.join("\n").to_lowercase()
}

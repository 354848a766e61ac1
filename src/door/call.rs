//! Which model call a path is.

use actix_web::http::Method;

use super::Nowhere;
use crate::dialect::leads_elsewhere;
use crate::types::Dialect;

/// A door that leads to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelDoor {
    pub entrance: Entrance,
    pub call: ModelCall,
}

impl ModelDoor {
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        match self.call {
            ModelCall::Messages | ModelCall::CountTokens => Dialect::Anthropic,
            ModelCall::ChatCompletions | ModelCall::Completions => Dialect::OpenAiChat,
            ModelCall::Responses | ModelCall::ResponsesSocket => Dialect::OpenAiResponses,
            ModelCall::Gemini { .. } | ModelCall::ListModels { gemini: true, .. } => {
                Dialect::Gemini
            }
            ModelCall::ListModels { .. } => match self.entrance {
                Entrance::AmpProvider(PathProvider::Anthropic) => Dialect::Anthropic,
                Entrance::AmpProvider(PathProvider::Google) => Dialect::Gemini,
                _ => Dialect::OpenAiChat,
            },
        }
    }
}

/// Who is served by a door, and who may pay in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// `/api/provider/{provider}/...`: an Amp client; the Amp server is the fallback.
    AmpProvider(PathProvider),
    /// `/v1/...` and `/v1beta/...`: every other client; our own providers only.
    Direct,
}

/// The provider in an Amp path. It names the dialect of model lists; the model picks the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathProvider {
    Anthropic,
    Google,
    Other,
}

impl PathProvider {
    fn parse(name: &str) -> Self {
        match name {
            "anthropic" => Self::Anthropic,
            "google" => Self::Google,
            _ => Self::Other,
        }
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Google => "google",
            Self::Other => "other",
        }
    }
}

/// What is asked of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelCall {
    Messages,
    CountTokens,
    ChatCompletions,
    Completions,
    Responses,
    /// `GET /v1/responses` with an upgrade to WebSocket.
    ResponsesSocket,
    /// `.../models/{model}:{method}`; `model_at` is where `{model}` begins in the path.
    Gemini {
        version: GeminiVersion,
        model_at: usize,
    },
    /// `.../models` and `.../models/{id}`; `id_at` is where `{id}` begins in the path.
    ListModels {
        gemini: bool,
        id_at: Option<usize>,
    },
}

impl ModelCall {
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::CountTokens => "count_tokens",
            Self::ChatCompletions => "chat_completions",
            Self::Completions => "completions",
            Self::Responses => "responses",
            Self::ResponsesSocket => "responses_socket",
            Self::Gemini { .. } => "gemini",
            Self::ListModels { .. } => "models",
        }
    }
}

/// The API version a Gemini path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeminiVersion {
    V1,
    V1Beta,
    /// Vertex AI's: `/v1beta1/publishers/google/models/...`.
    V1Beta1,
}

/// The model call that `/api/{rest}` is, if it is one.
pub(super) fn by_amp_provider(method: &Method, rest: &str) -> Option<ModelDoor> {
    let rest = rest.strip_prefix("provider/")?;
    let (provider, call) = rest.split_once('/')?;
    // Amp may read such a path as one that more guards stand before.
    if leads_elsewhere(provider) {
        return None;
    }
    let before_call = "/api/provider/".len() + provider.len() + 1;
    let provider = PathProvider::parse(provider);
    // Amp names the version or leaves it out.
    let (version, tail) = match call.split_once('/') {
        Some((version @ ("v1" | "v1beta" | "v1beta1"), tail)) => (version, tail),
        _ => ("", call),
    };
    let tail_at = before_call + call.len() - tail.len();
    let call = find_call(method, version, tail, tail_at).ok()?;
    Some(ModelDoor { entrance: Entrance::AmpProvider(provider), call })
}

/// The model call that a direct path is.
pub(super) fn direct(method: &Method, path: &str) -> Result<ModelDoor, Nowhere> {
    let (version, tail) =
        path.strip_prefix('/').and_then(|path| path.split_once('/')).unwrap_or_default();
    let tail_at = path.len() - tail.len();
    let call = find_call(method, version, tail, tail_at)?;
    Ok(ModelDoor { entrance: Entrance::Direct, call })
}

/// The table of calls. `tail` is what stands behind the version.
fn find_call(
    method: &Method,
    version: &str,
    tail: &str,
    tail_at: usize,
) -> Result<ModelCall, Nowhere> {
    let only = |wanted: Method, allow, dialect, call| {
        if *method == wanted { Ok(call) } else { Err(Nowhere::WrongMethod { allow, dialect }) }
    };
    if matches!(version, "" | "v1") {
        let (dialect, call) = match tail {
            "messages" => (Dialect::Anthropic, ModelCall::Messages),
            "messages/count_tokens" => (Dialect::Anthropic, ModelCall::CountTokens),
            "chat/completions" => (Dialect::OpenAiChat, ModelCall::ChatCompletions),
            "completions" => (Dialect::OpenAiChat, ModelCall::Completions),
            "responses" if *method == Method::GET => return Ok(ModelCall::ResponsesSocket),
            "responses" => (Dialect::OpenAiResponses, ModelCall::Responses),
            _ => return find_models_call(method, version, tail, tail_at),
        };
        return only(Method::POST, "POST", dialect, call);
    }
    find_models_call(method, version, tail, tail_at)
}

fn find_models_call(
    method: &Method,
    version: &str,
    tail: &str,
    tail_at: usize,
) -> Result<ModelCall, Nowhere> {
    let gemini = version.starts_with("v1beta");
    // Vertex AI's form of the same path: `publishers/google/models/{model}:{method}`.
    let (publisher, tail_of_models) = match tail.strip_prefix("publishers/google/") {
        Some(rest) => ("publishers/google/".len(), rest),
        None => (0, tail),
    };
    if tail_of_models == "models" && publisher == 0 {
        let dialect = if gemini { Dialect::Gemini } else { Dialect::OpenAiChat };
        return match *method {
            Method::GET => Ok(ModelCall::ListModels { gemini, id_at: None }),
            _ => Err(Nowhere::WrongMethod { allow: "GET", dialect }),
        };
    }
    let Some(model) = tail_of_models.strip_prefix("models/").filter(|model| !model.is_empty())
    else {
        return Err(Nowhere::UnknownPath);
    };
    let model_at = tail_at + publisher + "models/".len();
    if names_a_method(model) {
        let version = match version {
            "v1beta1" => GeminiVersion::V1Beta1,
            "v1beta" => GeminiVersion::V1Beta,
            _ => GeminiVersion::V1,
        };
        return match *method {
            Method::POST => Ok(ModelCall::Gemini { version, model_at }),
            _ => Err(Nowhere::WrongMethod { allow: "POST", dialect: Dialect::Gemini }),
        };
    }
    match *method {
        Method::GET if publisher == 0 => {
            Ok(ModelCall::ListModels { gemini, id_at: Some(model_at) })
        }
        _ => Err(Nowhere::UnknownPath),
    }
}

/// Whether `{model}:{method}` has its method. The colon may arrive percent-encoded.
fn names_a_method(model: &str) -> bool {
    let last = model.rsplit('/').next().unwrap_or(model);
    last.contains(':') || last.contains("%3A") || last.contains("%3a")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::Door;

    #[test]
    fn every_model_call_is_known_at_both_entrances() {
        use ModelCall::{
            ChatCompletions, Completions, CountTokens, Gemini, ListModels, Messages, Responses,
            ResponsesSocket,
        };
        let amp = |provider| Entrance::AmpProvider(provider);
        let gemini = |version, model_at| Gemini { version, model_at };
        let list = |gemini| ListModels { gemini, id_at: None };
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("POST", "/v1/messages",                  Entrance::Direct, Messages),
            ("POST", "/v1/messages/count_tokens",     Entrance::Direct, CountTokens),
            ("POST", "/v1/chat/completions",          Entrance::Direct, ChatCompletions),
            ("POST", "/v1/completions",               Entrance::Direct, Completions),
            ("POST", "/v1/responses",                 Entrance::Direct, Responses),
            ("GET",  "/v1/responses",                 Entrance::Direct, ResponsesSocket),
            ("GET",  "/v1/models",                    Entrance::Direct, list(false)),
            ("GET",  "/v1beta/models",                Entrance::Direct, list(true)),
            ("GET",  "/v1/models/gpt-x",              Entrance::Direct, ListModels { gemini: false, id_at: Some(11) }),
            ("POST", "/v1beta/models/g-1:generateContent", Entrance::Direct, gemini(GeminiVersion::V1Beta, 15)),
            ("POST", "/v1/models/g-1:countTokens",    Entrance::Direct, gemini(GeminiVersion::V1, 11)),
            ("POST", "/v1/models/tuned/g%3AcountTokens", Entrance::Direct, gemini(GeminiVersion::V1, 11)),
            ("POST", "/api/provider/anthropic/v1/messages", amp(PathProvider::Anthropic), Messages),
            ("POST", "/api/provider/xai/chat/completions",  amp(PathProvider::Other), ChatCompletions),
            ("POST", "/api/provider/openai/responses",      amp(PathProvider::Other), Responses),
            ("GET",  "/api/provider/openai/models",         amp(PathProvider::Other), list(false)),
            ("GET",  "/api/provider/google/v1beta/models",  amp(PathProvider::Google), list(true)),
            ("POST", "/api/provider/google/v1beta/models/g:x", amp(PathProvider::Google), gemini(GeminiVersion::V1Beta, 35)),
            ("POST", "/api/provider/google/v1beta1/publishers/google/models/g:x", amp(PathProvider::Google), gemini(GeminiVersion::V1Beta1, 54)),
        ];
        for (method, path, entrance, call) in cases {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let door = Door::of(&method, path);
            assert_eq!(door, Door::Model(ModelDoor { entrance, call }), "{method} {path}");
            if let ModelCall::Gemini { model_at, .. } = call {
                assert_eq!(&path[model_at - 7..model_at], "models/", "{path}");
            }
        }
    }

    #[test]
    fn what_is_no_model_call_goes_to_amp_or_nowhere() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("GET",  "/api/provider/google/v1beta1/publishers/google/models/g:x", Door::Management, "only POST is a call"),
            ("POST", "/api/provider/google/v1beta1/projects/p/x", Door::Management, "the rest of Vertex goes to Amp"),
            ("POST", "/api/provider/anthropic",                   Door::Management, "no call named"),
            ("POST", "/api/provider/../v1/messages",              Door::Management, "no provider named: it may be anything at Amp"),
            ("POST", "/api/provider/..%2Finternal/v1/messages",   Door::Management, "the same, escaped"),
            ("POST", "/v1/models/",                               Door::Nowhere(Nowhere::UnknownPath), "no model named"),
            ("DELETE", "/v1/models",                              Door::Nowhere(Nowhere::WrongMethod { allow: "GET", dialect: Dialect::OpenAiChat }), "method"),
            ("GET",  "/v1beta/models/g:generateContent",          Door::Nowhere(Nowhere::WrongMethod { allow: "POST", dialect: Dialect::Gemini }), "method"),
            ("POST", "/v1beta/messages",                          Door::Nowhere(Nowhere::UnknownPath), "not in this version"),
        ];
        for (method, path, door, why) in cases {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(Door::of(&method, path), door, "{method} {path}: {why}");
        }
    }
}

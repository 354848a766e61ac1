//! Which key opens which path of the demo upstream.
//!
//! A key that is wrong, missing, or shown in a header its dialect does not know is answered 401 as
//! that dialect does; a second, foreign key beside the right one as well, since a gateway that
//! leaves a client's key in place has leaked it.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpRequest};
use percent_encoding::percent_decode_str;

use super::{Demo, failure};
use crate::types::Dialect;

/// Who pays for a model call, which the answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payer {
    Provider,
    Amp,
}

/// The kinds of door, told by the path alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// A model call, or a list of models, in this dialect.
    Model(Dialect, Payer),
    /// Amp's management.
    Amp,
    /// Needs no key, but only the right one may be shown.
    Public,
    /// Must not be shown any key: the caller has its own token or none.
    Keyless,
}

/// A key as a request showed it: where, and which.
type Shown = (&'static str, String);

/// Records the request, then lets it in or answers 401.
pub async fn check_keys<B: MessageBody>(
    req: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let demo = req.app_data::<Data<Demo>>().expect("the app shares its state").clone();
    let door = door_of(req.request());
    let shown = keys_shown(req.request());
    demo.seen.request(req.request());

    let expected = match door {
        Door::Model(_, Payer::Provider) => demo.options.provider_key.as_deref(),
        Door::Model(_, Payer::Amp) | Door::Amp | Door::Public => demo.options.amp_key.as_deref(),
        Door::Keyless => Some(""),
    };
    let foreign = shown.iter().find(|(_, key)| expected.is_some_and(|expected| expected != key));
    if let Some((place, _)) = foreign {
        demo.seen.foreign_key(req.request(), place);
    }
    let wants_key = expected.is_some() && matches!(door, Door::Model(..) | Door::Amp);
    let has_key = shown.iter().any(|(place, _)| accepts(door, place));
    if foreign.is_some() || (wants_key && !has_key) {
        let dialect = if let Door::Model(dialect, _) = door { Some(dialect) } else { None };
        let refusal = failure::unauthenticated(dialect);
        return Ok(req.into_response(refusal).map_into_right_body());
    }
    if let Door::Model(_, payer) = door {
        demo.seen.model_request(payer);
    }
    next.call(req).await.map(ServiceResponse::map_into_left_body)
}

/// Who pays for what comes in on this path.
pub fn payer_of(path: &str) -> Payer {
    if path.starts_with("/api/provider/") { Payer::Amp } else { Payer::Provider }
}

fn door_of(req: &HttpRequest) -> Door {
    let path = req.path();
    let is_under = |prefix: &str| path.starts_with(prefix);
    if is_under("/actors/") || is_under("/auth/") {
        return Door::Keyless;
    }
    if is_under("/__demo/") || path == "/news.rss" || path == "/api/auth/oauth-config" {
        return Door::Public;
    }
    if is_under("/v1/")
        || is_under("/v1beta/")
        || is_under("/v1beta1/")
        || is_under("/compatible/v1/")
        || is_under("/api/provider/")
    {
        return Door::Model(dialect_of(req), payer_of(path));
    }
    Door::Amp
}

fn dialect_of(req: &HttpRequest) -> Dialect {
    let path = req.path();
    if path.ends_with("/messages") || path.ends_with("/count_tokens") {
        Dialect::Anthropic
    } else if path.ends_with("/responses") {
        Dialect::OpenAiResponses
    } else if path.ends_with("/completions") {
        Dialect::OpenAiChat
    } else if path.contains("/v1beta") || path.contains(':') || path.contains("%3A") {
        Dialect::Gemini
    } else if path.starts_with("/api/provider/anthropic/")
        || req.headers().contains_key("anthropic-version")
    {
        Dialect::Anthropic
    } else {
        Dialect::OpenAiChat
    }
}

/// Every credential of the request, wherever clients and gateways put them.
fn keys_shown(req: &HttpRequest) -> Vec<Shown> {
    let mut shown = Vec::new();
    for value in req.headers().get_all(header::AUTHORIZATION) {
        let value = String::from_utf8_lossy(value.as_bytes());
        let key = value.split_once(' ').map_or(&*value, |(_scheme, key)| key);
        shown.push(("authorization", key.trim().to_owned()));
    }
    for place in ["x-api-key", "x-goog-api-key"] {
        for value in req.headers().get_all(place) {
            shown.push((place, String::from_utf8_lossy(value.as_bytes()).into_owned()));
        }
    }
    for pair in req.query_string().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let place = match name {
            "key" => "?key",
            "auth_token" => "?auth_token",
            _ => continue,
        };
        shown.push((place, percent_decode_str(value).decode_utf8_lossy().into_owned()));
    }
    shown
}

/// Whether a key in this place opens this door.
fn accepts(door: Door, place: &str) -> bool {
    match door {
        Door::Model(Dialect::Anthropic, Payer::Provider)
        | Door::Amp
        | Door::Model(_, Payer::Amp) => {
            matches!(place, "authorization" | "x-api-key")
        }
        Door::Model(Dialect::Gemini, Payer::Provider) => {
            matches!(place, "authorization" | "x-goog-api-key" | "?key") // the first is Vertex's
        }
        Door::Model(_, Payer::Provider) => place == "authorization",
        Door::Public | Door::Keyless => true,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_path_tells_the_door() {
        use Dialect::{Anthropic, Gemini, OpenAiChat, OpenAiResponses};
        use Payer::{Amp, Provider};
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("/v1/messages",                                Door::Model(Anthropic, Provider)),
            ("/v1/messages/count_tokens",                   Door::Model(Anthropic, Provider)),
            ("/v1/chat/completions",                        Door::Model(OpenAiChat, Provider)),
            ("/v1/responses",                               Door::Model(OpenAiResponses, Provider)),
            ("/v1/models",                                  Door::Model(OpenAiChat, Provider)),
            ("/v1/models/gemini-demo:generateContent",      Door::Model(Gemini, Provider)),
            ("/v1beta/models",                              Door::Model(Gemini, Provider)),
            ("/compatible/v1/chat/completions",             Door::Model(OpenAiChat, Provider)),
            ("/api/provider/anthropic/v1/messages",         Door::Model(Anthropic, Amp)),
            ("/api/provider/anthropic/models",              Door::Model(Anthropic, Amp)),
            ("/api/provider/openai/responses",              Door::Model(OpenAiResponses, Amp)),
            ("/api/provider/google/v1beta1/publishers/google/models/gemini-demo:countTokens",
                                                            Door::Model(Gemini, Amp)),
            ("/api/internal",                               Door::Amp),
            ("/threads/T-1",                                Door::Amp),
            ("/news.rss",                                   Door::Public),
            ("/api/auth/oauth-config",                      Door::Public),
            ("/auth/cli-login",                             Door::Keyless),
            ("/actors/gateway/threadActor/websocket/",      Door::Keyless),
        ];
        for (path, door) in cases {
            let req = TestRequest::with_uri(path).to_http_request();
            assert_eq!(door_of(&req), door, "{path}");
        }
    }

    #[test]
    fn a_key_is_found_wherever_it_is_shown() {
        let req = TestRequest::with_uri("/v1/messages?beta=true&key=a%2Fb&auth_token=c")
            .insert_header(("authorization", "Bearer d"))
            .insert_header(("x-api-key", "e"))
            .insert_header(("x-goog-api-key", "f"))
            .to_http_request();

        let shown: Vec<String> = keys_shown(&req).into_iter().map(|(_, key)| key).collect();

        assert_eq!(shown, ["d", "e", "f", "a/b", "c"]);
    }
}

//! Which door a request came through: what that means for guards, for routes and for the shape of
//! errors.
//!
//! | path                                                      | door           | guards, in this order                    |
//! | --------------------------------------------------------- | -------------- | ---------------------------------------- |
//! | `/healthz`, `/readyz`                                     | probe          | none                                     |
//! | `/api/provider/{provider}/...` when it is a model call    | model, by Amp  | key                                      |
//! | `/v1/...`, `/v1beta/...` when it is a model call          | model, direct  | cors (optional), key                     |
//! | `/threads*`, `/docs*`, `/settings*`, the two feeds        | page           | available, cross-origin, loopback, key   |
//! | every other `/api/*`                                      | management     | available, cross-origin, loopback, key   |
//! | `/auth*`                                                  | login          | available, cross-origin, loopback        |
//! | `/actors/*`                                               | actors         | available, loopback                      |
//! | anything else                                             | nowhere        | none                                     |
//!
//! Paths are matched as they are written, byte for byte: `%61pi` is not `api`, and dot segments are
//! not resolved, so no path can look like an open route here and like a guarded one upstream *with a
//! key*: a door without a key guard never has a key put in.

mod call;
mod refusal;

use actix_web::http::Method;

pub use call::{Entrance, GeminiVersion, ModelCall, ModelDoor, PathProvider};
pub use refusal::error_response;

use crate::types::Dialect;

/// Where a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Probe(Probe),
    Model(ModelDoor),
    /// Amp's own traffic that a program makes.
    Management,
    /// Amp's own traffic that a person may open in a browser.
    Page,
    Login,
    Actors,
    Nowhere(Nowhere),
}

/// What an orchestrator asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// `/healthz`: the process answers.
    Live,
    /// `/readyz`: new requests are welcome.
    Ready,
}

/// Why nothing answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nowhere {
    UnknownPath,
    /// A path of a direct route, but not its method.
    WrongMethod {
        allow: &'static str,
        dialect: Dialect,
    },
}

/// What stands between a door and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// An Amp server is configured (503).
    AmpAvailable,
    /// No browser page of another site asks (403).
    CrossOrigin,
    /// The peer is on this machine, if the configuration wants that (403).
    Loopback,
    /// Listed origins may read the answer; others are not told so.
    Cors,
    /// The client shows one of our keys (401).
    Key,
}

impl Door {
    /// The door for a path. Every path has one.
    #[must_use]
    pub fn of(method: &Method, path: &str) -> Self {
        match path {
            "/healthz" => return Self::Probe(Probe::Live),
            "/readyz" => return Self::Probe(Probe::Ready),
            "/news.rss" | "/threads.rss" => return Self::Page,
            _ => {}
        }
        if let Some(rest) = path.strip_prefix("/api/") {
            return match call::by_amp_provider(method, rest) {
                Some(door) => Self::Model(door),
                None => Self::Management,
            };
        }
        if path.starts_with("/v1/") || path.starts_with("/v1beta/") {
            return match call::direct(method, path) {
                Ok(door) => Self::Model(door),
                Err(nowhere) => Self::Nowhere(nowhere),
            };
        }
        if is_or_below(path, "/api") {
            return Self::Management;
        }
        if ["/threads", "/docs", "/settings"].iter().any(|root| is_or_below(path, root)) {
            return Self::Page;
        }
        if is_or_below(path, "/auth") {
            return Self::Login;
        }
        if path.starts_with("/actors/") {
            return Self::Actors;
        }
        Self::Nowhere(Nowhere::UnknownPath)
    }

    /// What a request through this door must pass, in this order.
    #[must_use]
    pub const fn guards(&self) -> &'static [Guard] {
        use Guard::{AmpAvailable, Cors, CrossOrigin, Key, Loopback};
        match self {
            Self::Probe(_) | Self::Nowhere(_) => &[],
            Self::Model(door) => match door.entrance {
                Entrance::AmpProvider(_) => &[Key],
                Entrance::Direct => &[Cors, Key],
            },
            Self::Management | Self::Page => &[AmpAvailable, CrossOrigin, Loopback, Key],
            Self::Login => &[AmpAvailable, CrossOrigin, Loopback],
            Self::Actors => &[AmpAvailable, Loopback],
        }
    }

    /// The dialect in which errors are written here; plain JSON where no SDK listens.
    #[must_use]
    pub const fn dialect(&self) -> Option<Dialect> {
        match self {
            Self::Model(door) => Some(door.dialect()),
            Self::Nowhere(Nowhere::WrongMethod { dialect, .. }) => Some(*dialect),
            _ => None,
        }
    }

    /// The name of the door in logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Probe(_) => "probe",
            Self::Model(door) => door.call.name(),
            Self::Management => "management",
            Self::Page => "page",
            Self::Login => "login",
            Self::Actors => "actors",
            Self::Nowhere(_) => "nowhere",
        }
    }
}

fn is_or_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_its_door() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // method, path,                             door,         why
            ("GET",  "/healthz",                         "probe",      "liveness"),
            ("GET",  "/readyz",                          "probe",      "readiness"),
            ("POST", "/api/internal",                    "management", "Amp's RPC"),
            ("GET",  "/api/threads/find",                "management", "Amp's search"),
            ("GET",  "/api/some-new-thing",              "management", "unknown Amp paths go on to Amp"),
            ("GET",  "/api",                             "management", "the root itself"),
            ("POST", "/api/provider/anthropic/v1/messages", "messages", "Amp's model call"),
            ("GET",  "/api/provider/anthropic/v1/messages", "management", "not a call: Amp decides"),
            ("POST", "/api/provider/x/v1/files",         "management", "an unknown provider route is Amp's"),
            ("GET",  "/threads",                         "page",       "browser page"),
            ("GET",  "/threads/T-1",                     "page",       "below it"),
            ("GET",  "/threads.rss",                     "page",       "feed"),
            ("GET",  "/news.rss",                        "page",       "feed"),
            ("GET",  "/docs/a",                          "page",       "browser page"),
            ("GET",  "/settings",                        "page",       "browser page"),
            ("GET",  "/threadsx",                        "nowhere",    "another word"),
            ("GET",  "/auth/cli-login",                  "login",      "login page"),
            ("GET",  "/authority",                       "nowhere",    "another word"),
            ("GET",  "/actors/metadata",                 "actors",     "thread actors"),
            ("GET",  "/actors",                          "nowhere",    "nothing below"),
            ("POST", "/v1/messages",                     "messages",   "direct"),
            ("GET",  "/v1/messages",                     "nowhere",    "wrong method"),
            ("POST", "/v1/files",                        "nowhere",    "not a model call"),
            ("GET",  "/",                                "nowhere",    "no page of ours"),
            ("GET",  "//api/internal",                   "nowhere",    "not normalised"),
            ("GET",  "/%61pi/internal",                  "nowhere",    "not decoded"),
            ("GET",  "/API/internal",                    "nowhere",    "paths are case-sensitive"),
            ("GET",  "/auth/../api/internal",            "login",      "not resolved: no key is put in"),
            ("GET",  "/actors/../api/internal",          "actors",     "not resolved: no key is put in"),
        ];
        for (method, path, expected, why) in cases {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(Door::of(&method, path).name(), expected, "{method} {path}: {why}");
        }
    }

    #[test]
    fn guards_stand_in_the_order_of_the_contract() {
        use Guard::{AmpAvailable, Cors, CrossOrigin, Key, Loopback};
        #[rustfmt::skip] // columns are easier to proofread
        let cases: &[(&str, &str, &[Guard])] = &[
            ("GET",  "/healthz",                    &[]),
            ("GET",  "/unknown",                    &[]),
            ("POST", "/api/internal",               &[AmpAvailable, CrossOrigin, Loopback, Key]),
            ("GET",  "/threads/T-1",                &[AmpAvailable, CrossOrigin, Loopback, Key]),
            ("GET",  "/auth/cli-login",             &[AmpAvailable, CrossOrigin, Loopback]),
            ("GET",  "/actors/metadata",            &[AmpAvailable, Loopback]),
            ("POST", "/v1/messages",                &[Cors, Key]),
            ("POST", "/api/provider/openai/v1/responses", &[Key]),
        ];
        for (method, path, expected) in cases {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(Door::of(&method, path).guards(), *expected, "{method} {path}");
        }
    }
}

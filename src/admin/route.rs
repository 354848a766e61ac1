//! Which route of the admin listener a request is for.

use actix_web::http::Method;

use super::refusal::Refusal;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// The status page.
    Page,
    /// What the page is drawn with, and what keeps it true.
    Style,
    Script,
    Health,
    Metrics,
    Status,
    Events,
    /// The credential's rests are to be forgotten.
    Reset {
        credential: &'a str,
    },
}

impl<'a> Route<'a> {
    /// The route for a method and a path, which is matched as it is written.
    pub fn find(method: &Method, path: &'a str) -> Result<Self, Refusal> {
        let route = match path {
            "/" => Self::Page,
            "/page.css" => Self::Style,
            "/page.js" => Self::Script,
            "/healthz" => Self::Health,
            "/metrics" => Self::Metrics,
            "/status" => Self::Status,
            "/events" => Self::Events,
            _ => Self::Reset { credential: credential_in(path).ok_or(Refusal::NoSuchRoute)? },
        };
        match (route, method) {
            (Self::Reset { .. }, &Method::POST) => Ok(route),
            (Self::Reset { .. }, _) => Err(Refusal::MethodNotAllowed { allow: "POST" }),
            (_, &Method::GET | &Method::HEAD) => Ok(route),
            _ => Err(Refusal::MethodNotAllowed { allow: "GET, HEAD" }),
        }
    }
}

/// The credential of `/credentials/{id}/reset`. An id has no character that a path would encode.
fn credential_in(path: &str) -> Option<&str> {
    let id = path.strip_prefix("/credentials/")?.strip_suffix("/reset")?;
    (!id.is_empty() && !id.contains('/')).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_has_its_path_and_its_methods() {
        let post_only = || Err(Refusal::MethodNotAllowed { allow: "POST" });
        let read_only = || Err(Refusal::MethodNotAllowed { allow: "GET, HEAD" });
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("GET",     "/healthz",  Ok(Route::Health),          "a probe"),
            ("GET",     "/metrics",  Ok(Route::Metrics),         "Prometheus"),
            ("HEAD",    "/metrics",  Ok(Route::Metrics),         "HEAD is GET without the body"),
            ("GET",     "/",         Ok(Route::Page),            "a person"),
            ("GET",     "/page.css", Ok(Route::Style),           "what the page is drawn with"),
            ("GET",     "/page.js",  Ok(Route::Script),          "what keeps it true"),
            ("GET",     "/status",   Ok(Route::Status),          "the status"),
            ("GET",     "/events",   Ok(Route::Events),          "the status while it changes"),
            ("POST",    "/credentials/claude-1/reset", Ok(Route::Reset { credential: "claude-1" }), "the reset"),
            ("GET",     "/credentials/claude-1/reset", post_only(), "to look changes nothing"),
            ("POST",    "/credentials//reset",    Err(Refusal::NoSuchRoute), "no credential"),
            ("POST",    "/credentials/a/b/reset", Err(Refusal::NoSuchRoute), "no credential's name has a slash"),
            ("POST",    "/credentials/claude-1",  Err(Refusal::NoSuchRoute), "nothing to do with it"),
            ("POST",    "/metrics",  read_only(),                "there is nothing to change"),
            ("OPTIONS", "/metrics",  read_only(),                "no preflight is answered"),
            ("GET",     "/metrics/", Err(Refusal::NoSuchRoute),  "as it is written"),
            ("GET",     "/Metrics",  Err(Refusal::NoSuchRoute),  "case counts"),
            ("POST",    "/v1/messages", Err(Refusal::NoSuchRoute), "the clients' door is elsewhere"),
        ];
        for (method, path, expected, why) in cases {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(Route::find(&method, path), expected, "{method} {path}: {why}");
        }
    }
}

//! Which route of the admin listener a request is for.

use actix_web::http::Method;

use super::refusal::Refusal;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Health,
    Metrics,
}

impl Route {
    /// The route for a method and a path, which is matched as it is written.
    pub fn find(method: &Method, path: &str) -> Result<Self, Refusal> {
        let route = match path {
            "/healthz" => Self::Health,
            "/metrics" => Self::Metrics,
            _ => return Err(Refusal::NoSuchRoute),
        };
        match *method {
            Method::GET | Method::HEAD => Ok(route),
            _ => Err(Refusal::MethodNotAllowed { allow: "GET, HEAD" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_has_its_path_and_its_methods() {
        let read_only = || Err(Refusal::MethodNotAllowed { allow: "GET, HEAD" });
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("GET",     "/healthz",  Ok(Route::Health),          "a probe"),
            ("GET",     "/metrics",  Ok(Route::Metrics),         "Prometheus"),
            ("HEAD",    "/metrics",  Ok(Route::Metrics),         "HEAD is GET without the body"),
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

//! Every way a request to the admin listener can be refused, and the one table of codes.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use serde_json::json;

use super::events::MOST_READERS;

/// Why a request was refused. `Display` is what is read, so it holds nothing of the request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error(
        "nothing answers here: this listener has /, /metrics, /status, /events, /healthz and \
         /credentials/{{id}}/reset"
    )]
    NoSuchRoute,
    #[error("this route answers {allow} only")]
    MethodNotAllowed { allow: &'static str },
    #[error(
        "the request names a host that is not this listener: use its address or `localhost`, or set \
         `admin.host` to the name, or `admin.key`"
    )]
    UnknownHost,
    #[error("this listener does not answer requests that a browser makes for another site")]
    CrossSite,
    #[error(
        "`admin.key` is missing or wrong: show it as `Authorization: Bearer <key>`, or as the password \
         of HTTP Basic"
    )]
    Unauthenticated,
    #[error(
        "this listener is open to the network, so a reset needs a key: set `admin.key` in the gateway's \
         configuration"
    )]
    ResetNeedsKey,
    #[error("there is no such credential; there are: {}", known.join(", "))]
    NoSuchCredential { known: Vec<String> },
    #[error("as many as {MOST_READERS} read events already; read /status instead")]
    TooManyReaders,
    #[error("internal error; the gateway's log has the details")]
    Internal,
}

impl Refusal {
    const fn classify(&self) -> (&'static str, StatusCode) {
        match self {
            Self::NoSuchRoute => ("no_such_route", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed { .. } => ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::UnknownHost => ("unknown_host", StatusCode::MISDIRECTED_REQUEST),
            Self::CrossSite => ("cross_origin", StatusCode::FORBIDDEN),
            Self::Unauthenticated => ("unauthenticated", StatusCode::UNAUTHORIZED),
            Self::ResetNeedsKey => ("reset_needs_key", StatusCode::FORBIDDEN),
            Self::NoSuchCredential { .. } => ("no_such_credential", StatusCode::NOT_FOUND),
            Self::TooManyReaders => ("too_many_readers", StatusCode::SERVICE_UNAVAILABLE),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    pub fn into_response(self) -> HttpResponse {
        let (code, status) = self.classify();
        let mut response = HttpResponse::build(status);
        match self {
            // What makes a browser ask for a password.
            Self::Unauthenticated => {
                response.insert_header((header::WWW_AUTHENTICATE, r#"Basic realm="ampgate""#));
            }
            Self::MethodNotAllowed { allow } => {
                response.insert_header((header::ALLOW, allow));
            }
            _ => {}
        }
        response.json(json!({ "error": { "code": code, "message": self.to_string() } }))
    }
}

//! May the client's key come through this door at all?

use crate::door::Door;
use crate::error::GatewayError;
use crate::types::{Route, Way, Ways};

/// Refuses what no configuration of providers could let through, before a body is read. Which route a
/// model call takes is known later, when its model is.
pub(super) fn require_way(door: Door, ways: Ways) -> Result<(), GatewayError> {
    let (is_open, closed) = match door {
        Door::Model(_) => {
            let routes = [Route::Local, Route::Mapped, Route::OwnLogin, Route::Amp];
            let is_open = routes.into_iter().any(|route| ways.have_route(route));
            (is_open, "model calls are closed to this client key")
        }
        Door::Management | Door::Page => {
            (ways.have(Way::Relay), "the Amp server is closed to this client key")
        }
        // No key is asked for there, so there is no client.
        Door::Probe(_) | Door::Login | Door::Actors | Door::Nowhere(_) => return Ok(()),
    };
    if is_open { Ok(()) } else { Err(GatewayError::RouteNotAllowed { closed, open: ways }) }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;

    use super::*;

    #[test]
    fn a_door_is_open_to_a_client_that_has_a_way_behind_it() {
        let [local, mapped, own_login, amp, relay] = Way::ALL;
        #[rustfmt::skip] // columns are easier to proofread
        let cases: &[(&[Way], &str, &str, bool, &str)] = &[
            (&Way::ALL,           "POST", "/v1/messages",  true,  "nothing is closed"),
            (&[local],            "POST", "/v1/messages",  true,  "one way is enough"),
            (&[mapped],           "GET",  "/v1/models",    true,  "one way is enough"),
            (&[own_login],        "POST", "/v1/messages",  true,  "one way is enough"),
            (&[amp],              "POST", "/v1/responses", true,  "the door decides later that there is none"),
            (&[relay],            "POST", "/v1/messages",  false, "relay is for no model call"),
            (&[local, mapped, amp], "GET", "/api/user",    false, "Amp's own traffic"),
            (&[local, mapped, amp], "GET", "/threads/T-1", false, "its pages, too"),
            (&[relay],            "GET",  "/api/user",     true,  "what it is for"),
            (&[local],            "GET",  "/healthz",      true,  "nobody's"),
        ];
        for (ways, method, path, expected, why) in cases {
            let door = Door::of(&Method::from_bytes(method.as_bytes()).unwrap(), path);
            let outcome = require_way(door, Ways::of(ways));
            assert_eq!(outcome.is_ok(), *expected, "{ways:?} {path}: {why}");
        }
    }
}

//! The answer's fields on their way to the client.

use actix_web::http::header::{self, HeaderMap, HeaderName};

use super::{is_hop_by_hop, nominated_by_connection};

/// Returns the fields of an upstream's answer that go on to the client: all but those about the
/// connection (RFC 9110, section 7.6.1). `Content-Length` is left out too: the body says its own
/// size. On a management route no `Access-Control-*` crosses, so that no page of another site can
/// read an answer made with the team's key.
#[must_use]
pub fn for_downstream(mut fields: HeaderMap, is_management: bool) -> HeaderMap {
    let nominated = nominated_by_connection(&fields);
    fields.retain(|name, _| {
        let ends_here = is_hop_by_hop(name)
            || *name == header::CONTENT_LENGTH
            || nominated.contains(name)
            || (is_management && is_cross_origin_grant(name));
        !ends_here
    });
    fields
}

/// Whether an answer is a stream of server-sent events.
#[must_use]
pub fn is_event_stream(fields: &HeaderMap) -> bool {
    let Some(value) = fields.get(header::CONTENT_TYPE) else { return false };
    let Ok(value) = value.to_str() else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("text/event-stream")
}

fn is_cross_origin_grant(name: &HeaderName) -> bool {
    name.as_str().starts_with("access-control-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn only_fields_about_the_connection_end_here() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // name,                        value,         crosses, why
            ("content-type",                "text/plain",  true,  "end-to-end"),
            ("content-encoding",            "br",          true,  "encoded bodies cross untouched"),
            ("date",                        "x",           true,  "the origin's own"),
            ("server",                      "nginx",       true,  "no disguise"),
            ("location",                    "/elsewhere",  true,  "redirects are the client's to follow"),
            ("retry-after",                 "5",           true,  "end-to-end"),
            ("anthropic-ratelimit-requests-limit", "5",    true,  "end-to-end"),
            ("www-authenticate",            "Bearer",      true,  "end-to-end"),
            ("connection",                  "x-hop, close", false, "hop-by-hop"),
            ("x-hop",                       "1",           false, "nominated by Connection"),
            ("keep-alive",                  "timeout=5",   false, "hop-by-hop"),
            ("transfer-encoding",           "chunked",     false, "framing is made anew"),
            ("content-length",              "5",           false, "framing is made anew"),
            ("upgrade",                     "h2c",         false, "hop-by-hop"),
            ("trailer",                     "x",           false, "trailers do not cross"),
            ("proxy-authenticate",          "Basic",       false, "hop-by-hop"),
            ("access-control-allow-origin", "*",           false, "a management route"),
        ];
        let fields: Vec<_> = cases.iter().map(|(name, value, ..)| (*name, *value)).collect();

        let downstream = for_downstream(map(&fields), true);

        for (name, _, expected, why) in cases {
            assert_eq!(downstream.contains_key(name), expected, "{name}: {why}");
        }
    }

    #[test]
    fn every_set_cookie_crosses_in_order() {
        let upstream = map(&[("set-cookie", "a=1"), ("set-cookie", "b=2"), ("set-cookie", "c=3")]);

        let downstream = for_downstream(upstream, false);

        let cookies: Vec<_> = downstream.get_all("set-cookie").collect();
        assert_eq!(cookies, ["a=1", "b=2", "c=3"]);
    }

    #[test]
    fn an_event_stream_is_known_by_its_type_alone() {
        let cases = [
            ("text/event-stream", true),
            ("Text/Event-Stream; charset=utf-8", true),
            ("application/json", false),
            ("text/event-streams", false),
        ];
        for (value, expected) in cases {
            assert_eq!(is_event_stream(&map(&[("content-type", value)])), expected, "{value}");
        }
        assert!(!is_event_stream(&HeaderMap::new()));
    }
}

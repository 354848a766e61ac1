//! No field about a connection and no credential of a client crosses, whatever it is written like; all
//! else does, unchanged and in order.
//!
//! Input: fields, one a line.

#![no_main]

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use ampgate::headers::{
    ForUpstream, UpstreamCredential, asks_for_long_context, for_downstream, presented_keys,
};
use ampgate::types::{ApiKey, Dialect};
use ampgate_fuzz::Dice;
use libfuzzer_sys::fuzz_target;

const CONNECTION: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
const REMADE: &[&str] = &["expect", "content-length", "host"];
const CREDENTIALS: &[&str] =
    &["authorization", "x-api-key", "x-goog-api-key", "api-key", "x-ampgate-key"];
const CLAIMS: &[&str] =
    &["forwarded", "via", "x-real-ip", "true-client-ip", "cf-connecting-ip", "x-client-ip"];

fuzz_target!(|input: &[u8]| {
    let mut fields = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            fields.append(name, value);
        }
    }
    let nominated = nominated(&fields);
    let _ = presented_keys(&fields, None).count();

    let mut dice = Dice::of(input);
    upstream(&fields, &nominated, &mut dice);
    own_login(&fields, &nominated);
    downstream(&fields, &nominated, dice.flip());
});

fn upstream(fields: &HeaderMap, nominated: &[Vec<u8>], dice: &mut Dice) {
    let key = ApiKey::parse("team-key").expect("not empty");
    let ways: [(_, &[&str]); 6] = [
        (UpstreamCredential::None, &[]),
        (UpstreamCredential::Amp(&key), &["authorization", "x-api-key"]),
        (UpstreamCredential::Anthropic(&key), &["x-api-key"]),
        (UpstreamCredential::Bearer(&key), &["authorization"]),
        (UpstreamCredential::Google(&key), &["x-goog-api-key"]),
        (UpstreamCredential::Azure(&key), &["api-key"]),
    ];
    let (credential, ours) = *dice.pick(&ways);
    let policy = ForUpstream {
        authority: "upstream.example",
        credential,
        strip_long_context: dice.flip(),
        ask_for_identity: dice.flip(),
        body_was_decoded: dice.flip(),
        own_fields: &[],
    };

    let sent = policy.fields(fields);

    for name in CREDENTIALS {
        let values: Vec<_> = sent.get_all(*name).collect();
        let expected = if *name == "authorization" { "Bearer team-key" } else { "team-key" };
        let expected = if ours.contains(name) { vec![expected] } else { vec![] };
        assert_eq!(values, expected, "{name}");
    }
    assert_eq!(sent.get_all("host").collect::<Vec<_>>(), ["upstream.example"]);
    assert!(!policy.strip_long_context || !asks_for_long_context(&sent), "the flag crossed");
    for (name, value) in &sent {
        assert!(!CONNECTION.contains(&name.as_str()), "{name} crossed");
        assert!(name != "expect" && name != "content-length", "{name} crossed");
        assert!(!claims(name.as_str()), "{name} crossed");
        let is_ours = name == "host"
            || ours.contains(&name.as_str())
            || (policy.ask_for_identity && name == "accept-encoding" && value == "identity");
        assert!(is_ours || !is_in(nominated, name), "{name} crossed, though Connection names it");
    }
    for name in fields.keys() {
        let ends = CONNECTION.contains(&name.as_str())
            || REMADE.contains(&name.as_str())
            || CREDENTIALS.contains(&name.as_str())
            || claims(name.as_str())
            || is_in(nominated, name)
            || (policy.ask_for_identity && name == "accept-encoding")
            || (policy.body_was_decoded && name == "content-encoding")
            || (policy.strip_long_context && name == "anthropic-beta");
        if !ends {
            assert!(fields.get_all(name).eq(sent.get_all(name)), "{name} did not cross as it came");
        }
    }
    assert_eq!(listed(&policy.fields(&sent)), listed(&sent), "another pass changes it again");
}

/// A client's own login crosses in the fields of its dialect, as it came, and in no others.
fn own_login(fields: &HeaderMap, nominated: &[Vec<u8>]) {
    let policy = ForUpstream {
        authority: "upstream.example",
        credential: UpstreamCredential::ClientLogin(Dialect::Anthropic),
        strip_long_context: false,
        ask_for_identity: false,
        body_was_decoded: false,
        own_fields: &[],
    };

    let sent = policy.fields(fields);

    for name in CREDENTIALS {
        let is_login = matches!(*name, "authorization" | "x-api-key");
        let is_named = nominated.iter().any(|named| named == name.as_bytes());
        let came: Vec<_> = fields.get_all(*name).filter(|_| is_login && !is_named).collect();
        assert_eq!(sent.get_all(*name).collect::<Vec<_>>(), came, "{name}");
    }
}

fn downstream(fields: &HeaderMap, nominated: &[Vec<u8>], is_management: bool) {
    let sent = for_downstream(fields.clone(), is_management);

    for name in sent.keys() {
        assert!(fields.contains_key(name), "{name} came from nowhere");
    }
    for name in fields.keys() {
        let ends = CONNECTION.contains(&name.as_str())
            || name == "content-length"
            || is_in(nominated, name)
            || (is_management && name.as_str().starts_with("access-control-"));
        if ends {
            assert!(!sent.contains_key(name), "{name} crossed");
        } else {
            assert!(fields.get_all(name).eq(sent.get_all(name)), "{name} did not cross as it came");
        }
    }
    assert_eq!(listed(&for_downstream(sent.clone(), is_management)), listed(&sent));
}

/// The names in `Connection`, by bytes: a list that is not all text is a list all the same.
fn nominated(fields: &HeaderMap) -> Vec<Vec<u8>> {
    let lists = fields.get_all("connection").map(HeaderValue::as_bytes);
    lists
        .flat_map(|list| list.split(|byte| *byte == b','))
        .map(|option| option.trim_ascii().to_ascii_lowercase())
        .filter(|option| !matches!(option.as_slice(), b"" | b"close" | b"keep-alive" | b"upgrade"))
        .collect()
}

fn is_in(nominated: &[Vec<u8>], name: &HeaderName) -> bool {
    nominated.iter().any(|option| option == name.as_str().as_bytes())
}

fn claims(name: &str) -> bool {
    CLAIMS.contains(&name) || name.starts_with("x-forwarded-")
}

fn listed(fields: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let pairs = fields.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_by(|one, other| one.0.cmp(&other.0)); // stable: values of one name keep their order
    pairs
}

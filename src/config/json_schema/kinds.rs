//! What the value of each key looks like.

use serde_json::{Value, json};

use crate::config::amp::FALLBACKS;
use crate::config::client_rules::{MOST_REQUESTS, MOST_TOKENS};
use crate::config::credential::MOST_PRIORITY;
use crate::config::oauth::{DIALECTS, LOOPBACK_HOSTS, TOKEN_REQUEST_FORMS};
use crate::config::routing::{MOST_RETRIES, STRATEGIES};
use crate::config::server::{LOG_FORMATS, LOG_LEVELS, MOST_CONNECTIONS};
use crate::types::Way;

/// The form of a value. Null is always allowed: it means "not written".
///
/// Variables and templates write everything as a text, so each form has a quoted one.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A number goes in quotes.
    Text,
    Flag,
    /// True, false, or the word.
    FlagOr {
        word: &'static str,
    },
    Integer {
        least: i64,
        most: i64,
    },
    /// May have a fraction.
    Number,
    /// With its unit.
    Duration,
    /// A bare number is seconds.
    DurationOrSeconds,
    /// A bare number is bytes.
    Size,
    Choice {
        words: &'static [&'static str],
    },
}

use Kind::{Duration, DurationOrSeconds, Flag, FlagOr, Number, Size, Text};

const PORT: Kind = Kind::Integer { least: 0, most: 65_535 };

/// By the end of the path: the longest that fits counts. Of a list of values, the form of one.
#[rustfmt::skip] // columns are easier to proofread
pub const KINDS: &[(&str, Kind)] = &[
    ("host",                             Text),
    ("port",                             PORT),
    ("name",                             Text),
    ("key",                              Text),
    ("key-file",                         Text),
    ("key-env",                          Text),
    ("requests-per-minute",              Kind::Integer { least: 0, most: MOST_REQUESTS }),
    ("concurrent-requests",              Kind::Integer { least: 0, most: MOST_REQUESTS }),
    ("tokens-per-day",                   Kind::Integer { least: 0, most: MOST_TOKENS }),
    ("money-per-month",                  Number),
    ("api-keys.models",                  Text),
    ("api-keys.routes",                  Kind::Choice { words: &WAYS }),
    ("upstream-url",                     Text),
    ("upstream-api-key",                 Text),
    ("upstream-api-key-file",            Text),
    ("upstream-api-key-env",             Text),
    ("upstream-api-keys.api-keys",       Text),
    ("secrets-file",                     Text),
    ("secret-ttl",                       Duration),
    ("restrict-management-to-localhost", Flag),
    ("fallback",                         Kind::Choice { words: &words(&FALLBACKS) }),
    ("force-model-mappings",             Flag),
    ("from",                             Text),
    ("to",                               Text),
    ("regex",                            Flag),
    ("api-key",                          Text),
    ("api-key-file",                     Text),
    ("api-key-env",                      Text),
    ("passthrough",                      Flag),
    ("base-url",                         Text),
    ("codex-auth-file",                  Text),
    ("project",                          Text),
    ("location",                         Text),
    ("service-account-file",             Text),
    ("api-version",                      Text),
    ("alias",                            Text),
    ("excluded-models",                  Text),
    ("prefix",                           Text),
    ("priority",                         Kind::Integer { least: -MOST_PRIORITY, most: MOST_PRIORITY }),
    ("disable-cooling",                  Flag),
    ("long-context",                     FlagOr { word: "auto" }),
    ("proxy-url",                        Text),
    ("disabled",                         Flag),
    ("auth-dir",                         Text),
    ("dialect",                          Kind::Choice { words: &words(&DIALECTS) }),
    ("authorize-url",                    Text),
    ("token-url",                        Text),
    ("device-url",                       Text),
    ("revoke-url",                       Text),
    ("client-id",                        Text),
    ("client-secret",                    Text),
    ("client-secret-file",               Text),
    ("client-secret-env",                Text),
    ("scopes",                           Text),
    ("token-request",                    Kind::Choice { words: &words(&TOKEN_REQUEST_FORMS) }),
    ("redirect-host",                    Kind::Choice { words: &words(&LOOPBACK_HOSTS) }),
    ("redirect-port",                    PORT),
    ("redirect-path",                    Text),
    ("strategy",                         Kind::Choice { words: &words(&STRATEGIES) }),
    ("session-affinity",                 Flag),
    ("session-affinity-ttl",             DurationOrSeconds),
    ("request-retry",                    Kind::Integer { least: 0, most: MOST_RETRIES }),
    ("max-retry-interval",               DurationOrSeconds),
    ("force-model-prefix",               Flag),
    ("prices.model",                     Text),
    ("input",                            Number),
    ("cached-input",                     Number),
    ("cache-write",                      Number),
    ("output",                           Number),
    ("reasoning",                        Number),
    ("allowed-origins",                  Text),
    ("request-body",                     Size),
    ("header-bytes",                     Size),
    ("connections-per-upstream",         Kind::Integer { least: 0, most: MOST_CONNECTIONS }),
    ("client-head",                      Duration),
    ("connect",                          Duration),
    ("first-byte",                       Duration),
    ("idle",                             Duration),
    ("relay-first-byte",                 Duration),
    ("drain",                            Duration),
    ("enable",                           Flag),
    ("cert",                             Text),
    ("upstream-ca",                      Text),
    ("url",                              Text),
    ("url-file",                         Text),
    ("url-env",                          Text),
    ("timeout",                          Duration),
    ("replica",                          Text),
    ("endpoint",                         Text),
    ("headers-file",                     Text),
    ("headers-env",                      Text),
    ("service-name",                     Text),
    ("sample-ratio",                     Number),
    ("format",                           Kind::Choice { words: &words(&LOG_FORMATS) }),
    ("level",                            Kind::Choice { words: &words(&LOG_LEVELS) }),
];

/// The words for the ways of a call.
const WAYS: [&str; Way::ALL.len()] = {
    let mut words = [""; Way::ALL.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = Way::ALL[at].as_str();
        at += 1;
    }
    words
};

/// The words of a table that the reader chooses from.
const fn words<T: Copy, const N: usize>(table: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut at = 0;
    while at < N {
        words[at] = table[at].0;
        at += 1;
    }
    words
}

/// The form of the value at a path without indexes.
pub fn find(path: &str) -> Option<Kind> {
    row(path).map(|(_, kind)| *kind)
}

pub fn row(path: &str) -> Option<&'static (&'static str, Kind)> {
    let mut end = path;
    loop {
        if let Some(row) = KINDS.iter().find(|(name, _)| *name == end) {
            return Some(row);
        }
        (_, end) = end.split_once('.')?;
    }
}

const QUOTED_FLAG: &str = r"^\s*(true|false)\s*$";
const QUOTED_INTEGER: &str = r"^\s*[+-]?[0-9]+\s*$";
const QUOTED_NUMBER: &str = r"^\s*[0-9]+(\.[0-9]+)?\s*$";
const WITH_UNITS: &str = r"^\s*([0-9]+\s*[A-Za-zµ]+\s*)+$";
const WITH_UNITS_OR_SECONDS: &str = r"^\s*(([0-9]+\s*[A-Za-zµ]+\s*)+|-?[0-9]+\s*)$";
const BYTES: &str = r"^\s*[0-9]+(\.[0-9]+)?\s*[A-Za-z]*\s*$";

impl Kind {
    pub fn schema(self) -> Value {
        match self {
            Self::Text => json!({ "type": ["string", "null"] }),
            Self::Flag => json!({ "type": ["boolean", "string", "null"], "pattern": QUOTED_FLAG }),
            Self::FlagOr { word } => json!({ "enum": [true, false, word, "true", "false", null] }),
            Self::Integer { least, most } => json!({
                "type": ["integer", "string", "null"],
                "minimum": least,
                "maximum": most,
                "pattern": QUOTED_INTEGER,
            }),
            Self::Number => json!({
                "type": ["number", "string", "null"],
                "minimum": 0,
                "pattern": QUOTED_NUMBER,
            }),
            Self::Duration => json!({ "type": ["string", "null"], "pattern": WITH_UNITS }),
            Self::DurationOrSeconds => json!({
                "type": ["integer", "string", "null"],
                "pattern": WITH_UNITS_OR_SECONDS,
            }),
            Self::Size => json!({
                "type": ["integer", "string", "null"],
                "minimum": 0,
                "pattern": BYTES,
            }),
            Self::Choice { words } => {
                let words = words.iter().map(|word| Value::from(*word));
                json!({ "enum": words.chain([Value::Null]).collect::<Vec<_>>() })
            }
        }
    }

    /// A default, as a user of this form would write it.
    pub fn written(self, default: &str) -> Value {
        match self {
            Self::Flag => (default == "true").into(),
            Self::Integer { .. } => {
                default.parse::<i64>().map_or_else(|_| default.into(), Into::into)
            }
            Self::Number => default.parse::<f64>().map_or_else(|_| default.into(), Into::into),
            _ => default.into(),
        }
    }
}

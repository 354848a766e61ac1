//! Where replicas share what they know: a Redis server, or anything that speaks its protocol.

use std::fmt;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use url::Url;

use super::raw::RawState;
use super::reader::Reader;
use super::secret::RawSecret;
use super::shapes::{Scalar, Section};
use crate::types::ApiKey;

/// What replicas share, and how. Without it each goes by its own view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedStateSettings {
    pub server: RedisServer,
    /// In front of every key and channel, so that several teams can use one server. Default
    /// `ampgate`.
    pub prefix: String,
    /// How long a request may wait for the server before it goes by this replica's own view. Default
    /// 50 ms, from 1 ms to 5 s.
    pub timeout: Duration,
    /// What the status page calls this replica. Default the variable `HOSTNAME`, which containers
    /// have; else `replica`.
    pub replica: String,
}

/// A Redis server, and how we log in to it. Prints without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisServer {
    pub is_tls: bool,
    /// Without brackets.
    pub host: String,
    pub port: u16,
    pub user: Option<String>,
    pub password: Option<ApiKey>,
    pub database: i64,
}

pub const DEFAULT_PREFIX: &str = "ampgate";
pub const DEFAULT_TIMEOUT: &str = "50ms";

const NO_SERVER: &str = "is no Redis server; write redis://host:6379/0, or rediss:// for TLS";
const USUAL_PORT: u16 = 6379;
/// What a server has unless it is told otherwise is 16; nobody has more than this.
const MOST_DATABASES: i64 = 65_535;
const LONGEST_NAME: usize = 64;
/// A shorter wait is none; a longer one is no longer "at once" for whoever waits for an answer.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(5);

impl RedisServer {
    /// Reads an address. The reason why not never repeats any of it: it may hold a password.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_parse| NO_SERVER)?;
        let is_tls = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            _ => return Err(NO_SERVER),
        };
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() {
            return Err(NO_SERVER);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(
                "must end with the number of its database; in a password write `/`, `?` and \
                        `#` as %2F, %3F and %23",
            );
        }
        let database = match url.path().trim_matches('/') {
            "" => 0,
            number => number
                .parse()
                .ok()
                .filter(|number| (0..=MOST_DATABASES).contains(number))
                .ok_or("has a database that is no number, as the 0 in redis://host:6379/0")?,
        };
        let decode = |text: &str| {
            let decoded = percent_decode_str(text).decode_utf8();
            decoded.map(String::from).map_err(|_bytes| "has a login that is not UTF-8")
        };
        let user = Some(decode(url.username())?).filter(|user| !user.is_empty());
        let password = url.password().map(decode).transpose()?;
        let password = password.and_then(|password| ApiKey::parse(&password).ok());
        if user.is_some() && password.is_none() {
            return Err(
                "has a user name and no password; a password alone is redis://:password@host",
            );
        }
        let port = url.port().unwrap_or(USUAL_PORT);
        Ok(Self { is_tls, host, port, user, password, database })
    }
}

impl fmt::Display for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "rediss" } else { "redis" };
        write!(f, "{scheme}://")?;
        if self.password.is_some() {
            write!(f, "{}:*****@", self.user.as_deref().unwrap_or_default())?;
        }
        let (host, port, database) = (&self.host, self.port, self.database);
        if host.contains(':') {
            write!(f, "[{host}]:{port}/{database}")
        } else {
            write!(f, "{host}:{port}/{database}")
        }
    }
}

impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Reader<'_> {
    /// `None` when no server is named. A plain text is the server's address.
    pub fn shared_state(&mut self, section: Section<RawState>) -> Option<SharedStateSettings> {
        let (path, raw) = match section {
            Section::Other(text @ Scalar::Text(_)) => {
                ("state", RawState { url: text, ..RawState::default() })
            }
            section => ("state.url", self.section("state", section)),
        };
        let prefix = self.text("state.prefix", &or(raw.prefix, DEFAULT_PREFIX)).unwrap_or_default();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        if prefix.is_empty() || prefix.len() > LONGEST_NAME || !prefix.chars().all(is_plain) {
            let what = format!("must be 1 to {LONGEST_NAME} letters, digits, `-`, `_`, `.` or `:`");
            self.problem("state.prefix", what);
        }
        let timeout = or(raw.timeout, DEFAULT_TIMEOUT);
        let timeout = self.duration("state.timeout", &timeout, SHORTEST..=LONGEST);
        let replica = self.replica_name(&raw.replica);
        let secret = RawSecret { text: &raw.url, file: &raw.url_file, variable: &raw.url_env };
        let url = self.secret(path, &secret).ok().flatten()?;
        match RedisServer::parse(&url) {
            Ok(server) => Some(SharedStateSettings { server, prefix, timeout, replica }),
            Err(what) => {
                self.problem(path, what);
                None
            }
        }
    }

    fn replica_name(&mut self, scalar: &Scalar) -> String {
        let path = "state.replica";
        let written = self.text(path, scalar);
        let name = written.or_else(|| self.environment.get("HOSTNAME").cloned());
        let name = name.filter(|name| !name.trim().is_empty());
        let name = name.unwrap_or_else(|| "replica".to_owned());
        if name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            self.problem(path, format!("must be one line of at most {LONGEST_NAME} characters"));
        }
        name
    }
}

/// The built-in layer has no say where `state` is a plain text.
fn or(scalar: Scalar, default: &str) -> Scalar {
    if scalar == Scalar::Absent { Scalar::Text(default.to_owned()) } else { scalar }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load_text};

    #[test]
    fn a_server_is_a_scheme_a_host_and_a_database() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("redis://cache",                 Some("redis://cache:6379/0"),             "all defaults"),
            ("redis://127.0.0.1:7000/3",      Some("redis://127.0.0.1:7000/3"),         "all written"),
            ("rediss://Cache.Example/",       Some("rediss://cache.example:6379/0"),    "TLS"),
            ("redis://[::1]:7000",            Some("redis://[::1]:7000/0"),             "IPv6"),
            ("redis://:hush@cache",           Some("redis://:*****@cache:6379/0"),      "a password prints as stars"),
            ("redis://gate:hu%2Fsh@cache/1",  Some("redis://gate:*****@cache:6379/1"),  "a user of its own"),
            ("redis://gate@cache",            None,                                     "a user without a password"),
            ("redis:///0",                    None,                                     "no host"),
            ("redis://cache/zero",            None,                                     "no number"),
            ("redis://cache/0?protocol=resp3", None,                                    "no options"),
            ("http://cache",                  None,                                     "another protocol"),
            ("cache:6379",                    None,                                     "no scheme"),
        ];
        for (text, expected, why) in cases {
            let server = RedisServer::parse(text).map(|server| format!("{server} {server:?}"));
            let expected = expected.map(|printed| format!("{printed} {printed}"));
            assert_eq!(server.as_ref().ok(), expected.as_ref(), "{text}: {why}");
            assert!(!server.unwrap_or_else(ToOwned::to_owned).contains("hush"), "{text}");
        }
        let server = RedisServer::parse("redis://gate:hu%2Fsh@cache").unwrap();
        assert_eq!(server.password.unwrap().expose(), "hu/sh");
    }

    fn shared(yaml: &str) -> Result<Option<SharedStateSettings>, String> {
        let host = ("HOSTNAME".to_owned(), "pod-7".to_owned());
        let environment = [host, ("REDIS_URL".to_owned(), "redis://:hush@env".to_owned())].into();
        let sources = Sources { environment, ..Sources::default() };
        let loaded = load_text(yaml, &sources);
        loaded.map(|loaded| loaded.settings.state).map_err(|error| error.to_string())
    }

    #[test]
    fn a_plain_text_is_the_short_form_of_a_section() {
        let short = shared("state: redis://:hush@cache/2\n").unwrap().unwrap();

        assert_eq!(short.server.to_string(), "redis://:*****@cache:6379/2");
        assert_eq!((short.prefix.as_str(), short.replica.as_str()), ("ampgate", "pod-7"));
        assert_eq!(short.timeout, Duration::from_millis(50));
        assert_eq!(shared("state: { url: 'redis://:hush@cache/2' }\n").unwrap(), Some(short));
        assert_eq!(shared("state: { url: '' }\n").unwrap(), None);
        assert_eq!(shared("").unwrap(), None);
        let long = "state: { url-env: REDIS_URL, prefix: team-a, timeout: 2s, replica: left }\n";
        let long = shared(long).unwrap().unwrap();
        assert_eq!(long.server.host, "env");
        assert_eq!((long.prefix.as_str(), long.replica.as_str()), ("team-a", "left"));
        assert_eq!(long.timeout, Duration::from_secs(2));
    }

    #[test]
    fn what_is_wrong_with_shared_state_is_said_without_its_password() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("state: http://:hush@cache\n",                         "state is no Redis server"),
            ("state: { url: 'hush' }\n",                            "state.url is no Redis server"),
            ("state: { url: 'redis://c', url-env: REDIS_URL }\n",   "state.url is given twice"),
            ("state: { url: 'redis://c', prefix: 'a b' }\n",        "state.prefix must be"),
            ("state: { url: 'redis://c', timeout: 1m }\n",          "state.timeout is 1m"),
            ("state: { prefx: 'a' }\n",                              "did you mean `prefix`?"),
        ];
        for (yaml, expected) in cases {
            let said = shared(yaml).unwrap_err();
            assert!(said.contains(expected), "{yaml}: {said}");
            assert!(!said.contains("hush"), "{said}");
        }
    }
}

//! How the gateway listens, how much it takes, how long it waits, what it says.

use std::net::IpAddr;
use std::time::Duration;

use super::raw::{RawCors, RawLimits, RawLog, RawTimeouts};
use super::reader::Reader;
use super::shapes::Scalar;
use crate::types::is_this_machine;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// A name or an address; empty means all interfaces, as CLIProxyAPI has it. Default 127.0.0.1.
    pub host: String,
    /// Default 8317 for clients, 8318 for `admin`; 0 takes any free one, and the log says which.
    pub port: u16,
}

impl Listen {
    /// Whether only this machine can connect.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_this_machine(&self.host)
    }
}

/// Which browser pages may call the direct routes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// Origins in lower case, as browsers send them (`https://host:port`), or `*` for all. Default
    /// none.
    pub allowed_origins: Vec<String>,
}

/// How much one client may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one request body. Default 64 MiB, from 1 KiB to 4 GiB.
    pub request_body: u64,
    /// Bytes of one request head. Default 64 KiB, from 4 KiB to 1 MiB.
    pub header_bytes: usize,
    /// Requests in flight to one upstream at the same time, over all workers. Default 0, no limit; at
    /// most 100000.
    pub connections_per_upstream: usize,
}

/// How long to wait. None is zero but `drain`, which may be; each is at most a day, `drain` at
/// most an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a client to send its request head. Default 10 s.
    pub client_head: Duration,
    /// To connect to an upstream, TLS included. Default 5 s.
    pub connect: Duration,
    /// For the first byte of a provider's response: models may think long. Default 10 min.
    pub first_byte: Duration,
    /// Between two pieces of a body, in either direction. Default 5 min.
    pub idle: Duration,
    /// For the first byte of the Amp server's response. Default 60 s.
    pub relay_first_byte: Duration,
    /// For running requests to end when the gateway stops. Default 30 s; 0 cuts them at once.
    pub drain: Duration,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Default `auto`.
    pub format: LogFormat,
    /// Default `info`.
    pub level: LogLevel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Human on a terminal, JSON elsewhere.
    Auto,
    Human,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Default first.
pub const LOG_FORMATS: [(&str, LogFormat); 3] =
    [("auto", LogFormat::Auto), ("human", LogFormat::Human), ("json", LogFormat::Json)];

/// Default first.
pub const LOG_LEVELS: [(&str, LogLevel); 5] = [
    ("info", LogLevel::Info),
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);
/// A shorter timeout is a slip of the unit: no network answers that fast.
const SHORTEST: Duration = Duration::from_millis(1);
/// Below this, real clients' heads (long tokens, many betas) are refused.
const SMALLEST_HEAD: u64 = 4 << 10;
const LARGEST_HEAD: u64 = 1 << 20;
/// One prompt with images fits into a few MiB; 4 GiB is beyond every provider's own limit.
const SMALLEST_BODY: u64 = 1 << 10;
const LARGEST_BODY: u64 = 4 << 30;
/// More sockets to one address than a machine has ports are no limit at all.
pub const MOST_CONNECTIONS: i64 = 100_000;

impl Reader<'_> {
    pub fn listen(&mut self, host: &Scalar, port: &Scalar) -> Listen {
        Listen { host: self.host("host", host), port: self.port("port", port) }
    }

    pub fn host(&mut self, path: &str, scalar: &Scalar) -> String {
        let host = self.text(path, scalar).unwrap_or_default();
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(&host);
        let is_name =
            bare.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        if !is_name && bare.parse::<IpAddr>().is_err() {
            self.problem(path, "is no host name or address; the port has a key of its own");
        }
        bare.to_owned()
    }

    pub fn cors(&mut self, raw: RawCors) -> Cors {
        let path = "cors.allowed-origins";
        let mut allowed_origins = Vec::new();
        for (index, item) in self.items(path, raw.allowed_origins).into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            let Some(origin) = self.required_text(&path, &item) else { continue };
            if origin == "*" || is_web_origin(&origin) {
                allowed_origins.push(origin.to_ascii_lowercase());
            } else {
                self.problem(&path, "is no origin; write https://host, without a path, or `*`");
            }
        }
        Cors { allowed_origins }
    }

    pub fn limits(&mut self, raw: &RawLimits) -> Limits {
        let head =
            self.size("limits.header-bytes", &raw.header_bytes, SMALLEST_HEAD..=LARGEST_HEAD);
        let connections = self.integer(
            "limits.connections-per-upstream",
            &raw.connections_per_upstream,
            0..=MOST_CONNECTIONS,
        );
        Limits {
            request_body: self.size(
                "limits.request-body",
                &raw.request_body,
                SMALLEST_BODY..=LARGEST_BODY,
            ),
            header_bytes: usize::try_from(head).unwrap_or_default(),
            connections_per_upstream: connections
                .and_then(|number| usize::try_from(number).ok())
                .unwrap_or_default(),
        }
    }

    pub fn timeouts(&mut self, raw: &RawTimeouts) -> Timeouts {
        let mut timeout =
            |key: &str, scalar| self.duration(&format!("timeouts.{key}"), scalar, SHORTEST..=DAY);
        Timeouts {
            client_head: timeout("client-head", &raw.client_head),
            connect: timeout("connect", &raw.connect),
            first_byte: timeout("first-byte", &raw.first_byte),
            idle: timeout("idle", &raw.idle),
            relay_first_byte: timeout("relay-first-byte", &raw.relay_first_byte),
            drain: self.duration("timeouts.drain", &raw.drain, Duration::ZERO..=HOUR),
        }
    }

    pub fn log(&mut self, raw: &RawLog) -> Log {
        Log {
            format: self.choice("log.format", &raw.format, &LOG_FORMATS),
            level: self.choice("log.level", &raw.level, &LOG_LEVELS),
        }
    }
}

/// Scheme and authority, nothing behind. Not only `http`: editors have origins of their own, such
/// as `vscode-webview://id`.
fn is_web_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let is_authority = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | '?' | '#' | '*' | '@');
    !scheme.is_empty()
        && scheme.chars().all(is_scheme)
        && !authority.is_empty()
        && authority.chars().all(is_authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_machine_are_loopback() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // host,                loopback, why
            ("localhost",           true,  "the usual name"),
            ("127.0.0.1",           true,  "the usual address"),
            ("127.8.8.8",           true,  "the whole /8 is"),
            ("::1",                 true,  "IPv6"),
            ("::ffff:127.0.0.1",    true,  "IPv4 inside IPv6"),
            ("",                    false, "all interfaces"),
            ("0.0.0.0",             false, "all interfaces"),
            ("::",                  false, "all interfaces"),
            ("10.0.0.1",            false, "a network"),
            ("127.0.0.1.example",   false, "a name somebody else may own"),
        ];
        for (host, expected, why) in cases {
            let listen = Listen { host: host.to_owned(), port: 0 };
            assert_eq!(listen.is_loopback(), expected, "{host}: {why}");
        }
    }

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("https://app.example",      true,  "host"),
            ("http://localhost:3000",    true,  "port"),
            ("vscode-webview://abc",     true,  "an editor's own scheme"),
            ("https://app.example/",     false, "browsers send no slash"),
            ("https://*.example",        false, "no patterns"),
            ("app.example",              false, "no scheme"),
            ("https://",                 false, "no host"),
            ("null",                     false, "anybody's"),
        ];
        for (origin, expected, why) in cases {
            assert_eq!(is_web_origin(origin), expected, "{origin}: {why}");
        }
    }
}

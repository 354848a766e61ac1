//! Where a client sends its requests, held against where the gateway is.

use std::net::IpAddr;

use super::finding::Finding;
use crate::config::{Listen, Settings};
use crate::types::{ApiKey, Origin};

/// Where clients reach the gateway.
#[derive(Clone, Debug)]
pub struct Gateway {
    pub origin: Origin,
    /// What stands before every path, behind a proxy that gives it a folder; usually nothing.
    pub base_path: String,
    /// Said by `--gateway`, and not taken from `host` and `port`.
    pub is_given: bool,
}

impl Gateway {
    /// The address that a client on this machine uses.
    pub fn of_settings(settings: &Settings) -> Result<Self, String> {
        let Listen { host, port } = &settings.listen;
        let scheme = if settings.tls.certificate.is_some() { "https" } else { "http" };
        let host = match host.as_str() {
            "" | "0.0.0.0" => "127.0.0.1",
            "::" => "::1",
            host => host,
        };
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        Self::parse(&format!("{scheme}://{host}:{port}"), false)
    }

    pub fn parse(address: &str, is_given: bool) -> Result<Self, String> {
        let (origin, base_path) = Origin::split(address).map_err(|error| error.to_string())?;
        Ok(Self { origin, base_path, is_given })
    }

    /// What a client is to be given, with what its protocol wants behind it.
    pub fn url(&self, path: &str) -> String {
        format!("{}{}{path}", self.origin, self.base_path)
    }

    /// Whether anybody on the Internet could mean it by this address.
    pub fn is_public(&self) -> bool {
        self.origin.is_tls() && !is_private_host(self.origin.host())
    }
}

/// The last part of names that no public server has.
const PRIVATE_ENDS: [&str; 4] = ["internal", "lan", "local", "localhost"];

/// Whether a name or an address does not lead out of a machine, a network of containers or an office.
pub fn is_private_host(host: &str) -> bool {
    match host.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        Err(_) => match host.rsplit_once('.') {
            Some((_, end)) => PRIVATE_ENDS.iter().any(|known| end.eq_ignore_ascii_case(known)),
            None => true,
        },
    }
}

/// What a client puts behind its base address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// `/v1/messages` or the like: the address ends without a version.
    WithoutVersion,
    /// `/responses` or the like: the address ends with `/v1`.
    WithVersion,
}

impl Base {
    pub const fn path(self) -> &'static str {
        match self {
            Self::WithoutVersion => "",
            Self::WithVersion => "/v1",
        }
    }
}

/// An address in a client's settings.
#[derive(Clone, Debug)]
pub struct Aim {
    /// The variable, or the key and its file: how its reader finds it.
    pub setting: String,
    pub url: String,
    pub base: Base,
    /// The key that goes there, and the setting it stands in.
    pub key: Option<(ApiKey, String)>,
}

/// Whether requests arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At this gateway.
    Here(Finding),
    /// Somewhere else, or nowhere.
    Astray(Finding),
}

impl Aim {
    /// Where it leads.
    pub fn judge(&self, gateway: &Gateway) -> Place {
        let setting = &self.setting;
        let right = gateway.url(self.base.path());
        let Ok((origin, path)) = Origin::split(&self.url) else {
            // SECURITY: not repeated, it may be a key in the wrong place.
            let what = format!("{setting} is no address like http://host:port");
            return Place::Astray(Finding::problem(what, format!("set it to {right}")));
        };
        let is_here = origin.port() == gateway.origin.port() && same_host(&origin, &gateway.origin);
        if !is_here {
            return Place::Astray(Finding::warning(
                format!("{setting} points at {origin}, and the gateway is at {}", gateway.origin),
                format!(
                    "set it to {right}; if {origin} is the gateway by another name, say so: \
                     `--gateway {origin}`"
                ),
            ));
        }
        if origin.is_tls() != gateway.origin.is_tls() {
            let what = format!("{setting} is {origin}, and the gateway speaks {}", gateway.origin);
            return Place::Astray(Finding::problem(what, format!("set it to {right}")));
        }
        let expected = format!("{}{}", gateway.base_path, self.base.path());
        if path == expected {
            return Place::Here(Finding::ok(format!("{setting} points here ({origin}{path})")));
        }
        let why = match self.base {
            Base::WithoutVersion => "the client adds the version itself",
            Base::WithVersion => "the client adds no version",
        };
        let what = format!("{setting} has the path `{path}`, and {why}: its calls find nothing");
        Place::Astray(Finding::problem(what, format!("set it to {right}")))
    }
}

fn same_host(one: &Origin, other: &Origin) -> bool {
    let is_loopback = |host: &str| {
        host.eq_ignore_ascii_case("localhost")
            || host.parse().is_ok_and(|ip: IpAddr| ip.to_canonical().is_loopback())
    };
    let (one, other) = (one.host(), other.host());
    one.eq_ignore_ascii_case(other) || (is_loopback(one) && is_loopback(other))
}

/// What the gateway said to a client's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAnswer {
    Accepted,
    Refused,
    /// The gateway does not run, and has no keys to compare with.
    Unknown,
}

/// What is to be said of the key that goes with an aim.
pub fn judge_key(key: Option<(&str, KeyAnswer)>, wanted_in: &str) -> Finding {
    match key {
        None => Finding::problem(
            "no client key is set: the gateway answers 401",
            format!("put a key of the gateway's `api-keys` into {wanted_in}"),
        ),
        Some((setting, KeyAnswer::Accepted)) => {
            Finding::ok(format!("the key in {setting} opens the gateway"))
        }
        Some((setting, KeyAnswer::Refused)) => Finding::problem(
            format!("the key in {setting} is none of the gateway's: it answers 401"),
            format!("put a key of the gateway's `api-keys` into {wanted_in}"),
        ),
        Some((setting, KeyAnswer::Unknown)) => Finding::note(format!(
            "a key is in {setting}; whether it opens the gateway shows when that runs"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use crate::config::{Sources, load_text};

    #[test]
    fn a_client_points_here_or_is_told_where_to_point() {
        use Base::{WithVersion, WithoutVersion};
        use Level::{Ok, Problem, Warning};
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // gateway,               client,                     base,           level,   why
            ("http://127.0.0.1:8317", "http://127.0.0.1:8317",    WithoutVersion, Ok,      "just so"),
            ("http://127.0.0.1:8317", "http://localhost:8317/",   WithoutVersion, Ok,      "another name of this machine"),
            ("http://[::1]:8317",     "http://127.0.0.1:8317/v1", WithVersion,    Ok,      "IPv6 of this machine"),
            ("http://127.0.0.1:8317", "http://127.0.0.1:8317/v1", WithoutVersion, Problem, "/v1/v1/messages"),
            ("http://127.0.0.1:8317", "http://127.0.0.1:8317",    WithVersion,    Problem, "/responses"),
            ("http://127.0.0.1:8317", "http://127.0.0.1:8318",    WithoutVersion, Warning, "another port"),
            ("http://127.0.0.1:8317", "https://127.0.0.1:8317",   WithoutVersion, Problem, "no TLS here"),
            ("http://127.0.0.1:8317", "https://ampcode.com",      WithoutVersion, Warning, "Amp itself"),
            ("http://127.0.0.1:8317", "sk-hush",                  WithoutVersion, Problem, "a key for an address"),
            ("http://127.0.0.1:8317", "http://me:hush@h.test",    WithoutVersion, Problem, "a login"),
            ("https://gw.test/llm",   "https://GW.test/llm/v1",   WithVersion,    Ok,      "behind a proxy"),
        ];
        for (gateway, url, base, level, why) in cases {
            let gateway = Gateway::parse(gateway, true).unwrap();
            let (setting, url) = ("X".to_owned(), url.to_owned());
            let aim = Aim { setting, url, base, key: None };
            let (Place::Here(found) | Place::Astray(found)) = aim.judge(&gateway);
            assert_eq!(found.level, level, "{why}: {found:?}");
            assert!(!format!("{found:?}").contains("hush"), "{found:?}");
        }
    }

    #[test]
    fn the_gateways_address_is_one_that_a_client_can_use() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("host: 127.0.0.1",                              "http://127.0.0.1:8317"),
            ("{ host: 0.0.0.0, api-keys: [k] }",             "http://127.0.0.1:8317"),
            ("{ host: '', port: 9000 }",                     "http://127.0.0.1:9000"),
            ("{ host: '::', port: 9000 }",                   "http://[::1]:9000"),
            ("{ host: gw.lan, tls: { cert: a, key: b } }",   "https://gw.lan:8317"),
        ];
        for (yaml, expected) in cases {
            let settings = load_text(yaml, &Sources::default()).unwrap().settings;
            assert_eq!(Gateway::of_settings(&settings).unwrap().url(""), expected, "{yaml}");
        }
    }

    #[test]
    fn public_is_what_amps_cloud_could_reach() {
        for (address, expected) in [
            ("https://ampgate.example.com", true),
            ("http://ampgate.example.com", false),
            ("https://localhost:8317", false),
            ("https://10.0.0.1", false),
            ("https://gateway", false),
            ("https://gw.lan", false),
        ] {
            assert_eq!(Gateway::parse(address, true).unwrap().is_public(), expected, "{address}");
        }
    }
}

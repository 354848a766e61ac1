//! The gateway itself: does it run where clients look for it, and which version is it?

use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

use super::aim::{Gateway, KeyAnswer};
use super::answer;
use super::finding::Finding;
use crate::actors::upstream::{OutgoingRequest, RequestBody, Upstream, UpstreamFailure};
use crate::config::{Admin, Settings};
use crate::headers::USER_AGENT;
use crate::types::{ApiKey, KeyHash, Origin, ProviderName};

/// A gateway that is alive answers at once. A list of models waits for the providers' own.
const PATIENCE: Duration = Duration::from_secs(15);

/// What the gateway answered.
struct Answer {
    status: u16,
    body: Vec<u8>,
}

/// Whether the gateway runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Runs,
    /// Nobody is there, or somebody else.
    Gone,
}

/// Looks whether the gateway runs.
pub async fn look(gateway: &Gateway, upstream: &Upstream) -> (Finding, Life) {
    let at = gateway.url("");
    match get(gateway, "/healthz", None, upstream).await {
        Ok(answer) => judge(&at, answer.status, &answer.body),
        Err(failure) => (unanswered(gateway, &failure.cause), Life::Gone),
    }
}

fn unanswered(gateway: &Gateway, cause: &str) -> Finding {
    let at = gateway.url("");
    // As the transport words it when only the encryption has failed.
    if cause.starts_with("TLS:") {
        return Finding::warning(
            format!("what answers at {at} has a certificate that is not trusted here: {cause}"),
            "agents refuse it, too: give them its authority (NODE_EXTRA_CA_CERTS names its PEM file \
             for most), or show a certificate of a public one",
        );
    }
    let advice = if gateway.is_given {
        "is the address right, and the gateway up?"
    } else {
        "start it with `ampgate serve`; if it is reached elsewhere, say where: `--gateway URL`"
    };
    Finding::warning(format!("no gateway answers at {at}: {cause}"), advice)
}

fn judge(at: &str, status: u16, body: &[u8]) -> (Finding, Life) {
    let said: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    if status == 200 && said.is_some_and(|said| said["status"] == "ok") {
        return (Finding::ok(format!("runs at {at}")), Life::Runs);
    }
    let what = format!("something else answers at {at} (status {status} to /healthz)");
    let advice = "end it, or give the gateway another `port`";
    (Finding::problem(what, advice), Life::Gone)
}

/// Looks at the admin listener, which knows the version of what runs.
pub async fn look_at_admin(admin: &Admin, upstream: &Upstream) -> Option<Finding> {
    if !admin.is_enabled {
        return None;
    }
    let host = match admin.listen.host.as_str() {
        "" | "0.0.0.0" => "127.0.0.1",
        "::" => "[::1]",
        host => host,
    };
    let gateway = Gateway::parse(&format!("http://{host}:{}", admin.listen.port), false).ok()?;
    let at = gateway.url("");
    Some(match get(&gateway, "/status", None, upstream).await {
        Ok(answer) => judge_admin(&at, answer.status, &answer.body),
        Err(_) => Finding::note(format!("no admin listener answers at {at}")),
    })
}

fn judge_admin(at: &str, status: u16, body: &[u8]) -> Finding {
    let said: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let version = said.as_ref().and_then(|said| said["version"].as_str());
    let own = env!("CARGO_PKG_VERSION");
    match (status, version) {
        (200, Some(version)) if version == own => {
            Finding::ok(format!("its admin listener answers at {at}; version {own}"))
        }
        (200, Some(version)) if is_version(version) => Finding::warning(
            format!("version {version} runs, and this program is {own}"),
            "start it again, so that the newer one runs",
        ),
        (401, _) => Finding::note(format!("its admin listener at {at} asks for its key")),
        _ => Finding::note(format!("something else answers at {at} (status {status} to /status)")),
    }
}

/// Whether a text is one that may be repeated.
fn is_version(text: &str) -> bool {
    text.len() < 32 && text.chars().all(|c| c.is_ascii_alphanumeric() || ".-+".contains(c))
}

/// Whether a key opens the gateway: it is asked, if it runs; else the configuration is.
pub async fn try_key(
    key: &ApiKey,
    gateway: &Gateway,
    life: Life,
    settings: Option<&Settings>,
    upstream: &Upstream,
) -> KeyAnswer {
    if life == Life::Runs {
        return match get(gateway, "/v1/models", Some(key), upstream).await {
            Ok(Answer { status: 401, .. }) => KeyAnswer::Refused,
            Ok(_) => KeyAnswer::Accepted,
            Err(_) => KeyAnswer::Unknown,
        };
    }
    match settings {
        Some(settings) if !gateway.is_given && !settings.clients.is_empty() => {
            let shown = KeyHash::of(key.expose().as_bytes());
            let is_known = settings.clients.iter().any(|client| client.key.matches(&shown));
            if is_known { KeyAnswer::Accepted } else { KeyAnswer::Refused }
        }
        _ => KeyAnswer::Unknown,
    }
}

async fn get(
    gateway: &Gateway,
    path: &str,
    key: Option<&ApiKey>,
    upstream: &Upstream,
) -> Result<Answer, UpstreamFailure> {
    let answer = upstream.send(question(gateway, path, key)?).await?;
    let status = answer.status.as_u16();
    Ok(Answer { status, body: answer::read(answer.body, PATIENCE).await })
}

fn question(
    gateway: &Gateway,
    path: &str,
    key: Option<&ApiKey>,
) -> Result<OutgoingRequest, UpstreamFailure> {
    let unfit = |cause: &str| UpstreamFailure {
        error: crate::error::GatewayError::Internal,
        cause: cause.to_owned(),
    };
    let origin: &Origin = &gateway.origin;
    let mut fields = HeaderMap::new();
    let host = HeaderValue::from_str(origin.authority());
    fields.insert(header::HOST, host.map_err(|_invalid| unfit("its name fits no header field"))?);
    fields.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    if let Some(key) = key {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose()))
            .map_err(|_invalid| unfit("the key fits no header field"))?;
        value.set_sensitive(true);
        fields.insert(header::AUTHORIZATION, value);
    }
    let target = format!("{}{path}", gateway.base_path);
    Ok(OutgoingRequest {
        origin: origin.clone(),
        proxy: None,
        provider: ProviderName::new("gateway"),
        method: Method::GET,
        path_and_query: target.parse().map_err(|_invalid| unfit("its path is no path"))?,
        fields,
        body: RequestBody::None,
        first_byte_timeout: PATIENCE,
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn only_a_gateway_is_taken_for_one() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (200, r#"{"status":"ok"}"#, Level::Ok,      "ours"),
            (200, "<html>",             Level::Problem, "a web server"),
            (404, r#"{"status":"ok"}"#, Level::Problem, "not its status"),
        ];
        for (status, body, level, why) in cases {
            assert_eq!(judge("http://a", status, body.as_bytes()).0.level, level, "{why}");
        }
    }

    #[test]
    fn another_version_is_warned_of_and_never_repeated_unless_it_is_one() {
        let own = format!(r#"{{"version":"{}"}}"#, env!("CARGO_PKG_VERSION"));
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (200, own.as_str(),                  Level::Ok,      "this one"),
            (200, r#"{"version":"0.0.9"}"#,      Level::Warning, "an older one"),
            (200, r#"{"version":"\u001b[31m"}"#, Level::Note,    "no version at all"),
            (401, "",                            Level::Note,    "it has a key"),
        ];
        for (status, body, level, why) in cases {
            let found = judge_admin("http://a", status, body.as_bytes());
            assert_eq!(found.level, level, "{why}: {found:?}");
        }
    }
}

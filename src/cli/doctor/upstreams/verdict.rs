//! What an upstream's certificate and answers mean, and what to do about them.

use std::time::{Duration, SystemTime};

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use rustls::CertificateError;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::super::aim::is_private_host;
use super::super::finding::Finding;
use crate::actors::upstream::{ProxyFault, Sight, Unconnected, Unreached};
use crate::config::{Auth, Credential, Family};
use crate::dialect::{TroubleClass, Verdict, judge};
use crate::types::{ClientId, Origin};

/// A certificate that ends within this time should have been renewed: those of thirty days are
/// renewed ten before their end.
const RENEWED_BEFORE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// What came of a question.
pub enum Answered {
    Status {
        status: u16,
        /// As far as it was read.
        body: Vec<u8>,
        /// How far the server's clock is ahead, in seconds.
        skew: Option<i64>,
    },
    Nothing {
        is_late: bool,
        cause: String,
    },
}

impl Answered {
    pub fn skew(&self) -> Option<i64> {
        match self {
            Self::Status { skew, .. } => *skew,
            Self::Nothing { .. } => None,
        }
    }
}

/// Why there is no connection, and what to do.
pub fn unconnected(why: &Unconnected, origin: &Origin, patience: Duration) -> Finding {
    let advice = match why {
        Unconnected::Upstream(Unreached::Tls(error)) => return tls(error, origin),
        Unconnected::Upstream(Unreached::Resolve(_)) => {
            "is the name right? Behind a company's proxy set `proxy-url`, which then resolves it"
        }
        Unconnected::Upstream(Unreached::Connect(_)) => {
            "is the server up, and the port right? Does a firewall want a proxy (`proxy-url`)?"
        }
        Unconnected::Proxy(ProxyFault::LoginMissing | ProxyFault::LoginRefused) => {
            "write `user:password@` before the proxy's host in `proxy-url`"
        }
        Unconnected::Proxy(_) => "see to the proxy, or take this host out of it with NO_PROXY",
        Unconnected::TimedOut => {
            let waited = humantime::format_duration(patience);
            return Finding::problem(
                format!("no connection within {waited} (`timeouts.connect`)"),
                "does a firewall drop it? Set `proxy-url` if a proxy is the way out",
            );
        }
    };
    Finding::problem(format!("cannot be reached: {why}"), advice)
}

/// Why there is no encryption.
fn tls(error: &std::io::Error, origin: &Origin) -> Finding {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let host = origin.host();
    let Some(rustls::Error::InvalidCertificate(certificate)) = cause else {
        let advice = "does TLS belong on this port? Should the address begin with http://?";
        return Finding::problem(format!("no encrypted connection: {error}"), advice);
    };
    let (what, advice) = match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            "its certificate has expired".to_owned(),
            "whoever runs it has to renew it; is this machine's clock right?",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("its certificate is not valid yet".to_owned(), "is this machine's clock right?")
        }
        CertificateError::UnknownIssuer => (
            "its certificate is signed by nobody this machine trusts".to_owned(),
            "if that is your company's authority, name its PEM file in `tls.upstream-ca`",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            format!("its certificate is not for `{host}`"),
            "write the address by the name in the certificate",
        ),
        other => (
            format!("its certificate is refused: {other}"),
            "whoever runs it has to put that right",
        ),
    };
    Finding::problem(what, advice)
}

/// What a connection showed.
pub fn sight(origin: &Origin, sight: &Sight, now: SystemTime) -> Finding {
    let protocol = if sight.is_http2 { "HTTP/2" } else { "HTTP/1.1" };
    let Some(certificate) = &sight.certificate else {
        if is_private_host(origin.host()) {
            return Finding::ok("can be reached, without encryption");
        }
        return Finding::warning(
            "can be reached, without encryption: keys and prompts travel readable",
            "write https:// if the server has TLS",
        );
    };
    let Some(left) = time_left(certificate, now) else {
        return Finding::note(format!("speaks {protocol}; its certificate's end cannot be read"));
    };
    let days = left.as_secs() / DAY_SECONDS;
    let what = format!("speaks {protocol} over TLS; its certificate ends in {days} days");
    if left < RENEWED_BEFORE {
        let advice = "whoever runs it should renew it now; calls fail when it has ended";
        return Finding::warning(what, advice);
    }
    Finding::ok(what)
}

/// How long a certificate is valid still; zero when it has ended.
fn time_left(der: &[u8], now: SystemTime) -> Option<Duration> {
    let certificate = Certificate::from_der(der).ok()?;
    let end = certificate.tbs_certificate().validity().not_after.to_system_time();
    Some(end.duration_since(now).unwrap_or_default())
}

/// Whether a provider takes a credential.
pub fn credential(credential: &Credential, answered: &Answered) -> Finding {
    let id = credential.id.as_str();
    let (status, body) = match answered {
        Answered::Status { status, body, .. } => (*status, body),
        Answered::Nothing { is_late, cause } => return nothing(id, *is_late, cause),
    };
    let has_token = matches!(credential.auth, Auth::Token(_));
    let is_google = matches!(credential.family, Family::Gemini | Family::Vertex) && !has_token;
    let is_bedrock = credential.family == Family::Bedrock;
    let is_plan = credential.family == Family::Codex;
    match status {
        200..=299 if credential.auth == Auth::Open => Finding::ok(format!("{id}: it answers")),
        200..=299 if has_token => Finding::ok(format!("{id}: the token is accepted")),
        200..=299 => Finding::ok(format!("{id}: the key is accepted")),
        400 if is_bedrock && misses_the_model(body) => no_such_model(id, status),
        // It was asked without a question, and has looked at the key first.
        400 if is_bedrock => Finding::ok(format!("{id}: the key is accepted")),
        403 if is_bedrock => Finding::problem(
            format!("{id}: the key is refused, or may not call the model (403)"),
            "is it of this region? It needs the right to `bedrock:InvokeModel` for the model; is this \
             machine's clock right?",
        ),
        404 if is_bedrock => no_such_model(id, status),
        401 if credential.auth == Auth::Open => Finding::problem(
            format!("{id}: it asks for a key (401)"),
            "give the provider `api-key-entries`",
        ),
        401 if is_plan => Finding::problem(
            format!("{id}: the login is refused (401)"),
            "run `codex` once, or `codex login`; `ampgate login` for an account of `oauth`",
        ),
        // It tells its models to whoever names a version of Codex, and we have none.
        400 | 404 | 422 if is_plan => Finding::note(format!(
            "{id}: it answers, and tells its models to Codex only ({status}); a call will show whether the \
             login is good"
        )),
        401 if has_token => Finding::problem(
            format!("{id}: the token is refused (401)"),
            "is the account of this provider, and for this address?",
        ),
        401 => Finding::problem(
            format!("{id}: the key is refused (401)"),
            "write the provider's current key; is it of this provider, and for this address?",
        ),
        // Google's way of saying 401.
        400 if is_google => Finding::problem(
            format!("{id}: the key is refused (400)"),
            "write the provider's current key; Vertex AI takes keys of its express mode only",
        ),
        403 => Finding::warning(
            format!("{id}: the key may not list models (403)"),
            "it may still call them; if calls fail, too, look at its permissions",
        ),
        404 | 405 | 501 => Finding::note(format!(
            "{id}: it has no list of models ({status}), so that the key could not be tried"
        )),
        402 | 429 => Finding::warning(
            format!("{id}: the key is known, and has no quota now ({status})"),
            "wait, or look at the account's limits and balance",
        ),
        500.. => Finding::warning(
            format!("{id}: the provider has trouble ({status})"),
            "try again later; other credentials answer meanwhile",
        ),
        _ => Finding::warning(
            format!("{id}: it answers {status} to a question for its models"),
            "is the `base-url` right?",
        ),
    }
}

/// Whether Bedrock's 400 is about the id of the model.
fn misses_the_model(body: &[u8]) -> bool {
    let (status, fields) = (StatusCode::BAD_REQUEST, HeaderMap::new());
    match judge(status, &fields, body, SystemTime::UNIX_EPOCH) {
        Verdict::Trouble(trouble) => trouble.class == TroubleClass::ModelUnknown,
        Verdict::Fine | Verdict::RequestFault => false,
    }
}

fn no_such_model(id: &str, status: u16) -> Finding {
    Finding::problem(
        format!("{id}: there is no model of that id ({status})"),
        "write the id of a model or of an inference profile of this region in `models`",
    )
}

/// Whether the Amp server takes a key: the team's, or the one of a client who has another.
pub fn amp(client: Option<&ClientId>, has_key: bool, answered: &Answered) -> Finding {
    let id = client.map_or_else(|| "amp".to_owned(), |client| format!("amp, for {client}"));
    let (status, body) = match answered {
        Answered::Status { status, body, .. } => (*status, body),
        Answered::Nothing { is_late, cause } => return nothing(&id, *is_late, cause),
    };
    let said: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let is_ok = said.as_ref().and_then(|said| said["ok"].as_bool());
    match (status, is_ok) {
        (200..=299, Some(true)) if has_key => Finding::ok(format!("{id}: the key is accepted")),
        (401 | 403, _) | (200..=299, Some(false)) if has_key => Finding::problem(
            format!("{id}: the key is refused ({status})"),
            "write the current key (`ampcode.upstream-api-key`, for a client `upstream-api-keys`), or \
             log in again",
        ),
        (401 | 403, _) | (200..=299, Some(false)) => {
            Finding::note(format!("{id}: it answers, and asks for a key"))
        }
        (200..=299, _) => Finding::note(format!(
            "{id}: it answers ({status}), in a way that says nothing of the key"
        )),
        _ => Finding::warning(
            format!("{id}: it answers {status} to the question whose key this is"),
            "is `ampcode.upstream-url` right? Is there trouble at Amp?",
        ),
    }
}

fn nothing(id: &str, is_late: bool, cause: &str) -> Finding {
    let advice = if is_late {
        "is the server overloaded? The gateway itself waits for `timeouts.first-byte`"
    } else {
        "does something else listen there? Is the `base-url` right?"
    };
    Finding::problem(format!("{id}: no answer: {cause}"), advice)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::super::super::finding::Level;
    use super::*;
    use crate::config::{Sources, load_text};

    fn of(family: &str) -> Credential {
        let yaml = match family {
            "bedrock" => {
                let key = "api-key: sk-hush, region: us-east-1, models: [ { name: m } ]";
                format!("bedrock: [ {{ {key} }} ]")
            }
            "none" => "openai-compatibility: [ { name: a, base-url: 'http://a.test' } ]".to_owned(),
            "chatgpt" => "chatgpt: [ { codex-auth-file: /a.json } ]".to_owned(),
            _ => format!("{family}: [ {{ api-key: sk-hush }} ]"),
        };
        let settings = load_text(&yaml, &Sources::default()).unwrap().settings;
        settings.credentials[0].clone()
    }

    fn status(status: u16, body: &str) -> Answered {
        Answered::Status { status, body: body.into(), skew: None }
    }

    #[test]
    fn a_status_says_whether_the_key_is_good() {
        use Level::{Note, Ok, Problem, Warning};
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("claude-api-key", 200, Ok,      "accepted"),
            ("claude-api-key", 401, Problem, "refused"),
            ("claude-api-key", 400, Warning, "400 means something else with Anthropic"),
            ("gemini-api-key", 400, Problem, "Google's 401"),
            ("openai-api-key", 403, Warning, "restricted keys list nothing, and call all the same"),
            ("openai-api-key", 404, Note,    "no list there"),
            ("openai-api-key", 429, Warning, "limited"),
            ("openai-api-key", 503, Warning, "trouble"),
            ("bedrock",        400, Ok,      "refused for its body, after its key"),
            ("bedrock",        403, Problem, "AWS's 401"),
            ("bedrock",        404, Problem, "no such model"),
            ("chatgpt",        400, Note,    "only Codex has a version to name"),
            ("chatgpt",        401, Problem, "the login"),
            ("none",           200, Ok,      "no key needed"),
            ("none",           401, Problem, "a key needed after all"),
        ];
        for (family, code, level, why) in cases {
            let found = credential(&of(family), &status(code, ""));
            assert_eq!(found.level, level, "{family} {code}: {why}: {found:?}");
            assert!(!format!("{found:?}").contains("hush"), "{found:?}");
        }
        let late = Answered::Nothing { is_late: true, cause: "no head within 10s".to_owned() };
        assert_eq!(credential(&of("none"), &late).level, Problem);
    }

    #[test]
    fn a_400_of_bedrocks_says_whether_it_knows_the_model() {
        use Level::{Ok, Problem};
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (r#"{"message":"The provided model identifier is invalid."}"#,  Problem, "no such id"),
            (r#"{"message":"Invocation of model ID anthropic.claude-x with on-demand throughput isn’t supported. Retry your request with the ID or ARN of an inference profile that contains this model."}"#,
                                                                            Problem, "an id that needs a profile"),
            (r##"{"message":"#: required key [messages] not found"}"##,     Ok,      "the model has read the empty question"),
        ];
        for (body, level, why) in cases {
            let found = credential(&of("bedrock"), &status(400, body));
            assert_eq!(found.level, level, "{why}: {found:?}");
            assert_eq!(found.what.contains("no model"), level == Problem, "{why}: {found:?}");
        }
    }

    #[test]
    fn amps_answer_counts_and_not_its_status_alone() {
        use Level::{Note, Ok, Problem, Warning};
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (200, r#"{"ok":true,"result":{}}"#,                       true,  Ok,      "known"),
            (200, r#"{"ok":false,"error":{"code":"auth-required"}}"#, true,  Problem, "an error inside a 200"),
            (401, "",                                                 true,  Problem, "refused"),
            (401, "",                                                 false, Note,    "no key was shown"),
            (200, "<html>",                                           true,  Note,    "something else answers"),
            (502, "",                                                 true,  Warning, "trouble"),
        ];
        for (code, body, has_key, level, why) in cases {
            let found = amp(None, has_key, &status(code, body));
            assert_eq!(found.level, level, "{why}: {found:?}");
        }
    }

    #[test]
    fn a_certificate_is_to_be_renewed_two_weeks_before_its_end() {
        let mut params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        params.not_after = date_time_ymd(2030, 6, 30);
        let key = KeyPair::generate().unwrap();
        let certificate = Some(params.self_signed(&key).unwrap().der().to_vec());
        let seen = Sight { is_http2: true, certificate };
        let origin = Origin::split("https://a.test").unwrap().0;
        let end = Duration::from_secs(1_909_008_000); // 2030-06-30
        for (days, level) in [(15, Level::Ok), (13, Level::Warning), (0, Level::Warning)] {
            let now = SystemTime::UNIX_EPOCH + end - Duration::from_secs(days * DAY_SECONDS);

            let found = sight(&origin, &seen, now);

            assert_eq!(found.level, level, "{found:?}");
            assert!(found.what.contains(&format!("ends in {days} days")), "{found:?}");
        }
    }

    #[test]
    fn only_what_leaves_the_network_needs_encryption() {
        for (address, level) in [
            ("http://127.0.0.1:1", Level::Ok),
            ("http://10.1.2.3", Level::Ok),
            ("http://ollama:11434", Level::Ok),
            ("http://api.example.com", Level::Warning),
        ] {
            let origin = Origin::split(address).unwrap().0;
            let found = sight(&origin, &Sight::default(), SystemTime::UNIX_EPOCH);
            assert_eq!(found.level, level, "{address}");
        }
    }
}

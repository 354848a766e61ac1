//! Keys for providers, and what is pasted in their place: logins are refused, with the reason and with what
//! belongs there.

use actix_web::http::header::{HeaderName, HeaderValue};

use super::auth::Auth;
use super::reader::Reader;
use super::secret::{Noted, RawSecret};
use crate::types::{ApiKey, ForeignLogin};

impl Reader<'_> {
    /// What opens a provider that gives out its keys itself. Whatever is known to be none is a problem.
    pub fn provider_key(&mut self, path: &str, raw: &RawSecret<'_>) -> Auth {
        let key = self.credential_key(path, raw);
        let path = format!("{path}.api-key");
        if key == Ok(None) {
            let what = "is empty; give the provider's key, or `api-key-file` or `api-key-env`";
            self.problem(&path, what);
        }
        let Ok(Some(key)) = key else { return Auth::Open };
        if let Some(login) = ForeignLogin::recognise(key.expose()) {
            self.login_in_place_of_key(&path, login);
        }
        Auth::Key(key)
    }

    /// The key for whatever server; `None` when no key is given.
    pub fn credential_key(
        &mut self,
        path: &str,
        raw: &RawSecret<'_>,
    ) -> Result<Option<ApiKey>, Noted> {
        self.api_key(&format!("{path}.api-key"), raw)
    }

    /// The key at `path`; `None` when no key is given.
    pub fn api_key(&mut self, path: &str, raw: &RawSecret<'_>) -> Result<Option<ApiKey>, Noted> {
        let key = self.secret(path, raw)?;
        if let Some(key) = &key {
            self.refuse_login(path, key)?;
        }
        Ok(key.and_then(|key| ApiKey::parse(&key).ok()))
    }

    /// Refuses a login where a key is expected, whosever key. A token of GitHub's may be one: some compatible
    /// servers take it, and a team may let its clients in with it.
    pub fn refuse_login(&mut self, path: &str, text: &str) -> Result<(), Noted> {
        match ForeignLogin::recognise(text) {
            None | Some(ForeignLogin::GitHub) => Ok(()),
            Some(login) => {
                self.login_in_place_of_key(path, login);
                Err(Noted)
            }
        }
    }

    /// Refuses a login anywhere in the header fields for a provider: behind a scheme, or as one cookie of
    /// several. At most one problem for each field.
    pub fn refuse_logins_in(&mut self, path: &str, headers: &[(HeaderName, HeaderValue)]) {
        let is_between = |c: char| c.is_ascii_whitespace() || "=;,\"".contains(c);
        for (name, value) in headers {
            let path = format!("{path}.{name}");
            let mut words = value.to_str().unwrap_or_default().split(is_between);
            words.try_for_each(|word| self.refuse_login(&path, word)).ok();
        }
    }

    fn login_in_place_of_key(&mut self, path: &str, login: ForeignLogin) {
        self.problem(path, format!("is {}, {}", login.what(), why_not(login)));
    }
}

/// Why it is not taken, and what to do instead.
pub const fn why_not(login: ForeignLogin) -> &'static str {
    match login {
        ForeignLogin::Claude | ForeignLogin::ClaudeSession => {
            "which is not supported because Anthropic does not allow it; use an API key, or \
             `passthrough: true` for clients that bring logins of their own"
        }
        ForeignLogin::ChatGpt | ForeignLogin::ChatGptSession => {
            "which is no key for OpenAI's API; use one (docs/guides/subscriptions.md tells what a plan \
             can be used for)"
        }
        ForeignLogin::GoogleAccess => {
            "which expires within the hour; use a key of AI Studio's, or a service account for Vertex AI"
        }
        ForeignLogin::GoogleRefresh => {
            "which no API takes; use a key of AI Studio's, or a service account for Vertex AI"
        }
        ForeignLogin::GitHub => {
            "which this provider does not take; use a key of its own (for GitHub Models, \
             `openai-compatibility`)"
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use crate::config::{Sources, load_text};

    const LISTS: [&str; 4] =
        ["claude-api-key", "openai-api-key", "gemini-api-key", "vertex-api-key"];

    fn problem_of(yaml: &str) -> Option<String> {
        load_text(yaml, &Sources::default()).err().map(|error| error.to_string())
    }

    #[test]
    fn a_login_in_the_place_of_a_key_is_refused_with_the_reason_in_every_list() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"https://api.openai.com/auth":{"hush":1}}"#);
        let chatgpt = format!("eyJhbGciOiJSUzI1NiJ9.{claims}.hush");
        let session = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..iv.hush.tag";
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // pasted,               what it is called,        what to do instead,           also in openai-compatibility
            ("sk-ant-oat01-hush",    "login of Claude",        "passthrough: true",          true),
            ("sk-ant-ort01-hush",    "login of Claude",        "passthrough: true",          true),
            ("sk-ant-sid01-hush",    "session of claude.ai",   "use an API key",             true),
            (chatgpt.as_str(),       "login of ChatGPT",       "docs/guides/subscriptions.md", true),
            (session,                "session of chatgpt.com", "docs/guides/subscriptions.md", true),
            ("ya29.hush",            "access token of a Google", "within the hour",          true),
            ("1//0hush",             "refresh token of a Google", "service account",         true),
            ("ghp_hush",             "token of GitHub",        "openai-compatibility",       false),
            ("github_pat_hush",      "token of GitHub",        "openai-compatibility",       false),
        ];
        for (pasted, what, instead, everywhere) in cases {
            for list in LISTS {
                let said = problem_of(&format!("{list}: [{{ api-key: '{pasted}' }}]\n")).unwrap();
                assert!(said.contains(what) && said.contains(instead), "{list} {pasted}: {said}");
                assert!(said.contains(&format!("{list}[0].api-key is")), "{said}");
                assert!(!said.contains("hush"), "{said}");
            }
            let compatible = format!(
                "openai-compatibility: [{{ name: a, base-url: 'https://a.test', api-key-entries: \
                 [{{ api-key: '{pasted}' }}] }}]\n"
            );
            assert_eq!(problem_of(&compatible).is_some(), everywhere, "{pasted}");
        }
    }

    /// They came in by the side door of an entry without keys, whose header may be `authorization`.
    #[test]
    fn a_login_in_a_header_field_is_refused_as_it_is_in_the_place_of_a_key() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"https://api.openai.com/auth":{"hush":1}}"#);
        let chatgpt = format!("Bearer eyJhbGciOiJSUzI1NiJ9.{claims}.hush");
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("authorization", "Bearer sk-ant-oat01-hush",          Some("login of Claude Pro or Max"), "behind its scheme"),
            ("authorization", "bearer  sk-ant-ort01-hush",         Some("login of Claude Pro or Max"), "more white space"),
            ("authorization", "sk-ant-oat01-hush",                 Some("login of Claude Pro or Max"), "without a scheme"),
            ("authorization", &chatgpt,                            Some("login of ChatGPT"),           "a signed one"),
            ("authorization", "Bearer ya29.hush",                  Some("of a Google account"),        "an hour of Google"),
            ("x-token",       "sk-ant-oat01-hush",                 Some("login of Claude Pro or Max"), "a field of any name"),
            ("cookie",        "a=b; sessionKey=sk-ant-sid01-hush", Some("session of claude.ai"),       "one cookie of several"),
            ("authorization", "Bearer ghp_hush",                   None,                               "some servers take it for a key"),
            ("authorization", "Bearer sk-ant-api03-hush",          None,                               "a key"),
        ];
        for (name, value, expected, why) in cases {
            let yaml = format!(
                "openai-compatibility: [{{ name: a, base-url: 'https://a.test', headers: {{ {name}: '{value}' }} }}]\n"
            );
            let said = problem_of(&yaml);
            assert_eq!(said.is_some(), expected.is_some(), "{value}: {why}");
            let said = said.unwrap_or_default();
            assert!(said.contains(expected.unwrap_or_default()), "{why}: {said}");
            assert!(!said.contains("hush"), "{said}");
            let path = format!("openai-compatibility[0].headers.{name} is");
            assert!(expected.is_none() || said.contains(&path), "{why}: {said}");
        }
        let with_a_key =
            "claude-api-key: [{ api-key: k, headers: { x-token: sk-ant-oat01-hush } }]\n";
        assert!(problem_of(with_a_key).is_some(), "beside a key");
        let for_traces = "telemetry: { otlp: { endpoint: 'https://c.test', headers: { authorization: 'Bearer ya29.hush' } } }";
        assert_eq!(problem_of(for_traces), None, "Google takes traces so, and no model is asked");
    }

    #[test]
    fn what_may_be_a_key_is_taken_for_one() {
        let foreign = URL_SAFE_NO_PAD.encode(r#"{"iss":"https://gateway.example"}"#);
        let foreign = format!("eyJhbGciOiJSUzI1NiJ9.{foreign}.x");
        for key in ["sk-ant-api03-x", "sk-proj-x", "AIzaSyx", "k", foreign.as_str()] {
            for list in LISTS {
                let yaml = format!("{list}: [{{ api-key: '{key}' }}]\n");
                assert_eq!(problem_of(&yaml), None, "{list} {key}");
            }
        }
    }
}

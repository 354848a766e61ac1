//! The effective configuration as YAML, every key, secrets as stars: what `ampgate check` prints.

mod bedrock;
mod hosted;
mod oauth;

use std::fmt::{Display, Write as _};
use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue};

use self::oauth::print_oauth;
use super::amp::{Amp, FALLBACKS};
use super::auth::{Auth, TokenSource};
use super::client_rules::{ClientLimits, ClientRules};
use super::credential::{Credential, Family, LongContext};
use super::hosting::Hosting;
use super::prices::{PriceEntry, print_dollars};
use super::routing::STRATEGIES;
use super::server::{LOG_FORMATS, LOG_LEVELS};
use super::settings::Settings;
use super::state::SharedStateSettings;
use super::telemetry::Otlp;
use super::units::print_size;
use crate::types::Way;

const STARS: &str = "*****";

impl Settings {
    /// Everything that is in effect, defaults included, in the form of the file. Lists that are
    /// one in effect are printed as one: `codex-api-key` under `openai-api-key`.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut page = Page::default();
        page.text("host", &self.listen.host);
        page.value("port", self.listen.port);
        page.list("api-keys", &self.clients, |page, client| {
            page.text("name", client.id.as_str());
            page.text("key", STARS);
            print_rules(page, &client.rules);
        });
        page.section("client-limits", |page| print_limits(page, &self.client_limits));
        page.section("ampcode", |page| self.print_amp(page));
        for (name, family) in [
            ("claude-api-key", Family::Claude),
            ("openai-api-key", Family::OpenAi),
            ("gemini-api-key", Family::Gemini),
            ("vertex-api-key", Family::Vertex),
            ("openai-compatibility", Family::OpenAiCompatible),
            ("chatgpt", Family::Codex),
        ] {
            let of_family: Vec<_> = self
                .credentials
                .iter()
                .filter(|one| {
                    one.family == family && one.hosting == Hosting::Plain && !is_login(one)
                })
                .collect();
            page.list(name, &of_family, |page, credential| print_credential(page, credential));
        }
        hosted::print(&mut page, &self.credentials);
        page.list("bedrock", &bedrock::of(&self.credentials), |page, credential| {
            bedrock::print(page, credential);
        });
        page.text("auth-dir", &optional(self.auth_dir.as_ref().map(|folder| folder.display())));
        page.list("oauth", &self.oauth, print_oauth);
        page.section("routing", |page| {
            page.value("strategy", word(&STRATEGIES, self.routing.strategy));
            page.value("session-affinity", self.routing.session_affinity);
            page.duration("session-affinity-ttl", self.routing.session_affinity_ttl);
        });
        page.value("request-retry", self.request_retry);
        page.duration("max-retry-interval", self.max_retry_interval);
        page.value("disable-cooling", self.disable_cooling);
        page.value("force-model-prefix", self.force_model_prefix);
        page.text("proxy-url", &optional(self.proxy_url.as_ref()));
        page.list("prices", &self.prices.0, print_price);
        self.print_server(&mut page);
        page.text
    }

    fn print_amp(&self, page: &mut Page) {
        match &self.amp {
            None => page.text("upstream-url", ""),
            Some(amp) => print_amp_server(page, amp),
        }
        page.value("force-model-mappings", self.force_model_mappings);
        page.list("model-mappings", &self.model_mappings, |page, mapping| {
            page.text("from", mapping.from.as_str());
            page.text("to", mapping.to.as_str());
            page.value("regex", mapping.from.is_pattern());
        });
    }

    fn print_server(&self, page: &mut Page) {
        page.section("cors", |page| page.texts("allowed-origins", &self.cors.allowed_origins));
        page.section("limits", |page| {
            page.value("request-body", print_size(self.limits.request_body));
            page.value("header-bytes", print_size(self.limits.header_bytes as u64));
            page.value("connections-per-upstream", self.limits.connections_per_upstream);
        });
        page.section("timeouts", |page| {
            page.duration("client-head", self.timeouts.client_head);
            page.duration("connect", self.timeouts.connect);
            page.duration("first-byte", self.timeouts.first_byte);
            page.duration("idle", self.timeouts.idle);
            page.duration("relay-first-byte", self.timeouts.relay_first_byte);
            page.duration("drain", self.timeouts.drain);
        });
        page.section("tls", |page| {
            let files = self.tls.certificate.as_ref();
            page.value("enable", files.is_some());
            page.text("cert", &optional(files.map(|files| files.cert.display())));
            page.text("key", &optional(files.map(|files| files.key.display())));
            let upstream_ca = self.tls.upstream_ca.as_ref();
            page.text("upstream-ca", &optional(upstream_ca.map(|path| path.display())));
        });
        page.section("admin", |page| {
            page.value("enable", self.admin.is_enabled);
            page.text("host", &self.admin.listen.host);
            page.value("port", self.admin.listen.port);
            page.text("key", self.admin.key.as_ref().map_or("", |_| STARS));
        });
        page.section("state", |page| match &self.state {
            None => page.text("url", ""),
            Some(state) => print_shared_state(page, state),
        });
        page.section("log", |page| {
            page.value("format", word(&LOG_FORMATS, self.log.format));
            page.value("level", word(&LOG_LEVELS, self.log.level));
        });
        page.section("telemetry", |page| {
            page.section("otlp", |page| print_otlp(page, self.traces.as_ref()));
        });
    }
}

fn print_price(page: &mut Page, entry: &PriceEntry) {
    let PriceEntry { model, price } = entry;
    page.text("model", model.as_str());
    page.value("input", print_dollars(price.input));
    page.value("cached-input", print_dollars(price.cached_input));
    page.value("cache-write", print_dollars(price.cache_write));
    page.value("output", print_dollars(price.output));
    page.value("reasoning", print_dollars(price.reasoning));
}

fn print_shared_state(page: &mut Page, state: &SharedStateSettings) {
    page.text("url", &state.server.to_string());
    page.text("prefix", &state.prefix);
    page.duration("timeout", state.timeout);
    page.text("replica", &state.replica);
}

fn print_rules(page: &mut Page, rules: &ClientRules) {
    page.section("limits", |page| print_limits(page, &rules.limits));
    if rules.models.is_empty() {
        page.texts("models", &["*"]);
    } else {
        page.texts("models", &rules.models);
    }
    let routes: Vec<_> = rules.routes.iter().map(Way::as_str).collect();
    page.texts("routes", &routes);
}

fn print_limits(page: &mut Page, limits: &ClientLimits) {
    page.value("requests-per-minute", limits.requests_per_minute.unwrap_or_default());
    page.value("concurrent-requests", limits.concurrent_requests.unwrap_or_default());
    page.value("tokens-per-day", limits.tokens_per_day.unwrap_or_default());
    page.value("money-per-month", limits.money_per_month.unwrap_or_default());
}

fn print_amp_server(page: &mut Page, amp: &Amp) {
    page.text("upstream-url", &amp.url);
    page.text("upstream-api-key", &optional(amp.upstream_key.as_ref()));
    page.list("upstream-api-keys", &amp.per_client, |page, (client, key)| {
        page.text("upstream-api-key", &key.to_string());
        page.texts("api-keys", &[client.to_string()]);
    });
    page.text("secrets-file", &amp.secrets_file.display().to_string());
    page.duration("secret-ttl", amp.secret_ttl);
    let restricted = amp.restrict_management_to_localhost;
    page.value("restrict-management-to-localhost", restricted);
    page.value("fallback", word(&FALLBACKS, amp.fallback));
}

/// Printed with the entry that people log in to, not on its own.
fn is_login(credential: &Credential) -> bool {
    matches!(credential.auth, Auth::Token(TokenSource::Login(_)))
}

fn proxy_in_effect(credential: &Credential) -> String {
    credential.proxy_url.as_ref().map_or_else(|| "direct".to_owned(), ToString::to_string)
}

fn print_credential(page: &mut Page, credential: &Credential) {
    let base_url = format!("{}{}", credential.origin, credential.base_path);
    let proxy_url = proxy_in_effect(credential);
    let key = optional(credential.auth.key());
    if credential.family == Family::OpenAiCompatible {
        page.text("name", credential.provider.as_str());
        page.text("base-url", &base_url);
        page.value("disabled", false);
        page.list("api-key-entries", &[()], |page, ()| {
            page.text("api-key", &key);
            page.text("proxy-url", &proxy_url);
        });
    } else if let Auth::Token(TokenSource::Codex(file)) = &credential.auth {
        page.text("codex-auth-file", &file.display().to_string());
        page.text("base-url", &base_url);
        page.text("proxy-url", &proxy_url);
    } else {
        page.text("api-key", &key);
        page.value("passthrough", credential.auth == Auth::ClientLogin);
        page.text("base-url", &base_url);
        page.text("proxy-url", &proxy_url);
        print_long_context(page, credential);
    }
    print_rest_of_credential(page, credential);
}

fn print_long_context(page: &mut Page, credential: &Credential) {
    let long_context = match credential.long_context {
        LongContext::Strip => "false",
        LongContext::Keep => "true",
        LongContext::Auto => "auto",
    };
    page.value("long-context", long_context);
}

/// What all kinds of credentials have.
fn print_rest_of_credential(page: &mut Page, credential: &Credential) {
    page.list("models", &credential.models, |page, model| {
        page.text("name", model.name.as_str());
        page.text("alias", model.alias.as_str());
    });
    page.texts("excluded-models", &credential.excluded_models);
    print_headers(page, &credential.headers);
    page.text("prefix", credential.prefix.as_deref().unwrap_or_default());
    page.value("priority", credential.priority);
    page.value("disable-cooling", optional_flag(credential.disable_cooling));
}

fn print_headers(page: &mut Page, headers: &[(HeaderName, HeaderValue)]) {
    if headers.is_empty() {
        return page.value("headers", "{}");
    }
    page.section("headers", |page| {
        for (name, _) in headers {
            page.text(name.as_str(), STARS);
        }
    });
}

fn print_otlp(page: &mut Page, otlp: Option<&Otlp>) {
    let Some(otlp) = otlp else { return page.text("endpoint", "") };
    page.text("endpoint", otlp.endpoint.as_str());
    print_headers(page, &otlp.headers);
    page.text("service-name", &otlp.service_name);
    page.value("sample-ratio", otlp.sample_ratio);
}

/// Not written means "as the rest", which YAML says as null.
fn optional_flag(flag: Option<bool>) -> String {
    flag.map_or_else(|| "null".to_owned(), |flag| flag.to_string())
}

fn optional(value: Option<impl Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// The word for a value, from the table it is read with.
fn word<T: Copy + PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, known)| *known == value).map_or("", |(word, _)| word)
}

/// YAML being written: blocks of two spaces, texts in double quotes.
#[derive(Default)]
struct Page {
    text: String,
    depth: usize,
    /// The next line begins an item of a list.
    item: bool,
}

impl Page {
    fn value(&mut self, key: &str, value: impl Display) {
        self.line(key, &format!(" {value}"));
    }

    /// A JSON text is a YAML text, whatever is in it.
    fn text(&mut self, key: &str, text: &str) {
        self.value(key, quoted(text));
    }

    fn duration(&mut self, key: &str, duration: Duration) {
        self.value(key, quoted(&humantime::format_duration(duration).to_string()));
    }

    fn texts(&mut self, key: &str, texts: &[impl Display]) {
        let texts: Vec<String> = texts.iter().map(|text| quoted(&text.to_string())).collect();
        self.value(key, format!("[{}]", texts.join(", ")));
    }

    fn section(&mut self, key: &str, inside: impl FnOnce(&mut Self)) {
        self.line(key, "");
        self.depth += 1;
        inside(self);
        self.depth -= 1;
    }

    fn list<T>(&mut self, key: &str, items: &[T], print: impl Fn(&mut Self, &T)) {
        if items.is_empty() {
            return self.value(key, "[]");
        }
        self.line(key, "");
        self.depth += 2;
        for item in items {
            self.item = true;
            print(self, item);
        }
        self.depth -= 2;
    }

    fn line(&mut self, key: &str, rest: &str) {
        let is_item = std::mem::take(&mut self.item);
        let (depth, dash) = if is_item { (self.depth - 1, "- ") } else { (self.depth, "") };
        let indent = "  ".repeat(depth);
        writeln!(self.text, "{indent}{dash}{key}:{rest}").expect("a String takes every write");
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

//! The promises of the configuration, on whole files: good ones load, broken ones are explained.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ampgate::config::{
    Auth, ClientLimits, ConfigError, Fallback, Family, Loaded, LogLevel, LongContext, Overrides,
    Sources, Strategy, TokenSource, WarningKind, load,
};
use ampgate::types::Usd;

fn fixture(name: &str) -> PathBuf {
    Path::new("tests/fixtures/config").join(name)
}

fn variables(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn load_file(file: impl Into<PathBuf>) -> Result<Loaded, ConfigError> {
    load(&Sources { file: Some(file.into()), ..Sources::default() })
}

/// Loads a text as `a.yaml`; messages speak of that file.
fn load_text(text: &str, environment: &[(&str, &str)]) -> Result<Loaded, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    std::fs::write(&file, text).unwrap();
    let name = file.display().to_string();
    let environment = variables(environment);
    let loaded = load(&Sources { file: Some(file), environment, ..Sources::default() });
    loaded.map_err(|error| error.to_string().replace(&name, "a.yaml"))
}

fn warnings(loaded: &Loaded) -> Vec<String> {
    loaded.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_at_all_gives_the_defaults_in_silence() {
    let loaded = load_text("", &[]).unwrap();

    let settings = loaded.settings;
    assert_eq!((settings.listen.host.as_str(), settings.listen.port), ("127.0.0.1", 8317));
    assert!(settings.clients.is_empty() && settings.credentials.is_empty());
    let amp = settings.amp.unwrap();
    assert_eq!((amp.url.as_str(), amp.fallback), ("https://ampcode.com", Fallback::Unconfigured));
    assert_eq!(amp.secret_ttl, Duration::from_secs(300));
    assert_eq!(settings.limits.request_body, 64 << 20);
    assert_eq!(settings.timeouts.first_byte, Duration::from_secs(600));
    assert_eq!(settings.log.level, LogLevel::Info);
    assert_eq!(loaded.warnings, []);
}

#[test]
fn the_example_file_says_what_the_defaults_are() {
    let example = load_file("config/ampgate.example.yaml").unwrap();
    let defaults = load_text("", &[]).unwrap();

    assert_eq!(example.warnings, []);
    assert_eq!(example.settings.to_yaml(), defaults.settings.to_yaml());
}

#[test]
fn a_file_of_cliproxyapi_loads_with_a_word_on_what_has_no_effect() {
    let loaded = load_file(fixture("cliproxyapi.yaml")).unwrap();

    let theirs = "is CLIProxyAPI's and has no effect in ampgate:";
    let expected = [
        format!("claude-api-key[1].cloak {theirs} ampgate never disguises a client"),
        format!("claude-api-key[1].models[0].display-name {theirs} ampgate does not describe models to clients"),
        format!("codex-api-key[0].websockets {theirs} ampgate passes a WebSocket on where every credential is OpenAI's or the only one is a ChatGPT plan, and answers it itself elsewhere"),
        format!("debug {theirs} use `log.level: debug`"),
        format!("logging-to-file {theirs} ampgate logs to standard error; let the system keep the files"),
        format!("payload {theirs} ampgate passes requests on unchanged"),
        format!("quota-exceeded {theirs} an exhausted credential rests, and the others answer"),
        format!("remote-management {theirs} ampgate is configured by its file only"),
        format!("usage-statistics-enabled {theirs} use the metrics of the admin port"),
        format!("ws-auth {theirs} every model route asks for a key"),
        "openai-compatibility[0].headers.X-Session is left out: values taken from the request (`$...`) are not supported".to_owned(),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|what| format!("tests/fixtures/config/cliproxyapi.yaml: {what}"))
        .collect();
    assert_eq!(warnings(&loaded), expected);

    let settings = loaded.settings;
    assert_eq!((settings.listen.host.as_str(), settings.listen.port), ("", 8317));
    assert!(!settings.listen.is_loopback());
    assert_eq!(settings.clients.len(), 2);
    assert_eq!(settings.tls.certificate, None);
    assert_eq!(settings.max_retry_interval, Duration::from_secs(30));
    let mapped = |model: &str| {
        let mapping = settings.model_mappings.iter().find(|mapping| mapping.from.matches(model));
        mapping.map(|mapping| mapping.to.as_str())
    };
    assert_eq!(mapped("claude-opus-4-5-20251101"), Some("gemini-claude-opus"));
    assert_eq!(mapped("gpt-5-codex"), Some("gpt-5"));
    assert_eq!(mapped("gpt-5"), None);
    assert!(!settings.routing.session_affinity);
    assert_eq!(settings.credentials[1].prefix.as_deref(), Some("test"));
    assert!(settings.credentials[3].excluded_models[0].matches("gemini-2.5-pro"));
    let amp = settings.amp.unwrap();
    assert!(amp.restrict_management_to_localhost);
    assert_eq!(amp.upstream_key.unwrap().expose(), "hush-amp-team");
    assert_eq!(amp.per_client.len(), 1);
    assert_eq!(amp.per_client[0].0.as_str(), "client-2");
    assert_eq!(amp.per_client[0].1.expose(), "hush-amp-a");
    let credentials: Vec<_> = settings
        .credentials
        .iter()
        .map(|c| {
            let key = c.auth.key().unwrap().expose();
            (c.id.as_str(), c.family, key, format!("{}{}", c.origin, c.base_path))
        })
        .collect();
    #[rustfmt::skip] // columns are easier to proofread
    let expected = [
        ("claude-1",     Family::Claude,           "hush-claude",   "https://api.anthropic.com".to_owned()),
        ("claude-2",     Family::Claude,           "hush-claude-2", "https://www.example.com".to_owned()),
        ("openai-1",     Family::OpenAi,           "hush-codex",    "https://www.example.com/v1".to_owned()),
        ("gemini-1",     Family::Gemini,           "hush-gemini",   "https://generativelanguage.googleapis.com".to_owned()),
        ("openrouter-1", Family::OpenAiCompatible, "hush-or-1",     "https://openrouter.ai/api/v1".to_owned()),
        ("openrouter-2", Family::OpenAiCompatible, "hush-or-2",     "https://openrouter.ai/api/v1".to_owned()),
    ];
    assert_eq!(credentials, expected);
    let gemini = &settings.credentials[3];
    assert_eq!(gemini.models[0].name.as_str(), "gemini-2.5-flash");
    assert_eq!(gemini.models[0].alias.as_str(), "gemini-flash");
    assert_eq!(gemini.headers[0].0.as_str(), "x-custom-header");
    assert_eq!(gemini.headers[0].1, "hush-header");
}

#[test]
fn no_secret_is_ever_printed() {
    let loaded = load_file(fixture("cliproxyapi.yaml")).unwrap();

    let printed = format!("{:?}\n{}", loaded, loaded.settings.to_yaml());
    assert!(!printed.contains("hush"), "{printed}");
    assert!(printed.contains("*****"));
}

#[test]
fn every_problem_of_a_broken_file_is_reported_at_once() {
    let error = load_file(fixture("broken.yaml")).unwrap_err().to_string();

    let expected = include_str!("fixtures/config/broken.txt");
    assert_eq!(error, expected.trim_end());
    assert!(!error.contains("hush"), "{error}");
}

#[test]
fn one_wrong_value_gives_one_message() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("api-keys: [1e5]", "api-keys[0] is a number; put it in quotes"),
        ("api-keys: [ok, 007]", "api-keys[1] is a number; put it in quotes"),
        ("api-keys: [{key: true}]", "api-keys[0].key is a boolean; put it in quotes"),
        ("api-keys: [[a]]", "api-keys[0] must be a text, not a list"),
        ("api-keys: [{name: a}]", "api-keys[0].key is empty; a client needs a key"),
        ("api-keys: ['']", "api-keys[0] is empty; a client needs a key"),
        ("api-keys: k", "api-keys must be a list, not a text"),
        ("api-keys: [k, other, k]", "api-keys[2] is the same key as api-keys[0]"),
        ("api-keys: [k, {name: client-1, key: o}]", "api-keys[1] has the name `client-1`, as api-keys[0] has"),
        ("api-keys: [{name: a, key: k, kye-file: x}]", "api-keys[0].kye-file is not a key ampgate knows; did you mean `key-file`?"),
        ("api-keys: [{key: k, limits: 5}]", "api-keys[0].limits must be a map with keys, not a number"),
        ("api-keys: [{key: k, limits: {requests-per-minute: -1}}]", "api-keys[0].limits.requests-per-minute must be a whole number from 0 to 1000000"),
        ("api-keys: [{key: k, limits: {requests: 1}}]", "api-keys[0].limits.requests is not a key ampgate knows; did you mean `requests-per-minute`?"),
        ("api-keys: [{key: k, limits: {tokens-per-day: 2.5}}]", "api-keys[0].limits.tokens-per-day must be a whole number from 0 to 1000000000000000"),
        ("client-limits: {money-per-month: -1}", "client-limits.money-per-month must be an amount of US dollars, such as 50 or 12.5"),
        ("client-limits: {money-per-month: much}", "client-limits.money-per-month must be an amount of US dollars, such as 50 or 12.5"),
        ("api-keys: [{key: k, models: claude-*}]", "api-keys[0].models must be a list, not a text"),
        ("api-keys: [{key: k, models: []}]", "api-keys[0].models allows nothing; leave it out to allow every model"),
        ("api-keys: [{key: k, routes: []}]", "api-keys[0].routes allows nothing; leave it out to allow every route"),
        ("api-keys: [{key: k, routes: [local, amps]}]", "api-keys[0].routes[1] is `amps`; it must be one of local, mapped, own-login, amp, relay"),
        ("cors: 5", "cors must be a map with keys, not a number"),
        ("chatgpt: [{}]", "chatgpt[0].codex-auth-file is not given, and neither CODEX_HOME nor HOME says where Codex keeps it"),
        ("chatgpt: [/a.json]", "chatgpt[0] must be a map; `{}` takes the login that Codex has made here"),
        ("chatgpt: [{codex-auth-file: /a, headers: {originator: codex_cli_rs}}]", "chatgpt[0].headers.originator cannot be set: ampgate says itself who asks; take it out"),
        ("port: 99999", "port must be a whole number from 0 to 65535"),
        ("host: 127.0.0.1:8317", "host is no host name or address; the port has a key of its own"),
        ("host: 5", "host is a number; put it in quotes"),
        ("idle: 5m", "idle is not a key ampgate knows here; it belongs under `timeouts`"),
        ("timeouts: { idle: 0s }", "timeouts.idle is 0s; it must be from 1ms to 1day"),
        ("timeouts: { drain: 2h }", "timeouts.drain is 2h; it must be from 0s to 1h"),
        ("ampcode: { secret-ttl: 48h }", "ampcode.secret-ttl is 2days; it must be from 1s to 1day"),
        ("ampcode: { secret-ttl: 300 }", "ampcode.secret-ttl is a bare number; give it a unit, such as 30s or 5m"),
        ("limits: { header-bytes: 1 }", "limits.header-bytes is 1; it must be from 4KiB to 1MiB"),
        ("tls: { cert: a.pem }", "tls.key is empty; TLS needs both `tls.cert` and `tls.key`"),
        ("tls: { enable: true }", "tls.cert is empty; TLS needs both `tls.cert` and `tls.key`"),
        ("log: { level: warning }", "log.level is `warning`; it must be one of info, error, warn, debug, trace"),
        ("cors: { allowed-origins: ['https://a/'] }", "cors.allowed-origins[0] is no origin; write https://host, without a path, or `*`"),
        ("ampcode: { upstream-api-keys: [{ upstream-api-key: k, api-keys: [hush] }] }", "ampcode.upstream-api-keys[0].api-keys[0] is neither a key nor a name of a client in `api-keys`"),
        ("ampcode: { upstream-url: 'https://me:hush@h' }", "ampcode.upstream-url must not carry a user name or password"),
        ("amp-upstream-url: nowhere", "amp-upstream-url `nowhere` is no address like https://host:port"),
        ("claude-api-key: [hush]", "claude-api-key[0] must be a map with `api-key`"),
        ("claude-api-key: [{ base-url: 'https://h' }]", "claude-api-key[0].api-key is empty; give the provider's key, or `api-key-file` or `api-key-env`"),
        ("claude-api-key: [{ api-key: sk-ant-oat01-hush }]", "claude-api-key[0].api-key is a login of Claude Pro or Max, which is not supported because Anthropic does not allow it; use an API key, or `passthrough: true` for clients that bring logins of their own"),
        ("claude-api-key: [{ passthrough: true, api-key: hush }]", "claude-api-key[0].api-key must not be there beside `passthrough: true`: each client brings a login of its own; give the key an entry of its own"),
        ("claude-api-key: [{ passthrough: true, api-key-env: KEY }]", "claude-api-key[0].api-key must not be there beside `passthrough: true`: each client brings a login of its own; give the key an entry of its own"),
        ("claude-api-key: [{ passthrough: true, long-context: auto }]", "claude-api-key[0].long-context cannot be `auto` beside `passthrough: true`: what one client's plan refuses says nothing of another's"),
        ("openai-api-key: [{ passthrough: true, headers: { authorization: hush } }]", "openai-api-key[0].headers.authorization cannot be set: the key of the credential goes there"),
        ("api-keys: [sk-ant-oat01-hush]", "api-keys[0] is a login of Claude Pro or Max, which is not supported because Anthropic does not allow it; use an API key, or `passthrough: true` for clients that bring logins of their own"),
        ("ampcode: { upstream-api-key: sk-ant-oat01-hush }", "ampcode.upstream-api-key is a login of Claude Pro or Max, which is not supported because Anthropic does not allow it; use an API key, or `passthrough: true` for clients that bring logins of their own"),
        ("claude-api-key: [{ api-key: k, base-url: 'https://h?key=hush' }]", "claude-api-key[0].base-url must not have a query or a fragment (`?` or `#`)"),
        ("claude-api-key: [{ api-key: k, models: [{ name: 4.5 }] }]", "claude-api-key[0].models[0].name is a number; put it in quotes"),
        (&format!("claude-api-key: [{{ api-key: k, models: [{{ name: {} }}] }}]", "m".repeat(257)), "claude-api-key[0].models[0].name is longer than the 256 bytes that a name may have"),
        (&format!("claude-api-key: [{{ api-key: k, models: [{{ name: a, alias: {} }}] }}]", "m".repeat(257)), "claude-api-key[0].models[0].alias is longer than the 256 bytes that a name may have"),
        ("claude-api-key: [{ api-key: k, models: [opus] }]", "claude-api-key[0].models[0] must be a map with `name` and, if it differs, `alias`"),
        ("claude-api-key: [{ api-key: k, headers: { Host: h } }]", "claude-api-key[0].headers.Host cannot be set: it would break the request; take it out"),
        ("claude-api-key: [{ api-key: k, headers: { x-api-key: h } }]", "claude-api-key[0].headers.x-api-key cannot be set: the key of the credential goes there"),
        ("claude-api-key: [{ api-key: k, headers: { 'x y': h } }]", "claude-api-key[0].headers.x y is no name of a header field"),
        ("claude-api-key: [{ api-key: k, long-context: 1m }]", "claude-api-key[0].long-context must be true, false or auto"),
        ("claude-api-key: [{ api-key: k, prefix: team/ }]", "claude-api-key[0].prefix must not begin or end with `/`: clients write `prefix/model`"),
        ("claude-api-key: [{ api-key: k, prefix: ' /team' }]", "claude-api-key[0].prefix must not begin or end with `/`: clients write `prefix/model`"),
        ("claude-api-key: [{ api-key: k, prefix: a team }]", "claude-api-key[0].prefix must have no white space: clients write `prefix/model`"),
        ("ampcode: { model-mappings: [gpt-5] }", "ampcode.model-mappings[0] must be a map with `from` and `to`"),
        ("proxy-url: socks4://h:1", "proxy-url is no proxy; write http://, https:// or socks5://host:port"),
        ("claude-api-key: [{ api-key: k, proxy-url: 'socks5://hush@h:1' }]", "claude-api-key[0].proxy-url needs a user name and a password of 1 to 255 bytes each, or neither"),
        ("openai-compatibility: [{ base-url: 'https://h' }]", "openai-compatibility[0].name is empty"),
        ("openai-compatibility: [{ name: a b, base-url: 'https://h' }]", "openai-compatibility[0].name may have letters, digits, `-`, `_` and `.` only"),
        ("openai-compatibility: [{ name: amp, base-url: 'https://h' }]", "openai-compatibility[0].name is `amp`, which means the Amp server; take another name"),
        ("openai-compatibility: [{ name: a }]", "openai-compatibility[0].base-url is empty"),
        ("vertex-ai: [p]", "vertex-ai[0] must be a map with `project`, `location` and the like"),
        ("vertex-ai: [{ location: eu }]", "vertex-ai[0].project is empty; name the Google Cloud project, here or in GOOGLE_CLOUD_PROJECT"),
        ("vertex-ai: [{ project: a/b }]", "vertex-ai[0].project may have letters, digits, `-`, `_`, `.` and `:` only"),
        ("vertex-ai: [{ project: p, service-account-file: /no/such.json }]", "vertex-ai[0].service-account-file names `/no/such.json`, which cannot be read: No such file or directory (os error 2)"),
        ("vertex-ai: [{ project: p, service-account-file: hush }]", "vertex-ai[0].service-account-file names a file, which cannot be read: No such file or directory (os error 2)"),
        ("vertex-ai: [{ project: p, headers: { authorization: hush } }]", "vertex-ai[0].headers.authorization cannot be set: the key of the credential goes there"),
        ("azure-openai: [hush]", "azure-openai[0] must be a map with `api-key`, `base-url` and `models`"),
        ("azure-openai: [{ base-url: 'https://h', models: [{ name: d }] }]", "azure-openai[0].api-key is empty; give a key of the resource, or `api-key-file` or `api-key-env`"),
        ("azure-openai: [{ api-key: k, models: [{ name: d }] }]", "azure-openai[0].base-url is empty"),
        ("azure-openai: [{ api-key: k, base-url: 'https://h' }]", "azure-openai[0].models is empty; list the deployments: `name` is the deployment's, `alias` the model's"),
        ("azure-openai: [{ api-key: k, base-url: 'https://h', models: [{ name: d }], api-version: v1 }]", "azure-openai[0].api-version must be a date such as 2025-04-01-preview; leave it out for the v1 API"),
        ("azure-openai: [{ api-key: k, base-url: 'https://h', models: [{ name: d }], headers: { api-key: hush } }]", "azure-openai[0].headers.api-key cannot be set: the key of the credential goes there"),
    ];
    for (text, expected) in cases {
        let error = load_text(text, &[]).map(|loaded| warnings(&loaded)).unwrap_err();
        assert_eq!(error, format!("a.yaml: {expected}"), "{text}");
        assert!(!error.contains("hush"), "{error}");
    }
}

#[test]
fn logins_of_one_api_go_to_one_address() {
    const OTHER: &str = "passthrough: true, base-url: 'https://other.test'";
    let own = "passthrough: true";
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // configuration,                                                             refused there,               why
        (format!("claude-api-key: [{{ {own} }}, {{ {OTHER} }}]"),                     Some("claude-api-key[1]"),   "two companies"),
        (format!("openai-api-key: [{{ {own} }}, {{ {OTHER}, prefix: b }}]"),          Some("openai-api-key[1]"),   "a prefix is no promise"),
        (format!("gemini-api-key: [{{ {own} }}]\nvertex-api-key: [{{ {OTHER} }}]"),   Some("vertex-api-key[0]"),   "one dialect, and one login"),
        (format!("claude-api-key: [{{ {own} }}, {{ {own}, prefix: b }}]"),            None,                        "one address twice"),
        (format!("claude-api-key: [{{ {own} }}]\nopenai-api-key: [{{ {OTHER} }}]"),   None,                        "clients of different APIs"),
        (format!("claude-api-key: [{{ {own} }}, {{ api-key: k, base-url: 'https://other.test' }}]"), None,         "the team's own key"),
    ];
    for (text, refused_at, why) in cases {
        let error = load_text(&text, &[]).err();

        let begins =
            refused_at.map(|at| format!("a.yaml: {at}.passthrough has another address than"));
        assert_eq!(error.is_some(), begins.is_some(), "{why}: {error:?}");
        let error = error.unwrap_or_default();
        assert!(error.starts_with(&begins.unwrap_or_default()), "{why}: {error}");
        let advises = error.contains("keep `passthrough: true` at one address for each API");
        assert_eq!(advises, refused_at.is_some(), "{why}: {error}");
    }
}

#[test]
fn what_is_odd_but_usable_gives_a_warning() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("api-keys: ['${KEY}']", "api-keys[0] is taken as it is: `${...}` is not interpolated; use `key-env`".to_owned()),
        ("api-keys: [your-api-key-1]", "api-keys[0] is an example key everybody knows; make one of your own".to_owned()),
        ("claude-api-key: [{ api-key: '${K}' }]", "claude-api-key[0].api-key is taken as it is: `${...}` is not interpolated; use `api-key-env`".to_owned()),
        ("claude-api-key: [{ api-key: k, base-url: 'https://h/v1/messages' }]", "claude-api-key[0].base-url ends in `/messages`, which ampgate adds itself; it is taken off".to_owned()),
        ("ampcode: { model-mappings: [{ from: GPT-5, to: a }, { from: gpt-5, to: b }] }", "ampcode.model-mappings[1] has the `from` of ampcode.model-mappings[0], which comes first".to_owned()),
        ("ampcode: { upstream-url: 'https://h/${X}' }", "ampcode.upstream-url is taken as it is: `${...}` is not interpolated; write the address".to_owned()),
        ("routing: { strategy: weighted-round-robin }", "routing.strategy is `weighted-round-robin`; ampgate has no weights, and takes turns".to_owned()),
        ("admin: { key: '${KEY}' }", "admin.key is taken as it is: `${...}` is not interpolated; use `key-env`".to_owned()),
        ("codex: { identity-confuse: true }", "codex is CLIProxyAPI's and has no effect in ampgate: ampgate never disguises a client".to_owned()),
    ];
    for (text, expected) in cases {
        let loaded = load_text(text, &[]).unwrap();
        let said: Vec<String> =
            loaded.warnings.iter().map(|w| format!("{} {}", w.path, w.what)).collect();
        assert_eq!(said, [expected], "{text}");
        assert_eq!(loaded.warnings[0].kind, WarningKind::Notice, "{text}");
    }
}

#[test]
fn what_routing_reads_is_taken_in_silence() {
    let text = "ampcode: { fallback: on-failure, force-model-mappings: true, model-mappings: [{ from: a, to: b }] }\n\
                claude-api-key: [{ api-key: k, prefix: ' team-a ', priority: -2, excluded-models: ['*-Preview'], \
                disable-cooling: true, long-context: auto }]\n\
                routing: { strategy: fill-first, session-affinity: false, session-affinity-ttl: 10 }\n\
                request-retry: 0\nmax-retry-interval: 10\ndisable-cooling: true\nforce-model-prefix: true";

    let loaded = load_text(text, &[]).unwrap();

    assert_eq!(loaded.warnings, []);
    let settings = loaded.settings;
    assert_eq!(settings.amp.unwrap().fallback, Fallback::OnFailure);
    assert!(settings.force_model_mappings && settings.force_model_prefix);
    assert_eq!(settings.routing.strategy, Strategy::FillFirst);
    assert_eq!(settings.routing.session_affinity_ttl, Duration::from_secs(10));
    assert_eq!((settings.request_retry, settings.disable_cooling), (0, true));
    let credential = &settings.credentials[0];
    assert_eq!((credential.prefix.as_deref(), credential.priority), (Some("team-a"), -2));
    assert_eq!(credential.disable_cooling, Some(true));
    assert_eq!(credential.long_context, LongContext::Auto);
    assert!(credential.excluded_models[0].matches("claude-5-preview"));
}

#[test]
fn a_mapping_that_cannot_work_is_skipped_and_named_and_the_others_stay() {
    let long = "m".repeat(257);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("{ from: a }",                             "`to` is empty"),
        ("{ from: ' ', to: b }",                    "`from` is empty"),
        ("{}",                                      "`from` is empty"),
        ("~",                                       "`from` is empty"),
        ("{ from: 4.5, to: b }",                    "`from` is a number; put it in quotes"),
        ("{ from: [a], to: b }",                    "`from` must be a text, not a list"),
        ("{ from: a, to: true }",                   "`to` is a boolean; put it in quotes"),
        ("{ from: '(gpt', to: b, regex: true }",    "its pattern is wrong: unclosed group"),
        ("{ from: '(?=a)', to: b, regex: true }",   "its pattern is wrong: look-around, including look-ahead and look-behind, is not supported"),
        (r"{ from: '(\w{500}){500}', to: b, regex: true }", "its pattern is too big"),
        (&format!("{{ from: {long}, to: b }}"),     "`from` is longer than the 256 bytes that a name may have"),
        (&format!("{{ from: a, to: {long} }}"),     "`to` is longer than the 256 bytes that a name may have"),
    ];
    for (entry, why) in cases {
        let text = format!(
            "ampcode: {{ model-mappings: [{{ from: one, to: 1st }}, {entry}, {{ from: two, to: 2nd }}] }}"
        );
        let loaded = load_text(&text, &[]).unwrap();
        let said: Vec<_> =
            loaded.warnings.iter().map(|w| (w.kind, w.path.as_str(), w.what.clone())).collect();
        let what = format!("is skipped: {why}");
        let expected = (WarningKind::Skipped, "ampcode.model-mappings[1]", what);
        assert_eq!(said, [expected], "{entry}");
        let left: Vec<_> =
            loaded.settings.model_mappings.iter().map(|mapping| mapping.to.as_str()).collect();
        assert_eq!(left, ["1st", "2nd"], "{entry}");
    }
}

#[test]
fn the_first_of_several_mappings_of_one_model_wins() {
    let text = "ampcode: { model-mappings: [{ from: ' Gpt-5 ', to: first }, { from: gpt-5, to: second }, \
                { from: gpt-5, to: pattern, regex: true }] }";

    let settings = load_text(text, &[]).unwrap().settings;

    let left: Vec<_> =
        settings.model_mappings.iter().map(|m| (m.from.as_str(), m.to.as_str())).collect();
    assert_eq!(left, [("Gpt-5", "first"), ("gpt-5", "pattern")]);
}

#[test]
fn one_alias_may_stand_for_several_models() {
    let text = "openai-compatibility: [{ name: or, base-url: 'https://h', models: \
                [{ name: a, alias: fast }, { name: b, alias: Fast }, { name: a, alias: fast }] }]";

    let loaded = load_text(text, &[]).unwrap();

    assert_eq!(loaded.warnings, []);
    let models = &loaded.settings.credentials[0].models;
    let names: Vec<_> = models.iter().map(|m| (m.name.as_str(), m.alias.as_str())).collect();
    assert_eq!(names, [("a", "fast"), ("b", "Fast"), ("a", "fast")]);
}

/// A change in any of them makes another configuration, so that a watch needs them all.
#[test]
fn a_limit_that_a_client_does_not_set_is_that_of_all_clients() {
    let text = "client-limits: { requests-per-minute: 60, money-per-month: 12.5 }\n\
                api-keys:\n\
                - plain\n\
                - { name: more, key: k1, limits: { tokens-per-day: 1000 } }\n\
                - { name: other, key: k2, limits: { requests-per-minute: 5, money-per-month: '0.1' } }\n\
                - { name: free, key: k3, limits: { requests-per-minute: 0, money-per-month: 0 } }\n";

    let settings = load_text(text, &[("AMPGATE__CLIENT_LIMITS__CONCURRENT_REQUESTS", "8")]);
    let settings = settings.unwrap().settings;

    let dollars = |amount| Some(Usd::from_dollars(amount));
    #[rustfmt::skip] // columns are easier to proofread
    let expected = [
        // client,    per minute, at once, tokens,      money
        ("client-1", Some(60),   Some(8), None,        dollars(12.5)),
        ("more",     Some(60),   Some(8), Some(1000),  dollars(12.5)),
        ("other",    Some(5),    Some(8), None,        dollars(0.1)),
        ("free",     None,       Some(8), None,        None),
    ];
    for (
        client,
        (name, requests_per_minute, concurrent_requests, tokens_per_day, money_per_month),
    ) in settings.clients.iter().zip(expected)
    {
        assert_eq!(client.id.as_str(), name);
        let expected = ClientLimits {
            requests_per_minute,
            concurrent_requests,
            tokens_per_day,
            money_per_month,
        };
        assert_eq!(client.rules.limits, expected, "{name}");
    }
}

#[test]
fn a_limit_on_money_without_prices_is_warned_of() {
    let limits = [
        "client-limits: { money-per-month: 5 }\n",
        "api-keys: [{ key: k, limits: { money-per-month: 5 } }]\n",
    ];
    for limit in limits {
        let warned = warnings(&load_text(limit, &[]).unwrap());
        assert_eq!(warned.len(), 1, "{limit}");
        assert!(warned[0].contains("`money-per-month` limits nothing"), "{}", warned[0]);

        let priced = format!("{limit}prices: [{{ model: '*', input: 1, output: 2 }}]\n");
        assert_eq!(warnings(&load_text(&priced, &[]).unwrap()), [""; 0], "{limit}");
    }
}

#[test]
fn what_clients_are_kept_to_is_printed_and_loads_again() {
    let text = "client-limits: { requests-per-minute: 60 }\n\
                api-keys:\n\
                - { name: a, key: k, limits: { money-per-month: 0.25 }, models: ['claude-*'], routes: [relay, local] }\n\
                - { name: b, key: l, limits: { requests-per-minute: 0 } }\n";
    let settings = load_text(text, &[]).unwrap().settings;
    let printed = settings.to_yaml();
    for line in
        ["money-per-month: 0.25", "models: [\"claude-*\"]", "routes: [\"local\", \"relay\"]"]
    {
        assert!(printed.contains(line), "{line}: {printed}");
    }

    let filled = printed.replacen("*****", "one", 1).replacen("*****", "two", 1);
    let again = load_text(&filled, &[]).unwrap().settings;

    assert_eq!(again.client_limits, settings.client_limits);
    for (again, first) in again.clients.iter().zip(&settings.clients) {
        assert_eq!(again.rules.limits, first.rules.limits);
        assert_eq!(again.rules.routes, first.rules.routes);
    }
}

#[test]
fn all_files_that_a_configuration_is_made_of_are_known() {
    let key = fixture("key.txt");
    let text = format!(
        "api-keys: [{{ name: a, key-file: {key} }}]\n\
         ampcode: {{ secrets-file: not-this.json, upstream-api-key-file: {key} }}\n\
         tls: {{ cert: cert.pem, key: ~/key.pem, upstream-ca: ca.pem }}",
        key = key.display()
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    std::fs::write(&file, text).unwrap();
    let environment = variables(&[("HOME", "/home/me")]);
    let sources = Sources { file: Some(file.clone()), environment, ..Sources::default() };

    let files = load(&sources).unwrap().files;

    let expected =
        [file, key, "cert.pem".into(), "/home/me/key.pem".into(), "ca.pem".into()].to_vec();
    assert_eq!(files, expected);
    let text = "tls: { enable: false, cert: a, key: b }\napi-keys: [k]";
    assert_eq!(load_text(text, &[]).unwrap().files.len(), 1, "the certificate is not used");
}

#[test]
fn a_broken_configuration_tells_the_files_that_may_mend_it() {
    let error = load_file("no/such.yaml").unwrap_err();
    assert_eq!(error.files, [Path::new("no/such.yaml")]);

    let folder = tempfile::tempdir().unwrap();
    let (file, key) = (folder.path().join("a.yaml"), folder.path().join("key"));
    std::fs::write(&file, format!("api-keys: [{{ key-file: {} }}]", key.display())).unwrap();
    assert_eq!(load_file(&file).unwrap_err().files, [file, key]);
}

#[test]
fn a_variable_beats_the_file_and_a_flag_beats_both() {
    let environment = variables(&[
        ("AMPGATE_CONFIG", "tests/fixtures/config/layers.yaml"),
        ("AMPGATE__PORT", "2"),
        ("AMPGATE__TIMEOUTS__FIRST_BYTE", "2s"),
        ("AMPGATE__API_KEYS", "007,1e5"),
        ("AMPGATE__TLS__ENABLE", "false"),
    ]);
    let overrides = Overrides { host: Some("flag.example".to_owned()), port: None };

    let loaded = load(&Sources { file: None, environment, overrides }).unwrap();

    let settings = loaded.settings;
    assert_eq!(loaded.file, Some(fixture("layers.yaml")));
    assert_eq!((settings.listen.host.as_str(), settings.listen.port), ("flag.example", 2));
    assert_eq!(settings.timeouts.first_byte, Duration::from_secs(2));
    assert_eq!(settings.timeouts.idle, Duration::from_secs(1), "the file's");
    assert_eq!(settings.timeouts.connect, Duration::from_secs(5), "the default");
    assert_eq!(settings.clients.len(), 2, "a list is replaced, not extended");
    assert_eq!(settings.tls.certificate, None);
}

#[test]
fn a_problem_of_a_variable_names_the_variable() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("AMPGATE__PORT", "x", "port must be a whole number from 0 to 65535"),
        ("AMPGATE__TIMEOUTS__IDLE", "30", "timeouts.idle is a bare number; give it a unit, such as 30s or 5m"),
        ("AMPGATE__API_KEYS", "a,a", "api-keys[1] is the same key as api-keys[0]"),
        ("AMPGATE__AMP_UPSTREAM_URL", "x", "ampcode.upstream-url `x` is no address like https://host:port"),
        ("AMPGATE__PROT", "1", "sets `prot`, which is not a key ampgate knows; did you mean `port`?"),
    ];
    for (name, value, expected) in cases {
        let error = load_text("port: 1", &[(name, value)]).map(|_| ()).unwrap_err();
        assert_eq!(error, format!("{name}: {expected}"));
    }
}

#[test]
fn secrets_come_from_files_and_variables() {
    let text = "api-keys: [{ key-env: CLIENT }]\n\
                ampcode: { upstream-api-key-env: AMP, upstream-api-keys: [{ upstream-api-key-env: AMP, api-keys: [client-1] }] }\n\
                claude-api-key: [{ api-key-file: tests/fixtures/config/key.txt, long-context: true }]\n\
                openai-compatibility: [{ name: or, base-url: 'https://h', api-key-entries: [{ api-key-env: OR }] }]";
    let environment = [("CLIENT", "c"), ("AMP", "a"), ("OR", "o")];

    let settings = load_text(text, &environment).unwrap().settings;

    let amp = settings.amp.unwrap();
    assert_eq!(amp.upstream_key.unwrap().expose(), "a");
    assert_eq!(amp.per_client[0].1.expose(), "a");
    let keys: Vec<_> =
        settings.credentials.iter().map(|c| c.auth.key().unwrap().expose()).collect();
    assert_eq!(keys, ["key-from-a-file", "o"]);
    assert_eq!(settings.credentials[0].long_context, LongContext::Keep);
}

#[test]
fn a_file_that_is_named_has_to_be_there() {
    let error = load_file("no/such.yaml").unwrap_err().to_string();
    let reason = "No such file or directory (os error 2)";
    assert_eq!(error, format!("no/such.yaml: cannot be read (--config names it): {reason}"));

    let environment = variables(&[("AMPGATE_CONFIG", "no/such.yaml")]);
    let error = load(&Sources { environment, ..Sources::default() }).unwrap_err().to_string();
    assert_eq!(error, format!("no/such.yaml: cannot be read (AMPGATE_CONFIG names it): {reason}"));
}

#[test]
fn without_an_address_there_is_no_amp_server() {
    assert!(load_text("ampcode: { upstream-url: '' }", &[]).unwrap().settings.amp.is_none());
    assert!(load_text("", &[("AMPGATE__AMP_UPSTREAM_URL", "")]).unwrap().settings.amp.is_none());
    assert!(load_text("ampcode:", &[]).unwrap().settings.amp.is_some());
}

#[test]
fn the_home_directory_is_the_one_of_the_environment() {
    let settings = load_text("", &[("HOME", "/home/me")]).unwrap().settings;

    let file = settings.amp.unwrap().secrets_file;
    assert_eq!(file, Path::new("/home/me/.local/share/amp/secrets.json"));
}

#[test]
fn a_compatible_server_may_ask_for_no_key() {
    let text = "openai-compatibility: [{ name: ollama, base-url: 'http://localhost:11434', \
                headers: { authorization: Basic x } }]";

    let settings = load_text(text, &[]).unwrap().settings;

    assert_eq!(settings.credentials.len(), 1);
    assert_eq!(settings.credentials[0].auth, Auth::Open);
    assert_eq!(settings.credentials[0].base_path, "/v1");
    assert_eq!(settings.credentials[0].headers.len(), 1);
}

#[test]
fn a_chatgpt_plan_is_opened_with_the_login_that_codex_keeps() {
    let home = [("HOME", "/home/me")];
    let codex_home = [("HOME", "/home/me"), ("CODEX_HOME", "/srv/codex")];
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&str, &[(&str, &str)], &str, &str); 5] = [
        ("{}",                               &home,       "/home/me/.codex/auth.json", "where Codex keeps it"),
        ("{}",                               &codex_home, "/srv/codex/auth.json",      "where Codex is told to keep it"),
        ("{ codex-auth-file: '' }",          &home,       "/home/me/.codex/auth.json", "empty is not written"),
        ("{ codex-auth-file: ~/b.json }",    &codex_home, "/home/me/b.json",           "another file"),
        ("{ codex-auth-file: /etc/c.json }", &[],         "/etc/c.json",               "nobody has a home"),
    ];
    for (entry, environment, file, why) in cases {
        let loaded = load_text(&format!("chatgpt: [{entry}]"), environment).unwrap();
        let credential = &loaded.settings.credentials[0];
        assert_eq!(credential.auth, Auth::Token(TokenSource::Codex(file.into())), "{why}");
        assert_eq!(credential.family, Family::Codex);
        assert_eq!(
            (credential.id.as_str(), credential.provider.as_str()),
            ("chatgpt-1", "chatgpt")
        );
        let address = format!("{}{}", credential.origin, credential.base_path);
        assert_eq!(address, "https://chatgpt.com/backend-api/codex", "no version is added");
        assert!(loaded.settings.to_yaml().contains(&format!("codex-auth-file: \"{file}\"")));
    }
}

#[test]
fn the_terms_of_chatgpt_plans_are_told_once_and_only_to_who_has_one() {
    let terms = |text: &str| {
        let loaded = load_text(text, &[("HOME", "/home/me")]).unwrap();
        let terms = loaded.warnings.into_iter().filter(|said| said.kind == WarningKind::Terms);
        terms.map(|said| (said.path, said.what)).collect::<Vec<_>>()
    };
    let told = terms("chatgpt: [{}, { codex-auth-file: /b.json }]");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, "chatgpt[0]");
    for what in ["experimental", "API keys", "https://openai.com/policies/", "pool"] {
        assert!(told[0].1.contains(what), "{what}: {}", told[0].1);
    }
    assert_eq!(terms("openai-api-key: [{ api-key: k }]"), []);
}

#[test]
fn every_upstream_has_its_own_proxy_or_the_one_of_all() {
    let text = "proxy-url: http://all:1\n\
                claude-api-key: [{ api-key: k }, { api-key: k, proxy-url: 'socks5://own:1' }, { api-key: k, proxy-url: direct }]\n\
                openai-compatibility: [{ name: or, base-url: 'https://h.example', api-key-entries: [{ api-key: k }, { api-key: k, proxy-url: 'http://me:hush@own:1' }] }, { name: keyless, base-url: 'https://h.example' }]";
    let in_effect = |variables: &[(&str, &str)]| {
        let loaded = load_text(text, variables).unwrap();
        let amp = loaded.settings.amp.as_ref().unwrap().proxy.clone();
        let own = loaded.settings.credentials.iter().map(|c| c.proxy_url.clone());
        let shown = std::iter::once(amp).chain(own);
        let shown: Vec<_> =
            shown.map(|proxy| proxy.map(|p| p.to_string()).unwrap_or_default()).collect();
        (shown, warnings(&loaded).into_iter().map(|w| w.split(": ").skip(1).collect()).collect())
    };
    let all = "http://all:1";

    #[rustfmt::skip] // amp, claude, own, direct, openrouter, own, without a key
    assert_eq!(in_effect(&[]), (vec![all, all, "socks5h://own:1", "", all, "http://*****@own:1", all].into_iter().map(str::to_owned).collect(), Vec::<String>::new()));
    let (shown, said): (Vec<_>, Vec<String>) = in_effect(&[("NO_PROXY", "h.example")]);
    assert_eq!(shown, [all, all, "socks5h://own:1", "", "", "", ""]);
    let expected = "openai-compatibility[0].api-key-entries[1].proxy-url has no effect";
    assert_eq!(said, [format!("{expected}NO_PROXY names h.example")]);
}

/// The effective configuration is a file again: only the stars have to be filled in.
#[test]
fn what_is_printed_loads_again_with_the_same_meaning() {
    let first = load_file(fixture("cliproxyapi.yaml")).unwrap().settings.to_yaml();
    let mut number = 0;
    let mut filled = String::new();
    for line in first.lines() {
        number += 1;
        filled.push_str(&line.replace("*****@", "").replace("*****", &format!("s{number}")));
        filled.push('\n');
    }

    let again = load_text(&filled, &[]).unwrap().settings.to_yaml();

    assert_eq!(again.replace("socks5h://", "socks5h://*****@"), first);
}

const SERVICE_ACCOUNT: &str = "tests/fixtures/google/service_account.json";

/// Everything that tells two credentials apart.
fn hosted(loaded: &Loaded) -> Vec<String> {
    let credentials = loaded.settings.credentials.iter();
    credentials
        .map(|c| {
            let models: Vec<_> = c.models.iter().map(|model| model.name.as_str()).collect();
            let auth = match &c.auth {
                Auth::Token(source) => source.to_string(),
                other => format!("{other:?}"),
            };
            format!("{} {:?} {} {} {auth} {models:?}", c.id.as_str(), c.family, c.origin, c.hosting)
        })
        .collect()
}

#[test]
fn an_entry_of_vertex_ai_is_for_gemini_and_for_claude() {
    let google = format!("google {SERVICE_ACCOUNT}");
    let place = "projects/p-1/locations";
    let all = "https://aiplatform.googleapis.com";
    let eu = "https://aiplatform.eu.rep.googleapis.com";
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("",                                                            vec![
            format!("vertex-1 Vertex {all} {place}/global {google} []"),
            format!("vertex-2 VertexClaude {all} {place}/global {google} []"),
        ]),
        (", location: eu, models: [{ name: claude-opus-4-6 }]",         vec![
            format!("vertex-1 VertexClaude {eu} {place}/eu {google} [\"claude-opus-4-6\"]"),
        ]),
        (", location: eu, models: [{ name: gemini-3-pro, alias: claude-x }]", vec![
            format!("vertex-1 Vertex {eu} {place}/eu {google} [\"gemini-3-pro\"]"),
        ]),
        (", models: [{ name: Claude-a }, { name: g }]",                 vec![
            format!("vertex-1 Vertex {all} {place}/global {google} [\"g\"]"),
            format!("vertex-2 VertexClaude {all} {place}/global {google} [\"Claude-a\"]"),
        ]),
        (", project: other",                                            vec![
            format!("vertex-1 Vertex {all} projects/other/locations/global {google} []"),
            format!("vertex-2 VertexClaude {all} projects/other/locations/global {google} []"),
        ]),
    ];
    for (more, expected) in cases {
        let text = format!("vertex-ai: [{{ service-account-file: {SERVICE_ACCOUNT}{more} }}]");
        let loaded = load_text(&text, &[]).unwrap();
        assert_eq!(hosted(&loaded), expected, "{more}");
        let again = load_text(&loaded.settings.to_yaml(), &[]).unwrap();
        assert_eq!(hosted(&again), expected, "printed and read again: {more}");
        assert!(loaded.files.iter().any(|file| file == Path::new(SERVICE_ACCOUNT)), "not watched");
    }
}

#[test]
fn without_a_file_google_is_asked_as_its_own_libraries_would() {
    let home = tempfile::tempdir().unwrap();
    let gcloud = home.path().join(".config/gcloud");
    std::fs::create_dir_all(&gcloud).unwrap();
    let login = gcloud.join("application_default_credentials.json");
    let user = r#"{"type":"authorized_user","client_id":"c","client_secret":"hush","refresh_token":"hush","quota_project_id":"p-quota"}"#;
    let home = home.path().to_str().unwrap();
    let project_and_source = |environment: &[(&str, &str)]| {
        let loaded = load_text("vertex-ai: [{}]", environment).unwrap();
        let credential = &loaded.settings.credentials[0];
        let Auth::Token(source) = &credential.auth else { panic!("{:?}", credential.auth) };
        (credential.hosting.to_string(), source.to_string())
    };
    let place = |project: &str| format!("projects/{project}/locations/global");
    let key = ("GOOGLE_APPLICATION_CREDENTIALS", SERVICE_ACCOUNT);
    let project = ("GOOGLE_CLOUD_PROJECT", "p-env");

    assert_eq!(
        project_and_source(&[("HOME", home), project]),
        (place("p-env"), "google http://metadata.google.internal".to_owned()),
        "no file at all"
    );
    assert_eq!(
        project_and_source(&[project, ("GCE_METADATA_HOST", "127.0.0.1:9")]),
        (place("p-env"), "google http://127.0.0.1:9".to_owned())
    );
    std::fs::write(&login, user).unwrap();
    let of_login = format!("google {}", login.display());
    assert_eq!(project_and_source(&[("HOME", home)]), (place("p-quota"), of_login));
    let of_key = format!("google {SERVICE_ACCOUNT}");
    assert_eq!(project_and_source(&[("HOME", home), key]), (place("p-1"), of_key.clone()));
    assert_eq!(project_and_source(&[key, project]), (place("p-env"), of_key));
}

#[test]
fn an_entry_of_azure_is_a_resource_with_its_deployments() {
    let text = "azure-openai:\n\
                \x20 - { api-key: hush, base-url: 'https://n.openai.azure.com/openai/v1', models: [{ name: d, alias: gpt-5 }] }\n\
                \x20 - { api-key: hush, base-url: 'https://n.openai.azure.com', api-version: 2024-10-21, models: [{ name: d }] }\n";
    let expected = [
        "azure-1 Azure https://n.openai.azure.com v1 Key(*****) [\"d\"]",
        "azure-2 Azure https://n.openai.azure.com 2024-10-21 Key(*****) [\"d\"]",
    ];

    let loaded = load_text(text, &[]).unwrap();

    assert_eq!(hosted(&loaded), expected);
    let again = load_text(&loaded.settings.to_yaml(), &[]).unwrap();
    assert_eq!(hosted(&again), expected, "printed and read again");
}

#[test]
fn the_minimal_file_is_one_line() {
    let loaded = load_file(fixture("minimal.yaml")).unwrap();

    assert_eq!(loaded.warnings, []);
    let names: BTreeSet<_> =
        loaded.settings.clients.iter().map(|client| client.id.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["client-1"]));
}

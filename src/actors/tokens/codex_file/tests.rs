use std::io::Write as _;
use std::time::UNIX_EPOCH;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::*;

/// 2026-11-29, so that the sample's token is still good for a while.
const NOW: u64 = 1_795_860_000;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn jwt(claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.hush", part(&json!({ "alg": "none" })), part(claims))
}

fn sample(name: &str) -> String {
    let text = include_str!("../../../../tests/fixtures/oauth/o01-credentials.json");
    serde_json::from_str::<Value>(text).unwrap()[name].to_string()
}

fn written(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn source(file: &NamedTempFile) -> CodexFile {
    CodexFile::new(file.path().to_owned(), WallClock::telling(|| at(NOW)))
}

fn fetched(source: &CodexFile, refused: Option<Arc<Token>>) -> Fetched {
    source.fetch(refused).now_or_never().expect("a file is read at once")
}

fn facts(id: &str, label: &str, plan: &str) -> AccountFacts {
    let fact = |fact: &str| Some(fact.to_owned()).filter(|fact| !fact.is_empty());
    AccountFacts { id: fact(id), label: fact(label), plan: fact(plan) }
}

#[test]
fn codex_own_file_tells_token_account_and_expiry() {
    let token = fetched(&source(&written(&sample("codex_auth_json"))), None).unwrap();

    assert_eq!(token.expires_at, Some(at(1_795_864_000)));
    assert_eq!(token.account, facts("acct-fixture", "dev@example.invalid", "plus"));
    let TokenSecret::Bearer(secret) = &token.secret else { panic!("a bearer token") };
    assert!(secret.expose().starts_with("eyJhbGciOiJub25l"), "the access token, not another one");
    let id_token: Value = serde_json::from_str(&sample("codex_auth_json")).unwrap();
    assert_ne!(secret.expose(), id_token["tokens"]["id_token"]);
}

#[test]
fn a_login_is_read_in_either_form_and_with_little_in_it() {
    let access = jwt(&json!({ "exp": NOW + 60,
        "https://api.openai.com/auth": { "chatgpt_account_id": "a-1", "chatgpt_plan_type": "pro" } }));
    let id = jwt(&json!({ "email": "me@example.invalid", "aud": ["x"],
        "https://api.openai.com/auth": { "chatgpt_account_id": "a-2", "chatgpt_plan_type": "plus" } }));
    let later = "2026-12-01T00:00:00Z";
    let (soon, december) = (Some(at(NOW + 60)), humantime::parse_rfc3339(later).ok());
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // file,                                                                         expires,  account,                                   why
        (json!({ "tokens": { "access_token": access } }),                                soon,     facts("a-1", "", "pro"),                   "what the access token itself says"),
        (json!({ "tokens": { "access_token": access, "id_token": id } }),                soon,     facts("a-2", "me@example.invalid", "plus"), "the id token is about the account"),
        (json!({ "tokens": { "access_token": access, "account_id": "a-3" } }),           soon,     facts("a-3", "", "pro"),                   "what Codex wrote down"),
        (json!({ "tokens": { "access_token": access, "account_id": "a\r\n3" } }),        soon,     facts("a-1", "", "pro"),                   "what no field can carry is no id"),
        (json!({ "tokens": { "access_token": "opaque" } }),                              None,     facts("", "", ""),                         "no JWT at all"),
        (json!({ "OPENAI_API_KEY": "k", "tokens": { "access_token": access } }),         soon,     facts("a-1", "", "pro"),                   "a key beside the login"),
        (json!({ "type": "codex", "access_token": access, "email": "me@x" }),            soon,     facts("a-1", "me@x", "pro"),               "CLIProxyAPI's form"),
        (json!({ "type": "codex", "access_token": "opaque", "expired": later }),         december, facts("", "", ""),                         "its own word on the end"),
    ];
    for (file, expires_at, account, why) in cases {
        let token = fetched(&source(&written(&file.to_string())), None).unwrap();
        assert_eq!(token.expires_at, expires_at, "{why}");
        assert_eq!(token.account, account, "{why}");
    }
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_what_to_do_and_without_a_secret() {
    let expired = jwt(&json!({ "exp": NOW }));
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // file,                                                  needs a login, what is said
        (sample("codex_auth_json_api_key"),                       true,  "write the key under `openai-api-key`"),
        (json!({ "OPENAI_API_KEY": "sk-hush", "tokens": null }).to_string(), true, "write the key under `openai-api-key`"),
        (json!({ "tokens": { "access_token": expired } }).to_string(), false, "expired at 2026-11-28T"),
        (json!({ "tokens": { "access_token": expired } }).to_string(), false, "Codex keeps this login fresh: run `codex` once"),
        (json!({ "tokens": { "access_token": " " } }).to_string(), true, "holds no login; run `codex login`"),
        ("{}".to_owned(),                                         true,  "holds no login; run `codex login`"),
        (json!({ "access_token": "hush" }).to_string(),           true,  "holds no login; run `codex login`"),
        (json!({ "tokens": { "access_token": "hush\nhush" } }).to_string(), true, "no header field can carry"),
        ("{\"tokens\":{\"access_token\":\"hush".to_owned(),       false, "is no login of Codex's (line 1, column "),
        (json!({ "tokens": "hush" }).to_string(),                 false, "is no login of Codex's (line 1, column "),
        ("x".repeat(1 << 21),                                     false, "larger than"),
    ];
    for (text, needs_login, expected) in cases {
        let file = written(&text);
        let why = match fetched(&source(&file), None) {
            Err(FetchError::Final { reason }) if needs_login => reason,
            Err(FetchError::Later { cause, wait: Some(LOOK_AGAIN) }) if !needs_login => cause,
            other => panic!("{other:?}: {text:.60}"),
        };
        assert!(why.contains(expected), "{why}");
        assert!(why.starts_with(&file.path().display().to_string()), "{why}");
        assert!(!why.contains("hush") && !why.contains("sk-FAKE"), "{why}");
    }
    let missing = CodexFile::new("/no/such/auth.json".into(), WallClock::system());
    let Err(FetchError::Final { reason }) = fetched(&missing, None) else { panic!("no such file") };
    assert!(reason.contains("run `codex login`") && reason.contains("keyring"), "{reason}");
}

#[test]
fn a_token_that_was_refused_comes_again_only_as_another_one() {
    let login = |signature: &str| {
        json!({ "tokens": { "access_token": jwt(&json!({ "exp": NOW + 60 })) + signature } })
            .to_string()
    };
    let file = written(&login("1"));
    let source = source(&file);
    let refused = Arc::new(fetched(&source, None).unwrap());

    let again = fetched(&source, Some(refused.clone()));
    assert!(matches!(again, Err(FetchError::Final { reason }) if reason.contains("refuses")));

    fs::write(file.path(), login("2")).unwrap();
    let renewed = fetched(&source, Some(refused.clone())).unwrap();
    assert_ne!(renewed.secret, refused.secret);
}

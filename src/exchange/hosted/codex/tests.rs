use std::sync::Arc;

use super::*;
use crate::actors::tokens::{AccountFacts, Token, TokenSecret};
use crate::types::ApiKey;

fn token(account: Option<&str>) -> Proof<'static> {
    Proof::Token(Arc::new(Token {
        secret: TokenSecret::Bearer(ApiKey::parse("hush").unwrap()),
        expires_at: None,
        account: AccountFacts { id: account.map(str::to_owned), ..AccountFacts::default() },
    }))
}

fn fields(of: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    of.iter().map(pair).collect()
}

const CODEX: &[(&str, &str)] = &[
    ("user-agent", "codex_cli_rs/0.169.0 (Linux)"),
    ("originator", "codex_cli_rs"),
    ("session_id", "s-1"),
    ("conversation_id", "c-1"),
    ("version", "0.169.0"),
    ("openai-beta", "responses=experimental"),
];

#[test]
fn a_codex_client_keeps_its_own_names_and_nobody_else_gets_them() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases: &[(&[(&str, &str)], &str, &str, &str)] = &[
        // client,                                                      originator,     user agent,                     why
        (CODEX,                                                         "codex_cli_rs", "codex_cli_rs/0.169.0 (Linux)", "who it is"),
        (&[("user-agent", "curl/8")],                                   "ampgate",      USER_AGENT,                     "who we are"),
        (&[("user-agent", "curl/8"), ("originator", "codex_cli_rs")],   "ampgate",      USER_AGENT,                     "a borrowed name"),
        (&[("user-agent", "codex_cli_rs/1")],                           "ampgate",      USER_AGENT,                     "half a name"),
        (&[],                                                           "ampgate",      USER_AGENT,                     "no name"),
    ];
    for (client, originator, user_agent, why) in cases {
        let client = fields(client);
        let mut upstream = client.clone();
        put_fields(&token(Some("acct-1")), &client, &mut upstream);
        assert_eq!(upstream.get("originator").unwrap(), originator, "{why}");
        assert_eq!(upstream.get("user-agent").unwrap(), user_agent, "{why}");
        assert_eq!(upstream.get("chatgpt-account-id").unwrap(), "acct-1", "{why}");
        for (name, _) in CODEX.iter().skip(2) {
            assert_eq!(upstream.get(*name), client.get(*name), "{name}: {why}");
        }
    }
}

#[test]
fn the_account_is_the_tokens_and_never_the_clients() {
    let client = fields(&[("chatgpt-account-id", "acct-of-the-client")]);
    for (account, expected) in
        [(Some("acct-1"), Some("acct-1")), (None, None), (Some("a\nb"), None)]
    {
        let mut upstream = client.clone();
        put_fields(&token(account), &client, &mut upstream);
        let seen = upstream.get("chatgpt-account-id").map(|value| value.to_str().unwrap());
        assert_eq!(seen, expected);
    }
}

#[test]
fn a_call_asks_for_events_and_a_question_for_what_it_wants() {
    for (content_type, expected) in [(true, "text/event-stream"), (false, "application/json")] {
        let mut upstream = fields(&[("accept", "application/json")]);
        if content_type {
            upstream.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        put_fields(&token(None), &HeaderMap::new(), &mut upstream);
        assert_eq!(upstream.get("accept").unwrap(), expected);
    }
}

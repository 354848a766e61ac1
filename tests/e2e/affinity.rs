//! A conversation stays with one credential, whose account has its prompts in a cache, for as long as
//! that one can answer.

use crate::support::{Provider, Scripted, TestGateway, expect, pool};

const CLIENTS: &str = "api-keys: [{ name: alice, key: client-key-1 }]\n\
     ampcode: { upstream-url: '' }\nrequest-retry: 0\n";

/// One call of a conversation: where to, with which fields, and the body.
type Call = (&'static str, Vec<(&'static str, String)>, String);

async fn ask(gateway: &TestGateway, (target, fields, body): &Call) -> String {
    let mut all = vec![("content-type", "application/json")];
    all.extend(fields.iter().map(|(name, value)| (*name, value.as_str())));
    let response = gateway.request("POST", target, &all, body).await;
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["by"].as_str().unwrap().to_owned()
}

/// The router's actor learns of good answers in its own time. A failure is waited for, and comes
/// behind everything that was reported before it.
async fn settle(gateway: &TestGateway) {
    let response = gateway.post_json("/v1/messages", r#"{"model":"broken"}"#).await;
    assert_eq!(response.status, 502, "{}", response.text());
}

/// Nobody is there, for the model `broken` of [`settle`].
const NOBODY: (&str, &str) = ("http://127.0.0.1:1", ", models: [{ name: broken }]");

const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";
const CHAT: &str = "/v1/chat/completions";
const GEMINI: &str = "/v1beta/models/m:generateContent";
const SYSTEM: &str = "You are an agent with a long prompt that all conversations share.";

/// A Messages body of this conversation, which grows with its turns.
fn messages(who: usize, turn: usize, more: &str) -> String {
    let mut list = format!(r#"{{"role":"user","content":"task {who}"}}"#);
    for past in 1..turn {
        list += &format!(
            r#",{{"role":"assistant","content":"answer {past}"}},
               {{"role":"user","content":[{{"type":"text","text":"go on",
               "cache_control":{{"type":"ephemeral"}}}}]}}"#
        );
    }
    format!(r#"{{"model":"m","system":"{SYSTEM}"{more},"messages":[{list}]}}"#)
}

/// A call whose words say nothing of its conversation: every turn begins otherwise.
fn unlike(target: &'static str, who: usize, turn: usize, more: &str) -> (&'static str, String) {
    let words = format!("turn {turn} of {who}");
    let body = match target {
        RESPONSES => format!(r#"{{"model":"m"{more},"input":"{words}"}}"#),
        _ => format!(r#"{{"model":"m"{more},"messages":[{{"role":"user","content":"{words}"}}]}}"#),
    };
    (target, body)
}

fn by_field(name: &'static str) -> impl Fn(usize, usize) -> Call {
    move |who, turn| {
        let (target, body) = unlike(MESSAGES, who, turn, "");
        (target, vec![(name, format!("session-{who}"))], body)
    }
}

fn by_body(target: &'static str, more: impl Fn(usize) -> String) -> impl Fn(usize, usize) -> Call {
    move |who, turn| {
        let (target, body) = unlike(target, who, turn, &more(who));
        (target, Vec::new(), body)
    }
}

/// What clients send, and how a call of conversation `who` at turn `turn` is made of it.
fn sources() -> Vec<(&'static str, Box<dyn Fn(usize, usize) -> Call>)> {
    let claude_code =
        |who| format!(r#","metadata":{{"user_id":"user_0a1b_account_2c3d_session_{who}-4e5f"}}"#);
    let claude_code_json = |who| {
        let user = format!(r#"{{\"device_id\":\"d\",\"session_id\":\"{who}-4e5f\"}}"#);
        format!(r#","metadata":{{"user_id":"{user}"}}"#)
    };
    let words_of_chat = |who: usize, turn: usize| {
        let system = format!(r#"{{"role":"system","content":"{SYSTEM}"}}"#);
        let turns = r#",{"role":"assistant","content":"x"},{"role":"user","content":"y"}"#;
        let list = format!(
            r#"{system},{{"role":"user","content":"task {who}"}}{}"#,
            turns.repeat(turn - 1)
        );
        (CHAT, Vec::new(), format!(r#"{{"model":"m","messages":[{list}]}}"#))
    };
    let words_of_gemini = |who: usize, turn: usize| {
        let turns =
            r#",{"role":"model","parts":[{"text":"x"}]},{"role":"user","parts":[{"text":"y"}]}"#;
        let first = format!(r#"{{"role":"user","parts":[{{"text":"task {who}"}}]}}"#);
        (GEMINI, Vec::new(), format!(r#"{{"contents":[{first}{}]}}"#, turns.repeat(turn - 1)))
    };
    vec![
        ("Claude Code's field", Box::new(by_field("X-Claude-Code-Session-Id"))),
        ("X-Session-ID", Box::new(by_field("X-Session-ID"))),
        ("Codex's Session-Id", Box::new(by_field("Session-Id"))),
        ("Codex's older session_id", Box::new(by_field("session_id"))),
        ("Amp's thread", Box::new(by_field("X-Amp-Thread-Id"))),
        ("Claude Code's metadata", Box::new(by_body(MESSAGES, claude_code))),
        ("Claude Code's metadata in JSON", Box::new(by_body(MESSAGES, claude_code_json))),
        (
            "prompt_cache_key",
            Box::new(by_body(RESPONSES, |who| format!(r#","prompt_cache_key":"key-{who}""#))),
        ),
        (
            "a stored conversation",
            Box::new(by_body(RESPONSES, |who| format!(r#","conversation":{{"id":"conv_{who}"}}"#))),
        ),
        ("words", Box::new(|who, turn| (MESSAGES, Vec::new(), messages(who, turn, "")))),
        ("words of Chat", Box::new(words_of_chat)),
        ("words of Gemini", Box::new(words_of_gemini)),
    ]
}

/// Three credentials for every dialect.
async fn before_three(more: &str) -> (TestGateway, [Provider; 3]) {
    let three = [Provider::well("a").await, Provider::well("b").await, Provider::well("c").await];
    let entries: Vec<(&str, &str)> = three.iter().map(|one| (one.origin(), "")).collect();
    let claude = [entries.as_slice(), &[NOBODY]].concat();
    let gateway = TestGateway::start(
        &[
            CLIENTS,
            more,
            &pool("claude-api-key", &claude),
            &pool("openai-api-key", &entries),
            &pool("gemini-api-key", &entries),
        ]
        .concat(),
    )
    .await;
    (gateway, three)
}

#[actix_web::test]
async fn every_source_keeps_each_conversation_where_it_is_among_many_others() {
    for (source, call) in sources() {
        let (gateway, _three) = before_three("").await;
        let mut first_turn = Vec::new();
        for who in 0..6 {
            first_turn.push(ask(&gateway, &call(who, 1)).await);
        }
        assert_eq!(first_turn, ["a", "b", "c", "a", "b", "c"], "{source}: new ones take turns");
        settle(&gateway).await;
        for turn in 2..5 {
            // Not in step with the credentials, or turns alone could look like staying.
            for who in [4, 0, 5, 2, 1, 3, 3, 0] {
                let by = ask(&gateway, &call(who, turn)).await;
                assert_eq!(by, first_turn[who], "{source}: turn {turn} of {who}");
            }
        }
    }
}

#[actix_web::test]
async fn without_affinity_a_conversation_takes_turns() {
    let (gateway, _three) = before_three("routing: { session-affinity: false }\n").await;
    let call = by_field("Session-Id");
    let mut by = Vec::new();
    for turn in 1..=4 {
        by.push(ask(&gateway, &call(1, turn)).await);
        settle(&gateway).await;
    }
    assert_eq!(by, ["a", "b", "c", "a"]);
}

#[actix_web::test]
async fn a_conversation_moves_when_its_credential_rests_and_then_stays_there() {
    let a = Provider::saying([
        Scripted::by("a"),
        Scripted::by("a"),
        Scripted::limited_for_a_moment(),
        Scripted::by("a"),
    ])
    .await;
    let b = Provider::well("b").await;
    let credentials = pool("claude-api-key", &[(a.origin(), ""), (b.origin(), ""), NOBODY]);
    let gateway = TestGateway::start(&[CLIENTS, &credentials].concat()).await;
    let call = by_field("Session-Id");
    for turn in 1..=2 {
        assert_eq!(ask(&gateway, &call(1, turn)).await, "a");
        settle(&gateway).await;
    }

    assert_eq!(ask(&gateway, &call(1, 3)).await, "b", "in the same call");
    settle(&gateway).await;

    let back = async {
        let mut others = 2..; // one that is with the second credential would stay there, too
        while ask(&gateway, &call(others.next().unwrap(), 1)).await != "a" {}
    };
    expect(back, "the first credential to be back").await;
    for turn in 4..8 {
        assert_eq!(ask(&gateway, &call(1, turn)).await, "b", "its cache is there now");
    }
}

#[actix_web::test]
async fn the_models_of_one_session_may_be_with_different_credentials() {
    let [a, b] = [Provider::well("a").await, Provider::well("b").await];
    let only_m = ", models: [{ name: m }]";
    let both = ", models: [{ name: m }, { name: title }]";
    let more_of_title = ", priority: 0, models: [{ name: title }]";
    let credentials = pool(
        "claude-api-key",
        &[(a.origin(), only_m), (b.origin(), both), (b.origin(), more_of_title), NOBODY],
    );
    let gateway = TestGateway::start(&[CLIENTS, &credentials].concat()).await;
    let fields = vec![("session-id", "s".to_owned())];
    for _ in 0..3 {
        for (model, by) in [("m", "a"), ("title", "b")] {
            let call = (MESSAGES, fields.clone(), format!(r#"{{"model":"{model}"}}"#));
            assert_eq!(ask(&gateway, &call).await, by, "{model}");
            settle(&gateway).await;
        }
    }
}

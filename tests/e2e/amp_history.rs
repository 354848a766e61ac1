//! What an Amp client sends back of answers that were adapted for it is taken out again: thinking that
//! nobody signed, and signatures that a tool's use never had. Towards our providers and towards Amp,
//! on Amp's door only; a history without any of it crosses byte for byte, in the coding it came in.

use crate::support::{SeenRequest, StubUpstream, TestGateway, assert_same, encoded};

const AMP_DOOR: &str = "/api/provider/anthropic/v1/messages";
const JSON: (&str, &str) = ("content-type", "application/json");

/// A gateway with a provider for `claude-new` and `kimi-k2`, to which `claude-elsewhere` is mapped; Amp
/// answers the rest.
struct House {
    amp: StubUpstream,
    provider: StubUpstream,
    gateway: TestGateway,
}

impl House {
    async fn start() -> Self {
        let amp = StubUpstream::replying(200, "application/json", "{}").await;
        let provider = StubUpstream::replying(200, "application/json", "{}").await;
        let gateway = TestGateway::start(&format!(
            "api-keys: [{{ name: alice, key: client-key-1 }}]\nampcode:\n  upstream-url: '{}'\n  \
             upstream-api-key: team-key\n  model-mappings: [ {{ from: claude-elsewhere, to: kimi-k2 \
             }} ]\nclaude-api-key: [ {{ api-key: provider-key, base-url: '{}', models: [ {{ name: \
             claude-new }}, {{ name: kimi-k2 }} ] }} ]\n\
             openai-api-key: [ {{ api-key: provider-key, base-url: '{}' }} ]\n",
            amp.origin, provider.origin, provider.origin,
        ))
        .await;
        Self { amp, provider, gateway }
    }

    /// Sends a body and returns what arrived, wherever it did.
    async fn send(&self, target: &str, coding: Option<&str>, body: &[u8]) -> SeenRequest {
        let before = (self.amp.requests().len(), self.provider.requests().len());
        let mut fields = vec![JSON];
        fields.extend(coding.map(|coding| ("content-encoding", coding)));
        let response = self.gateway.request("POST", target, &fields, body).await;
        assert_eq!(response.status, 200, "{target}: {}", response.text());
        match response.field("x-ampgate-route") {
            Some("amp") => self.amp.request(before.0).await,
            _ => self.provider.request(before.1).await,
        }
    }
}

/// A thread in an order and with numbers that no parser keeps, its model behind it.
fn thread(messages: &[&str], model: &str) -> String {
    format!(
        "{{ \"n\":12345678901234567890,\"messages\":[ {} ] ,\n\"x\":1.50,\"x\":2, \"model\" : \
         \"{model}\"}}\r\n",
        messages.join(" , ")
    )
}

fn assistant(blocks: &[&str]) -> String {
    format!(r#"{{"role":"assistant", "content":[ {} ],"n":1.0}}"#, blocks.join(" , "))
}

const USER: &str = r#"{"role":"user","content":[{"type":"text","text":"\"thinking\" \u00e9"}]}"#;
const TEXT: &str = r#"{"type":"text","text":"t"}"#;
const SIGNED: &str = r#"{"type":"thinking","thinking":"a","signature":"EqkB+/-_=="}"#;
const REDACTED: &str = r#"{"type":"redacted_thinking","data":"Em"}"#;
const UNSIGNED: &str = r#"{"type":"thinking","thinking":"a"}"#;
const EMPTY: &str = r#"{"signature":"","type":"thinking","thinking":"a"}"#;
const FORGED: &str = r#"{"type":"thinking","thinking":"a","signature":"no signature"}"#;
const NULL: &str = r#"{"type":"thinking","thinking":"a","signature":null}"#;
const TOOL: &str = r#"{"type":"tool_use","id":"t","input":{"signature":"kept","n":1e3}}"#;
const TOOL_IN_FRONT: &str =
    r#"{"signature":"","type":"tool_use","id":"t","input":{"signature":"kept","n":1e3}}"#;
const TOOL_BEHIND: &str =
    r#"{"type":"tool_use","id":"t","input":{"signature":"kept","n":1e3} , "signature" : "Eq"}"#;

#[rustfmt::skip] // columns are easier to proofread
const TURNS: [(&[&str], Option<&[&str]>, &str); 12] = [
    // the assistant's blocks,               become,                          why
    (&[UNSIGNED, TEXT],                      Some(&[TEXT]),                   "no signature"),
    (&[TEXT, EMPTY],                         Some(&[TEXT]),                   "ours: an empty one"),
    (&[EMPTY, NULL, TEXT, FORGED, TOOL],     Some(&[TEXT, TOOL]),             "none that could be one"),
    (&[SIGNED, UNSIGNED, REDACTED, TEXT],    Some(&[SIGNED, REDACTED, TEXT]), "what may be signed stays"),
    (&[TEXT, TOOL_IN_FRONT],                 Some(&[TEXT, TOOL]),             "ours, where we put it"),
    (&[TOOL_BEHIND, TOOL_IN_FRONT],          Some(&[TOOL, TOOL]),             "another gateway's, twice"),
    (&[UNSIGNED, TOOL_IN_FRONT],             Some(&[TOOL]),                   "both"),
    (&[UNSIGNED, EMPTY],                     Some(&[]),                       "nothing is left: the message goes"),
    (&[SIGNED, TEXT, TOOL],                  None,                            "signed; a signature in an input"),
    (&[REDACTED, TOOL],                      None,                            "redacted"),
    (&[TEXT],                                None,                            "no thinking"),
    (&[],                                    None,                            "nothing"),
];

/// The thread that a turn is sent in, and what becomes of it; the same when nothing does.
fn threads(turn: (&[&str], Option<&[&str]>), asked: &str, reaches: &str) -> (String, String) {
    let (before, after) = turn;
    let sent = thread(&[USER, &assistant(before), USER], asked);
    let expected = match after {
        Some([]) => thread(&[USER, USER], reaches),
        Some(after) => thread(&[USER, &assistant(after), USER], reaches),
        None => thread(&[USER, &assistant(before), USER], reaches),
    };
    (sent, expected)
}

#[actix_web::test]
async fn a_history_is_freed_of_what_providers_refuse_wherever_it_goes() {
    #[rustfmt::skip] // columns are easier to proofread
    let ways = [
        // asked,            reaches,      why
        ("claude-new",       "claude-new", "a provider of ours"),
        ("claude-elsewhere", "kimi-k2",    "a mapped one: the name changes, too"),
        ("claude-x",         "claude-x",   "Amp"),
    ];
    let house = House::start().await;
    for (before, after, why) in TURNS {
        for (asked, reaches, way) in ways {
            for coding in [None, Some("zstd"), Some("gzip")] {
                let (text, expected) = threads((before, after), asked, reaches);
                let sent = coding.map_or_else(|| text.clone().into_bytes(), |c| encoded(c, &text));

                let seen = house.send(AMP_DOOR, coding, &sent).await;

                let case = format!("{before:?} to {way}, {coding:?}: {why}");
                if after.is_some() || asked != reaches {
                    assert_same(&seen.body, expected.as_bytes(), &case);
                    assert_eq!(seen.field("content-encoding"), None, "{case}");
                } else {
                    assert!(seen.body == sent, "another body: {case}");
                    assert_eq!(seen.field("content-encoding"), coding, "{case}");
                }
            }
        }
    }
}

#[actix_web::test]
async fn nobody_elses_history_is_touched() {
    let history = assistant(&[UNSIGNED, FORGED, NULL, TEXT]);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // target,                                     asked,        why
        ("/v1/messages",                               "claude-new", "a direct client has its own reasons"),
        ("/v1/chat/completions",                       "gpt-5",      "another dialect"),
        ("/api/provider/openai/v1/chat/completions",   "gpt-5",      "another dialect, through Amp's door"),
        ("/api/provider/openai/v1/responses",          "gpt-5",      "another dialect, through Amp's door"),
        ("/api/provider/openai/v1/chat/completions",   "grok-x",     "the same towards Amp"),
    ];
    let house = House::start().await;
    for (target, asked, why) in cases {
        for coding in [None, Some("zstd")] {
            let text = thread(&[USER, &history, USER], asked);
            let sent = coding.map_or_else(|| text.clone().into_bytes(), |c| encoded(c, &text));
            let seen = house.send(target, coding, &sent).await;
            let case = format!("{target}, {coding:?}: {why}");
            assert!(seen.body == sent, "another body: {case}");
            assert_eq!(seen.field("content-encoding"), coding, "{case}");
        }
    }
}

/// Fault of the first translation: Claude Code that went on with a Claude after a GPT was refused from then
/// on, for the GPT's thinking had no signature.
#[actix_web::test]
async fn thinking_that_a_translation_has_left_does_not_reach_claude() {
    let house = House::start().await;
    let sent = thread(&[USER, &assistant(&[EMPTY, TEXT]), USER], "claude-new");
    let seen = house.send("/v1/messages", None, sent.as_bytes()).await;
    let expected = thread(&[USER, &assistant(&[TEXT]), USER], "claude-new");
    assert_same(&seen.body, expected.as_bytes(), "the rest as it was");
}

#[actix_web::test]
async fn only_the_assistants_own_blocks_are_read() {
    let in_user = format!(r#"{{"role":"user","content":[ {UNSIGNED} , {TOOL_IN_FRONT} ]}}"#);
    let in_text = r#"{"role":"assistant","content":"{\"type\":\"thinking\",\"signature\":\"\"}"}"#;
    let house = House::start().await;
    for model in ["claude-new", "claude-x"] {
        let sent = thread(&[&in_user, in_text, USER], model);
        assert_same(
            &house.send(AMP_DOOR, None, sent.as_bytes()).await.body,
            sent.as_bytes(),
            model,
        );
    }
}

#[actix_web::test]
async fn a_history_a_suffix_and_a_mapping_change_one_body_together() {
    let house = House::start().await;
    let history = assistant(&[UNSIGNED, TEXT]);
    let sent = thread(&[USER, &history, USER], "claude-elsewhere(high)");

    for coding in [None, Some("zstd")] {
        let body = coding.map_or_else(|| sent.clone().into_bytes(), |c| encoded(c, &sent));
        let seen = house.send(AMP_DOOR, coding, &body).await;

        let mut expected = thread(&[USER, &assistant(&[TEXT]), USER], "kimi-k2");
        let setting = r#""thinking":{"type":"enabled","budget_tokens":24576},"#;
        expected.insert_str(1, setting);
        assert_same(&seen.body, expected.as_bytes(), "all three");
        assert_eq!(seen.field("content-encoding"), None, "{coding:?}");
    }
}

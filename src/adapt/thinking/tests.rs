use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use Dialect::{Anthropic, Gemini, OpenAiChat, OpenAiResponses};
use Thinking::{Auto, Budget, Level, Off};
use ThinkingLevel::{ExtraHigh, High, Low, Max, Medium, Minimal};

fn set(dialect: Dialect, model: &str, thinking: Thinking, body: &str) -> String {
    let body = Bytes::copy_from_slice(body.as_bytes());
    String::from_utf8(set_thinking(dialect, model, thinking, &body).to_vec()).unwrap()
}

/// What a minimal body says of thinking afterwards.
fn said(dialect: Dialect, model: &str, thinking: Thinking) -> Value {
    let before = json!({ "model": "m", "messages": [] });
    let mut after: Value =
        serde_json::from_str(&set(dialect, model, thinking, &before.to_string())).unwrap();
    after.as_object_mut().unwrap().retain(|key, _| before.get(key).is_none());
    after
}

#[test]
fn openai_dialects_say_the_effort() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // suffix,          effort,            why
        (Off,               json!("none"),     "off has a word"),
        (Auto,              Value::Null,       "auto has none"),
        (Level(Minimal),    json!("minimal"),  "as written"),
        (Level(Medium),     json!("medium"),   "as written"),
        (Level(ExtraHigh),  json!("xhigh"),    "as written"),
        (Level(Max),        json!("max"),      "as written, though few have it"),
        (Budget(512),       json!("minimal"),  "its level, at the edge"),
        (Budget(513),       json!("low"),      "its level, past the edge"),
        (Budget(1025),      json!("medium"),   "its level"),
        (Budget(8193),      json!("high"),     "its level"),
        (Budget(24_577),    json!("xhigh"),    "its level"),
    ];
    for model in ["gpt-5", "qwen3-coder", "claude-opus-5"] {
        for (thinking, effort, why) in &cases {
            let chat = said(OpenAiChat, model, *thinking);
            assert_eq!(chat["reasoning_effort"], *effort, "{model}, {thinking:?}: {why}");
            let responses = said(OpenAiResponses, model, *thinking);
            assert_eq!(responses["reasoning"]["effort"], *effort, "{model}, {thinking:?}: {why}");
            assert!(!effort.is_null() || chat == json!({}) && responses == json!({}), "{why}");
        }
    }
}

#[test]
fn claude_thinks_as_its_version_can() {
    let enabled =
        |budget: u32| json!({ "thinking": { "type": "enabled", "budget_tokens": budget } });
    let adaptive = |effort: &str| json!({ "thinking": { "type": "adaptive" }, "output_config": { "effort": effort } });
    let model_decides = json!({ "thinking": { "type": "adaptive" } });
    let disabled = json!({ "thinking": { "type": "disabled" } });
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // model,                       suffix,           says,               why
        ("claude-3-7-sonnet-20250219",  Level(Medium),    enabled(8192),      "version in front of the family"),
        ("claude-sonnet-4-20250514",    Level(High),      enabled(24_576),    "the date is no minor version"),
        ("claude-opus-4-5@20251101",    Level(Low),       enabled(1024),      "Vertex AI's spelling"),
        ("us.anthropic.claude-opus-4-5-20251101-v1:0", Level(Low), enabled(1024), "Bedrock's spelling"),
        ("global.anthropic.claude-opus-4-6-v1", Level(High), adaptive("high"), "Bedrock's newer spelling"),
        ("claude-haiku-4-5-20251001",   Level(Minimal),   enabled(1024),      "no less than the least budget"),
        ("claude-opus-4-5",             Budget(2000),     enabled(2000),      "a budget as written"),
        ("claude-opus-4-5",             Budget(5),        enabled(1024),      "no less than the least budget"),
        ("claude-opus-4-1",             Auto,             enabled(24_576),    "it cannot decide itself"),
        ("claude-opus-4-1",             Off,              disabled.clone(),   "off"),
        ("claude-opus-4-6",             Level(Minimal),   adaptive("low"),    "not an effort of Claude's"),
        ("claude-opus-4-6",             Level(High),      adaptive("high"),   "4.6 has efforts"),
        ("claude-opus-4-6",             Level(ExtraHigh), adaptive("max"),    "xhigh came later"),
        ("claude-sonnet-4-6",           Level(Max),       adaptive("high"),   "max was for Opus"),
        ("claude-sonnet-4-6",           Budget(4096),     enabled(4096),      "4.6 still takes budgets"),
        ("claude-opus-4-6",             Auto,             model_decides.clone(), "it can decide"),
        ("claude-opus-4-7",             Level(ExtraHigh), adaptive("xhigh"),  "as written"),
        ("claude-opus-4-7",             Budget(4096),     adaptive("medium"), "budgets are refused from here on"),
        ("claude-opus-5-5",             Level(Max),       adaptive("max"),    "as written"),
        ("claude-opus-5-5",             Budget(90_000),   adaptive("xhigh"),  "its level"),
        ("claude-opus-5-5",             Off,              disabled.clone(),   "off"),
        ("anthropic/Claude-4.7-Opus",   Level(Low),       adaptive("low"),    "dots, capitals, a prefix"),
        ("anthropic.claude-opus-4-5-20251101-v1:0", Level(Low), enabled(1024), "Bedrock's spelling"),
        ("claude-mythos-preview",       Level(Low),       adaptive("low"),    "no version: a new one"),
        ("claude-mythos-preview",       Auto,             model_decides,      "no version: a new one"),
        ("kimi-k2",                     Level(Medium),    enabled(8192),      "not Claude: the older form"),
        ("deepseek-4-7",                Budget(3000),     enabled(3000),      "not Claude: its version says nothing"),
    ];
    for (model, thinking, says, why) in cases {
        assert_eq!(said(Anthropic, model, thinking), says, "{model}, {thinking:?}: {why}");
    }
}

#[test]
fn gemini_thinks_on_the_scale_of_its_version() {
    let budget = |tokens: i32| json!({ "thinkingBudget": tokens });
    let level = |level: &str| json!({ "thinkingLevel": level });
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // model,                     suffix,          says,              why
        ("gemini-2.5-pro",            Level(High),     budget(24_576),    "its budget"),
        ("gemini-2.5-pro",            Level(Max),      budget(32_768),    "no more than it can"),
        ("gemini-2.5-pro",            Budget(5),       budget(128),       "no less than it can"),
        ("gemini-2.5-pro",            Off,             budget(128),       "it cannot stop"),
        ("gemini-2.5-flash",          Off,             budget(0),         "it can"),
        ("gemini-2.5-flash",          Budget(99_999),  budget(24_576),    "no more than it can"),
        ("gemini-2.5-flash-lite",     Budget(5),       budget(512),       "no less than it can"),
        ("gemini-2.5-flash-lite",     Off,             budget(0),         "off is not little"),
        ("models/gemini-2.5-flash",   Auto,            budget(-1),        "Google's word for auto"),
        ("gemini-3-pro-preview",      Level(Medium),   level("HIGH"),     "it has two levels"),
        ("gemini-3-pro-preview",      Level(Minimal),  level("LOW"),      "it has two levels"),
        ("gemini-3.1-pro",            Level(Medium),   level("MEDIUM"),   "it has three"),
        ("gemini-3.1-pro",            Off,             level("LOW"),      "the nearest to off"),
        ("gemini-3-flash",            Level(Minimal),  level("MINIMAL"),  "it has four"),
        ("gemini-3.8-flash",          Level(Max),      level("HIGH"),     "its highest"),
        ("gemini-3.8-flash",          Budget(2000),    level("MEDIUM"),   "its level: no budgets here"),
        ("gemini-3.8-flash",          Off,             level("MINIMAL"),  "the nearest to off"),
        ("gemini-3.8-flash",          Auto,            Value::Null,       "the model decides unless told"),
        ("gemini-flash-latest",       Level(ExtraHigh), level("XHIGH"),   "unknown: as written"),
        ("gemini-30-pro",             Level(Medium),   level("MEDIUM"),   "unknown: as written"),
        ("gemma-4",                   Budget(77),      budget(77),        "unknown: as written"),
        ("gemma-4",                   Off,             budget(0),         "unknown: no tokens"),
        ("gemma-4",                   Auto,            Value::Null,       "unknown: nothing said"),
    ];
    for (model, thinking, says, why) in cases {
        let all = said(Gemini, model, thinking);
        assert_eq!(all["generationConfig"]["thinkingConfig"], says, "{model}, {thinking:?}: {why}");
        assert!(!says.is_null() || all == json!({}), "{model}, {thinking:?}: {why}");
    }
}

#[test]
fn the_suffix_wins_and_nothing_else_changes() {
    let low = Level(Low);
    #[rustfmt::skip] // one case, one block
    let cases = [
        (OpenAiChat, "gpt-5", low, r#"{"n": 12345678901234567890, "reasoning_effort" : "high","messages":[ ]}"#,
            r#"{"n": 12345678901234567890, "reasoning_effort" : "low","messages":[ ]}"#, "replaced in its place"),
        (OpenAiChat, "gpt-5", low, r#"{ "model":"m","messages":[]}"#,
            r#"{"reasoning_effort":"low", "model":"m","messages":[]}"#, "added in front"),
        (OpenAiChat, "gpt-5", Auto, r#"{"messages":[1.50],"reasoning_effort":"high", "z":1e3}"#,
            r#"{"messages":[1.50], "z":1e3}"#, "the model decides again"),
        (OpenAiChat, "gpt-5", low, r#"{"model":"m","prompt":"p"}"#,
            r#"{"model":"m","prompt":"p"}"#, "an older Completions body has no such setting"),
        (OpenAiResponses, "gpt-5", low, r#"{"reasoning": {"summary":"auto", "effort":"high" }, "input":[]}"#,
            r#"{"reasoning": {"summary":"auto", "effort":"low" }, "input":[]}"#, "the summary stays"),
        (OpenAiResponses, "gpt-5", low, r#"{"reasoning":{"summary":"auto"},"input":[]}"#,
            r#"{"reasoning":{"effort":"low","summary":"auto"},"input":[]}"#, "added inside"),
        (OpenAiResponses, "gpt-5", low, r#"{"reasoning":null,"input":[]}"#,
            r#"{"reasoning":{"effort":"low"},"input":[]}"#, "null is none"),
        (OpenAiResponses, "gpt-5", Auto, r#"{"reasoning":{"effort":"high","summary":"auto"}}"#,
            r#"{"reasoning":{"summary":"auto"}}"#, "the summary stays"),
        (OpenAiResponses, "gpt-5", low, r#"{"reasoning":{"effort":"a"},"reasoning":{"effort":"b"}}"#,
            r#"{"reasoning":{"effort":"low"},"reasoning":{"effort":"low"}}"#, "no two readers disagree"),
        (Anthropic, "claude-opus-4-5", low, r#"{"thinking":{"type":"adaptive","display":"omitted"},"max_tokens":4096}"#,
            r#"{"thinking":{"budget_tokens":1024,"type":"enabled","display":"omitted"},"max_tokens":4096}"#, "how it is shown stays"),
        (Anthropic, "claude-opus-5", low, r#"{"thinking":{"type":"enabled","budget_tokens":9000,"display":"omitted"},"output_config":{"format":{ },"effort":"max"}}"#,
            r#"{"thinking":{"type":"adaptive","display":"omitted"},"output_config":{"format":{ },"effort":"low"}}"#, "the budget goes, the format stays"),
        (Anthropic, "claude-opus-5", low, r#"{"max_tokens":1}"#,
            r#"{"thinking":{"type":"adaptive"},"output_config":{"effort":"low"},"max_tokens":1}"#, "two new members"),
        (Anthropic, "claude-opus-5", Auto, r#"{"max_tokens":1,"output_config":{"effort":"low"}}"#,
            r#"{"thinking":{"type":"adaptive"},"max_tokens":1}"#, "nothing is left of the config"),
        (Anthropic, "claude-opus-5", Auto, r#"{"max_tokens":1,"output_config":{"effort":"low","format":{}}}"#,
            r#"{"thinking":{"type":"adaptive"},"max_tokens":1,"output_config":{"format":{}}}"#, "the format is left"),
        (Anthropic, "claude-opus-5", Off, r#"{"thinking":{"type":"adaptive","display":"omitted"},"temperature":0.2}"#,
            r#"{"thinking":{"type":"disabled"},"temperature":0.2}"#, "off takes no more members and excludes nothing"),
        (Gemini, "gemini-3.8-flash", low, r#"{"generationConfig":{"topK":4,"thinkingConfig":{"includeThoughts":true,"thinkingBudget":9}}}"#,
            r#"{"generationConfig":{"topK":4,"thinkingConfig":{"thinkingLevel":"LOW","includeThoughts":true}}}"#, "never both"),
        (Gemini, "gemini-2.5-pro", low, r#"{"generation_config":{"thinking_config":{"thinking_level":"HIGH"}},"contents":[]}"#,
            r#"{"generation_config":{"thinking_config":{"thinkingBudget":1024}},"contents":[]}"#, "the other spelling"),
        (Gemini, "gemini-2.5-pro", low, r#"{"generation_config":{"topK":4}}"#,
            r#"{"generation_config":{"thinkingConfig":{"thinkingBudget":1024},"topK":4}}"#, "inside what is there"),
        (Gemini, "gemini-2.5-pro", low, "{}",
            r#"{"generationConfig":{"thinkingConfig":{"thinkingBudget":1024}}}"#, "an empty body"),
        (Gemini, "gemini-2.5-pro", low, r#"{"generationConfig":null,"generationConfig":null}"#,
            r#"{"generationConfig":{"thinkingConfig":{"thinkingBudget":1024}},"generationConfig":{"thinkingConfig":{"thinkingBudget":1024}}}"#, "null is none, twice"),
        (Gemini, "gemini-3.8-flash", Auto, r#"{"generationConfig":{"thinkingConfig":{"thinkingBudget":9}}}"#,
            r#"{"generationConfig":{"thinkingConfig":{}}}"#, "nothing said"),
        (Gemini, "gemini-2.5-pro", low, "[1]", "[1]", "no object"),
        (OpenAiChat, "gpt-5", low, "{", "{", "no JSON"),
    ];
    for (dialect, model, thinking, body, expected, why) in cases {
        let once = set(dialect, model, thinking, body);
        assert_eq!(once, expected, "{why}");
        assert_eq!(set(dialect, model, thinking, &once), expected, "{why}: set twice");
    }
}

#[test]
fn what_excludes_thinking_gives_way_or_thinking_does() {
    let bare_turn = r#"{"role":"assistant","content":[{"type":"text","text":"t"},{"type":"tool_use","id":"a"}]}"#;
    let signed_turn = r#"{"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"s"},{"type":"tool_use","id":"a"}]}"#;
    let answered = |turn: &str| format!(r#""messages":[{turn},{{"role":"user","content":[]}}]"#);
    let (bare, signed) = (answered(bare_turn), answered(signed_turn));
    let bare_then_text =
        answered(&format!(r#"{bare_turn},{{"role":"assistant","content":"done"}}"#));
    let (old, new) = ("claude-opus-4-5", "claude-opus-5");
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // model, what the body says,               stays,  thinks, why
        (old, r#""temperature":0.2"#,               false,  true,   "must be 1"),
        (old, r#""temperature":1.0"#,               true,   true,   "is 1"),
        (old, r#""temperature":null"#,              true,   true,   "says nothing"),
        (old, r#""top_k":40"#,                      false,  true,   "not with thinking"),
        (old, r#""top_p":0.5"#,                     false,  true,   "too low"),
        (old, r#""top_p":0.95"#,                    true,   true,   "allowed"),
        (new, r#""top_k":40"#,                      false,  true,   "not with adaptive thinking either"),
        (old, r#""tool_choice":{"type":"any"}"#,    true,   false,  "a call is forced"),
        (new, r#""tool_choice":{"type":"tool","name":"t"}"#, true, false, "a call is forced"),
        (old, r#""tool_choice":{"type":"auto"}"#,   true,   true,   "no call is forced"),
        (old, r#""max_tokens":1024"#,               true,   false,  "no room for the least budget"),
        (old, r#""max_tokens":0"#,                  true,   false,  "no room at all"),
        (new, r#""max_tokens":64"#,                 true,   true,   "no budget to make room for"),
        (old, bare.as_str(),                        true,   false,  "a tool turn that did not think"),
        (old, signed.as_str(),                      true,   true,   "a tool turn that did"),
        (old, bare_then_text.as_str(),              true,   true,   "not the last turn"),
        (new, bare.as_str(),                        true,   true,   "adaptive thinking does not mind"),
    ];
    for (model, member, stays, thinks, why) in cases {
        let body = format!(r#"{{"model":"m",{member},"thinking":{{"type":"disabled"}}}}"#);
        let after = set(Anthropic, model, Level(Medium), &body);
        assert_eq!(after.contains(member), stays, "{why}: {after}");
        let after: Value = serde_json::from_str(&after).unwrap();
        assert_eq!(after.get("thinking").is_some(), thinks, "{why}: {after}");
        assert_ne!(after["thinking"]["type"], "disabled", "{why}");
    }
}

#[test]
fn a_budget_leaves_room_for_the_answer() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // max_tokens, budget, why
        (8193, 8192, "fits"),
        (8192, 8191, "one token less"),
        (1025, 1024, "the least that fits"),
    ];
    for (max_tokens, budget, why) in cases {
        let body = format!(r#"{{"max_tokens":{max_tokens}}}"#);
        let after = set(Anthropic, "claude-opus-4-5", Level(Medium), &body);
        let after: Value = serde_json::from_str(&after).unwrap();
        assert_eq!(after["thinking"]["budget_tokens"], budget, "{why}");
    }
}

#[test]
fn only_generation_takes_thinking() {
    for (method, takes) in [
        ("generateContent", true),
        ("streamGenerateContent", true),
        ("countTokens", false),
        ("embedContent", false),
    ] {
        assert_eq!(takes_thinking(method), takes, "{method}");
    }
}

fn any_thinking() -> impl Strategy<Value = Thinking> {
    let levels = prop::sample::select(vec![Minimal, Low, Medium, High, ExtraHigh, Max]);
    prop_oneof![Just(Off), Just(Auto), levels.prop_map(Level), (0..200_000u32).prop_map(Budget)]
}

/// Members of every dialect, sensible or not, each there or not.
fn any_body() -> impl Strategy<Value = String> {
    #[rustfmt::skip] // one member, one line
    let members = [
        (r#""reasoning_effort""#, vec![r#""high""#, "null"]),
        (r#""reasoning""#, vec![r#"{"summary":"auto"}"#, r#"{"effort":"low"}"#, "{ }", "7"]),
        (r#""thinking""#, vec![r#"{"type":"enabled","budget_tokens":2000}"#, r#"{"type":"disabled"}"#, "null"]),
        (r#""output_config""#, vec![r#"{"effort":"low"}"#, r#"{"effort":"low","format":1}"#, "{}"]),
        (r#""generationConfig""#, vec!["{}", "null", r#"{"thinkingConfig":{"thinkingBudget":1},"topK":2}"#]),
        (r#""generation_config""#, vec![r#"{"thinking_config":{"thinking_level":"LOW"}}"#, r#"{"topK":1}"#]),
        (r#""temperature""#, vec!["0.5", "1"]),
        (r#""top_k""#, vec!["3"]),
        (r#""max_tokens""#, vec!["64", "4096"]),
        (r#""messages""#, vec!["[ ]", r#"[{"role":"user","content":"12345678901234567890"}]"#]),
        (r#""kept""#, vec!["18446744073709551615", "1.50"]),
    ];
    let member = prop::sample::select(members.to_vec()).prop_flat_map(|(key, values)| {
        ("[ \n]{0,2}", prop::sample::select(values))
            .prop_map(move |(space, value)| format!("{space}{key}{space}:{space}{value}{space}"))
    });
    prop::collection::vec(member, 0..7).prop_map(|members| {
        let last = if members.is_empty() { "" } else { "," };
        format!(r#"{{{}{last}"model":"m"}}"#, members.join(","))
    })
}

proptest! {
    #[test]
    fn setting_is_done_once_and_for_all(
        dialect in prop::sample::select(vec![Anthropic, OpenAiChat, OpenAiResponses, Gemini]),
        model in prop::sample::select(vec!["claude-opus-4-5", "claude-opus-4-6", "claude-opus-5", "gpt-5",
            "gemini-2.5-flash", "gemini-3-pro", "qwen"]),
        thinking in any_thinking(),
        body in any_body(),
    ) {
        const TOUCHED: [&str; 9] = ["reasoning_effort", "reasoning", "thinking", "output_config", "generationConfig",
            "generation_config", "temperature", "top_k", "top_p"];
        let untouched = |text: &str| -> Map<String, Value> {
            let mut members: Map<String, Value> = serde_json::from_str(text).unwrap();
            members.retain(|key, _| !TOUCHED.contains(&key.as_str()));
            members
        };
        let once = set(dialect, model, thinking, &body);
        prop_assert_eq!(untouched(&once), untouched(&body));
        prop_assert_eq!(set(dialect, model, thinking, &once), once);
    }
}

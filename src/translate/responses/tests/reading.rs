use super::super::super::request::{MediaSource, OutputFormat, Tool, ToolChoice};
use super::*;
use crate::types::{Thinking, ThinkingLevel};

fn with_input(input: &str) -> Result<Request, super::super::super::Unreadable> {
    read_request(format!(r#"{{"model":"m","input":{input}}}"#).as_bytes())
}

fn with_member(member: &str) -> Request {
    read_request(format!(r#"{{"model":"m","input":"q",{member}}}"#).as_bytes()).unwrap()
}

#[test]
fn every_item_is_a_turn() {
    let signed = super::super::super::signature::to_foreign("EqQB");
    let signed = format!(
        r#"[{{"type":"reasoning","summary":[{{"type":"summary_text","text":"t"}}],"encrypted_content":"{signed}"}}]"#
    );
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (r#""q""#, "User: \"q\"", "a string"),
        (r#"[{"role":"user","content":"q"}]"#, "User: \"q\"", "no type, but a role"),
        (r#"[{"type":"message","role":"developer","content":"d"},{"role":"system","content":"s"}]"#,
         "System: \"d\"\nSystem: \"s\"", "both words for the system, anywhere"),
        (r#"[{"role":"assistant","content":[{"type":"output_text","text":"a"},{"type":"refusal","refusal":"no"}]}]"#,
         "Assistant: \"a\" | \"no\"", "a refusal is what was said"),
        (r#"[{"type":"function_call","call_id":"c","name":"f","arguments":"{\"n\":1.10}"},{"type":"function_call_output","call_id":"c","output":"r"}]"#,
         "Assistant: call c \"f\" {\"n\":1.10}\nUser: result c \"r\"", "arguments byte for byte"),
        (r#"[{"type":"function_call","call_id":"c","name":"f","arguments":""}]"#,
         "Assistant: call c \"f\" {}", "no arguments"),
        (r#"[{"type":"function_call","call_id":"c","namespace":"crm","name":"f","arguments":"{}"}]"#,
         "Assistant: call c \"crm\\u{1f}\\u{1f}f\" {}", "the namespace is part of the neutral name"),
        (r#"[{"type":"custom_tool_call","call_id":"c","name":"f","input":"{x"}]"#,
         "Assistant: call c \"f\" text \"{x\"", "free text"),
        (r#"[{"type":"local_shell_call","id":"lsh","call_id":null,"action":{"type":"exec","command":["ls"]}},{"type":"local_shell_call_output","id":"lsh","output":"r"}]"#,
         "Assistant: call lsh \"local_shell\\u{1f}\" {\"type\":\"exec\",\"command\":[\"ls\"]}\nUser: result lsh \"r\"", "by the item's id"),
        (r#"[{"type":"reasoning","summary":[{"type":"summary_text","text":"a"},{"type":"summary_text","text":"b"}],"encrypted_content":"gAAA"}]"#,
         "Assistant: thought \"a\\n\\nb\" None", "a foreign proof is nothing"),
        (r#"[{"type":"reasoning","summary":[{"type":"summary_text","text":"a"}],"content":[{"type":"reasoning_text","text":"all"}]}]"#,
         "Assistant: thought \"all\" None", "the reasoning itself, where it is told"),
        (signed.as_str(),
         "Assistant: thought \"t\" Some(Signature { made_by: Anthropic, value: \"EqQB\" })", "Claude's own signature"),
        (r#"[{"role":"user","content":[{"type":"input_image","image_url":"https://x/a.png"},{"type":"input_file","file_data":"JVBE","filename":"a.PDF"}]}]"#,
         "User: Image Url { url: \"https://x/a.png\", media_type: None } | Document Inline { media_type: \"application/pdf\", data: \"JVBE\" }", "media"),
        (r#"[{"role":"user","content":[{"type":"input_file","file_url":"https://x/a.pdf"},{"type":"input_audio","input_audio":{"data":"UklG","format":"mp3"}}]}]"#,
         "User: Document Url { url: \"https://x/a.pdf\", media_type: None } | Audio Inline { media_type: \"audio/mpeg\", data: \"UklG\" }", "more media"),
        (r#"[{"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"r"},{"type":"input_image","image_url":"data:image/png;base64,iVBO"}]}]"#,
         "User: result c \"r\" Image", "an image in a result"),
        (r#"[{"type":"function_call_output","call_id":"c","output":""},{"type":"function_call_output","call_id":"d","output":[{"type":"input_text","text":""}]}]"#,
         "User: result c \nUser: result d ", "a result that says nothing"),
    ];
    for (input, expected, why) in cases {
        assert_eq!(sketch(&with_input(input).unwrap().turns), expected, "{why}");
    }
}

#[test]
fn an_image_is_taken_apart_into_type_and_data() {
    let input = r#"[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,iVBO","detail":"low"}]}]"#;
    let request = with_input(input).unwrap();
    let [Part::Media(media)] = request.turns[0].parts.as_slice() else { panic!("one image") };
    let inline =
        MediaSource::Inline { media_type: "image/png".to_owned(), data: "iVBO".to_owned() };
    assert_eq!((&media.source, media.detail.as_deref()), (&inline, Some("low")));
}

#[test]
fn what_cannot_be_read_says_where_and_why() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (r#"{"model":"m"}"#, "input: missing", "nothing to answer"),
        (r#"{"input":"q","previous_response_id":"resp_1"}"#, "previous_response_id: ", "state"),
        (r#"{"input":"q","conversation":{"id":"conv_1"}}"#, "conversation: ", "state"),
        (r#"{"input":"q","prompt":{"id":"pmpt_1"}}"#, "prompt: ", "a stored prompt"),
        (r#"{"input":"q","background":true}"#, "background: ", "a response to be asked for later"),
        (r#"{"input":[{"type":"item_reference","id":"msg_1"}]}"#, "item_reference: ", "state"),
        (r#"{"input":[{"content":"q"}]}"#, "input[0].type: missing", "neither type nor role"),
        (r#"{"input":[{"role":"user","content":"q"},{"role":"tool","content":"r"}]}"#, "input[1].role: `tool`", "no such role"),
        (r#"{"input":[{"type":"function_call_output","output":"r"}]}"#, "input[0].call_id: missing", "a result of what?"),
        (r#"{"input":[{"type":"function_call","call_id":"c","arguments":"{}"}]}"#, "input[0].name: missing", "a call of what?"),
        (r#"{"input":[{"role":"user","content":[{"type":"input_text","text":7}]}]}"#, "input[0].content[0].text: invalid type", "wrong type"),
        (r#"{"input":7}"#, "input: invalid type: integer `7`, expected a string, a list or an object", "wrong type"),
        (r#"{"input":"q","tools":[{"type":"function"}]}"#, "tools.name: missing", "a tool without a name"),
        (r#"{"input":"q","text":{"format":{"type":"json_schema"}}}"#, "text.format.schema: missing", "no schema"),
        ("7", "invalid type: integer `7`", "no object"),
    ];
    for (body, expected, why) in cases {
        let error = read_request(body.as_bytes()).unwrap_err().0;
        assert!(error.starts_with(expected), "{why}: {error}");
    }
}

#[test]
fn state_that_is_null_is_no_state() {
    let body = r#"{"input":"q","previous_response_id":null,"conversation":null,"prompt":null,"background":false,"metadata":{},"user":null,"tools":null}"#;
    assert_eq!(read_request(body.as_bytes()).unwrap().dropped.to_field(), None);
}

#[test]
fn what_is_left_out_is_noted_by_name() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (r#""store":true,"include":["reasoning.encrypted_content"],"service_tier":"flex","truncation":"auto","client_metadata":{"a":"b"},"stream_options":{"include_obfuscation":false}"#,
         None, "harmless"),
        (r#""metadata":{"a":"b"}"#,                             Some("metadata"),                   "the client wants it back"),
        (r#""include":["message.output_text.logprobs"]"#,       Some("logprobs"),                   "asked for"),
        (r#""top_logprobs":2"#,                                 Some("logprobs"),                   "asked for"),
        (r#""max_tool_calls":2"#,                               Some("max_tool_calls"),             "nobody else counts"),
        (r#""context_management":[{"type":"compaction"}]"#,     Some("context_management"),         "unknown to us"),
        (r#""reasoning":{"effort":"ultra"}"#,                   Some("reasoning.effort"),           "no level that we know"),
        (r#""tools":[{"type":"image_generation"}]"#,            Some("tools.image_generation"),     "a server tool"),
        (r#""tools":[{"type":"tool_search"}]"#,                 Some("tools.tool_search"),          "run by the provider"),
        (r#""tools":[{"type":"web_search","search_context_size":"low"}]"#, Some("tools.search_context_size"), "the search itself stays"),
        (r#""tool_choice":{"type":"file_search"}"#,             Some("tool_choice"),                "a tool that is not there"),
        (r#""text":{"format":{"type":"xml"}}"#,                 Some("text.format"),                "no such format"),
    ];
    for (member, expected, why) in cases {
        assert_eq!(with_member(member).dropped.to_field().as_deref(), expected, "{why}");
    }
    let input = r#"[{"type":"web_search_call","status":"completed"},{"role":"user","content":[{"type":"input_image","file_id":"f"},{"type":"hologram"},{"type":"output_text","text":"a","annotations":[{}]},{"type":"input_image","image_url":"data:text/plain,x"}]}]"#;
    assert_eq!(
        with_input(input).unwrap().dropped.to_field().as_deref(),
        Some(
            "input.content.annotations, input.content.file_id, input.content.hologram, input.content.input_image, input.web_search_call"
        )
    );
}

#[test]
fn settings_are_read_into_neutral_words() {
    let level = |level| Some(Thinking::Level(level));
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (r#""reasoning":{}"#,                                       None,                          None,        "the model's own affair"),
        (r#""reasoning":{"effort":"none"}"#,                        Some(Thinking::Off),           None,        "off"),
        (r#""reasoning":{"effort":"minimal","summary":"detailed"}"#, level(ThinkingLevel::Minimal), Some(true),  "with a summary"),
        (r#""reasoning":{"effort":"xhigh","summary":"none"}"#,      level(ThinkingLevel::ExtraHigh), Some(false), "without one"),
        (r#""reasoning":{"effort":"max","generate_summary":"auto"}"#, level(ThinkingLevel::Max),   Some(true),  "the old name"),
    ];
    for (member, thinking, shows, why) in cases {
        let request = with_member(member);
        assert_eq!((request.thinking, request.shows_thinking), (thinking, shows), "{why}");
    }
    let request = with_member(
        r#""user":"u","safety_identifier":"s","max_output_tokens":9,"temperature":0.5,"top_p":0.25,"text":{"format":{"type":"json_object"},"verbosity":"low"}"#,
    );
    assert_eq!(request.user.as_deref(), Some("s"), "the newer name wins");
    assert_eq!(request.max_output_tokens, Some(9));
    assert_eq!((request.sampling.temperature, request.sampling.top_p), (Some(0.5), Some(0.25)));
    assert!(matches!(request.output, OutputFormat::Json));
    assert_eq!(request.verbosity.as_deref(), Some("low"));
    assert!(!request.streams);
}

#[test]
fn tools_are_chosen_by_their_neutral_names() {
    let tools = r#""tools":[{"type":"function","name":"f"},{"type":"function","name":"f"},{"type":"namespace","name":"crm","tools":[{"type":"custom","name":"g"}]},{"type":"web_search_preview"},{"type":"web_search"},{"type":"local_shell"}]"#;
    let named = |name: &str| Some(ToolChoice::Named(name.to_owned()));
    let all = ["f", "crm\u{1f}\u{1f}g", "(search)", "local_shell\u{1f}"];
    #[rustfmt::skip] // columns are easier to proofread
    let cases: &[(&str, Option<ToolChoice>, &[&str], &str)] = &[
        (r#""auto""#,                              Some(ToolChoice::Auto),             &all, "a mode"),
        (r#""none""#,                              Some(ToolChoice::None),             &all, "a mode"),
        (r#""required""#,                          Some(ToolChoice::Required),         &all, "a mode"),
        (r#"{"type":"function","name":"f"}"#,      named("f"),                         &all, "a function"),
        (r#"{"type":"custom","namespace":"crm","name":"g"}"#, named("crm\u{1f}\u{1f}g"), &all, "in its namespace"),
        (r#"{"type":"local_shell"}"#,              named("local_shell\u{1f}"),         &all, "a native tool"),
        (r#"{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"},{"type":"web_search"}]}"#,
                                                   Some(ToolChoice::Required),         &["f", "(search)"], "the others are not offered"),
    ];
    for (choice, expected, left, why) in cases {
        let request = with_member(&format!(r#""tool_choice":{choice},{tools}"#));
        let offered: Vec<&str> = request
            .tools
            .iter()
            .map(|tool| match tool {
                Tool::Function(function) => function.name.as_str(),
                Tool::Custom { name, .. } => name,
                Tool::WebSearch => "(search)",
            })
            .collect();
        assert_eq!((&request.tool_choice, offered.as_slice()), (expected, *left), "{why}");
    }
}

use serde_json::{Value, json};

use super::*;
use ModelListShape::{Anthropic, Codex, Gemini, OpenAi};

const ANTHROPIC: &str = include_str!("../../../tests/fixtures/anthropic/a09-models.exchange.json");
const OPENAI: &str = include_str!("../../../tests/fixtures/openai-chat/c08-models.exchange.json");
const GEMINI: &str = include_str!("../../../tests/fixtures/gemini/g08-models.exchange.json");

const OURS: [ListedModel<'static>; 2] = [
    ListedModel { id: "fast", owned_by: "openrouter" },
    ListedModel { id: "gpt-5.5", owned_by: "openai" },
];

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn upstream_body(exchange: &str) -> Bytes {
    parse(exchange)["response"]["body"].to_string().into()
}

#[test]
fn the_shape_is_the_one_the_client_expects() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // provider,         codex, version, goog key, shape,    why
        (Some("anthropic"),  false, false,   false,    Anthropic, "the path says so"),
        (Some("google"),     false, false,   false,    Gemini,    "the path says so"),
        (Some("openai"),     false, false,   false,    OpenAi,    "the path says so"),
        (Some("openrouter"), false, true,    true,     OpenAi,    "the path beats the header"),
        (Some("google"),     false, true,    false,    Gemini,    "the path beats the header"),
        (Some("openai"),     true,  false,   false,    OpenAi,    "the path beats the query"),
        (None,               true,  false,   false,    Codex,     "only Codex sends its version"),
        (None,               true,  true,    true,     Codex,     "a header may be a default of some SDK"),
        (None,               false, true,    false,    Anthropic, "Anthropic's SDKs send their version"),
        (None,               false, true,    true,     Anthropic, "nobody else sends that version"),
        (None,               false, false,   true,     Gemini,    "Google's key"),
        (None,               false, false,   false,    OpenAi,    "everybody else"),
    ];
    for (provider, codex, version, goog_key, shape, why) in cases {
        assert_eq!(list_shape(provider, codex, version, goog_key), shape, "{provider:?}: {why}");
    }
}

#[test]
fn a_codex_catalogue_holds_what_upstreams_wrote_and_nothing_of_ours() {
    assert_eq!(models_list(Codex, &OURS), r#"{"models":[]}"#, "no entry without a prompt");
    let entry = r#"{ "slug":"gpt-6", "base_instructions":"p", "priority":1.0 }"#;
    let upstream = Bytes::from(format!(r#"{{"models":[{entry}]}}"#));
    let merged = merge_models_lists(Codex, &OURS, &[upstream.clone(), upstream]).unwrap();
    assert_eq!(merged, format!(r#"{{"models":[{entry}]}}"#), "each slug once");
    let openai = upstream_body(OPENAI);
    assert!(merge_models_lists(Codex, &OURS, &[openai]).is_err(), "Codex cannot read it either");
    assert_eq!(model_entry(Codex, &OURS[0]), model_entry(OpenAi, &OURS[0]), "Codex asks for none");
}

#[test]
fn our_own_lists_say_what_we_know_and_no_more() {
    let expected = json!({
        "data": [
            { "type": "model", "id": "fast", "display_name": "fast", "created_at": "1970-01-01T00:00:00Z" },
            { "type": "model", "id": "gpt-5.5", "display_name": "gpt-5.5", "created_at": "1970-01-01T00:00:00Z" },
        ],
        "has_more": false, "first_id": "fast", "last_id": "gpt-5.5",
    });
    assert_eq!(parse(&models_list(Anthropic, &OURS)), expected);
    let expected = json!({ "object": "list", "data": [
        { "id": "fast", "object": "model", "created": 0, "owned_by": "openrouter" },
        { "id": "gpt-5.5", "object": "model", "created": 0, "owned_by": "openai" },
    ]});
    assert_eq!(parse(&models_list(OpenAi, &OURS)), expected);
    let expected = json!({ "models": [
        { "name": "models/fast", "displayName": "fast", "supportedGenerationMethods": ["generateContent"] },
        { "name": "models/gpt-5.5", "displayName": "gpt-5.5", "supportedGenerationMethods": ["generateContent"] },
    ]});
    assert_eq!(parse(&models_list(Gemini, &OURS)), expected);
}

#[test]
fn an_empty_list_is_a_list() {
    let expected = json!({ "data": [], "has_more": false, "first_id": null, "last_id": null });
    assert_eq!(parse(&models_list(Anthropic, &[])), expected);
    assert_eq!(models_list(OpenAi, &[]), r#"{"object":"list","data":[]}"#);
    assert_eq!(models_list(Gemini, &[]), r#"{"models":[]}"#);
}

#[test]
fn one_entry_is_as_in_the_list() {
    for (shape, list) in [(Anthropic, "data"), (OpenAi, "data"), (Gemini, "models")] {
        let entry = parse(&model_entry(shape, &OURS[0]));
        assert_eq!(parse(&models_list(shape, &OURS))[list][0], entry, "{shape:?}");
    }
}

#[test]
fn our_lists_and_entries_have_the_fields_of_real_ones() {
    for (shape, list, real) in
        [(Anthropic, "data", ANTHROPIC), (OpenAi, "data", OPENAI), (Gemini, "models", GEMINI)]
    {
        let real = parse(str::from_utf8(&upstream_body(real)).unwrap());
        let ours = parse(&models_list(shape, &OURS));
        for (field, _) in ours.as_object().unwrap() {
            assert!(real.get(field).is_some(), "{shape:?}: {field}");
        }
        for (field, value) in ours[list][0].as_object().unwrap() {
            let known = &real[list][0][field];
            assert_eq!(
                std::mem::discriminant(value),
                std::mem::discriminant(known),
                "{shape:?}: {field}"
            );
        }
    }
}

#[test]
fn lists_are_merged_without_duplicates() {
    let cases = [
        (Anthropic, ANTHROPIC, "data", "id", 2),
        (OpenAi, OPENAI, "data", "id", 1), // `gpt-5.5` is ours
        (Gemini, GEMINI, "models", "name", 2),
    ];
    for (shape, exchange, list, id, added) in cases {
        let upstream = upstream_body(exchange);
        let merged = merge_models_lists(shape, &OURS, &[upstream.clone(), upstream]).unwrap();
        let merged = parse(&merged);
        assert_eq!(merged[list].as_array().unwrap().len(), OURS.len() + added, "{shape:?}");
        assert!(merged[list][0][id].as_str().unwrap().ends_with("fast"), "{shape:?}");
    }
}

#[test]
fn an_anthropic_list_names_its_ends() {
    let merged = merge_models_lists(Anthropic, &OURS, &[upstream_body(ANTHROPIC)]).unwrap();
    let merged = parse(&merged);
    assert_eq!(merged["first_id"], "fast");
    assert_eq!(merged["last_id"], "claude-sonnet-4-5-20250929");
    assert_eq!(merged["has_more"], false, "there is one page");
}

#[test]
fn entries_of_an_upstream_cross_byte_for_byte() {
    let entries = [
        r#"{ "owned_by":"x",  "id" : "b", "price": 1.50, "n":1e400 }"#,
        r#"{"id":"c","name":"C of X"}"#,
        r#"{"no":"id"}"#,
        r#"{"no":"id"}"#,
    ];
    let body = Bytes::from(format!(r#"{{"data":[{}],"more":1}}"#, entries.join(",")));
    let merged = merge_models_lists(OpenAi, &[], &[body]).unwrap();
    assert_eq!(merged, format!(r#"{{"object":"list","data":[{}]}}"#, entries.join(",")));
}

#[test]
fn a_model_of_vertex_is_known_by_its_last_part() {
    let body = Bytes::from(
        r#"{"publisherModels":[{"name":"publishers/google/models/fast"},{"name":"publishers/google/models/x"}]}"#,
    );
    let merged = parse(&merge_models_lists(Gemini, &OURS[..1], &[body]).unwrap());
    assert_eq!(merged["models"].as_array().unwrap().len(), 2);
    assert_eq!(merged["models"][1]["name"], "publishers/google/models/x");
}

#[test]
fn what_is_no_list_is_named_by_its_place() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (OpenAi, "<html>",                   "not JSON"),
        (OpenAi, r#"{"error":{}}"#,          "an error with status 200"),
        (Gemini, r#"{"data":[]}"#,           "another shape"),
        (OpenAi, r#"{"data":["gpt-5"]}"#,    "entries are no objects"),
    ];
    for (shape, body, why) in cases {
        let good = upstream_body(if shape == Gemini { GEMINI } else { OPENAI });
        let error = merge_models_lists(shape, &OURS, &[good, Bytes::from(body)]).unwrap_err();
        assert_eq!(error.index, 1, "{why}");
    }
}

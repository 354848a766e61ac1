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

fn upstream_body(exchange: &str) -> String {
    parse(exchange)["response"]["body"].to_string()
}

fn our_list(shape: ModelListShape, models: &[ListedModel<'_>]) -> String {
    let own: Vec<ModelEntry> =
        models.iter().filter_map(|model| ModelEntry::own(shape, model)).collect();
    models_list(shape, &own)
}

fn page(shape: ModelListShape, body: &str) -> ModelsPage {
    read_models_page(shape, body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"))
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
fn a_codex_catalogue_holds_nothing_of_ours() {
    assert_eq!(our_list(Codex, &OURS), r#"{"models":[]}"#, "no entry without a prompt");
    let entry = r#"{ "slug":"gpt-6", "base_instructions":"p", "priority":1.0 }"#;
    let body = format!(r#"{{"models":[{entry}]}}"#);
    let catalogue = page(Codex, &body);
    assert_eq!(catalogue.entries[0].id(), Some("gpt-6"));
    assert_eq!(models_list(Codex, &catalogue.entries), body, "what an upstream wrote is passed on");
    let openai = upstream_body(OPENAI);
    assert!(read_models_page(Codex, openai.as_bytes()).is_err(), "Codex cannot read it either");
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
    assert_eq!(parse(&our_list(Anthropic, &OURS)), expected);
    let expected = json!({ "object": "list", "data": [
        { "id": "fast", "object": "model", "created": 0, "owned_by": "openrouter" },
        { "id": "gpt-5.5", "object": "model", "created": 0, "owned_by": "openai" },
    ]});
    assert_eq!(parse(&our_list(OpenAi, &OURS)), expected);
    let expected = json!({ "models": [
        { "name": "models/fast", "displayName": "fast", "supportedGenerationMethods": ["generateContent"] },
        { "name": "models/gpt-5.5", "displayName": "gpt-5.5", "supportedGenerationMethods": ["generateContent"] },
    ]});
    assert_eq!(parse(&our_list(Gemini, &OURS)), expected);
}

#[test]
fn an_empty_list_is_a_list() {
    let expected = json!({ "data": [], "has_more": false, "first_id": null, "last_id": null });
    assert_eq!(parse(&models_list(Anthropic, &[])), expected);
    assert_eq!(models_list(OpenAi, &[]), r#"{"object":"list","data":[]}"#);
    assert_eq!(models_list(Gemini, &[]), r#"{"models":[]}"#);
}

#[test]
fn our_lists_and_entries_have_the_fields_of_real_ones() {
    for (shape, list, real) in
        [(Anthropic, "data", ANTHROPIC), (OpenAi, "data", OPENAI), (Gemini, "models", GEMINI)]
    {
        let real = parse(&upstream_body(real));
        let ours = parse(&our_list(shape, &OURS));
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
fn an_anthropic_list_names_its_ends() {
    let upstream = page(Anthropic, &upstream_body(ANTHROPIC));
    let list = parse(&models_list(Anthropic, &upstream.entries));
    assert_eq!(list["first_id"], "claude-opus-4-8");
    assert_eq!(list["last_id"], "claude-sonnet-4-5-20250929");
    assert_eq!(list["has_more"], false, "there is one page");
}

#[test]
fn entries_of_an_upstream_cross_byte_for_byte() {
    let entries = [
        r#"{ "owned_by":"x",  "id" : "b", "price": 1.50, "n":1e400 }"#,
        r#"{"id":"c","name":{"en":"C of X"}}"#,
        r#"{"no":"id"}"#,
        r#"{"id":7}"#,
    ];
    let upstream =
        page(OpenAi, &format!(r#"{{"data":[{}],"more":1,"last_id":2}}"#, entries.join(",")));
    let ids: Vec<_> = upstream.entries.iter().map(ModelEntry::id).collect();
    assert_eq!(ids, [Some("b"), Some("c"), None, None], "an odd entry takes no other away");
    let list = models_list(OpenAi, &upstream.entries);
    assert_eq!(list, format!(r#"{{"object":"list","data":[{}]}}"#, entries.join(",")));
}

#[test]
fn a_gemini_model_is_known_by_what_stands_behind_its_collection() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // name,                              id,               why
        ("models/gemini-x",                   "gemini-x",       "the Gemini API"),
        ("publishers/google/models/gemini-x", "gemini-x",       "Vertex AI"),
        ("models/my-models/gemini-x",         "my-models/gemini-x", "a slash in the name"),
        ("tunedModels/mine",                  "tunedModels/mine", "another collection"),
        ("gemini-x",                          "gemini-x",       "a server that leaves it out"),
    ];
    for (name, id, why) in cases {
        let vertex = page(Gemini, &format!(r#"{{"publisherModels":[{{"name":"{name}"}}]}}"#));
        assert_eq!(vertex.entries[0].id(), Some(id), "{why}");
    }
}

#[test]
fn a_name_is_written_where_it_is_read() {
    for shape in [Anthropic, OpenAi, Gemini, Codex] {
        let (member, value) = naming_member(shape, "a/b");
        let entry = ModelEntry::parse(shape, json!({ member: value }).to_string()).unwrap();
        assert_eq!(entry.id(), Some("a/b"), "{shape:?}");
    }
}

#[test]
fn a_list_is_followed_to_its_last_page() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // shape,   page,                                               next query,                     why
        (Anthropic, r#"{"data":[],"has_more":true,"last_id":"a/b c"}"#, Some("limit=1000&after_id=a%2Fb%20c"), "more to come"),
        (Anthropic, r#"{"data":[],"has_more":false,"last_id":"a"}"#,    None,                           "the last one"),
        (Anthropic, r#"{"data":[],"has_more":null,"last_id":null}"#,    None,                           "a compatible server"),
        (Anthropic, r#"{"data":[],"has_more":true}"#,                   None,                           "nowhere to go on"),
        (Gemini,    r#"{"models":[],"nextPageToken":"t=&"}"#,           Some("pageSize=100&pageToken=t%3D%26"), "more to come"),
        (Gemini,    r#"{"nextPageToken":"t"}"#,                         Some("pageSize=100&pageToken=t"), "an empty page between others"),
        (Gemini,    r#"{"models":[],"nextPageToken":""}"#,              None,                           "the last one"),
        (Gemini,    r#"{"models":[]}"#,                                 None,                           "the last one"),
        (Gemini,    "{}",                                               None,                           "Google leaves out what is empty"),
        (OpenAi,    r#"{"data":[],"has_more":true,"last_id":"a"}"#,     None,                           "has no pages"),
    ];
    for (shape, body, expected, why) in cases {
        let next = page(shape, body).next;
        let query = next.map(|next| page_query(shape, Some(&next)));
        assert_eq!(query.as_deref(), expected, "{body}: {why}");
    }
    assert_eq!(page_query(Anthropic, None), "limit=1000");
    assert_eq!(page_query(Gemini, None), "pageSize=100");
    assert_eq!(page_query(OpenAi, None), "");
    assert_eq!(page_query(Codex, None), "");
}

#[test]
fn what_is_no_list_is_not_read() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (OpenAi, "<html>",                   "not JSON"),
        (OpenAi, r#"{"error":{}}"#,          "an error with status 200"),
        (Gemini, r#"{"error":{}}"#,          "an error with status 200"),
        (Gemini, r#"{"data":[]}"#,           "another shape"),
        (OpenAi, r#"{"data":["gpt-5"]}"#,    "entries are no objects"),
    ];
    for (shape, body, why) in cases {
        assert!(read_models_page(shape, body.as_bytes()).is_err(), "{why}");
    }
}

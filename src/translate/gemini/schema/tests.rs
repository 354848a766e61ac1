use super::*;

fn schema(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

fn object(properties: &str) -> String {
    format!(r#"{{"type":"object","properties":{{{properties}}}}}"#)
}

/// What becomes of one property.
fn converted(property: &str) -> String {
    let whole = to_open_api(&schema(&object(&format!(r#""p":{property}"#)))).unwrap();
    let whole: Value = serde_json::from_str(whole.get()).unwrap();
    assert_eq!(whole["type"], "OBJECT");
    whole["properties"]["p"].to_string()
}

#[test]
fn trap_gemini_schema() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (r#"{"type":"string","description":"d"}"#,                      r#"{"description":"d","type":"STRING"}"#, "what is kept"),
        (r#"{"type":"string","$schema":"s","$id":"i","$comment":"c","$defs":{},"definitions":{}}"#, r#"{"type":"STRING"}"#, "keywords with a dollar"),
        (r#"{"const":"a"}"#,                                            r#"{"enum":["a"],"type":"STRING"}"#, "const is an enum"),
        (r#"{"type":"integer","enum":[1,2,null]}"#,                     r#"{"enum":["1","2"],"type":"STRING","nullable":true}"#, "values are strings"),
        (r#"{"type":"string","enum":["","a"]}"#,                        r#"{"enum":["a"],"type":"STRING"}"#, "no empty value"),
        (r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false,"patternProperties":{},"propertyNames":{},"unevaluatedProperties":false,"dependentRequired":{},"minProperties":1}"#,
         r#"{"properties":{"a":{"type":"STRING"}},"type":"OBJECT"}"#, "rules about other properties"),
        (r#"{"type":"string","if":{},"then":{},"else":{},"not":{}}"#,   r#"{"type":"STRING"}"#, "conditions"),
        (r#"{"allOf":[{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{"type":"number"}},"required":["b"]}]}"#,
         r#"{"properties":{"a":{"type":"STRING"},"b":{"type":"NUMBER"}},"required":["a","b"],"type":"OBJECT"}"#, "allOf is one"),
        (r#"{"oneOf":[{"type":"string"},{"type":"number"}]}"#,          r#"{"anyOf":[{"type":"STRING"},{"type":"NUMBER"}]}"#, "oneOf is anyOf"),
        (r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#,            r#"{"type":"STRING","nullable":true}"#, "null is no choice"),
        (r#"{"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":9,"multipleOf":3,"minimum":1,"maximum":8}"#, r#"{"type":"INTEGER"}"#, "ranges"),
        (r#"{"type":"array","items":{"type":"string"},"uniqueItems":true,"contains":{},"minContains":1,"minItems":1,"prefixItems":[]}"#, r#"{"items":{"type":"STRING"},"type":"ARRAY"}"#, "rules about items"),
        (r#"{"type":"array"}"#,                                         r#"{"items":{"type":"STRING"},"type":"ARRAY"}"#, "items are demanded"),
        (r#"{"type":"string","minLength":1,"maxLength":2,"pattern":"a","format":"uri","contentEncoding":"base64"}"#, r#"{"type":"STRING"}"#, "shapes of strings"),
        (r#"{"type":"string","format":"date-time"}"#,                   r#"{"format":"date-time","type":"STRING"}"#, "a format it knows"),
        (r#"{"type":"string","default":"a","examples":["a"],"deprecated":true,"readOnly":true,"writeOnly":true,"title":"t","x-order":1}"#, r#"{"type":"STRING"}"#, "words for people"),
        (r#"{"type":["null","integer"]}"#,                              r#"{"type":"INTEGER","nullable":true}"#, "a list of types"),
        (r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a","gone"]}"#, r#"{"properties":{"a":{"type":"STRING"}},"required":["a"],"type":"OBJECT"}"#, "required are properties"),
        ("{}",                                                          r#"{"type":"STRING"}"#, "anything"),
        ("true",                                                        r#"{"type":"STRING"}"#, "anything, in one word"),
        (r#"{"properties":{"a":{"type":"string"}}}"#,                   r#"{"properties":{"a":{"type":"STRING"}},"type":"OBJECT"}"#, "a type that goes without saying"),
        (r#"{"type":"object","properties":{"title":{"type":"string"},"$ref":{"type":"string"},"default":{"type":"boolean"},"enum":{"type":"string"}},"required":["title"]}"#,
         r#"{"properties":{"title":{"type":"STRING"},"$ref":{"type":"STRING"},"default":{"type":"BOOLEAN"},"enum":{"type":"STRING"}},"required":["title"],"type":"OBJECT"}"#, "a property named like a keyword stays"),
    ];
    for (property, expected, why) in cases {
        assert_eq!(converted(property), expected, "{why}");
    }
}

#[test]
fn references_are_followed() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (r##"{"type":"object","properties":{"p":{"$ref":"#/$defs/a","description":"own"}},"$defs":{"a":{"type":"number","description":"theirs"}}}"##,
         r#"{"description":"own","type":"NUMBER"}"#, "its own words win"),
        (r##"{"type":"object","properties":{"p":{"$ref":"#/definitions/a"}},"definitions":{"a":{"$ref":"#/definitions/b"},"b":{"type":"boolean"}}}"##,
         r#"{"type":"BOOLEAN"}"#, "one after the other"),
        (r#"{"type":"object","properties":{"p":{"$ref":"https://example.com/s.json"}}}"#,
         r#"{"type":"OBJECT"}"#, "nothing is fetched"),
    ];
    for (json, expected, why) in cases {
        let whole = to_open_api(&schema(json)).unwrap();
        let whole: Value = serde_json::from_str(whole.get()).unwrap();
        assert_eq!(whole["properties"]["p"].to_string(), expected, "{why}");
    }
}

#[test]
fn a_schema_without_end_has_one() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (r##"{"type":"object","properties":{"p":{"$ref":"#"}}}"##,
         r#"{"properties":{"p":{"type":"OBJECT"}},"type":"OBJECT"}"#, "a tree"),
        (r##"{"type":"object","properties":{"p":{"$ref":"#/$defs/n"}},"$defs":{"n":{"type":"array","items":{"$ref":"#/$defs/n"}}}}"##,
         r#"{"properties":{"p":{"items":{"type":"OBJECT"},"type":"ARRAY"}},"type":"OBJECT"}"#, "a list of itself"),
        (r##"{"type":"object","properties":{"p":{"$ref":"#/properties/p"}}}"##,
         r#"{"properties":{"p":{"type":"OBJECT"}},"type":"OBJECT"}"#, "a reference to itself"),
    ];
    for (json, expected, why) in cases {
        assert_eq!(to_open_api(&schema(json)).unwrap().get(), expected, "{why}");
    }
}

#[test]
fn references_that_multiply_are_given_up() {
    let both = |level: u32| {
        let next = format!(r##"{{"$ref":"#/$defs/l{}"}}"##, level + 1);
        format!(r#""l{level}":{{"type":"object","properties":{{"a":{next},"b":{next}}}}}"#)
    };
    let levels: Vec<String> = (0..30).map(both).collect();
    let json = format!(
        r##"{{"type":"object","properties":{{"p":{{"$ref":"#/$defs/l0"}}}},"$defs":{{{},"l30":{{}}}}}}"##,
        levels.join(",")
    );
    let whole = to_open_api(&schema(&json)).unwrap();
    assert!(whole.get().len() < 2 << 20, "{} bytes", whole.get().len());
}

#[test]
fn an_object_without_properties_is_not_said() {
    assert!(to_open_api(&schema(&object(""))).is_none());
    assert!(to_open_api(&schema(&object(r#""a":{}"#))).is_some());
}

#[test]
fn json_schema_loses_only_what_google_refuses() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (r#"{ "type": "object",  "maximum": 12345678901234567890123 }"#, r#"{ "type": "object",  "maximum": 12345678901234567890123 }"#, "the same bytes"),
        (r#"{"$schema":"s","type":"object","additionalProperties":false}"#, r#"{"type":"object","additionalProperties":false}"#, "$schema"),
        (r#"{"anyOf":[{"x-a":1,"type":"string"}],"$defs":{"b":{"x-c":1}}}"#, r#"{"anyOf":[{"type":"string"}],"$defs":{"b":{}}}"#, "wherever schemas stand"),
        (r#"{"properties":{"$schema":{"type":"string"},"x-y":{"x-z":1}}}"#, r#"{"properties":{"$schema":{"type":"string"},"x-y":{}}}"#, "a property named like a keyword stays"),
        (r#"{"x-a":1,"default":{"x-b":1},"enum":[{"$schema":1}]}"#, r#"{"default":{"x-b":1},"enum":[{"$schema":1}]}"#, "values are no schemas"),
    ];
    for (json, expected, why) in cases {
        assert_eq!(stripped(&schema(json)).get(), expected, "{why}");
    }
}

//! JSON schema, as much of it as Google reads.
//!
//! `parametersJsonSchema` and `responseJsonSchema` take nearly all of it: see `strip`. Models before
//! 2.5 have only `parameters`, a subset of `OpenAPI` whose parser refuses the whole request for one
//! keyword that it does not know ([`to_open_api`]):
//!
//! | JSON schema                        | becomes                                              |
//! | ---------------------------------- | ---------------------------------------------------- |
//! | `type`                             | in capitals                                          |
//! | a list of types                    | the first one; `null` among them is `nullable`       |
//! | no type                            | what `properties`, `items` or `enum` say, else `STRING` |
//! | `const`                            | an `enum` of one                                     |
//! | values of `enum`                   | strings; an empty one is refused and left out        |
//! | `$ref`                             | what it refers to; `OBJECT` where that has no end    |
//! | `allOf`                            | one schema                                           |
//! | `oneOf`, `anyOf`                   | `anyOf`; one choice alone, instead of it             |
//! | a choice of `null`                 | `nullable`                                           |
//! | `required`                         | those that are `properties`                          |
//! | `format`                           | the few that Google knows                            |
//! | an array without `items`           | one of strings                                       |
//! | every other keyword                | left out                                             |
//!
//! The values of `properties` are schemas under names of the client's: a property that is called
//! like a keyword stays.

mod strip;

pub(super) use strip::stripped;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

type Object = Map<String, Value>;

/// How many schemas one may become: references multiply.
const MAX_SCHEMAS: u32 = 10_000;

/// How deep schemas are followed.
const MAX_DEPTH: u32 = 40;

/// `json` in Google's subset; `None` for one of an object without properties, which is said by
/// saying nothing.
pub(super) fn to_open_api(json: &RawValue) -> Option<Box<RawValue>> {
    let root: Value = serde_json::from_str(json.get()).ok()?;
    let followed = vec!["#".to_owned()];
    let schema = Converter { root: &root, left: MAX_SCHEMAS, followed }.convert(&root, MAX_DEPTH);
    let is_object = schema.get("type") == Some(&Value::from("OBJECT"));
    let says_nothing = is_object && !has_properties(&schema);
    (!says_nothing).then(|| raw(&Value::Object(schema)))
}

fn has_properties(schema: &Object) -> bool {
    schema.get("properties").and_then(Value::as_object).is_some_and(|named| !named.is_empty())
}

fn raw(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("a JSON value always serialises")
}

struct Converter<'a> {
    root: &'a Value,
    left: u32,
    /// The references on the way to here: one of them again would have no end.
    followed: Vec<String>,
}

impl Converter<'_> {
    fn convert(&mut self, schema: &Value, depth: u32) -> Object {
        if self.left == 0 || depth == 0 {
            return typed("OBJECT");
        }
        self.left -= 1;
        let Value::Object(schema) = schema else { return typed("STRING") };
        let followed = self.followed.len();
        let schema = self.flat(schema, depth);
        let converted = self.convert_flat(&schema, depth);
        self.followed.truncate(followed);
        converted
    }

    fn convert_flat(&mut self, schema: &Object, depth: u32) -> Object {
        let mut converted = Object::new();
        let (name, mut is_nullable) = type_of(schema);
        is_nullable |= schema.get("nullable") == Some(&Value::Bool(true));
        if let Some(Value::String(text)) = schema.get("description") {
            converted.insert("description".to_owned(), Value::from(text.as_str()));
        }
        let choices = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
        if let Some(choices) = choices {
            let (nulls, choices): (Vec<&Value>, Vec<&Value>) =
                choices.iter().partition(|choice| is_null(choice));
            is_nullable |= !nulls.is_empty();
            let mut choices: Vec<Object> =
                choices.into_iter().map(|choice| self.convert(choice, depth - 1)).collect();
            match choices.len() {
                0 => {}
                1 => {
                    for (keyword, value) in choices.remove(0) {
                        converted.entry(keyword).or_insert(value);
                    }
                }
                _ => {
                    let choices = choices.into_iter().map(Value::Object).collect();
                    converted.insert("anyOf".to_owned(), choices);
                }
            }
        }
        self.add_typed(&mut converted, schema, name, depth);
        if is_nullable {
            converted.insert("nullable".to_owned(), Value::Bool(true));
        }
        converted
    }

    /// The type, and the keywords that belong to it.
    fn add_typed(
        &mut self,
        converted: &mut Object,
        schema: &Object,
        name: Option<String>,
        depth: u32,
    ) {
        let values = values(schema);
        let name = match name {
            // Only strings have values to choose from.
            _ if !values.is_empty() => "STRING".to_owned(),
            Some(name) => name,
            // A choice has its types inside.
            None if converted.contains_key("anyOf") || converted.contains_key("type") => return,
            None => "STRING".to_owned(),
        };
        if !values.is_empty() {
            converted.insert("enum".to_owned(), values.into());
        }
        let format = schema.get("format").and_then(Value::as_str);
        if let Some(format) = format.filter(|format| knows_format(&name, format)) {
            converted.insert("format".to_owned(), Value::from(format));
        }
        if name == "OBJECT" {
            self.add_properties(converted, schema, depth);
        }
        if name == "ARRAY" {
            let items = schema.get("items").map(|items| self.convert(items, depth - 1));
            let items = items.unwrap_or_else(|| typed("STRING"));
            converted.insert("items".to_owned(), Value::Object(items));
        }
        converted.insert("type".to_owned(), Value::String(name));
    }

    fn add_properties(&mut self, converted: &mut Object, schema: &Object, depth: u32) {
        let Some(Value::Object(named)) = schema.get("properties") else { return };
        if named.is_empty() {
            return;
        }
        let mut properties = Object::new();
        for (name, value) in named {
            properties.insert(name.clone(), Value::Object(self.convert(value, depth - 1)));
        }
        let required = schema.get("required").and_then(Value::as_array);
        let required: Vec<Value> = required
            .into_iter()
            .flatten()
            .filter(|name| name.as_str().is_some_and(|name| properties.contains_key(name)))
            .cloned()
            .collect();
        converted.insert("properties".to_owned(), Value::Object(properties));
        if !required.is_empty() {
            converted.insert("required".to_owned(), Value::Array(required));
        }
    }

    /// `schema` with what it refers to and what it is made of; its own words win.
    fn flat(&mut self, schema: &Object, depth: u32) -> Object {
        let mut flat = schema.clone();
        let referred = flat.remove("$ref");
        let all = flat.remove("allOf");
        let referred = referred.as_ref().and_then(Value::as_str).map(|path| self.find(path));
        let all = all.as_ref().and_then(Value::as_array).into_iter().flatten();
        for part in referred.as_ref().into_iter().chain(all) {
            let Value::Object(part) = part else { continue };
            if self.left == 0 || depth == 0 {
                break;
            }
            self.left -= 1;
            merge(&mut flat, self.flat(part, depth - 1));
        }
        flat
    }

    /// What stands at `#/a/b`. What stands elsewhere is not known, nor asked for.
    fn find(&mut self, reference: &str) -> Value {
        let path = reference.strip_prefix('#');
        let is_new = !self.followed.iter().any(|followed| followed == reference);
        self.followed.push(reference.to_owned());
        let found = path.filter(|_| is_new).and_then(|path| self.root.pointer(path));
        found.cloned().unwrap_or_else(|| Value::Object(typed("OBJECT")))
    }
}

/// Adds what `flat` does not say; properties and what is required of them add up.
fn merge(flat: &mut Object, part: Object) {
    for (keyword, value) in part {
        match (flat.get_mut(&keyword), value) {
            (Some(Value::Object(named)), Value::Object(more)) if keyword == "properties" => {
                for (name, schema) in more {
                    named.entry(name).or_insert(schema);
                }
            }
            (Some(Value::Array(names)), Value::Array(more)) if keyword == "required" => {
                names.extend(more);
            }
            (Some(_), _) => {}
            (None, value) => {
                flat.insert(keyword, value);
            }
        }
    }
}

fn typed(name: &str) -> Object {
    Object::from_iter([("type".to_owned(), Value::from(name))])
}

fn is_null(schema: &Value) -> bool {
    schema.get("type") == Some(&Value::from("null")) || schema.get("const") == Some(&Value::Null)
}

/// Its type in Google's word, if it says one, and whether it may be null.
fn type_of(schema: &Object) -> (Option<String>, bool) {
    let names: Vec<&str> = match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is_nullable = names.iter().any(|name| name.eq_ignore_ascii_case("null"))
        || schema
            .get("enum")
            .and_then(Value::as_array)
            .is_some_and(|all| all.contains(&Value::Null));
    let said = names.into_iter().find(|name| !name.eq_ignore_ascii_case("null"));
    let name = said.map(str::to_ascii_uppercase).or_else(|| {
        let implied = if schema.contains_key("properties") {
            "OBJECT"
        } else if schema.contains_key("items") {
            "ARRAY"
        } else {
            return None;
        };
        Some(implied.to_owned())
    });
    (name, is_nullable)
}

/// What `enum` and `const` allow, as strings.
fn values(schema: &Object) -> Vec<String> {
    let one = schema.get("const");
    let many = schema.get("enum").and_then(Value::as_array);
    let all = one.into_iter().chain(many.into_iter().flatten());
    let texts = all.filter_map(|value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    });
    texts.filter(|text| !text.is_empty()).collect()
}

fn knows_format(name: &str, format: &str) -> bool {
    match name {
        "STRING" => matches!(format, "enum" | "date-time"),
        "NUMBER" => matches!(format, "float" | "double"),
        "INTEGER" => matches!(format, "int32" | "int64"),
        _ => false,
    }
}

#[cfg(test)]
mod tests;

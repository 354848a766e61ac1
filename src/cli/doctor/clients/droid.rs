//! Factory droid: models of one's own in its settings.

use serde_json::Value;

use super::{Examined, json, non_empty, printable};
use crate::cli::doctor::aim::{Aim, Base, Gateway};
use crate::cli::doctor::finding::Finding;
use crate::cli::doctor::machine::{Places, Seen};
use crate::types::ApiKey;

const SETTINGS: &str = ".factory/settings.json";
/// The older file, with older names.
const CONFIG: &str = ".factory/config.json";

pub const PLACES: Places = Places { program: "droid", files: &[SETTINGS, CONFIG], variables: &[] };

/// Where a model is written, and how its fields are called there.
struct Form {
    file: &'static str,
    list: &'static str,
    base_url: &'static str,
    api_key: &'static str,
}

const FORMS: [Form; 2] = [
    Form { file: SETTINGS, list: "customModels", base_url: "baseUrl", api_key: "apiKey" },
    Form { file: CONFIG, list: "custom_models", base_url: "base_url", api_key: "api_key" },
];

pub fn examine(seen: &Seen, gateway: &Gateway) -> Examined {
    let mut examined = Examined {
        key_belongs_in: "the `apiKey` of the model".to_owned(),
        pointed_by: format!(
            "in ~/{SETTINGS}: {{ \"customModels\": [ {{ \"model\": \"<model>\", \"displayName\": \
             \"<name>\", \"provider\": \"anthropic\", \"baseUrl\": \"{}\", \"apiKey\": \"<client \
             key>\" }} ] }}; with \"openai\" or \"generic-chat-completion-api\" the base is {}",
            gateway.url(""),
            gateway.url("/v1")
        ),
        ..Examined::default()
    };
    for form in &FORMS {
        let file = json(seen, form.file, &mut examined.findings).unwrap_or_default();
        for (index, model) in file[form.list].as_array().into_iter().flatten().enumerate() {
            let place = format!("`{}[{index}].{}` in ~/{}", form.list, form.base_url, form.file);
            match aim(model, form, place) {
                Ok(aim) => examined.aims.push(aim),
                Err(finding) => examined.findings.push(finding),
            }
        }
    }
    examined
}

fn aim(model: &Value, form: &Form, setting: String) -> Result<Aim, Finding> {
    let base = match non_empty(&model["provider"]).unwrap_or_default() {
        "anthropic" => Base::WithoutVersion,
        "openai" | "generic-chat-completion-api" => Base::WithVersion,
        other => {
            let other = printable(other);
            return Err(Finding::problem(
                format!("{setting}: droid knows no provider `{other}`"),
                "write anthropic, openai or generic-chat-completion-api; ampgate translates, \
                 whichever model it is",
            ));
        }
    };
    let url = non_empty(&model[form.base_url]).unwrap_or_default().to_owned();
    let key = non_empty(&model[form.api_key]).and_then(|key| ApiKey::parse(key).ok());
    let key = key.map(|key| (key, format!("its `{}`", form.api_key)));
    Ok(Aim { setting, url, base, key })
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{gateway, seen};
    use super::*;
    use crate::cli::doctor::finding::Level::{Ok, Problem, Warning};

    #[test]
    fn each_model_of_both_files_has_an_address_in_its_dialect() {
        let settings = (
            SETTINGS,
            r#"{ "customModels": [
                { "model": "a", "provider": "anthropic", "baseUrl": "http://127.0.0.1:8317", "apiKey": "k1" },
                { "model": "b", "provider": "openai", "baseUrl": "http://127.0.0.1:8317", "apiKey": "k2" },
                { "model": "c", "provider": "generic-chat-completion-api", "baseUrl": "https://a.test/v1" },
                { "model": "d", "provider": "google", "baseUrl": "http://127.0.0.1:8317" } ] }"#,
        );
        let config = (
            CONFIG,
            r#"{ "custom_models": [ { "model": "e", "provider": "openai",
                 "base_url": "http://127.0.0.1:8317/v1", "api_key": "k3" } ] }"#,
        );

        let examined = examine(&seen(&[settings, config], &[]), &gateway());

        let expected = [
            (Ok, Some("k1"), Some("its `apiKey`")),
            (Problem, Some("k2"), Some("its `apiKey`")),
            (Warning, None, None),
            (Ok, Some("k3"), Some("its `api_key`")),
        ];
        assert_eq!(examined.aimed(), expected);
        assert_eq!(examined.levels(), [Problem], "droid takes no provider `google`");
    }
}

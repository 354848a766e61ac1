//! Claude on Amazon Bedrock: one account in one region for each entry.

use std::path::{Path, PathBuf};

use crate::types::ApiKey;

use super::auth::{Auth, AwsKeys, AwsSource, TokenSource};
use super::credential::{Credential, Family, Shared};
use super::proxy_url::Proxy;
use super::raw::RawBedrock;
use super::reader::Reader;
use super::secret::{Noted, RawSecret};
use super::shapes::{List, Scalar, Section};

const REGION_VARIABLES: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
/// AWS's own name for a variable with a Bedrock API key.
const API_KEY_VARIABLE: &str = "AWS_BEARER_TOKEN_BEDROCK";

/// What opens Bedrock's door, as far as the entry itself says.
enum Way {
    ApiKey(ApiKey),
    Keys { access_key_id: String, secret_access_key: ApiKey, session_token: Option<ApiKey> },
    Chain { profile: Option<String> },
}

impl Reader<'_> {
    pub fn bedrock(&mut self, path: &str, entry: Section<RawBedrock>) -> Option<Credential> {
        let Section::Map(mut raw) = entry else {
            self.problem(path, "must be a map with `models`");
            return None;
        };
        let way = self.way_into_bedrock(path, &raw);
        let base_url = self.text(&format!("{path}.base-url"), &raw.base_url);
        let region = self.region(path, &raw.region);
        // Signatures need the region, and so does the address that is not written.
        let needs_region = base_url.is_none() || !matches!(way, Ok(Way::ApiKey(_)));
        if region == Ok(None) && needs_region {
            let what = "is empty; write it, as `us-east-1`, or set AWS_REGION";
            self.problem(&format!("{path}.region"), what);
        }
        if matches!(&raw.models, List::Items(items) if items.is_empty())
            || matches!(raw.models, List::Other(Scalar::Absent))
        {
            let what = "is empty; list the ids of models or inference profiles in `name`, and what \
                        clients call them in `alias`";
            self.problem(&format!("{path}.models"), what);
        }
        let shared = Shared {
            models: std::mem::take(&mut raw.models),
            excluded_models: std::mem::take(&mut raw.excluded_models),
            headers: std::mem::take(&mut raw.headers),
            prefix: std::mem::take(&mut raw.prefix),
            priority: std::mem::take(&mut raw.priority),
            disable_cooling: std::mem::take(&mut raw.disable_cooling),
        };
        let region = region.ok().flatten().unwrap_or_default();
        let base_url = base_url.unwrap_or_else(|| default_base_url(&region));
        let kind = (Family::Bedrock, "bedrock", base_url.as_str());
        let mut credential = self.shared(path, shared, kind, true)?;
        credential.long_context = self.long_context(path, &raw.long_context);
        let proxy_path = format!("{path}.proxy-url");
        let proxy_url = self.proxy_url(&proxy_path, &raw.proxy_url);
        credential.proxy_url = self.egress(&proxy_path, proxy_url.as_ref(), &credential.origin);
        let way = way.ok()?;
        if let (Way::Chain { .. }, Some(file)) = (&way, self.file_of_aws()) {
            self.holds_secret(&file);
        }
        credential.auth = way.into_auth(region, credential.proxy_url.clone());
        Some(credential)
    }

    fn region(&mut self, path: &str, scalar: &Scalar) -> Result<Option<String>, Noted> {
        let written = self.text(&format!("{path}.region"), scalar);
        let from_variable = || {
            let set = REGION_VARIABLES.iter().filter_map(|name| self.environment.get(*name));
            set.map(|region| region.trim().to_owned()).find(|region| !region.is_empty())
        };
        let region = written.or_else(from_variable);
        let is_name = |region: &String| {
            region.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        if region.as_ref().is_some_and(|region| !is_name(region)) {
            self.problem(&format!("{path}.region"), "is no name of a region, as `us-east-1` is");
            return Err(Noted);
        }
        Ok(region)
    }

    /// What is written goes before what AWS's variables say; more than one way is a mistake.
    fn way_into_bedrock(&mut self, path: &str, raw: &RawBedrock) -> Result<Way, Noted> {
        let api_key = self.credential_key(
            path,
            &RawSecret { text: &raw.api_key, file: &raw.api_key_file, variable: &raw.api_key_env },
        )?;
        let access_key_id = self.text(&format!("{path}.access-key-id"), &raw.access_key_id);
        let secret_path = format!("{path}.secret-access-key");
        let secret = self.aws_secret(
            &secret_path,
            &RawSecret {
                text: &raw.secret_access_key,
                file: &raw.secret_access_key_file,
                variable: &raw.secret_access_key_env,
            },
        )?;
        let session_token = self.aws_secret(
            &format!("{path}.session-token"),
            &RawSecret {
                text: &raw.session_token,
                file: &raw.session_token_file,
                variable: &raw.session_token_env,
            },
        )?;
        let profile = self.text(&format!("{path}.profile"), &raw.profile);
        let has_keys = access_key_id.is_some() || secret.is_some() || session_token.is_some();
        let ways = [api_key.is_some(), has_keys, profile.is_some()];
        if ways.into_iter().filter(|is_given| *is_given).count() > 1 {
            let what =
                "has more than one way in; keep one of `api-key`, `access-key-id` and `profile`";
            self.problem(path, what);
            return Err(Noted);
        }
        match (api_key, access_key_id, secret) {
            (Some(api_key), ..) => Ok(Way::ApiKey(api_key)),
            (None, Some(access_key_id), Some(secret_access_key)) => {
                Ok(Way::Keys { access_key_id, secret_access_key, session_token })
            }
            (None, None, None) if !has_keys => Ok(profile.map_or_else(
                || self.way_of_variables(),
                |profile| Way::Chain { profile: Some(profile) },
            )),
            (None, Some(_), None) => {
                self.problem(&secret_path, "is empty; it belongs to `access-key-id`");
                Err(Noted)
            }
            (None, None, _) => {
                let what = "is empty; it belongs to the secret beside it";
                self.problem(&format!("{path}.access-key-id"), what);
                Err(Noted)
            }
        }
    }

    fn aws_secret(&mut self, path: &str, raw: &RawSecret<'_>) -> Result<Option<ApiKey>, Noted> {
        Ok(self.secret(path, raw)?.and_then(|secret| ApiKey::parse(&secret).ok()))
    }

    /// Where AWS's own programs keep the keys of profiles, there or not.
    fn file_of_aws(&self) -> Option<PathBuf> {
        let given = |name| self.environment.get(name).filter(|value| !value.is_empty());
        let named = given("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
        named.or_else(|| Some(Path::new(given("HOME")?).join(".aws/credentials")))
    }

    /// The variables that every AWS client looks at before anything else. The rest of AWS's order is
    /// looked through when a token is asked for.
    fn way_of_variables(&self) -> Way {
        let key = |name| ApiKey::parse(self.environment.get(name)?).ok();
        if let Some(api_key) = key(API_KEY_VARIABLE) {
            return Way::ApiKey(api_key);
        }
        match (key("AWS_ACCESS_KEY_ID"), key("AWS_SECRET_ACCESS_KEY")) {
            (Some(id), Some(secret_access_key)) => Way::Keys {
                access_key_id: id.expose().to_owned(),
                secret_access_key,
                session_token: key("AWS_SESSION_TOKEN"),
            },
            _ => Way::Chain { profile: None },
        }
    }
}

impl Way {
    fn into_auth(self, region: String, proxy: Option<Proxy>) -> Auth {
        let source = match self {
            Self::ApiKey(key) => return Auth::Key(key),
            Self::Keys { access_key_id, secret_access_key, session_token } => {
                AwsSource::Keys(AwsKeys { region, access_key_id, secret_access_key, session_token })
            }
            Self::Chain { profile } => AwsSource::Chain { profile, region, proxy },
        };
        Auth::Token(TokenSource::Aws(source))
    }
}

/// AWS's endpoints for China have a domain of their own.
fn default_base_url(region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    // Without a region a problem is noted already, and this is read as a stand-in.
    let region = if region.is_empty() { "us-east-1" } else { region };
    format!("https://bedrock-runtime.{region}.{domain}")
}

#[cfg(test)]
mod tests {
    use crate::config::{AwsSource, Sources, TokenSource, load_text};

    use super::*;

    fn read(entry: &str, variables: &[(&str, &str)]) -> Result<Credential, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment = variables.iter().map(owned).collect();
        let sources = Sources { environment, ..Sources::default() };
        let loaded = load_text(&format!("bedrock: [ {{ {entry} }} ]"), &sources);
        loaded.map(|loaded| loaded.settings.credentials[0].clone()).map_err(|e| e.to_string())
    }

    const MODEL: &str = "models: [ { name: us.anthropic.claude-a-v1:0, alias: claude-a } ]";

    /// What of it opens the door, in a line.
    fn way_of(credential: &Credential) -> String {
        match &credential.auth {
            Auth::Key(key) => format!("key {}", key.expose()),
            Auth::Token(TokenSource::Aws(AwsSource::Keys(keys))) => format!(
                "{} {} {} {}",
                keys.region,
                keys.access_key_id,
                keys.secret_access_key.expose(),
                keys.session_token.as_ref().map_or("-", |token| token.expose()),
            ),
            Auth::Token(TokenSource::Aws(AwsSource::Chain { profile, region, .. })) => {
                format!("{region} chain {}", profile.as_deref().unwrap_or("-"))
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn the_way_in_is_what_is_written_and_else_what_awss_variables_say() {
        let region = ("AWS_REGION", "eu-west-1");
        let old_region = ("AWS_DEFAULT_REGION", "eu-west-3");
        let (id, secret) = (("AWS_ACCESS_KEY_ID", "AKV"), ("AWS_SECRET_ACCESS_KEY", "sv"));
        let token = ("AWS_SESSION_TOKEN", "tv");
        let bearer = ("AWS_BEARER_TOKEN_BEDROCK", "bv");
        let session = ("TOKEN", "t");
        #[rustfmt::skip] // columns are easier to proofread
        let cases: &[(&str, &[(&str, &str)], &str, &str)] = &[
            ("region: us-east-1",                                      &[],                    "us-east-1 chain -",        "AWS's own order"),
            ("",                                                       &[region, old_region],  "eu-west-1 chain -",        "the region of the environment"),
            ("",                                                       &[old_region],          "eu-west-3 chain -",        "its older name"),
            ("region: us-east-1, profile: dev",                        &[id, secret, bearer],  "us-east-1 chain dev",      "a profile goes before variables"),
            ("region: us-east-1, api-key: k",                          &[id, secret, bearer],  "key k",                    "so does a key"),
            ("region: us-east-1, access-key-id: AK, secret-access-key: s", &[token],           "us-east-1 AK s -",         "nobody else's session"),
            ("region: us-east-1, access-key-id: AK, secret-access-key: s, session-token-env: TOKEN", &[session], "us-east-1 AK s t", "a session of its own"),
            ("",                                                       &[region, id, secret, token], "eu-west-1 AKV sv tv", "the first of AWS's order"),
            ("",                                                       &[region, id],          "eu-west-1 chain -",        "half of it is none"),
            ("",                                                       &[region, id, secret, bearer], "key bv",            "an API key goes before"),
            ("base-url: 'http://127.0.0.1:1', api-key: k",             &[],                    "key k",                    "no region is needed"),
        ];
        for (entry, variables, expected, why) in cases {
            let comma = if entry.is_empty() { "" } else { ", " };
            let credential = read(&format!("{entry}{comma}{MODEL}"), variables);
            assert_eq!(way_of(&credential.unwrap()), *expected, "{why}");
        }
    }

    #[test]
    fn the_address_follows_the_region() {
        for (entry, expected) in [
            ("region: us-east-1", "https://bedrock-runtime.us-east-1.amazonaws.com"),
            ("region: cn-north-1", "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"),
            ("region: us-east-1, base-url: 'http://127.0.0.1:1/'", "http://127.0.0.1:1"),
        ] {
            let credential = read(&format!("{entry}, {MODEL}"), &[]).unwrap();
            assert_eq!(credential.origin.to_string() + &credential.base_path, expected);
            assert_eq!(credential.gen_ai_provider.as_str(), "aws.bedrock");
        }
    }

    #[test]
    fn what_is_printed_loads_again_and_has_stars_for_secrets() {
        for way in [
            "api-key: hush",
            "access-key-id: AK, secret-access-key: hush, session-token: hush-t",
            "profile: dev, long-context: true, proxy-url: 'http://p.test:1'",
        ] {
            let entry = format!("bedrock: [ {{ region: us-east-1, {way}, {MODEL} }} ]");
            let load = |text: &str| load_text(text, &Sources::default()).unwrap().settings;

            let printed = load(&entry).to_yaml();

            assert!(!printed.contains("hush") && printed.contains("alias: \"claude-a\""));
            let bedrock = printed.split("\nbedrock:").nth(1).unwrap().split("\nrouting:").next();
            let again = load(&format!("bedrock:{}\n", bedrock.unwrap())).to_yaml();
            let of_both = [&printed, &again].map(|page| page.split("\nbedrock:").nth(1));
            assert_eq!(of_both[0], of_both[1], "{way}");
        }
    }

    #[test]
    fn an_entry_that_cannot_work_says_why_and_no_secret() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (format!("api-key: hush-1, profile: dev, region: a-1, {MODEL}"), "more than one way in"),
            (format!("access-key-id: AK, region: a-1, {MODEL}"),            "secret-access-key is empty"),
            (format!("secret-access-key: hush-2, region: a-1, {MODEL}"),    "access-key-id is empty"),
            (format!("session-token: hush-3, region: a-1, {MODEL}"),        "access-key-id is empty"),
            (MODEL.to_owned(),                                              "region is empty"),
            (format!("region: 'us-east-1.evil.example/', {MODEL}"),         "no name of a region"),
            ("region: us-east-1".to_owned(),                                "models is empty"),
            (format!("region: a-1, api-key: sk-ant-oat01-hush, {MODEL}"),   "Claude Pro or Max"),
        ];
        for (entry, expected) in cases {
            let said = read(&entry, &[]).unwrap_err();
            assert!(said.contains(expected), "{entry}: {said}");
            assert!(!said.contains("hush"), "{said}");
        }
    }
}

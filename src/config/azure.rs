//! Azure OpenAI: a resource, its key, and the deployments in it.

use super::auth::Auth;
use super::credential::{Credential, Family, shared_of};
use super::hosting::{AzureApi, Hosting};
use super::raw::RawAzure;
use super::reader::Reader;
use super::secret::RawSecret;
use super::shapes::{Scalar, Section};

impl Reader<'_> {
    pub fn azure(&mut self, path: &str, entry: Section<RawAzure>) -> Option<Credential> {
        let Section::Map(raw) = entry else {
            self.problem(path, "must be a map with `api-key`, `base-url` and `models`");
            return None;
        };
        let secret =
            RawSecret { text: &raw.api_key, file: &raw.api_key_file, variable: &raw.api_key_env };
        let key = self.credential_key(path, &secret);
        if key == Ok(None) {
            let what = "is empty; give a key of the resource, or `api-key-file` or `api-key-env`";
            self.problem(&format!("{path}.api-key"), what);
        }
        let api = self.azure_api(&format!("{path}.api-version"), &raw.api_version);
        let shared = shared_of!(raw);
        let base_url = self.required_text(&format!("{path}.base-url"), &raw.base_url)?;
        let before = self.problems.len();
        let mut credential =
            self.shared(path, shared, (Family::Azure, "azure", &base_url), true)?;
        // Deployments have names of the team's own: none can be guessed from a model's.
        if credential.models.is_empty() && self.problems.len() == before {
            let what =
                "is empty; list the deployments: `name` is the deployment's, `alias` the model's";
            self.problem(&format!("{path}.models"), what);
        }
        credential.hosting = Hosting::Azure(api);
        credential.auth = key.ok().flatten().map_or(Auth::Open, Auth::Key);
        let proxy_path = format!("{path}.proxy-url");
        let proxy_url = self.proxy_url(&proxy_path, &raw.proxy_url);
        credential.proxy_url = self.egress(&proxy_path, proxy_url.as_ref(), &credential.origin);
        Some(credential)
    }

    fn azure_api(&mut self, path: &str, scalar: &Scalar) -> AzureApi {
        let Some(version) = self.text(path, scalar) else { return AzureApi::V1 };
        if is_dated(&version) {
            return AzureApi::Dated(version);
        }
        let what = "must be a date such as 2025-04-01-preview; leave it out for the v1 API";
        self.problem(path, what);
        AzureApi::V1
    }
}

/// `2024-10-21`, `2025-04-01-preview`.
fn is_dated(version: &str) -> bool {
    let date = version.strip_suffix("-preview").unwrap_or(version);
    let parts: Vec<&str> = date.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [4, 2, 2] && date.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_date_and_nothing_that_could_change_a_query() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("2024-10-21",           true,  "a stable version"),
            ("2025-04-01-preview",   true,  "a preview"),
            ("v1",                   false, "the other API"),
            ("preview",              false, "the other API's"),
            ("2024-10-21&key=x",     false, "another parameter"),
            ("2024-1-21",            false, "no date"),
            ("2024-10-21-beta",      false, "no such kind"),
        ];
        for (version, expected, why) in cases {
            assert_eq!(is_dated(version), expected, "{version}: {why}");
        }
    }
}

//! OpenAI-compatible providers: one entry with a name and as many keys as there are.

use crate::types::ApiKey;

use super::auth::Auth;
use super::credential::{Credential, Family, shared_of};
use super::proxy_url::ProxyUrl;
use super::raw::{RawCompatible, RawKeyEntry};
use super::reader::Reader;
use super::secret::RawSecret;
use super::shapes::{Scalar, Section};

impl Reader<'_> {
    /// One credential for each key of a compatible provider, or one without a key.
    pub fn compatible(
        &mut self,
        path: &str,
        entry: Section<RawCompatible>,
    ) -> Option<Vec<Credential>> {
        let Section::Map(raw) = entry else {
            self.problem(path, "must be a map with `name` and `base-url`");
            return None;
        };
        // One switched off may be half written, or name secrets that are gone.
        if self.flag(&format!("{path}.disabled"), &raw.disabled) {
            return None;
        }
        let entries_path = format!("{path}.api-key-entries");
        let mut keys = Vec::new();
        for (index, entry) in self.items(&entries_path, raw.api_key_entries).into_iter().enumerate()
        {
            keys.extend(self.key_entry(&format!("{entries_path}[{index}]"), entry));
        }
        if keys.is_empty() {
            keys.push((None, None));
        }
        let shared = shared_of!(raw);
        let name = self.provider_name(&format!("{path}.name"), &raw.name);
        let base_url = self.required_text(&format!("{path}.base-url"), &raw.base_url);
        let (name, base_url) = (name?, base_url?);
        let has_key = keys.iter().any(|(key, _)| key.is_some());
        let provider = (Family::OpenAiCompatible, name.as_str(), base_url.as_str());
        let first = self.shared(path, shared, provider, has_key)?;
        let credentials = keys
            .into_iter()
            .enumerate()
            .map(|(index, (key, proxy_url))| {
                let path = format!("{entries_path}[{index}].proxy-url");
                let proxy_url = self.egress(&path, proxy_url.as_ref(), &first.origin);
                let auth = key.map_or(Auth::Open, Auth::Key);
                Credential { auth, proxy_url, ..first.clone() }
            })
            .collect();
        Some(credentials)
    }

    fn key_entry(
        &mut self,
        path: &str,
        entry: Section<RawKeyEntry>,
    ) -> Option<(Option<ApiKey>, Option<ProxyUrl>)> {
        let raw = self.section(path, entry);
        let secret =
            RawSecret { text: &raw.api_key, file: &raw.api_key_file, variable: &raw.api_key_env };
        let key = self.credential_key(path, &secret).ok()?;
        Some((key, self.proxy_url(&format!("{path}.proxy-url"), &raw.proxy_url)))
    }

    /// A name that can be a field value, a label and part of a path: it goes into all three.
    pub fn provider_name(&mut self, path: &str, scalar: &Scalar) -> Option<String> {
        let name = self.required_text(path, scalar)?;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !name.chars().all(fits) {
            self.problem(path, "may have letters, digits, `-`, `_` and `.` only");
            return None;
        }
        if name == "amp" {
            self.problem(path, "is `amp`, which means the Amp server; take another name");
            return None;
        }
        Some(name)
    }
}

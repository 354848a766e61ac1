//! Vertex AI by a service account or a login: a project, whose Gemini and Claude models are reached with
//! the same tokens.

use std::path::{Path, PathBuf};

use super::auth::{Auth, GoogleSource, TokenSource};
use super::credential::{Credential, Family, shared_of};
use super::google_key::GoogleKey;
use super::hosting::{Hosting, VertexPlace};
use super::proxy_url::ProxyUrl;
use super::raw::RawVertex;
use super::reader::Reader;
use super::secret::shown_path;
use super::shapes::{Scalar, Section};
use crate::types::Origin;

/// Takes calls from everywhere, and all models are there.
const USUAL_LOCATION: &str = "global";

const METADATA_SERVER: &str = "metadata.google.internal";

/// Where tokens come from, and the project that goes with them.
struct Found {
    source: GoogleSource,
    project: Option<String>,
}

impl Reader<'_> {
    /// One credential for Gemini and one for Claude, or the one that its models are for.
    pub fn vertex(&mut self, path: &str, entry: Section<RawVertex>) -> Option<Vec<Credential>> {
        let raw = match entry {
            Section::Map(raw) => raw,
            // `- ` alone: everything as the machine has it.
            Section::Other(Scalar::Absent) => RawVertex::default(),
            Section::Other(_) => {
                self.problem(path, "must be a map with `project`, `location` and the like");
                return None;
            }
        };
        let proxy_path = format!("{path}.proxy-url");
        let proxy_url = self.proxy_url(&proxy_path, &raw.proxy_url);
        let location = self
            .path_segment(&format!("{path}.location"), &raw.location)
            .unwrap_or_else(|| USUAL_LOCATION.to_owned());
        let written = self.path_segment(&format!("{path}.project"), &raw.project);
        let found = self.google_source(
            &format!("{path}.service-account-file"),
            &raw.service_account_file,
            proxy_url.as_ref(),
        );
        let shared = shared_of!(raw);
        let long_context = self.long_context(path, &raw.long_context);
        let base_url = self.text(&format!("{path}.base-url"), &raw.base_url);
        let base_url = base_url.unwrap_or_else(|| address_of(&location));
        let mut gemini = self.shared(path, shared, (Family::Vertex, "vertex", &base_url), true)?;
        let found = found?;
        if written.is_none() && !raw.project.is_blank() {
            return None; // told already
        }
        let project = written.or(found.project);
        let Some(project) = project.filter(|project| is_path_segment(project)) else {
            let what = "is empty; name the Google Cloud project, here or in GOOGLE_CLOUD_PROJECT";
            self.problem(&format!("{path}.project"), what);
            return None;
        };
        gemini.hosting = Hosting::VertexAi(VertexPlace { project, location });
        gemini.auth = Auth::Token(TokenSource::Google(found.source));
        gemini.proxy_url = self.egress(&proxy_path, proxy_url.as_ref(), &gemini.origin);
        let mut claude =
            Credential { family: Family::VertexClaude, long_context, ..gemini.clone() };
        let serves_all = gemini.models.is_empty();
        claude.models.retain(|model| is_claude(model.name.as_str()));
        gemini.models.retain(|model| !is_claude(model.name.as_str()));
        let both = [gemini, claude].into_iter();
        Some(both.filter(|credential| serves_all || !credential.models.is_empty()).collect())
    }

    /// The named file, or what Google's own libraries would take ("application default credentials").
    fn google_source(
        &mut self,
        path: &str,
        scalar: &Scalar,
        proxy_url: Option<&ProxyUrl>,
    ) -> Option<Found> {
        let project_of_variable = self.variable("GOOGLE_CLOUD_PROJECT");
        if !scalar.is_blank() {
            let file = self.file(path, scalar)?;
            let (source, project) = self.google_file(path, "names", file, proxy_url)?;
            return Some(Found { source, project: project.or(project_of_variable) });
        }
        let usual = match self.variable("GOOGLE_APPLICATION_CREDENTIALS") {
            Some(file) => {
                Some(("is empty, and GOOGLE_APPLICATION_CREDENTIALS names", PathBuf::from(file)))
            }
            None => self
                .login_of_gcloud()
                .filter(|file| file.is_file())
                .map(|file| ("is empty, and the login of gcloud is in", file)),
        };
        if let Some((named, file)) = usual {
            let (source, project) = self.google_file(path, named, file, proxy_url)?;
            return Some(Found { source, project: project_of_variable.or(project) });
        }
        let host = self.variable("GCE_METADATA_HOST");
        let host = host.as_deref().unwrap_or(METADATA_SERVER);
        let Ok((origin, _)) = Origin::split(&format!("http://{host}")) else {
            self.problem(path, "is empty, and GCE_METADATA_HOST is no host");
            return None;
        };
        let source = GoogleSource::MetadataServer { origin };
        Some(Found { source, project: project_of_variable })
    }

    /// Reads a file for what can be known beforehand. Its secrets are read again for each token.
    fn google_file(
        &mut self,
        path: &str,
        named: &str,
        file: PathBuf,
        proxy_url: Option<&ProxyUrl>,
    ) -> Option<(GoogleSource, Option<String>)> {
        self.depends_on(&file);
        let shown = shown_path(&file);
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) => {
                self.problem(path, format!("{named} {shown}, which cannot be read: {error}"));
                return None;
            }
        };
        match GoogleKey::parse(&text) {
            Ok(key) => {
                let proxy = self.egress.proxy_for(&key.token.origin, proxy_url);
                let project = key.project.or(key.quota_project);
                Some((GoogleSource::File { path: file, proxy }, project))
            }
            Err(error) => {
                self.problem(path, format!("{named} {shown}, which {error}"));
                None
            }
        }
    }

    /// Where `gcloud auth application-default login` writes.
    fn login_of_gcloud(&self) -> Option<PathBuf> {
        let folder = match self.variable("CLOUDSDK_CONFIG") {
            Some(folder) => PathBuf::from(folder),
            None => Path::new(&self.variable("HOME")?).join(".config/gcloud"),
        };
        Some(folder.join("application_default_credentials.json"))
    }

    fn variable(&self, name: &str) -> Option<String> {
        let value = self.environment.get(name).map(|value| value.trim());
        value.filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// A name that goes into a path.
    fn path_segment(&mut self, path: &str, scalar: &Scalar) -> Option<String> {
        let text = self.text(path, scalar)?;
        if !is_path_segment(&text) {
            self.problem(path, "may have letters, digits, `-`, `_`, `.` and `:` only");
            return None;
        }
        Some(text)
    }
}

fn is_path_segment(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    !text.is_empty() && text.chars().all(fits) && !text.chars().all(|c| c == '.')
}

/// Multi-regions have hosts of another form than regions.
fn address_of(location: &str) -> String {
    match location {
        "global" => "https://aiplatform.googleapis.com".to_owned(),
        "us" | "eu" => format!("https://aiplatform.{location}.rep.googleapis.com"),
        region => format!("https://{region}-aiplatform.googleapis.com"),
    }
}

fn is_claude(model: &str) -> bool {
    model.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("claude"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_location_has_its_address() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("global",       "https://aiplatform.googleapis.com",              "everywhere"),
            ("us",           "https://aiplatform.us.rep.googleapis.com",       "a multi-region"),
            ("eu",           "https://aiplatform.eu.rep.googleapis.com",       "a multi-region"),
            ("europe-west1", "https://europe-west1-aiplatform.googleapis.com", "a region"),
        ];
        for (location, expected, why) in cases {
            assert_eq!(address_of(location), expected, "{location}: {why}");
        }
    }

    #[test]
    fn only_what_stays_one_segment_goes_into_a_path() {
        for (text, expected) in [
            ("team-models", true),
            ("example.com:team", true),
            ("a/b", false),
            ("..", false),
            ("a?b", false),
            ("", false),
        ] {
            assert_eq!(is_path_segment(text), expected, "{text}");
        }
    }
}

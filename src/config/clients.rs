//! Who may come in: the entries of `api-keys`.

use crate::types::{ClientId, ClientKey};

use super::client_rules::{ClientLimits, ClientRules};
use super::raw::RawClient;
use super::reader::Reader;
use super::secret::RawSecret;
use super::shapes::{List, Scalar, Section};

/// One client key and the name logs and metrics use for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Default `client-1`, `client-2` and so on, by position. At most 64 characters.
    pub id: ClientId,
    pub key: ClientKey,
    pub rules: ClientRules,
}

/// Long enough for an e-mail address, short enough for a column of a log.
const LONGEST_NAME: usize = 64;
/// CLIProxyAPI's example file has these keys, and everybody can read it.
const PUBLISHED_KEY: &str = "your-api-key";

impl Reader<'_> {
    /// The clients; `limits` are of those that have none of their own.
    pub fn clients(&mut self, list: List<Section<RawClient>>, limits: ClientLimits) -> Vec<Client> {
        let mut clients: Vec<(usize, Client)> = Vec::new();
        for (index, entry) in self.items("api-keys", list).into_iter().enumerate() {
            let path = format!("api-keys[{index}]");
            let Some(client) = self.client(&path, index + 1, entry, limits) else { continue };
            if let Some((first, _)) = clients.iter().find(|(_, known)| known.key == client.key) {
                self.problem(&path, format!("is the same key as api-keys[{first}]"));
            } else if let Some((first, _)) = clients.iter().find(|(_, known)| known.id == client.id)
            {
                let what = format!("has the name `{}`, as api-keys[{first}] has", client.id);
                self.problem(&path, what);
            } else {
                clients.push((index, client));
            }
        }
        clients.into_iter().map(|(_, client)| client).collect()
    }

    fn client(
        &mut self,
        path: &str,
        number: usize,
        entry: Section<RawClient>,
        limits: ClientLimits,
    ) -> Option<Client> {
        let (name, key_path, key, rules) = match entry {
            Section::Map(raw) => {
                let key_path = format!("{path}.key");
                let secret =
                    RawSecret { text: &raw.key, file: &raw.key_file, variable: &raw.key_env };
                let key = self.secret(&key_path, &secret).ok()?;
                let name = self.client_name(&format!("{path}.name"), &raw.name);
                (name, key_path, key, self.client_rules(path, raw, limits))
            }
            Section::Other(text) => {
                let none = Scalar::Absent;
                let secret = RawSecret { text: &text, file: &none, variable: &none };
                let rules = ClientRules { limits, ..ClientRules::default() };
                (None, path.to_owned(), self.secret(path, &secret).ok()?, rules)
            }
        };
        let Some(key) = key else {
            self.problem(&key_path, "is empty; a client needs a key");
            return None;
        };
        self.refuse_login(&key_path, &key).ok()?;
        if key.starts_with(PUBLISHED_KEY) {
            self.warn(&key_path, "is an example key everybody knows; make one of your own");
        }
        let id = ClientId::new(&name.unwrap_or_else(|| format!("client-{number}")));
        let key = ClientKey::parse(&key).ok()?;
        Some(Client { id, key, rules })
    }

    fn client_rules(&mut self, path: &str, raw: RawClient, others: ClientLimits) -> ClientRules {
        let limits_path = format!("{path}.limits");
        let limits = self.section(&limits_path, raw.limits);
        ClientRules {
            limits: self.client_limits(&limits_path, &limits, others),
            models: self.allowed_models(&format!("{path}.models"), raw.models),
            routes: self.allowed_routes(&format!("{path}.routes"), raw.routes),
        }
    }

    fn client_name(&mut self, path: &str, scalar: &Scalar) -> Option<String> {
        let name = self.text(path, scalar)?;
        if name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            let what = format!("must be one line of at most {LONGEST_NAME} characters");
            self.problem(path, what);
        }
        Some(name)
    }
}

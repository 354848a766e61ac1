//! What can be asked for: the names that the configuration lists, and the providers that have to be
//! asked for theirs.
//!
//! A name is offered only if [`RouteTable::candidates`] finds somebody to answer it, so whatever a
//! list says can be asked for. Offered are, in this order and each once:
//!
//! 1. the aliases of every credential, in the order of the configuration; those whose provider
//!    speaks the client's dialect first;
//! 2. the `from` of exact mappings that are in use. A mapping by pattern is in use as well, but what
//!    it is for cannot be listed: a pattern is no name;
//! 3. what providers list themselves, where a credential serves its family's names by pattern. A
//!    compatible provider without `models` serves nothing, so it is not asked either.
//!
//! A credential with a prefix offers `prefix/name`, and `name` as well unless prefixes are forced.

mod discovered;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::plan::{Found, Reach};
use super::table::{Candidates, Member, RouteTable, same_name};
use crate::config::{Auth, Credential, Family, MappingFrom};
use crate::types::{Dialect, ModelName, ProviderName, Ways};

pub use self::discovered::{DiscoveredLists, NoList};

/// A name that the configuration lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub name: ModelName,
    /// Who answers first, by the configuration's order.
    pub provider: ProviderName,
}

/// Credentials whose provider gives all of them one list: the same place, by the same way, with the
/// same fields. Never empty.
#[derive(Clone, Debug)]
pub struct ListSource(Vec<Account>);

/// A credential that can be asked for its provider's list.
#[derive(Clone, Debug)]
pub struct Account(Arc<Member>);

/// What a client can ask for in one dialect, as of one state of the configuration.
#[derive(Clone, Debug)]
pub struct Offers {
    table: Arc<RouteTable>,
    dialect: Dialect,
    ways: Ways,
}

impl Offers {
    pub(super) fn new(table: Arc<RouteTable>, dialect: Dialect, ways: Ways) -> Self {
        Self { table, dialect, ways }
    }

    /// The names that the configuration lists.
    #[must_use]
    pub fn named(&self) -> Vec<Offer> {
        let mut offers: Vec<Offer> = Vec::new();
        let mut add = |name: ModelName, provider: ProviderName| {
            if !offers.iter().any(|offer| same_name(&offer.name, &name)) {
                offers.push(Offer { name, provider });
            }
        };
        for member in self.reachable() {
            for model in &member.credential.models {
                for name in names_at(&member.credential, &model.alias) {
                    if let Some((provider, _)) = self.answered_by(&name) {
                        add(name, provider);
                    }
                }
            }
        }
        for mapping in &self.table.rules().mappings {
            let MappingFrom::Exact(from) = &mapping.from else { continue };
            if let Some((provider, Found::ByMapping { .. })) = self.answered_by(from) {
                add(from.clone(), provider);
            }
        }
        offers
    }

    /// Everybody who can answer, those that speak the client's dialect first.
    fn reachable(&self) -> impl Iterator<Item = &Arc<Member>> {
        let others = self.table.speaking_otherwise(self.dialect).map(|(member, _)| member);
        self.table.speaking(self.dialect).chain(others)
    }

    /// Who answers a name first, and how it got there.
    fn answered_by(&self, name: &ModelName) -> Option<(ProviderName, Found)> {
        let candidates = self.candidates(name)?;
        Some((candidates.all[0].member.credential.provider.clone(), candidates.found))
    }

    fn candidates(&self, name: &ModelName) -> Option<Candidates> {
        self.table.candidates(self.dialect, name, Reach::AnyDialect, self.ways)
    }

    /// The providers to be asked for their lists.
    #[must_use]
    pub fn sources(&self) -> Vec<ListSource> {
        let mut sources: Vec<ListSource> = Vec::new();
        for member in self.reachable() {
            let credential = &member.credential;
            if !credential.models.is_empty() || !lists_models(credential) {
                continue;
            }
            let account = Account(member.clone());
            let same =
                sources.iter_mut().find(|s| gives_same_list(s.0[0].credential(), credential));
            match same {
                Some(source) => source.0.push(account),
                None => sources.push(ListSource(vec![account])),
            }
        }
        sources
    }

    /// The names by which a model that `source` lists can be asked for; none when it is not served.
    #[must_use]
    pub fn names_of(&self, source: &ListSource, listed: &ModelName) -> Vec<ModelName> {
        let mut names: Vec<ModelName> = Vec::new();
        for account in source.accounts() {
            for name in names_at(account.credential(), listed) {
                if !names.contains(&name) && self.may_come_from(source, &name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// Whether a call for `name` is answered by a credential of `source`, or led elsewhere by a
    /// mapping. That others serve the name says nothing of what stands in this list.
    #[must_use]
    pub fn may_come_from(&self, source: &ListSource, name: &ModelName) -> bool {
        let Some(candidates) = self.candidates(name) else { return false };
        let is_here = |id| source.0.iter().any(|account| account.0.id == id);
        candidates.found != Found::Directly
            || candidates.all.iter().any(|candidate| is_here(candidate.member.id))
    }
}

impl ListSource {
    #[must_use]
    pub fn provider(&self) -> &ProviderName {
        &self.0[0].credential().provider
    }

    /// What their provider is.
    #[must_use]
    pub fn family(&self) -> Family {
        self.0[0].credential().family
    }

    /// In the order of the configuration.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.0.iter()
    }
}

impl Account {
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.0.credential
    }
}

/// How clients may write a name that a credential lists.
fn names_at(credential: &Credential, name: &ModelName) -> Vec<ModelName> {
    let prefixed = credential.prefix.as_ref().map(|prefix| format!("{prefix}/{name}"));
    let prefixed = prefixed.and_then(|name| ModelName::parse(&name));
    prefixed.into_iter().chain([name.clone()]).collect()
}

/// Whether a credential's provider is asked for the list of its models. Whoever hosts another's API has
/// none that says what may be called.
fn lists_models(credential: &Credential) -> bool {
    let has_list = match credential.family {
        Family::Claude | Family::OpenAi | Family::Gemini | Family::Vertex | Family::Codex => true,
        Family::OpenAiCompatible | Family::Azure | Family::Bedrock | Family::VertexClaude => false,
    };
    has_list && credential.auth != Auth::ClientLogin
}

fn gives_same_list(one: &Credential, other: &Credential) -> bool {
    (one.family, &one.origin, &one.base_path, &one.proxy_url, &one.headers)
        == (other.family, &other.origin, &other.base_path, &other.proxy_url, &other.headers)
}

//! Credentials for the router's tests.

use super::cooldown::MemberId;
use super::table::{Fallbacks, RouteTable, Rules};
use crate::config::{
    Auth, Credential, Family, Hosting, LongContext, MappingFrom, Model, ModelMapping,
};
use crate::types::{ApiKey, CredentialId, ModelName, ModelPattern, Origin, ProviderName};

pub fn name(text: &str) -> ModelName {
    ModelName::parse(text).unwrap()
}

/// A credential without a list of models: it serves its family's names.
pub fn credential(family: Family, id: &str) -> Credential {
    let provider = match family {
        Family::Claude => "claude",
        Family::OpenAi => "openai",
        Family::Gemini => "gemini",
        Family::Vertex | Family::VertexClaude => "vertex",
        Family::OpenAiCompatible => "compatible",
        Family::Azure => "azure",
        Family::Bedrock => "bedrock",
        Family::Codex => "codex",
    };
    Credential {
        id: CredentialId::new(id),
        family,
        provider: ProviderName::new(provider),
        gen_ai_provider: ProviderName::new(provider),
        auth: Auth::Key(ApiKey::parse(&format!("key-of-{id}")).unwrap()),
        origin: Origin::split("https://provider.example").unwrap().0,
        base_path: String::new(),
        hosting: Hosting::Plain,
        models: Vec::new(),
        headers: Vec::new(),
        long_context: LongContext::Strip,
        prefix: None,
        priority: 0,
        excluded_models: Vec::new(),
        disable_cooling: None,
        proxy_url: None,
    }
}

/// A credential that serves what it lists: pairs of the provider's name and the client's.
pub fn listing(family: Family, id: &str, models: &[(&str, &str)]) -> Credential {
    let model =
        |(upstream, alias): &(&str, &str)| Model { name: name(upstream), alias: name(alias) };
    Credential { models: models.iter().map(model).collect(), ..credential(family, id) }
}

pub fn excluding(credential: Credential, patterns: &[&str]) -> Credential {
    let patterns = patterns.iter().map(|pattern| ModelPattern::parse(pattern).unwrap());
    Credential { excluded_models: patterns.collect(), ..credential }
}

pub fn mapping(from: &str, to: &str) -> ModelMapping {
    ModelMapping { from: MappingFrom::Exact(name(from)), to: name(to) }
}

pub fn pattern(from: &str, to: &str) -> ModelMapping {
    let from = regex::RegexBuilder::new(from).case_insensitive(true).build().unwrap();
    ModelMapping { from: MappingFrom::Pattern(from), to: name(to) }
}

pub fn rules(mappings: Vec<ModelMapping>) -> Rules {
    let fallback = Fallbacks::Impossible;
    Rules { fallback, mappings, force_mappings: false, force_prefix: false }
}

pub fn table_with(credentials: Vec<Credential>, rules: Rules) -> RouteTable {
    let mut next = 0;
    RouteTable::new(credentials, rules, None, || {
        next += 1;
        MemberId(next)
    })
}

pub fn table(credentials: Vec<Credential>) -> RouteTable {
    table_with(credentials, rules(Vec::new()))
}

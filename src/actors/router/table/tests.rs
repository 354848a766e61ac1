use std::collections::HashMap;

use super::*;
use crate::config::{LongContext, Model};
use crate::types::{Origin, ProviderName};

/// A credential without a list of models: it serves its family's names.
fn credential(family: Family, id: &str) -> Credential {
    let provider = match family {
        Family::Claude => "claude",
        Family::OpenAi => "openai",
        Family::Gemini => "gemini",
        Family::Vertex => "vertex",
        Family::OpenAiCompatible => "compatible",
    };
    Credential {
        id: id.to_owned(),
        family,
        provider: ProviderName::new(provider),
        key: None,
        origin: Origin::split("https://provider.example").unwrap().0,
        base_path: String::new(),
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
fn listing(family: Family, id: &str, models: &[(&str, &str)]) -> Credential {
    let model =
        |(upstream, alias): &(&str, &str)| Model { name: name(upstream), alias: name(alias) };
    Credential { models: models.iter().map(model).collect(), ..credential(family, id) }
}

fn name(text: &str) -> ModelName {
    ModelName::parse(text).unwrap()
}

fn table(credentials: Vec<Credential>) -> RouteTable {
    RouteTable::new(credentials, Fallbacks::Impossible)
}

/// The local plan for a direct call, if there is one.
fn plan(table: &RouteTable, dialect: Dialect, model: &str) -> Option<LocalPlan> {
    let model = name(model);
    match table.plan(&ModelRequest { dialect, model: &model, came_through_amp_door: false }) {
        Ok(RoutePlan::Local(plan)) => Some(plan),
        _ => None,
    }
}

/// The ids of the credentials that answer so many calls in a row.
fn turns(table: &RouteTable, dialect: Dialect, model: &str, calls: usize) -> Vec<String> {
    (0..calls).map(|_| plan(table, dialect, model).unwrap().credential().id.clone()).collect()
}

#[test]
fn without_a_list_a_credential_serves_its_familys_names_and_no_others() {
    use Dialect::{Anthropic, Gemini as GeminiDialect, OpenAiChat};
    use Family::{Claude, Gemini, OpenAi, OpenAiCompatible as Compatible, Vertex};
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // family,   dialect,       model,                   serves, why
        (Claude,     Anthropic,     "claude-opus-9-9",       true,  "no list is compiled in"),
        (Claude,     Anthropic,     "Claude-Sonnet-5",       true,  "case-insensitive"),
        (Claude,     Anthropic,     "claude",                false, "no dash"),
        (Claude,     Anthropic,     "anthropic/claude-x",    false, "another provider's prefix"),
        (Claude,     Anthropic,     "gpt-5",                 false, "another family"),
        (OpenAi,     OpenAiChat,    "gpt-6-astra",           true,  "gpt-*"),
        (OpenAi,     OpenAiChat,    "GPT-5",                 true,  "case-insensitive"),
        (OpenAi,     OpenAiChat,    "o1",                    true,  "o-series"),
        (OpenAi,     OpenAiChat,    "o3-mini",               true,  "o-series"),
        (OpenAi,     OpenAiChat,    "o9-pro",                true,  "o-series"),
        (OpenAi,     OpenAiChat,    "o0",                    false, "o-series begins with 1"),
        (OpenAi,     OpenAiChat,    "opus",                  false, "no digit"),
        (OpenAi,     OpenAiChat,    "o",                     false, "one letter"),
        (OpenAi,     OpenAiChat,    "codex-mini-latest",     true,  "codex-*"),
        (OpenAi,     OpenAiChat,    "chatgpt-4o-latest",     true,  "chatgpt-*"),
        (OpenAi,     OpenAiChat,    "gpt",                   false, "no dash"),
        (OpenAi,     OpenAiChat,    "claude-sonnet-5",       false, "another family"),
        (Gemini,     GeminiDialect, "gemini-3.8-flash",      true,  "gemini-*"),
        (Gemini,     GeminiDialect, "Gemini-3-Pro",          true,  "case-insensitive"),
        (Gemini,     GeminiDialect, "imagen-4",              false, "another name"),
        (Vertex,     GeminiDialect, "gemini-3-pro-preview",  true,  "gemini-*"),
        (Vertex,     GeminiDialect, "claude-sonnet-5",       false, "Vertex's Claude speaks another dialect"),
        (Compatible, OpenAiChat,    "gpt-5",                 false, "may serve anything, so must be listed"),
        (Compatible, OpenAiChat,    "compatible",            false, "may serve anything, so must be listed"),
    ];
    for (family, dialect, model, serves, why) in cases {
        let table = table(vec![credential(family, "one")]);
        assert_eq!(plan(&table, dialect, model).is_some(), serves, "{family:?} {model}: {why}");
    }
}

#[test]
fn a_family_answers_only_in_its_own_dialects() {
    use Dialect::{Anthropic, Gemini as GeminiDialect, OpenAiChat, OpenAiResponses};
    use Family::{Claude, Gemini, OpenAi, OpenAiCompatible as Compatible, Vertex};
    #[rustfmt::skip] // columns are easier to proofread
    let cases: &[(Family, &[Dialect])] = &[
        (Claude,     &[Anthropic]),
        (OpenAi,     &[OpenAiChat, OpenAiResponses]),
        (Compatible, &[OpenAiChat, OpenAiResponses]),
        (Gemini,     &[GeminiDialect]),
        (Vertex,     &[GeminiDialect]),
    ];
    for (family, spoken) in cases {
        let table = table(vec![listing(*family, "one", &[("m", "m")])]);
        for dialect in [Anthropic, OpenAiChat, OpenAiResponses, GeminiDialect] {
            let serves = plan(&table, dialect, "m").is_some();
            assert_eq!(serves, spoken.contains(&dialect), "{family:?} in {dialect}");
        }
    }
}

#[test]
fn a_listed_credential_serves_what_it_lists_and_nothing_else() {
    let list = [("claude-opus-5", "Best"), ("plain", "plain"), ("Upper-Case", "Upper-Case")];
    let table = table(vec![listing(Family::Claude, "one", &list)]);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // client's name,   served as,                            why
        ("Best",            Some(Some("claude-opus-5")),          "by its alias"),
        ("bEST",            Some(Some("claude-opus-5")),          "case-insensitive"),
        ("plain",           Some(None),                           "same name: nothing to replace"),
        ("PLAIN",           Some(Some("plain")),                  "the provider gets its own spelling"),
        ("upper-case",      Some(Some("Upper-Case")),             "the provider gets its own spelling"),
        ("Upper-Case",      Some(None),                           "same name: nothing to replace"),
        ("claude-opus-5",   None,                                 "has an alias, and is asked for by it"),
        ("claude-sonnet-5", None,                                 "the family's names do not count beside a list"),
        ("Bes",             None,                                 "not by a part"),
        ("Best ever",       None,                                 "not by a part"),
    ];
    for (model, expected, why) in cases {
        let served = plan(&table, Dialect::Anthropic, model);
        let served_as =
            served.as_ref().map(|plan| plan.upstream_model.as_ref().map(ModelName::as_str));
        assert_eq!(served_as, expected, "{model}: {why}");
    }
}

#[test]
fn the_first_of_two_entries_with_one_alias_counts() {
    let list = [("first", "same"), ("second", "SAME")];
    let table = table(vec![listing(Family::OpenAiCompatible, "one", &list)]);
    for _ in 0..3 {
        let plan = plan(&table, Dialect::OpenAiChat, "same").unwrap();
        assert_eq!(plan.upstream_model, Some(name("first")));
    }
}

#[test]
fn each_credential_that_serves_the_model_gets_its_turn() {
    let table = table(vec![
        credential(Family::Claude, "a"),
        listing(Family::Claude, "not-this", &[("other", "other")]),
        credential(Family::Claude, "b"),
        credential(Family::OpenAi, "nor-this"),
        listing(Family::Claude, "c", &[("claude-x", "claude-x")]),
    ]);

    let seen = turns(&table, Dialect::Anthropic, "claude-x", 6);

    assert_eq!(seen, ["a", "b", "c", "a", "b", "c"], "in the order of the configuration");
}

#[test]
fn turns_are_counted_for_each_model() {
    let table = table(vec![credential(Family::Claude, "a"), credential(Family::Claude, "b")]);
    // Counters are shared by hash, so not every pair of models is apart; most of these must be.
    let models: Vec<String> = (0..32).map(|n| format!("claude-{n}")).collect();

    let first: Vec<String> =
        models.iter().flat_map(|model| turns(&table, Dialect::Anthropic, model, 1)).collect();

    let with_a = first.iter().filter(|id| *id == "a").count();
    assert!(with_a > 20, "one counter for all models would give 16 of 32 to `a`, not {with_a}");
}

#[test]
fn turns_are_shared_fairly_among_threads() {
    let table = table(vec![credential(Family::OpenAi, "a"), credential(Family::OpenAi, "b")]);

    let mut counts: HashMap<String, usize> = HashMap::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| turns(&table, Dialect::OpenAiChat, "gpt-5", 100)))
            .collect();
        for id in threads.into_iter().flat_map(|thread| thread.join().unwrap()) {
            *counts.entry(id).or_default() += 1;
        }
    });

    assert_eq!(counts, HashMap::from([("a".to_owned(), 200), ("b".to_owned(), 200)]));
}

#[test]
fn a_websocket_goes_to_openai_itself_in_turn() {
    let table = table(vec![
        listing(Family::OpenAiCompatible, "not-this", &[("m", "m")]),
        credential(Family::OpenAi, "a"),
        listing(Family::OpenAi, "b", &[("m", "m")]),
    ]);
    let seen: Vec<String> = (0..4)
        .map(|_| table.any_speaking(Dialect::OpenAiResponses).unwrap().credential().id.clone())
        .collect();
    assert_eq!(seen, ["a", "b", "a", "b"]);
    assert!(table.any_speaking(Dialect::Anthropic).is_none(), "nobody speaks it");
}

#[test]
fn amp_answers_only_at_its_own_door_and_only_when_it_may() {
    use Fallbacks::{Forbidden, Impossible, ToAmp};
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // fallback, Amp door, asks Amp, why
        (ToAmp,      true,     true,  "what the door is for"),
        (ToAmp,      false,    false, "direct clients never spend Amp's credits"),
        (Forbidden,  true,     false, "`fallback: never`"),
        (Forbidden,  false,    false, "`fallback: never`"),
        (Impossible, true,     false, "no Amp server"),
        (Impossible, false,    false, "no Amp server"),
    ];
    let unknown = name("nobody-serves-this");
    let known = name("claude-x");
    for (fallback, came_through_amp_door, asks_amp, why) in cases {
        let table = RouteTable::new(vec![credential(Family::Claude, "one")], fallback);
        let plan = |model| {
            table.plan(&ModelRequest { dialect: Dialect::Anthropic, model, came_through_amp_door })
        };
        let unserved = plan(&unknown);
        assert_eq!(matches!(unserved, Ok(RoutePlan::Amp)), asks_amp, "{fallback:?}: {why}");
        assert_eq!(unserved.is_err(), !asks_amp, "{fallback:?}: {why}");
        let served = plan(&known);
        assert!(matches!(served, Ok(RoutePlan::Local(_))), "{fallback:?}: ours come first");
    }
}

#[test]
fn the_error_names_the_model_and_what_would_serve_it() {
    use Dialect::{Anthropic, Gemini, OpenAiChat, OpenAiResponses};
    use Fallbacks::{Forbidden, Impossible, ToAmp};
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // dialect,      fallback,   Amp door, the message says
        (Anthropic,       ToAmp,      false, "`claude-api-key`"),
        (OpenAiChat,      ToAmp,      false, "`openai-api-key` or an `openai-compatibility`"),
        (OpenAiResponses, ToAmp,      false, "`openai-api-key` or an `openai-compatibility`"),
        (Gemini,          ToAmp,      false, "`gemini-api-key` or a `vertex-api-key`"),
        (Anthropic,       Impossible, true,  "`claude-api-key`"),
        (Anthropic,       Forbidden,  true,  "`ampcode.fallback` is `never`"),
        (Gemini,          Forbidden,  true,  "`ampcode.fallback` is `never`"),
        (Anthropic,       Forbidden,  false, "`claude-api-key`"),
    ];
    for (dialect, fallback, came_through_amp_door, says) in cases {
        let table = RouteTable::new(Vec::new(), fallback);
        let model = name("unknown-model");
        let error = table
            .plan(&ModelRequest { dialect, model: &model, came_through_amp_door })
            .unwrap_err();
        let message = error.to_string();
        assert!(message.contains("`unknown-model`"), "{dialect} {fallback:?}: {message}");
        assert!(message.contains(says), "{dialect} {fallback:?}: {message}");
    }
}

#[test]
fn what_can_be_asked_for_is_listed_once_under_the_clients_name() {
    let table = table(vec![
        listing(Family::OpenAiCompatible, "one", &[("up-1", "Fast"), ("up-2", "slow")]),
        listing(Family::OpenAi, "two", &[("gpt-x", "fast"), ("gpt-y", "gpt-y")]),
        listing(Family::Claude, "other-dialect", &[("claude-x", "claude-x")]),
        credential(Family::OpenAi, "unlisted"),
    ]);
    let listed = table.listed(Dialect::OpenAiChat);
    let names: Vec<&str> = listed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Fast", "slow", "gpt-y"]);
}

#[test]
fn one_credential_of_each_provider_is_asked_for_its_list() {
    let table = table(vec![
        credential(Family::Gemini, "gemini-1"),
        credential(Family::Gemini, "gemini-2"),
        credential(Family::Vertex, "vertex-1"),
        listing(Family::Vertex, "listed", &[("gemini-x", "gemini-x")]),
        credential(Family::Claude, "other-dialect"),
    ]);
    let unlisted = table.unlisted(Dialect::Gemini);
    let ids: Vec<&str> = unlisted.iter().map(|plan| plan.credential().id.as_str()).collect();
    assert_eq!(ids, ["gemini-1", "vertex-1"]);
}

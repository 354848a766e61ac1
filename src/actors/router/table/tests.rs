use super::*;
use crate::actors::router::fixtures::{
    credential, excluding, listing, mapping, name, pattern, rules, table, table_with,
};
use crate::types::ThinkingLevel;

/// Who serves a model, as `credential: provider's name`, in order.
fn served(table: &RouteTable, dialect: Dialect, model: &str) -> Vec<String> {
    let candidates = table.candidates(dialect, &name(model), Reach::SameDialect, Ways::ALL);
    let all = candidates.map(|candidates| candidates.all).unwrap_or_default();
    all.iter().map(|one| format!("{}: {}", one.member.credential.id, one.upstream_model)).collect()
}

fn found(table: &RouteTable, model: &str) -> Option<(Found, Option<Thinking>)> {
    let candidates =
        table.candidates(Dialect::Anthropic, &name(model), Reach::SameDialect, Ways::ALL)?;
    Some((candidates.found, candidates.thinking))
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
        (Claude,     Anthropic,     "claude-x(high)",        true,  "the suffix is no part of the name"),
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
        assert_eq!(!served(&table, dialect, model).is_empty(), serves, "{family:?} {model}: {why}");
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
            let serves = !served(&table, dialect, "m").is_empty();
            assert_eq!(serves, spoken.contains(&dialect), "{family:?} in {dialect}");
        }
    }
}

#[test]
fn a_listed_credential_serves_what_it_lists_and_nothing_else() {
    let list = [("claude-opus-5", "Best"), ("plain", "plain"), ("x", "literal(high)")];
    let table = table(vec![listing(Family::Claude, "one", &list)]);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // client's name,   served as,               why
        ("Best",            Some("claude-opus-5"),   "by its alias"),
        ("bEST",            Some("claude-opus-5"),   "case-insensitive"),
        ("best(low)",       Some("claude-opus-5"),   "the suffix is no part of the name"),
        ("PLAIN",           Some("plain"),           "the provider gets its own spelling"),
        ("literal(high)",   Some("x"),               "a name that is listed as it is"),
        ("literal",         None,                    "not the same name"),
        ("claude-opus-5",   None,                    "has an alias, and is asked for by it"),
        ("claude-sonnet-5", None,                    "the family's names do not count beside a list"),
        ("Bes",             None,                    "not by a part"),
    ];
    for (model, expected, why) in cases {
        let expected: Vec<String> =
            expected.map(|name| format!("one: {name}")).into_iter().collect();
        assert_eq!(served(&table, Dialect::Anthropic, model), expected, "{model}: {why}");
    }
    let asked = found(&table, "literal(high)").unwrap().1;
    assert_eq!(asked, None, "what is part of the name asks for nothing");
}

#[test]
fn entries_with_one_alias_are_a_pool() {
    let list = [("first", "same"), ("second", "SAME"), ("third", "other")];
    let table = table(vec![
        listing(Family::OpenAiCompatible, "one", &list),
        listing(Family::OpenAi, "two", &[("fourth", "same")]),
    ]);
    let all = served(&table, Dialect::OpenAiChat, "same");
    assert_eq!(all, ["one: first", "one: second", "two: fourth"]);
}

#[test]
fn what_is_excluded_is_not_served() {
    let list = [("up-preview", "a"), ("up", "b"), ("up", "c-preview")];
    let table = table(vec![
        excluding(listing(Family::Claude, "listed", &list), &["*-PREVIEW"]),
        excluding(credential(Family::Claude, "family"), &["claude-opus-*"]),
    ]);
    #[rustfmt::skip] // columns are easier to proofread
    let cases: &[(&str, &[&str], &str)] = &[
        ("a",              &[],                        "the provider's name is excluded"),
        ("b",              &["listed: up"],            "neither name is"),
        ("c-preview",      &[],                        "the client's name is excluded"),
        ("claude-opus-5",  &[],                        "by pattern"),
        ("claude-haiku-5", &["family: claude-haiku-5"], "another model"),
    ];
    for (model, expected, why) in cases {
        assert_eq!(served(&table, Dialect::Anthropic, model), *expected, "{model}: {why}");
    }
}

#[test]
fn a_prefix_picks_its_credential_and_may_be_demanded() {
    let with_prefix = |id: &str, prefix: &str| Credential {
        prefix: Some(prefix.to_owned()),
        ..credential(Family::Claude, id)
    };
    #[rustfmt::skip] // columns are easier to proofread
    let cases: &[(&str, &[&str], &[&str], &str)] = &[
        // asked for,          serve it,       serve it when prefixes are forced, why
        ("claude-x",           &["a", "b", "c"], &["c"],  "no prefix: all, or those without one"),
        ("team-a/claude-x",    &["a"],           &["a"],  "one prefix"),
        ("TEAM-A/claude-x",    &["a"],           &["a"],  "case-insensitive"),
        ("team/b/claude-x",    &["b"],           &["b"],  "a prefix with a slash"),
        ("team-a/",            &[],              &[],     "no name behind it"),
        ("team-aclaude-x",     &[],              &[],     "no slash"),
        ("é/claude-x",         &[],              &[],     "a prefix that is cut inside a letter"),
    ];
    for force_prefix in [false, true] {
        let credentials = vec![
            with_prefix("a", "team-a"),
            with_prefix("b", "team/b"),
            credential(Family::Claude, "c"),
        ];
        let table = table_with(credentials, Rules { force_prefix, ..rules(Vec::new()) });
        for (model, open, forced, why) in cases {
            let ids = if force_prefix { forced } else { open };
            let expected: Vec<String> = ids.iter().map(|id| format!("{id}: claude-x")).collect();
            assert_eq!(served(&table, Dialect::Anthropic, model), expected, "{model}: {why}");
        }
    }
}

#[test]
fn mappings_lead_on_exact_ones_first_then_patterns_in_order() {
    let mappings = vec![
        pattern("opus", "kimi-k2"),
        pattern("^claude-.*", "glm-5"),
        mapping("Claude-Opus-5", "exact"),
        mapping("claude-dead", "nobody-serves-this"),
        mapping("claude-chain", "claude-opus-5"),
        mapping("claude-fixed", "exact(low)"),
        mapping("claude-y(max)", "kimi-k2"),
    ];
    let list = ["kimi-k2", "glm-5", "exact"].map(|name| (name, name));
    let table = table_with(vec![listing(Family::Claude, "one", &list)], rules(mappings));
    let level = |level| Some(Thinking::Level(level));
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // asked for,             served as,       thinks,                    why
        ("claude-opus-5",         Some("exact"),   None,                      "exact before patterns"),
        (" CLAUDE-opus-5 ",       Some("exact"),   None,                      "trimmed, case-insensitive"),
        ("claude-opus-5(high)",   Some("exact"),   level(ThinkingLevel::High), "the suffix is kept"),
        ("claude-fixed(high)",    Some("exact"),   level(ThinkingLevel::Low), "unless the target has its own"),
        ("new-OPUS-6",            Some("kimi-k2"), None,                      "unanchored, case-insensitive"),
        ("claude-opus-4",         Some("kimi-k2"), None,                      "the first pattern that fits"),
        ("claude-haiku-5",        Some("glm-5"),   None,                      "the second"),
        ("claude-dead",           Some("glm-5"),   None,                      "a target nobody serves is skipped"),
        ("claude-chain",          Some("glm-5"),   None,                      "a target is not mapped again"),
        ("claude-y(max)",         Some("kimi-k2"), level(ThinkingLevel::Max), "a mapping may name the suffix"),
        ("not-claude-x",          None,            None,                      "an anchored pattern is anchored"),
    ];
    for (model, expected, thinks, why) in cases {
        let expected: Vec<String> =
            expected.map(|name| format!("one: {name}")).into_iter().collect();
        assert_eq!(served(&table, Dialect::Anthropic, model), expected, "{model}: {why}");
        let thinking = found(&table, model).and_then(|(_, thinking)| thinking);
        assert_eq!(thinking, thinks, "{model}: {why}");
    }
    assert!(served(&table, Dialect::OpenAiChat, "claude-opus-5").is_empty(), "not in this dialect");
}

#[test]
fn own_credentials_go_before_mappings_unless_mappings_are_forced() {
    let credentials = || {
        vec![credential(Family::Claude, "own"), listing(Family::Claude, "kimi", &[("k2", "k2")])]
    };
    let mappings = || vec![pattern("^claude-", "k2"), mapping("claude-lost", "nobody")];
    let usual = table_with(credentials(), rules(mappings()));
    let forced = table_with(credentials(), Rules { force_mappings: true, ..rules(mappings()) });

    assert_eq!(served(&usual, Dialect::Anthropic, "claude-x"), ["own: claude-x"]);
    assert_eq!(served(&forced, Dialect::Anthropic, "claude-x"), ["kimi: k2"]);
    assert_eq!(served(&forced, Dialect::Anthropic, "k2"), ["kimi: k2"], "no mapping fits");
}

#[test]
fn it_is_known_whether_a_mapping_leaves_the_makers_models() {
    let list = [("claude-haiku-5", "claude-haiku-5"), ("kimi-k2", "kimi")];
    let mappings = vec![
        mapping("claude-opus-5", "claude-haiku-5"),
        mapping("claude-x", "kimi"),
        mapping("smart", "kimi"),
        mapping("gpt-5", "claude-haiku-5"),
    ];
    let table = table_with(vec![listing(Family::Claude, "one", &list)], rules(mappings));
    let by_mapping = |crosses_makers| Found::ByMapping { crosses_makers };
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("claude-haiku-5", Found::Directly,   "no mapping"),
        ("claude-opus-5",  by_mapping(false), "Claude to Claude"),
        ("claude-x",       by_mapping(true),  "Claude to another maker, by the provider's name"),
        ("smart",          by_mapping(false), "neither name tells a maker"),
        ("gpt-5",          by_mapping(true),  "another maker to Claude"),
    ];
    for (model, expected, why) in cases {
        assert_eq!(found(&table, model).unwrap().0, expected, "{model}: {why}");
    }
}

#[test]
fn an_account_that_stays_keeps_its_identity_wherever_it_stands() {
    let ids = |table: &RouteTable| -> Vec<(String, u32)> {
        table.members().iter().map(|m| (m.credential.id.to_string(), m.id.0)).collect()
    };
    let with_key = |id: &str, key: &str| Credential {
        auth: crate::config::Auth::Key(crate::types::ApiKey::parse(key).unwrap()),
        ..credential(Family::Claude, id)
    };
    let before = table(vec![with_key("claude-1", "a"), with_key("claude-2", "b")]);
    let mut next = 10;
    let after = RouteTable::new(
        vec![
            with_key("claude-1", "new"),
            Credential { priority: 9, ..with_key("claude-2", "b") },
            with_key("claude-3", "b"),
        ],
        rules(Vec::new()),
        Some(&before),
        || {
            next += 1;
            MemberId(next)
        },
    );
    assert_eq!(ids(&before), [("claude-1".to_owned(), 1), ("claude-2".to_owned(), 2)]);
    let expected = [("claude-1", 11), ("claude-2", 2), ("claude-3", 12)];
    assert_eq!(ids(&after), expected.map(|(id, number)| (id.to_owned(), number)), "one each");
}

#[test]
fn a_websocket_may_go_to_openai_itself_only() {
    let prefixed =
        Credential { prefix: Some("p".to_owned()), ..credential(Family::OpenAi, "prefixed") };
    let credentials = || {
        vec![
            listing(Family::OpenAiCompatible, "not-this", &[("m", "m")]),
            credential(Family::OpenAi, "a"),
            prefixed.clone(),
        ]
    };
    let ids = |table: &RouteTable| -> Vec<String> {
        let members = table.socket_members(Dialect::OpenAiResponses);
        members.map(|member| member.credential.id.to_string()).collect()
    };
    assert_eq!(ids(&table(credentials())), ["a", "prefixed"]);
    let forced = Rules { force_prefix: true, ..rules(Vec::new()) };
    assert_eq!(ids(&table_with(credentials(), forced)), ["a"], "a handshake names no prefix");
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
        let table = table_with(Vec::new(), Rules { fallback, ..rules(Vec::new()) });
        let model = name("unknown-model");
        let error = table.not_served(dialect, &model, came_through_amp_door, Reach::SameDialect);
        let message = error.to_string();
        assert!(message.contains("`unknown-model`"), "{dialect} {fallback:?}: {message}");
        assert!(message.contains(says), "{dialect} {fallback:?}: {message}");
    }
}

#[test]
fn a_call_is_translated_only_where_nobody_speaks_its_dialect() {
    use Dialect::{Anthropic, Gemini as GeminiDialect, OpenAiChat, OpenAiResponses};
    use Family::{Claude, Gemini, OpenAi, OpenAiCompatible as Compatible, Vertex};
    let credentials = vec![
        listing(Compatible, "router", &[("anthropic/claude-x", "claude-x"), ("qwen-9", "qwen-9")]),
        credential(OpenAi, "openai"),
        credential(Claude, "claude"),
        credential(Gemini, "gemini"),
        listing(Vertex, "vertex", &[("gemini-9", "gemini-9")]),
    ];
    let mappings = vec![mapping("claude-haiku-0", "gpt-9"), mapping("other", "nobody-has-it")];
    let table = table_with(credentials, rules(mappings));
    #[rustfmt::skip] // columns are easier to proofread
    let cases: &[(Dialect, &str, &[(&str, Dialect)], &str)] = &[
        (Anthropic,       "claude-x",   &[("claude", Anthropic)],                                   "no translation where none is needed"),
        (OpenAiChat,      "claude-x",   &[("router", OpenAiChat)],                                  "listed in the dialect, before a family that is not"),
        (GeminiDialect,   "claude-x",   &[("router", OpenAiChat)],                                  "what is listed goes before a family's pattern"),
        (Anthropic,       "gpt-9",      &[("openai", OpenAiResponses)],                             "OpenAI is asked through Responses"),
        (OpenAiChat,      "gpt-9",      &[("openai", OpenAiChat)],                                  "it speaks both"),
        (Anthropic,       "qwen-9",     &[("router", OpenAiChat)],                                  "compatible ones through Chat"),
        (OpenAiResponses, "qwen-9",     &[("router", OpenAiResponses)],                             "unless the client speaks Responses"),
        (OpenAiResponses, "gemini-9",   &[("vertex", GeminiDialect)],                               "listed before by pattern"),
        (Anthropic,       "gemini-5(high)", &[("gemini", GeminiDialect)],                           "a suffix is none of the name"),
        (GeminiDialect,   "claude-haiku-0", &[("claude", Anthropic)],                               "who serves a name goes before a mapping, translated or not"),
        (Anthropic,       "other",      &[],                                                        "a mapping to nowhere"),
    ];
    for (dialect, model, expected, why) in cases {
        let found = table.candidates(*dialect, &name(model), Reach::AnyDialect, Ways::ALL);
        let all = found.map(|candidates| candidates.all).unwrap_or_default();
        let all: Vec<_> =
            all.iter().map(|one| (one.member.credential.id.as_str(), one.dialect)).collect();
        assert_eq!(all, *expected, "{dialect} {model}: {why}");
        let native = table.candidates(*dialect, &name(model), Reach::SameDialect, Ways::ALL);
        let native = native.map(|candidates| candidates.all).unwrap_or_default();
        assert!(native.iter().all(|one| one.dialect == *dialect), "{dialect} {model}");
    }
}

#[test]
fn a_providers_own_websocket_serves_only_where_no_other_provider_could_be_meant() {
    use Family::{Claude, Codex, Gemini, OpenAi, OpenAiCompatible, Vertex};
    use SocketService::{Gateway, Nobody, Provider};
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&[Family], SocketService, SocketService, &str); 10] = [
        // credentials,       of Codex, of others, why
        (&[],                 Nobody,   Nobody,   "nobody is there"),
        (&[OpenAi],           Provider, Provider, "it speaks WebSocket"),
        (&[OpenAi, OpenAi],   Provider, Provider, "all of them speak it"),
        (&[OpenAi, Claude],   Gateway,  Gateway,  "a later message may ask for Claude"),
        (&[OpenAiCompatible], Gateway,  Gateway,  "who is compatible is not known to speak it"),
        (&[Gemini],           Gateway,  Gateway,  "speaks another dialect"),
        (&[Vertex, OpenAi],   Gateway,  Gateway,  "in any order"),
        (&[Codex],            Provider, Gateway,  "what others say has to be put right"),
        (&[Codex, Codex],     Gateway,  Gateway,  "that a plan is used up is read in its answers only"),
        (&[Codex, OpenAi],    Gateway,  Gateway,  "one is asked otherwise than the other"),
    ];
    for (families, of_codex, of_others, why) in cases {
        let credentials = families.iter().map(|family| credential(*family, "one")).collect();
        let table = table(credentials);
        assert_eq!(table.socket_service(true), of_codex, "{why}");
        assert_eq!(table.socket_service(false), of_others, "{why}");
    }
}

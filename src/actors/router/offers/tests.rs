use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::discovered::KEPT;
use super::*;
use crate::actors::clock::Clock;
use crate::actors::router::cooldown::MemberId;
use crate::actors::router::{Fallbacks, ProviderRouter, RouterSettings, Rules};
use crate::config::{Sources, load_text};
use crate::dialect::{ModelEntry, ModelListShape};

fn settings(yaml: &str) -> RouterSettings {
    let settings = load_text(yaml, &Sources::default()).unwrap_or_else(|e| panic!("{e}")).settings;
    RouterSettings {
        credentials: settings.credentials,
        rules: Rules {
            fallback: Fallbacks::Impossible,
            mappings: settings.model_mappings,
            force_mappings: settings.force_model_mappings,
            force_prefix: settings.force_model_prefix,
        },
        routing: settings.routing,
        disable_cooling: settings.disable_cooling,
    }
}

fn offers(yaml: &str, dialect: Dialect) -> Offers {
    let RouterSettings { credentials, rules, .. } = settings(yaml);
    let mut next_id = 0;
    let table = RouteTable::new(credentials, rules, None, || {
        next_id += 1;
        MemberId(next_id)
    });
    Offers::new(Arc::new(table), dialect, Ways::ALL)
}

fn name(text: &str) -> ModelName {
    ModelName::parse(text).unwrap()
}

fn texts(names: &[ModelName]) -> Vec<&str> {
    names.iter().map(ModelName::as_str).collect()
}

fn named(offers: &Offers) -> Vec<String> {
    offers.named().iter().map(|offer| offer.name.to_string()).collect()
}

const TWO_ALIASES: &str = "models: [{ name: up-1, alias: One }, { name: two }]";

#[test]
fn the_names_of_the_configuration_are_offered_once_and_only_where_somebody_answers() {
    let compatible = |more: &str| {
        format!("openai-compatibility: [{{ name: r, base-url: 'https://r.test', {more} }}]\n")
    };
    let listed = compatible(TWO_ALIASES);
    let claude = "claude-api-key: [{ api-key: k, models: [{ name: up, alias: claude-alias }] }]\n";
    let map = |from: &str, to: &str| {
        format!("ampcode: {{ model-mappings: [{{ from: '{from}', to: '{to}' }}] }}\n")
    };
    let pattern = "ampcode: { model-mappings: [{ from: 'gpt-.*', to: two, regex: true }] }\n";
    let family = "openai-api-key: [{ api-key: k }]\n";
    let forced =
        "ampcode: { force-model-mappings: true, model-mappings: [{ from: gpt-5, to: two }] }\n";
    #[rustfmt::skip] // columns are easier to proofread
    let cases: Vec<(String, &[&str], &str)> = vec![
        (listed.clone(),                                              &["One", "two"],        "aliases, in order"),
        (compatible(""),                                              &[],                    "nothing is listed, so nothing is served"),
        (compatible("models: [{ name: a, alias: X }, { name: b, alias: x }]"), &["X"],        "a pool is one name"),
        (compatible("models: [{ name: a }, { name: b }], excluded-models: ['a']"), &["b"],    "excluded by its alias"),
        (compatible("models: [{ name: a, alias: x }, { name: b }], excluded-models: ['a']"), &["b"], "excluded by its name"),
        (compatible(&format!("{TWO_ALIASES}, prefix: t")),            &["t/One", "One", "t/two", "two"], "with and without its prefix"),
        (compatible(&format!("{TWO_ALIASES}, prefix: t")) + "force-model-prefix: true\n", &["t/One", "t/two"], "prefixes are forced"),
        (listed.clone() + claude,                                     &["One", "two", "claude-alias"], "what has to be translated, behind what has not"),
        (listed.clone() + &map("opus", "TWO"),                        &["One", "two", "opus"], "a mapping that leads somewhere"),
        (listed.clone() + &map("opus", "two(high)"),                  &["One", "two", "opus"], "a suffix is no name"),
        (listed.clone() + claude + &map("opus", "claude-alias"),      &["One", "two", "claude-alias", "opus"], "it leads to another dialect"),
        (listed.clone() + &map("opus", "nobody"),                     &["One", "two"],        "nobody serves its target"),
        (listed.clone() + pattern,                                    &["One", "two"],        "a pattern is no name"),
        (listed.clone() + family + &map("gpt-5", "two"),              &["One", "two"],        "not in use: the name is served without it"),
        (listed.clone() + family + forced,                            &["One", "two", "gpt-5"], "in use, before what serves the name"),
    ];
    for (yaml, expected, why) in cases {
        let offers = offers(&yaml, Dialect::OpenAiChat);
        assert_eq!(named(&offers), expected, "{why}");
        for offer in offers.named() {
            assert!(offers.answered_by(&offer.name).is_some(), "{why}: {}", offer.name);
        }
    }
}

#[test]
fn a_name_is_owned_by_who_answers_it() {
    let yaml = "openai-compatibility:\n\
                - { name: one, base-url: 'https://1.test', models: [{ name: a }] }\n\
                - { name: two, base-url: 'https://2.test', models: [{ name: a }, { name: b }] }\n\
                ampcode: { model-mappings: [{ from: opus, to: b }] }\n";
    let offers = offers(yaml, Dialect::OpenAiResponses).named();
    let owners: Vec<_> = offers.iter().map(|offer| offer.provider.as_str()).collect();
    assert_eq!(owners, ["one", "two", "two"]);
}

#[test]
fn only_credentials_that_serve_by_pattern_are_asked_and_once_per_place() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&str, &[usize], &str); 7] = [
        // credentials,                                                            accounts, why
        ("openai-api-key: [{ api-key: a }, { api-key: b }]",                       &[2],    "two keys for one list"),
        ("openai-api-key: [{ api-key: a }, { api-key: b, base-url: 'https://b.test' }]", &[1, 1], "two places"),
        ("openai-api-key: [{ api-key: a }, { api-key: b, proxy-url: 'http://p.test:1' }]", &[1, 1], "two ways"),
        ("openai-api-key: [{ api-key: a }, { api-key: b, headers: { openai-organization: o } }]", &[1, 1], "two organisations"),
        ("openai-api-key: [{ api-key: a, models: [{ name: x }] }]",                &[],     "it says itself what it serves"),
        ("openai-compatibility: [{ name: r, base-url: 'https://r.test' }]",        &[],     "it serves nothing that is not listed"),
        ("claude-api-key: [{ api-key: a }]",                                       &[1],    "another dialect: calls are translated"),
    ];
    for (yaml, expected, why) in cases {
        let sources = offers(yaml, Dialect::OpenAiChat).sources();
        let accounts: Vec<_> = sources.iter().map(|source| source.accounts().count()).collect();
        assert_eq!(accounts, expected, "{why}");
    }
}

#[test]
fn a_provider_may_list_more_than_can_be_asked_for() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases: [(&str, &str, &[&str], &str); 10] = [
        // more of the credential,               listed,             names,                       why
        ("",                                     "gpt-5",            &["gpt-5"],                  "of the family"),
        ("",                                     "GPT-5",            &["GPT-5"],                  "case is no matter"),
        ("",                                     "dall-e-3",         &[],                         "not of the family"),
        (", excluded-models: ['*-preview']",     "gpt-6-preview",    &[],                         "excluded"),
        (", excluded-models: ['*-preview']",     "gpt-6",            &["gpt-6"],                  "not excluded"),
        (", prefix: t",                          "gpt-5",            &["t/gpt-5", "gpt-5"],       "with and without"),
        (", prefix: t }], force-model-prefix: true, cors: { allowed-origins: []", "gpt-5", &["t/gpt-5"], "prefixes are forced"),
        (", prefix: t, excluded-models: [gpt-5]", "gpt-5",           &[],                         "excluded in both forms"),
        (" }, { api-key: k2, prefix: u",         "gpt-5",            &["gpt-5", "u/gpt-5"],       "each account in its form"),
        (" }, { api-key: k2, excluded-models: ['*']", "gpt-5",       &["gpt-5"],                  "one of them serves it"),
    ];
    for (more, listed, expected, why) in cases {
        let end = if more.contains("cors") { "} }" } else { "}] }" };
        let yaml = format!("{{ openai-api-key: [{{ api-key: k{more} {end}");
        let offers = offers(&yaml, Dialect::OpenAiChat);
        let sources = offers.sources();
        assert_eq!(sources.len(), 1, "{why}");
        assert_eq!(
            texts(&offers.names_of(&sources[0], &name(listed))),
            expected,
            "{listed}: {why}"
        );
    }
}

#[test]
fn a_list_says_nothing_of_what_another_account_serves() {
    let yaml = "openai-api-key:\n\
                - { api-key: a, base-url: 'https://a.test', excluded-models: ['gpt-5*'] }\n\
                - { api-key: b, base-url: 'https://b.test' }\n";
    let offers = offers(yaml, Dialect::OpenAiChat);
    let sources = offers.sources();
    assert!(offers.names_of(&sources[0], &name("gpt-5")).is_empty(), "excluded there");
    assert_eq!(texts(&offers.names_of(&sources[1], &name("gpt-5"))), ["gpt-5"]);
}

/// A router whose clock stands still until it is moved.
fn router(yaml: &str) -> (ProviderRouter, impl Fn(Duration)) {
    let now = Arc::new(Mutex::new(Instant::now()));
    let moved = now.clone();
    let router =
        ProviderRouter::start(settings(yaml), Clock::telling(move || *now.lock().unwrap()));
    (router, move |by| *moved.lock().unwrap() += by)
}

fn account(router: &ProviderRouter) -> Account {
    router.offers(Dialect::OpenAiChat, Ways::ALL).sources()[0].accounts().next().unwrap().clone()
}

fn list(id: &str) -> Vec<ModelEntry> {
    let json = format!(r#"{{"id":"{id}"}}"#);
    vec![ModelEntry::parse(ModelListShape::OpenAi, json).unwrap()]
}

fn failure() -> Result<Vec<ModelEntry>, NoList> {
    Err(NoList { cause: "status 500".to_owned(), is_about_the_key: true })
}

const ONE_KEY: &str = "openai-api-key: [{ api-key: a }]\n";
const SECOND: Duration = Duration::from_secs(1);

#[actix_web::test]
async fn an_answer_is_kept_for_its_time_and_a_failure_for_a_shorter_one() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // answer,       seconds later, asked again, why
        (Ok(list("gpt-5")),  0,             false,       "just asked"),
        (Ok(list("gpt-5")),  299,           false,       "five minutes are not over"),
        (Ok(list("gpt-5")),  300,           true,        "they are"),
        (Ok(Vec::new()), 299,           false,       "an empty list is a list"),
        (failure(),      29,            false,       "not each request asks a provider that fails"),
        (failure(),      30,            true,        "but it may have come back"),
    ];
    for (answer, seconds, expected, why) in cases {
        let (router, wait) = router(ONE_KEY);
        let account = account(&router);
        let first = router.discovered().of(&account, None, async { answer.clone() }).await;
        wait(SECOND * seconds);
        let asked = Cell::new(false);
        let again = async {
            asked.set(true);
            Ok(list("gpt-6"))
        };
        let second = router.discovered().of(&account, None, again).await;
        assert_eq!(asked.get(), expected, "{why}");
        let id = |list: &Result<Arc<[ModelEntry]>, NoList>| {
            list.as_ref()
                .map(|l| l.first().and_then(|e| e.id().map(str::to_owned)))
                .map_err(Clone::clone)
        };
        assert_eq!(id(&second) == id(&first), !expected, "{why}");
    }
}

#[actix_web::test]
async fn many_requests_ask_once_and_one_that_leaves_takes_no_answer_along() {
    let (router, _) = router(ONE_KEY);
    let account = account(&router);
    let (asked, lists) = (Cell::new(0), router.discovered());
    let never = lists.of(&account, None, std::future::pending());
    let ask = || async {
        asked.set(asked.get() + 1);
        tokio::task::yield_now().await;
        Ok(list("gpt-5"))
    };
    let waiting = futures::future::join_all((0..50).map(|_| lists.of(&account, None, ask())));
    // The first to ask leaves while fifty others wait for what it was told.
    let mut never = Box::pin(never);
    assert!(futures::poll!(never.as_mut()).is_pending());
    let mut waiting = Box::pin(waiting);
    assert!(futures::poll!(waiting.as_mut()).is_pending());
    drop(never);

    let answers = waiting.await;

    assert_eq!(answers.len(), 50);
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap()[0].id() == Some("gpt-5")));
    assert_eq!(asked.get(), 1);
}

#[actix_web::test]
async fn a_catalogue_is_kept_for_each_version_of_codex() {
    let (router, _) = router(ONE_KEY);
    let (account, lists) = (account(&router), router.discovered());
    let mut ids = Vec::new();
    for (version, id) in
        [(None, "plain"), (Some("1"), "one"), (Some("2"), "two"), (Some("1"), "again")]
    {
        let known = lists.of(&account, version, async { Ok(list(id)) }).await.unwrap();
        ids.push(known[0].id().unwrap().to_owned());
    }
    assert_eq!(ids, ["plain", "one", "two", "one"]);
}

#[actix_web::test]
async fn a_reload_forgets_accounts_that_are_gone_and_no_others() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // after the reload,                                          asked again, why
        ("openai-api-key: [{ api-key: a }]\n",                        false,       "the same account"),
        ("openai-api-key: [{ api-key: a, priority: 5 }]\n",           false,       "the same account, used otherwise"),
        ("openai-api-key: [{ api-key: b }]\n",                        true,        "another key"),
        ("openai-api-key: [{ api-key: a, base-url: 'https://x.test' }]\n", true,   "another place"),
    ];
    for (after, expected, why) in cases {
        let (router, _) = router(ONE_KEY);
        let before = account(&router);
        router.discovered().of(&before, None, async { Ok(list("gpt-5")) }).await.unwrap();
        let router = router.reconfigured(settings(after)).await;
        let asked = Cell::new(false);
        let again = async {
            asked.set(true);
            Ok(list("gpt-6"))
        };
        router.discovered().of(&account(&router), None, again).await.unwrap();
        assert_eq!(asked.get(), expected, "{why}");
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[actix_web::test]
async fn a_failure_is_warned_of_when_it_begins_and_not_by_each_request() {
    let (router, wait) = router(ONE_KEY);
    let account = account(&router);
    let lists = router.discovered();
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // answer,       warnings so far, why
        (failure(),      1,               "it begins"),
        (failure(),      1,               "it goes on"),
        (Ok(list("gpt-5")),  1,               "it is over"),
        (failure(),      2,               "another begins"),
        (failure(),      2,               "it goes on"),
    ];
    for (answer, expected, why) in cases {
        let known = lists.of(&account, None, async { answer.clone() }).await;
        assert_eq!(known.is_ok(), answer.is_ok(), "{why}");
        lists.of(&account, None, std::future::pending()).await.ok(); // kept
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let warnings = text.matches("WARN").count();
        assert_eq!(warnings, expected, "{why}: {text}");
        assert!(text.contains("openai-1") && text.contains("status 500"), "{why}: {text}");
        wait(KEPT);
    }
}

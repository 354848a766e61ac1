//! Accounts whose tokens expire: refreshed ahead of time, once, and never lost (docs/tokens.md).

mod race;
mod server;
mod stop;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use ampgate::actors::clock::WallClock;
use ampgate::actors::tokens::store;
use ampgate::oauth::{Granted, StoredAccount};
use ampgate::types::ApiKey;
use futures::future::join_all;

use self::server::{Reply, RotatingServer};
use crate::support::{Conversation, PATIENCE, Response, StubUpstream, TestGateway};

const HOUR: u64 = 3_600;
/// In bytes; Linux's `PATH_MAX`, less the zero at its end.
const LONGEST_PATH: usize = 4_095;
const QUESTION: &[u8] =
    br#"{"model":"claude-m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
const ANSWER: &str = r#"{"id":"m","type":"message","role":"assistant","model":"claude-m","content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#;
const REFUSAL: &str =
    r#"{"type":"error","error":{"type":"authentication_error","message":"expired"}}"#;

/// A clock that stands until the test moves it.
#[derive(Clone)]
struct Time(Arc<AtomicU64>);

impl Time {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_800_000_000)))
    }

    fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::Relaxed))
    }

    fn clock(&self) -> WallClock {
        let time = self.clone();
        WallClock::telling(move || time.now())
    }
}

/// An account of the server's first tokens, valid for an hour.
fn account(name: &str, now: SystemTime) -> StoredAccount {
    let key = |text: String| ApiKey::parse(&text).unwrap();
    let granted = Granted {
        access_token: key(format!("hush-access-{name}-0")),
        refresh_token: Some(key(format!("hush-refresh-{name}-0"))),
        id_token: None,
        expires_in: Some(Duration::from_secs(HOUR)),
        scope: None,
    };
    let account = StoredAccount::of_login(granted, now);
    StoredAccount { label: Some(format!("{name}@example.com")), ..account }
}

/// Where the account of `name` is kept in `folder`.
fn file_of(folder: &Path, name: &str) -> PathBuf {
    folder.join("company").join(format!("{name}.json"))
}

fn write(folder: &Path, name: &str, account: &StoredAccount) {
    let mut lock = store::try_lock(&file_of(folder, name)).unwrap().expect("nobody refreshes now");
    lock.write(account).unwrap();
}

/// Accounts that are logged in at `server` and used at `provider`, in a folder.
fn configuration(
    folder: &Path,
    names: &[String],
    server: &RotatingServer,
    provider: &StubUpstream,
) -> String {
    let listed: Vec<_> = names.iter().map(|name| serde_json::json!({ "id": name })).collect();
    std::fs::create_dir_all(folder.join("company")).unwrap();
    let list = serde_json::Value::from(listed).to_string();
    std::fs::write(folder.join("company").join("accounts.json"), list).unwrap();
    format!(
        "api-keys: [client-key-1]\nampcode: {{ upstream-url: '' }}\nrequest-retry: 0\n\
         routing: {{ session-affinity: false }}\nauth-dir: '{}'\n\
         oauth:\n  - name: company\n    dialect: anthropic\n    base-url: '{}'\n    \
         authorize-url: '{origin}/authorize'\n    token-url: '{origin}/token'\n    \
         client-id: gate\n    client-secret: hush-client\n",
        folder.display(),
        provider.origin,
        origin = server.origin(),
    )
}

/// A provider that takes the tokens that it was told of.
#[derive(Clone, Default)]
struct Taken(Rc<RefCell<BTreeSet<String>>>);

impl Taken {
    fn only<const N: usize>(&self, tokens: [&str; N]) {
        *self.0.borrow_mut() = tokens.map(|token| format!("Bearer {token}")).into();
    }

    async fn answer(&self, mut conversation: Conversation) -> Option<Conversation> {
        let shown = conversation.request.field("authorization").unwrap_or_default();
        let (status, body) =
            if self.0.borrow().contains(shown) { (200, ANSWER) } else { (401, REFUSAL) };
        conversation.reply(status, &[("content-type", "application/json")], body).await;
        Some(conversation)
    }
}

/// A gateway with one account, and everybody around it.
struct Stage {
    time: Time,
    server: RotatingServer,
    provider: StubUpstream,
    taken: Taken,
    /// Goes away with the stage.
    _folder: tempfile::TempDir,
    accounts: PathBuf,
    gateway: TestGateway,
}

impl Stage {
    /// With tokens that are new, and taken.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let accounts = folder.path().to_owned();
        Self::with_accounts_in(folder, accounts).await
    }

    /// As [`Self::new`], with the accounts somewhere below `folder`.
    async fn with_accounts_in(folder: tempfile::TempDir, accounts: PathBuf) -> Self {
        let (time, server, taken) = (Time::new(), RotatingServer::start().await, Taken::default());
        taken.only(["hush-access-a-0"]);
        let shared = taken.clone();
        let provider = StubUpstream::answering(move |conversation| {
            let shared = shared.clone();
            async move { shared.answer(conversation).await }
        })
        .await;
        let yaml = configuration(&accounts, &["a".to_owned()], &server, &provider);
        std::fs::write(file_of(&accounts, "a"), account("a", time.now()).to_text()).unwrap();
        let gateway = TestGateway::start_at(&yaml, time.clock()).await;
        let stage = Self { time, server, provider, taken, _folder: folder, accounts, gateway };
        assert_eq!(stage.ask().await.status, 200);
        stage
    }

    async fn ask(&self) -> Response {
        self.gateway.post_json("/v1/messages", QUESTION).await
    }

    fn shown(&self) -> Vec<String> {
        let requests = self.provider.requests();
        let shown = requests.iter().map(|it| it.field("authorization").unwrap_or_default());
        shown.map(|it| it.trim_start_matches("Bearer ").to_owned()).collect()
    }

    fn stored(&self) -> StoredAccount {
        store::read(&file_of(&self.accounts, "a")).unwrap()
    }

    async fn account_state(&self) -> String {
        let status = self.gateway.status().await;
        status["credentials"][0]["account"]["state"].as_str().unwrap().to_owned()
    }
}

/// Asks for something over and over until it is so. Each question takes its time, so nothing sleeps.
async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let asking = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("in vain: {what}"));
}

#[actix_web::test]
async fn a_token_is_refreshed_before_it_expires_and_no_request_waits() {
    let stage = Stage::new().await;
    stage.taken.only(["hush-access-a-0", "hush-access-a-1"]);
    stage.server.will([Reply::WhenTold]);
    assert_eq!(stage.server.questions(), 0, "there is time");

    stage.time.pass(HOUR - 299);
    assert_eq!(stage.ask().await.status, 200);
    stage.server.asked(1).await;
    assert_eq!(stage.ask().await.status, 200, "while the server still thinks");
    stage.server.tell();

    eventually("the new token is shown", async || {
        assert_eq!(stage.ask().await.status, 200);
        stage.shown().last().unwrap() == "hush-access-a-1"
    })
    .await;
    assert_eq!(stage.server.questions(), 1);
    let stored = stage.stored();
    assert_eq!(stored.access_token.expose(), "hush-access-a-1", "it is written down");
    assert_eq!(stored.refresh_token.unwrap().expose(), "hush-refresh-a-1");
    assert_eq!(stored.label.as_deref(), Some("a@example.com"), "and nothing is lost");
    assert_eq!(stage.account_state().await, "fresh");
}

#[actix_web::test]
async fn a_token_that_is_refused_is_replaced_once_for_all_and_no_client_sees_it() {
    let stage = Stage::new().await;
    stage.taken.only(["hush-access-a-1"]);

    let answers = join_all((0..20).map(|_| stage.ask())).await;

    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(stage.server.questions(), 1);
    let question = stage.server.question(0);
    let sent = "grant_type=refresh_token&refresh_token=hush-refresh-a-0&client_id=gate&client_secret=hush-client";
    assert_eq!(question, sent);
}

#[actix_web::test]
async fn a_new_token_that_is_refused_as_well_is_not_replaced_again() {
    let stage = Stage::new().await;
    stage.taken.only([]);

    for _ in 0..3 {
        assert_ne!(stage.ask().await.status, 200);
    }

    assert_eq!(stage.server.questions(), 1, "it would be one for each request");
}

#[actix_web::test]
async fn a_login_that_is_over_is_told_and_not_asked_with_again_until_there_is_another() {
    let stage = Stage::new().await;
    stage
        .server
        .will([Reply::Says(400, r#"{"error":"invalid_grant","error_description":"hush"}"#)]);
    stage.time.pass(HOUR);

    let answer = stage.ask().await;

    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains("asks for a new login"), "{}", answer.text());
    let status = stage.gateway.status().await;
    let told = &status["credentials"][0]["account"];
    assert_eq!(told["state"], "login_needed", "{told}");
    assert_eq!(told["label"], "a@example.com", "{told}");
    let trouble = told["trouble"].as_str().unwrap();
    assert!(trouble.contains("`invalid_grant`") && trouble.contains("`ampgate login company`"));
    assert!(stage.stored().login_needed.unwrap().contains("invalid_grant"), "others know, too");
    stage.time.pass(60);
    assert_eq!(stage.ask().await.status, 503);
    assert_eq!(stage.server.questions(), 1, "nobody asks in vain");

    let key = |text| Some(ApiKey::parse(text).unwrap());
    let again = account("a", stage.time.now());
    let access_token = key("hush-access-b-0").unwrap();
    write(&stage.accounts, "a", &StoredAccount { access_token, ..again });
    stage.taken.only(["hush-access-b-0"]);
    stage.time.pass(2);

    assert_eq!(stage.ask().await.status, 200, "somebody has logged in");
    let metrics = stage.gateway.metrics().await;
    let counted = r#"ampgate_token_refreshes_total{outcome="login_needed",provider="company"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[actix_web::test]
async fn a_client_that_is_refused_is_to_be_mended_in_the_configuration() {
    for (status, answer) in
        [(401, r#"{"error":"invalid_client"}"#), (400, r#"{"error":"unauthorized_client"}"#)]
    {
        let stage = Stage::new().await;
        stage.server.will([Reply::Says(status, answer)]);
        stage.time.pass(HOUR);

        for _ in 0..2 {
            assert_eq!(stage.ask().await.status, 503);
            let status = stage.gateway.status().await;
            let trouble = status["credentials"][0]["account"]["trouble"].as_str().unwrap();
            assert!(trouble.contains("`client-secret` of company"), "{trouble}");
            assert!(!trouble.contains("ampgate login"), "no login mends it: {trouble}");
            stage.time.pass(60);
        }

        assert_eq!(stage.server.questions(), 1, "{answer}");
        assert!(stage.stored().login_needed.is_none(), "the account is none the worse for it");
    }
}

#[actix_web::test]
async fn a_valid_token_is_used_while_the_server_is_away_and_asked_again_when_it_said() {
    let stage = Stage::new().await;
    stage.taken.only(["hush-access-a-0", "hush-access-a-1"]);
    stage.server.will([Reply::Away(30)]);
    stage.time.pass(HOUR - 299);

    assert_eq!(stage.ask().await.status, 200);
    stage.server.asked(1).await;
    eventually("it is told", async || stage.account_state().await == "failing").await;
    stage.time.pass(29);
    assert_eq!(stage.ask().await.status, 200);
    assert_eq!(stage.server.questions(), 1, "not before the time");
    stage.time.pass(1);
    eventually("the new token is shown", async || {
        assert_eq!(stage.ask().await.status, 200);
        stage.shown().last().unwrap() == "hush-access-a-1"
    })
    .await;

    assert_eq!(stage.server.questions(), 2);
}

#[actix_web::test]
async fn a_gateway_that_starts_while_the_server_is_away_uses_a_token_that_is_valid() {
    let stage = Stage::new().await;
    stage.server.will([Reply::Away(600); 3]); // the first gateway asks as well
    stage.time.pass(HOUR - 100);

    let yaml = configuration(&stage.accounts, &["a".to_owned()], &stage.server, &stage.provider);
    let gateway = TestGateway::start_at(&yaml, stage.time.clock()).await;

    assert_eq!(gateway.post_json("/v1/messages", QUESTION).await.status, 200);
    stage.time.pass(60);
    assert_eq!(gateway.post_json("/v1/messages", QUESTION).await.status, 200);
}

#[actix_web::test]
async fn an_answer_that_gets_lost_is_not_asked_for_again_within_the_same_try() {
    let stage = Stage::new().await;
    stage.server.will([Reply::Lost]);
    stage.time.pass(HOUR);

    let answer = stage.ask().await;

    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(stage.server.questions(), 1);
    assert_eq!(stage.account_state().await, "failing");
    assert!(stage.stored().login_needed.is_none(), "it may yet be good");
    stage.time.pass(2);
    assert_eq!(stage.ask().await.status, 503);
    assert_eq!(stage.server.questions(), 2);
    let reason = stage.stored().login_needed.unwrap();
    assert!(reason.contains("after an answer of its got lost"), "{reason}");
}

#[actix_web::test]
async fn a_server_that_lets_the_last_token_pass_again_mends_a_lost_answer() {
    let stage = Stage::new().await;
    stage.server.lets_the_last_one_pass();
    stage.server.will([Reply::Lost]);
    stage.time.pass(HOUR);
    stage.taken.only(["hush-access-a-2"]);

    assert_eq!(stage.ask().await.status, 503);
    stage.time.pass(2);

    assert_eq!(stage.ask().await.status, 200);
}

#[actix_web::test]
async fn a_refresh_token_that_is_not_replaced_is_good_for_the_next_time() {
    let stage = Stage::new().await;
    stage.taken.only(["again", "and-again"]);
    let says = |body| Reply::Says(200, body);
    stage.server.will([
        says(r#"{"access_token":"again","expires_in":3600}"#),
        says(r#"{"access_token":"and-again","expires_in":3600}"#),
    ]);

    for _ in 0..2 {
        stage.time.pass(HOUR);
        assert_eq!(stage.ask().await.status, 200);
    }

    assert_eq!(stage.server.question(1), stage.server.question(0));
}

#[actix_web::test]
async fn a_folder_that_takes_no_file_spends_no_token() {
    // So deep that there is a path to the lock, and none to a new file beside it, whose name is longer. No
    // permission would keep root from making one.
    let folder = tempfile::tempdir().unwrap();
    let longest = LONGEST_PATH - "/company/accounts.json".len();
    let mut accounts = folder.path().to_owned();
    while accounts.as_os_str().len() + 1 < longest {
        let left = longest - accounts.as_os_str().len() - 1;
        accounts.push("d".repeat(if left > 200 { 100 } else { left }));
    }
    let stage = Stage::with_accounts_in(folder, accounts).await;
    let file = file_of(&stage.accounts, "a");
    let text = std::fs::read_to_string(&file).unwrap();
    stage.time.pass(HOUR);

    assert_eq!(stage.ask().await.status, 503);

    assert_eq!(stage.server.questions(), 0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let beside = file.with_file_name("a.json.lock");
    assert!(beside.is_file(), "it had the lock");
    let status = stage.gateway.status().await;
    let trouble = status["credentials"][0]["account"]["trouble"].as_str().unwrap();
    assert!(trouble.contains("cannot make a file in"), "{trouble}");
}

#[actix_web::test]
async fn new_tokens_that_cannot_be_written_are_used_and_written_as_soon_as_they_can() {
    let stage = Stage::new().await;
    stage.taken.only(["hush-access-a-1"]);
    stage.server.will([Reply::WhenTold]);
    let file = file_of(&stage.accounts, "a");
    stage.time.pass(HOUR);
    let in_the_way = async {
        stage.server.asked(1).await;
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        stage.server.tell();
    };

    let (answer, ()) = futures::join!(stage.ask(), in_the_way);

    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(store::try_lock(&file).unwrap().is_none(), "nobody else may use what is spent");
    std::fs::remove_dir(&file).unwrap();
    eventually("it is written", async || {
        assert_eq!(stage.ask().await.status, 200);
        store::read(&file).is_ok()
    })
    .await;
    assert_eq!(stage.stored().refresh_token.unwrap().expose(), "hush-refresh-a-1");
    assert_eq!(stage.server.questions(), 1);
}

/// Fault of the first version: the loser of a race that no lock had kept apart wrote what it had read before
/// over the winner's tokens, with the note that a login was needed.
#[actix_web::test]
async fn who_loses_a_race_on_a_volume_without_locks_wrote_over_the_winners_tokens() {
    let stage = Stage::new().await;
    let refused = r#"{"error":{"code":"refresh_token_reused"}}"#;
    stage.server.will([Reply::SaysWhenTold(401, refused)]);
    stage.taken.only(["hush-access-won"]);
    stage.time.pass(HOUR);
    let winner = async {
        stage.server.asked(1).await;
        let key = |text| ApiKey::parse(text).unwrap();
        let won = StoredAccount {
            access_token: key("hush-access-won"),
            refresh_token: Some(key("hush-refresh-won")),
            ..account("a", stage.time.now())
        };
        let file = file_of(&stage.accounts, "a");
        let new = file.with_extension("new");
        std::fs::write(&new, won.to_text()).unwrap();
        std::fs::rename(new, file).unwrap();
        stage.server.tell();
        won
    };

    let (answer, won) = futures::join!(stage.ask(), winner);

    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(stage.stored(), won);
    assert_eq!(stage.server.questions(), 1);
}

/// Fault of the first version: what a wrong `client-id` had drawn was noted for whoever asked, and outlived
/// its correction.
#[actix_web::test]
async fn a_refusal_that_an_edit_of_the_client_has_drawn_outlived_the_edit() {
    let (time, server, folder) =
        (Time::new(), RotatingServer::start().await, tempfile::tempdir().unwrap());
    let provider = StubUpstream::replying(200, "application/json", ANSWER).await;
    let yaml = configuration(folder.path(), &["a".to_owned()], &server, &provider);
    write(folder.path(), "a", &account("a", time.now()));
    time.pass(HOUR);
    server.will([Reply::Says(400, r#"{"error":"invalid_grant"}"#)]);
    let ask = async |yaml: &str| {
        let gateway = TestGateway::start_at(yaml, time.clock()).await;
        gateway.post_json("/v1/messages", QUESTION).await.status
    };
    assert_eq!(ask(&yaml.replace("client-id: gate", "client-id: gait")).await, 503);
    let stored = || store::read(&file_of(folder.path(), "a")).unwrap();
    assert!(stored().login_needed.is_some());

    assert_eq!(ask(&yaml).await, 200);

    assert_eq!(stored().login_needed, None, "there are new tokens");
}

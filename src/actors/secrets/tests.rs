//! The actor through its handle, on real files, with a clock that the test moves.

use std::sync::Mutex;

use super::*;

const URL: &str = "https://ampcode.com";

struct Desk {
    _folder: tempfile::TempDir,
    file: PathBuf,
    now: Arc<Mutex<Instant>>,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets.json");
        Self { _folder: folder, file, now: Arc::new(Mutex::new(Instant::now())) }
    }

    fn write(&self, key: &str) {
        std::fs::write(&self.file, format!(r#"{{"apiKey@{URL}/":"{key}"}}"#)).unwrap();
    }

    fn pass(&self, time: Duration) {
        *self.now.lock().unwrap() += time;
    }

    fn start(&self, sources: KeySources) -> Secrets {
        let now = self.now.clone();
        let sources = KeySources {
            file: self.file.clone(),
            url: URL.to_owned(),
            ttl: Duration::from_secs(300),
            ..sources
        };
        Secrets::start(sources, Clock::telling(move || *now.lock().unwrap()))
    }
}

fn key(text: &str) -> ApiKey {
    ApiKey::parse(text).unwrap()
}

async fn resolved(secrets: &Secrets, client: &str) -> Option<String> {
    let key = secrets.resolve(&ClientId::new(client)).await;
    key.map(|key| key.expose().to_owned())
}

#[actix_web::test]
async fn the_nearest_source_wins() {
    let desk = Desk::new();
    desk.write("from-file");
    let alice = vec![(ClientId::new("alice"), key("alices"))];
    let (configured, environment) = (Some(key("configured")), Some(key("environment")));
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        // per client,  configured,          environment,         alice gets,  bob gets
        (alice.clone(), configured.clone(),  environment.clone(), "alices",    "configured"),
        (alice,         None,                environment.clone(), "alices",    "environment"),
        (vec![],        configured,          environment.clone(), "configured", "configured"),
        (vec![],        None,                environment,         "environment", "environment"),
        (vec![],        None,                None,                "from-file", "from-file"),
    ];
    for (per_client, configured, environment, alices, bobs) in cases {
        let sources = KeySources { per_client, configured, environment, ..KeySources::default() };
        let secrets = desk.start(sources);
        assert_eq!(resolved(&secrets, "alice").await.as_deref(), Some(alices));
        assert_eq!(resolved(&secrets, "bob").await.as_deref(), Some(bobs));
    }
}

#[actix_web::test]
async fn the_files_answer_is_kept_for_its_time_and_then_read_anew() {
    let desk = Desk::new();
    desk.write("first");
    let secrets = desk.start(KeySources::default());

    assert_eq!(resolved(&secrets, "alice").await.as_deref(), Some("first"));
    desk.write("second");
    desk.pass(Duration::from_secs(299));
    assert_eq!(resolved(&secrets, "alice").await.as_deref(), Some("first"), "still kept");
    desk.pass(Duration::from_secs(1));
    assert_eq!(resolved(&secrets, "alice").await.as_deref(), Some("second"), "time is up");
}

#[actix_web::test]
async fn a_missing_file_is_an_answer_that_is_kept_too() {
    let desk = Desk::new();
    let secrets = desk.start(KeySources::default());

    assert_eq!(resolved(&secrets, "alice").await, None);
    desk.write("late");
    assert_eq!(resolved(&secrets, "alice").await, None, "the miss is cached");
    desk.pass(Duration::from_secs(300));
    assert_eq!(resolved(&secrets, "alice").await.as_deref(), Some("late"));
}

#[actix_web::test]
async fn a_broken_file_is_no_key_and_no_end_of_the_request() {
    let desk = Desk::new();
    std::fs::write(&desk.file, "not json").unwrap();
    let secrets = desk.start(KeySources::default());

    assert_eq!(resolved(&secrets, "alice").await, None);
}

#[actix_web::test]
async fn many_misses_at_once_read_the_file_once() {
    let desk = Desk::new();
    desk.write("shared");
    let secrets = desk.start(KeySources::default());

    let client = ClientId::new("alice");
    let misses = (0..100).map(|_| secrets.resolve(&client));
    let answers = futures::future::join_all(misses).await;

    assert!(answers.iter().all(|answer| answer.as_ref() == Some(&key("shared"))));
    assert_eq!(secrets.file_reads(), 1, "one read, a hundred answers");
}

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use super::*;
use crate::oauth::Granted;
use crate::types::ApiKey;

/// Where the child of [`a_writer_that_is_killed_leaves_a_usable_file`] finds its file.
const WRITES_FOR_EVER: &str = "AMPGATE_TEST_WRITES_FOR_EVER";

fn account(token: &str) -> StoredAccount {
    let granted = Granted {
        access_token: ApiKey::parse(token).unwrap(),
        refresh_token: Some(ApiKey::parse(&format!("refresh-{token}")).unwrap()),
        id_token: None,
        expires_in: Some(Duration::from_secs(3600)),
        scope: None,
    };
    StoredAccount::of_login(granted, SystemTime::UNIX_EPOCH + Duration::from_secs(1_000))
}

fn locked(file: &Path) -> AccountLock {
    try_lock(file).unwrap().expect("nobody else has it")
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_account_is_for_its_owner_alone_and_whole_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("corp").join("a.json");
    let mut lock = locked(&file);

    lock.write(&account("one")).unwrap();
    lock.write(&account("two")).unwrap();

    assert_eq!(read(&file).unwrap(), account("two"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    assert_eq!(names_in(file.parent().unwrap()), ["a.json", "a.json.lock"], "nothing is left");
}

#[test]
fn one_at_a_time_has_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.json");
    let first = locked(&file);

    assert!(try_lock(&file).unwrap().is_none(), "the first has it");
    assert!(try_lock(&folder.path().join("b.json")).unwrap().is_some(), "another account");
    first.remove().unwrap();
    assert!(try_lock(&file).unwrap().is_none(), "also when the account is gone");
    drop(first);
    assert!(try_lock(&file).unwrap().is_some());
}

#[actix_web::test]
async fn a_lock_that_another_keeps_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.json");
    let _first = locked(&file);

    let error = lock(&file, Duration::ZERO).await.unwrap_err();

    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
}

#[test]
fn what_somebody_left_who_was_killed_is_swept_away() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join(".a.json.x1.tmp");
    let of_another = folder.path().join(".b.json.x1.tmp");
    for path in [&left, &of_another] {
        fs::write(path, "hush").unwrap();
    }

    locked(&folder.path().join("a.json")).write(&account("one")).unwrap();

    assert!(!left.exists());
    assert!(of_another.exists(), "it may be written at this moment");
}

#[test]
fn a_folder_that_takes_no_file_is_known_before_a_token_is_spent() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("corp").join("a.json");
    let mut lock = locked(&file);
    fs::remove_dir_all(file.parent().unwrap()).unwrap();

    assert!(lock.prepare().is_err());
}

#[test]
fn there_is_room_for_new_tokens_before_the_old_ones_are_spent_and_none_of_it_stays() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.json");
    let mut lock = locked(&file);
    let prepared = || names_in(folder.path()).into_iter().find(|name| name.contains(".tmp"));
    let long = account(&"l".repeat(3 * 1024));
    lock.write(&long).unwrap();

    lock.prepare().unwrap();

    let reserved = folder.path().join(prepared().expect("it is made"));
    let reserved = fs::metadata(reserved).unwrap();
    assert!(reserved.len() >= fs::metadata(&file).unwrap().len() + 8 * 1024, "{}", reserved.len());
    assert_eq!(reserved.permissions().mode() & 0o777, 0o600);
    lock.write(&account("short")).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), *account("short").to_text(), "not a byte more");
    assert_eq!(prepared(), None, "it was used, not left");

    let longer = account(&"l".repeat(64 * 1024));
    lock.prepare().unwrap();
    lock.write(&longer).unwrap();
    assert_eq!(read(&file).unwrap(), longer, "more than was expected");

    lock.prepare().unwrap();
    drop(lock);
    assert_eq!(prepared(), None, "the server gave nothing to be written");
    assert_eq!(read(&file).unwrap(), longer);
}

#[test]
fn a_missing_account_is_told_from_a_broken_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.json");
    assert!(read(&file).unwrap_err().is_missing());

    fs::write(&file, "{\"access_token\": \"hush").unwrap();

    let error = read(&file).unwrap_err();
    assert!(!error.is_missing());
    assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
}

/// The child of the test below: this very test, by name, in a process of its own.
#[test]
fn writes_for_ever_where_asked_to() {
    let Ok(file) = std::env::var(WRITES_FOR_EVER) else { return };
    let mut lock = locked(Path::new(&file));
    for number in 0_u64.. {
        lock.write(&account(&format!("token-{number}"))).unwrap();
        if number == 0 {
            std::io::stderr().write_all(b"writes").unwrap(); // to the test that waits for it
        }
    }
}

#[test]
fn a_writer_that_is_killed_leaves_a_usable_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.json");
    let mut seen = Vec::new();
    for round in 0..20_u64 {
        let name = "actors::tokens::store::tests::writes_for_ever_where_asked_to";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture", "--test-threads=1"])
            .env(WRITES_FOR_EVER, &file)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut byte = [0];
        child.stderr.as_mut().unwrap().read_exact(&mut byte).expect("the child does not write");
        // Somewhere else in a write each time: the child goes on meanwhile.
        for _ in 0..round * 50 {
            std::hint::black_box(read(&file).expect("whole at every moment"));
        }
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9), "it wrote until it was killed");

        seen.push(read(&file).expect("usable after the kill"));
        assert!(try_lock(&file).unwrap().is_some(), "the system has let go of its lock");
    }
    assert!(seen.iter().any(|account| *account != seen[0]), "it was killed at one place only");
}

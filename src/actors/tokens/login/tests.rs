mod shared;
mod stop;

use super::*;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
}

fn key(text: &str) -> ApiKey {
    ApiKey::parse(text).unwrap()
}

/// Obtained at 0, for an hour.
fn account(refresh_token: Option<&str>, login_needed: Option<&str>) -> StoredAccount {
    let granted = Granted {
        access_token: key("access"),
        refresh_token: refresh_token.map(key),
        id_token: None,
        expires_in: Some(Duration::from_secs(3_600)),
        scope: None,
    };
    let account = StoredAccount::of_login(granted, at(0));
    StoredAccount { login_needed: login_needed.map(str::to_owned), ..account }
}

#[test]
fn an_account_says_what_is_to_be_done_with_it() {
    let refresh = || Use::Refresh(key("refresh"));
    let log_in = |reason: &str| Use::LogIn(reason.to_owned());
    let (with, without) = (account(Some("refresh"), None), account(None, None));
    let ended = account(Some("refresh"), Some("invalid_grant"));
    let by_another = StoredAccount { refused_client: Some("old".to_owned()), ..ended.clone() };
    let by_us = StoredAccount { refused_client: Some("gate".to_owned()), ..ended.clone() };
    let forever = StoredAccount { expires_at: None, ..with.clone() };
    let (refused, of_before) =
        (token_of(&with), token_of(&StoredAccount { access_token: key("before"), ..with.clone() }));
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (&with,    None,             0,         Use::Show, "it is new"),
        (&with,    None,             2_999,     Use::Show, "it is not yet due for anybody"),
        (&with,    None,             3_000,     refresh(), "somebody may be woken by it"),
        (&with,    None,             9_999,     refresh(), "it has expired"),
        (&with,    Some(&refused),   0,         refresh(), "its provider has turned it down"),
        (&with,    Some(&of_before), 0,         Use::Show, "another process has renewed it"),
        (&with,    Some(&of_before), 3_000,     refresh(), "it was renewed, and is due again"),
        (&without, None,             3_000,     Use::Show, "there is nothing to refresh it with"),
        (&without, None,             3_600,     log_in("the login has expired"), "it is over"),
        (&without, Some(&refused),   0,         log_in("its provider refuses the token"), "it is of no use"),
        (&ended,   None,             0,         log_in("invalid_grant"), "as its file says"),
        (&by_us,   None,             0,         log_in("invalid_grant"), "as its file says of this client"),
        (&by_another, None,          0,         Use::Show, "`client-id` was another when it was refused"),
        (&by_another, None,          3_000,     refresh(), "so there is no harm in asking"),
        (&forever, None,             1_000_000, Use::Show, "nobody has said that it ends"),
        (&forever, Some(&refused),   1_000_000, refresh(), "it has ended all the same"),
    ];
    for (account, refused, seconds, expected, why) in cases {
        assert_eq!(judge(account, "gate", refused, at(seconds)), expected, "{why}");
    }
}

#[test]
fn what_is_wrong_with_the_client_is_mended_by_no_login() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("invalid_grant",        "run `ampgate login corp`",       "the login is over"),
        ("refresh_token_reused", "run `ampgate login corp`",       "the same, in OpenAI's words"),
        ("invalid_client",       "mend `client-id` or `client-secret` of corp in the configuration", "a login would fail as well"),
        ("unauthorized_client",  "mend `client-id` or `client-secret` of corp in the configuration", "another client may"),
    ];
    for (code, expected, why) in cases {
        assert_eq!(remedy(code, "corp"), expected, "{code}: {why}");
    }
}

#[test]
fn the_files_lock_is_waited_for_longer_than_its_holder_waits() {
    let answer = super::super::http::PATIENCE;

    assert!(LOCK_PATIENCE > SHARED_PATIENCE + answer, "else who waits gives up too early");
    assert!(LOCK_KEPT > answer, "no other replica asks while one may still have its answer");
}

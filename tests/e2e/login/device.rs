//! The login of a device without a browser.

use super::program::Program;
use super::server::{AuthorizationServer, USER_CODE};
use super::{ANNA, desk, kept};

#[actix_web::test]
async fn a_device_asks_until_somebody_has_entered_its_code() {
    let server = AuthorizationServer::start().await;
    let desk = desk(&server);
    server.next_person(ANNA);
    server.tells_devices(&["authorization_pending", "authorization_pending"]);

    let (code, said) = Program::run(desk.path(), &["login", "company", "--device"]).await;

    assert_eq!(code, Some(0), "{said}");
    let address = format!("{}/enter", server.origin());
    for word in [USER_CODE, &address, &format!("{address}?user_code={USER_CODE}"), "10m", ANNA] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert_eq!(server.forms("/device")[0]["scope"], "openid offline_access");
    assert_eq!(server.forms("/token").len(), 3);
    assert_eq!(kept(desk.path()).len(), 2);
}

#[actix_web::test]
async fn a_device_that_is_refused_says_why_and_asks_no_more() {
    let server = AuthorizationServer::start().await;
    for (error, expected) in [
        ("access_denied", "the login was refused"),
        ("expired_token", "the login was not confirmed in time"),
    ] {
        let desk = desk(&server);
        server.tells_devices(&["authorization_pending", error]);

        let (code, said) = Program::run(desk.path(), &["login", "company", "--device"]).await;

        assert_eq!(code, Some(1), "{error}: {said}");
        assert!(said.contains(expected), "{error}: {said}");
        assert_eq!(kept(desk.path()), [], "{error}");
    }
    assert_eq!(server.forms("/token").len(), 4);
}

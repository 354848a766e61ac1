//! Amp's own traffic goes through to the Amp server, byte for byte, with the team's key.

use crate::support::{StubUpstream, TestGateway};

#[actix_web::test]
async fn client_key_is_replaced_by_the_upstream_key() {
    let upstream = StubUpstream::replying(200, "application/json", r#"{"id":"user-1"}"#).await;
    let gateway = TestGateway::relaying_to(&upstream.origin).await;

    let response = gateway.get("/api/user").await;

    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.text(), r#"{"id":"user-1"}"#);
    let seen = upstream.only_request();
    assert_eq!(seen.field("authorization"), Some("Bearer team-key"));
    assert_eq!(seen.field("x-api-key"), Some("team-key"));
    assert!(!seen.mentions("client-key-1"), "client key leaked: {seen:?}");
}

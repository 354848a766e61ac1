use std::sync::Arc;

use super::*;
use crate::config::Endpoint;
use crate::types::{Origin, ProviderName};

fn key(text: &str) -> ApiKey {
    ApiKey::parse(text).unwrap()
}

fn client(token_request: TokenRequestForm, secret: Option<&str>) -> Arc<OAuthClient> {
    Arc::new(OAuthClient {
        name: ProviderName::new("corp"),
        authorize_url: None,
        token: Endpoint {
            origin: Origin::split("https://login.example").unwrap().0,
            path: "/token".to_owned(),
            proxy: None,
        },
        device: None,
        client_id: "app 1".to_owned(),
        client_secret: secret.map(key),
        scopes: vec!["models".to_owned()],
        token_request,
    })
}

#[test]
fn a_question_is_written_as_its_server_wants_it() {
    use TokenRequestForm::{Form, Json};
    let (refresh, code, verifier) = (key("r/+1"), key("c&1"), key("v"));
    let redirect_uri = "http://127.0.0.1:7/callback";
    let by_code = Grant::AuthorizationCode { code: &code, redirect_uri, verifier: &verifier };
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (Form, None, Grant::RefreshToken(&refresh),
            "grant_type=refresh_token&refresh_token=r%2F%2B1&client_id=app+1", "no scope: the one that was granted"),
        (Form, Some("s"), Grant::RefreshToken(&refresh),
            "grant_type=refresh_token&refresh_token=r%2F%2B1&client_id=app+1&client_secret=s", "a confidential client"),
        (Form, None, by_code.clone(),
            "grant_type=authorization_code&code=c%261&redirect_uri=http%3A%2F%2F127.0.0.1%3A7%2Fcallback&code_verifier=v&client_id=app+1",
            "with the proof of who began the login"),
        (Form, None, Grant::DeviceCode(&code),
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=c%261&client_id=app+1", "RFC 8628"),
        (Json, None, Grant::RefreshToken(&refresh),
            r#"{"grant_type":"refresh_token","refresh_token":"r/+1","client_id":"app 1"}"#, "a server that wants JSON"),
    ];
    for (form, secret, grant, body, why) in cases {
        let question = token_request(&client(form, secret), &grant);
        assert_eq!(question.body.as_str(), body, "{why}");
        let json = question.content_type == "application/json";
        assert_eq!(json, form == Json, "{why}");
    }
}

#[test]
fn a_question_prints_no_secret() {
    let (token, client) = (key("hush-r"), client(TokenRequestForm::Form, Some("hush-s")));
    let grant = Grant::RefreshToken(&token);

    let printed = format!("{:?} {grant:?} {client:?}", token_request(&client, &grant));

    assert!(!printed.contains("hush"), "{printed}");
}

#[test]
fn an_answer_means_tokens() {
    let granted = |refresh: Option<&str>, expires_in: Option<u64>| Granted {
        access_token: key("a"),
        refresh_token: refresh.map(key),
        id_token: None,
        expires_in: expires_in.map(Duration::from_secs),
        scope: None,
    };
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (r#"{"access_token":"a","refresh_token":"r","expires_in":60}"#, granted(Some("r"), Some(60)), "as RFC 6749 has it"),
        (r#"{"access_token":"a","refresh_token":null}"#,               granted(None, None),           "the old refresh token stays"),
        (r#"{"access_token":"a","refresh_token":""}"#,                 granted(None, None),           "nothing is no token"),
        (r#"{"access_token":"a","expires_in":"60"}"#,                  granted(None, Some(60)),       "a number in a text"),
        (r#"{"access_token":"a","expires_in":-1}"#,                    granted(None, None),           "a lifetime that is none"),
        (r#"{"access_token":"a","error":null,"scope":["x"]}"#,         granted(None, None),           "members of another kind"),
    ];
    for (body, expected, why) in cases {
        assert_eq!(read_token_answer(200, None, body.as_bytes()), Ok(expected), "{why}");
    }
}

#[test]
fn an_error_is_final_only_where_asking_again_is_in_vain() {
    #[derive(Debug, PartialEq)]
    enum Is {
        Final,
        Pending,
        SlowDown,
        Later,
    }
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (400, r#"{"error":"invalid_grant","error_description":"hush"}"#,         Is::Final,    "RFC 6749"),
        (401, r#"{"error":"invalid_client"}"#,                                   Is::Final,    "RFC 6749"),
        (401, r#"{"error":{"code":"refresh_token_reused","message":"hush"}}"#,   Is::Final,    "OpenAI's form"),
        (401, r#"{"error":{"code":"refresh_token_expired"}}"#,                   Is::Final,    "OpenAI's form"),
        (400, r#"{"error":{"type":"invalid_grant","code":null}}"#,               Is::Final,    "in the other member"),
        (400, r#"{"error":{"code":"x","type":"invalid_grant"}}"#,                Is::Final,    "beside another code"),
        (200, r#"{"error":"invalid_grant"}"#,                                    Is::Final,    "GitHub answers errors with 200"),
        (400, r#"{"error":"access_denied"}"#,                                    Is::Final,    "the user has said no"),
        (400, r#"{"error":"expired_token"}"#,                                    Is::Final,    "the user was too slow"),
        (400, r#"{"error":"authorization_pending"}"#,                            Is::Pending,  "the user has said nothing"),
        (429, r#"{"error":"slow_down"}"#,                                        Is::SlowDown, "asked too often, by RFC 8628"),
        (429, r#"{"error":"invalid_grant"}"#,                                    Is::Later,    "asked too often: no verdict on the login"),
        (503, r#"{"error":"invalid_grant"}"#,                                    Is::Later,    "the server is not well"),
        (500, "<html>hush</html>",                                               Is::Later,    "no JSON"),
        (400, r#"{"error":"hush"}"#,                                             Is::Later,    "a code that nobody knows"),
        (400, r#"{"error":{"message":"hush"}}"#,                                 Is::Later,    "no code"),
        (400, r#"{"error":"invalid_request"}"#,                                  Is::Later,    "about the question, not the login"),
        (302, "",                                                                Is::Later,    "elsewhere"),
        (200, "hush",                                                            Is::Later,    "not understood"),
        (200, r#"{"token_type":"bearer"}"#,                                      Is::Later,    "no token in it"),
        (200, r#"{"access_token":"hush","error":"server_error"}"#,               Is::Later,    "an error and a token: rather not"),
    ];
    let wait = Some(Duration::from_secs(7));
    for (status, body, expected, why) in cases {
        let error = read_token_answer(status, wait, body.as_bytes()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hush"), "{why}: {error:?}");
        let is = match error {
            TokenEndpointError::Final { .. } => Is::Final,
            TokenEndpointError::Pending => Is::Pending,
            TokenEndpointError::SlowDown => Is::SlowDown,
            TokenEndpointError::Later { wait: told, .. } => {
                assert_eq!(told, wait, "{why}");
                Is::Later
            }
        };
        assert_eq!(is, expected, "{why}: {status} {body}");
    }
}

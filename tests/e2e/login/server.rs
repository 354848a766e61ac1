//! An authorization server: it holds a client to RFC 6749, 7636, 8628 and 7009, and refuses all else.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::{Url, form_urlencoded};

use crate::support::{Conversation, SeenRequest, StubUpstream};

pub struct AuthorizationServer {
    stub: StubUpstream,
    state: Rc<State>,
}

#[derive(Default)]
struct State {
    /// Who logs in next; `None` says no.
    person: RefCell<Option<String>>,
    codes: RefCell<HashMap<String, Begun>>,
    /// What the token endpoint says to a device, one after the other; then yes.
    device: RefCell<VecDeque<&'static str>>,
    granted: Cell<usize>,
}

/// What a code stands for.
struct Begun {
    person: String,
    challenge: String,
    redirect_uri: String,
}

pub const DEVICE_CODE: &str = "hush-device";
pub const USER_CODE: &str = "WDJB-MJHT";

impl AuthorizationServer {
    pub async fn start() -> Self {
        let state = Rc::new(State::default());
        let shared = state.clone();
        let stub = StubUpstream::answering(move |mut conversation| {
            let state = shared.clone();
            async move {
                state.answer(&mut conversation).await;
                Some(conversation)
            }
        })
        .await;
        Self { stub, state }
    }

    pub fn origin(&self) -> &str {
        &self.stub.origin
    }

    /// Who sits before the browser, and says yes.
    pub fn next_person(&self, who: &str) {
        *self.state.person.borrow_mut() = Some(who.to_owned());
    }

    /// What a device hears before it gets its token.
    pub fn tells_devices(&self, errors: &[&'static str]) {
        self.state.device.borrow_mut().extend(errors);
    }

    /// The forms that an endpoint was sent.
    pub fn forms(&self, path: &str) -> Vec<HashMap<String, String>> {
        let requests = self.stub.requests();
        requests.iter().filter(|it| it.target == path).map(form).collect()
    }
}

fn form(request: &SeenRequest) -> HashMap<String, String> {
    form_urlencoded::parse(&request.body).into_owned().collect()
}

impl State {
    async fn answer(&self, conversation: &mut Conversation) {
        let request = &conversation.request;
        if request.method == "GET" && request.target.starts_with("/authorize?") {
            let location = self.authorize(&request.target);
            return conversation.reply(302, &[("location", location.as_str())], "").await;
        }
        let form = form(request);
        let is_client = form.get("client_id").is_some_and(|id| id == "gate")
            && form.get("client_secret").is_some_and(|secret| secret == "hush-client");
        let (status, body) = match request.target.as_str() {
            _ if request.method != "POST" || !is_client => {
                (401, json!({ "error": "invalid_client" }))
            }
            "/token" => self.token(&form),
            "/device" => (200, device(&conversation.request)),
            "/revoke" => (200, Value::Null),
            _ => (404, Value::Null),
        };
        let fields = [("content-type", "application/json")];
        conversation.reply(status, &fields, body.to_string()).await;
    }

    fn authorize(&self, target: &str) -> Url {
        let address = Url::parse(&format!("http://x{target}")).unwrap();
        let asked: HashMap<_, _> = address.query_pairs().into_owned().collect();
        let said = |name: &str| asked.get(name).cloned().unwrap_or_default();
        assert_eq!(said("response_type"), "code");
        assert_eq!((said("client_id"), said("tenant")), ("gate".to_owned(), "1".to_owned()));
        assert_eq!(said("scope"), "openid offline_access");
        assert_eq!(said("code_challenge_method"), "S256");
        assert!(said("state").len() >= 32 && said("code_challenge").len() == 43);
        let mut location = Url::parse(&said("redirect_uri")).unwrap();
        let mut query = location.query_pairs_mut();
        if let Some(person) = self.person.borrow().clone() {
            let code = format!("hush-code-{}", self.codes.borrow().len());
            query.append_pair("code", &code);
            let (challenge, redirect_uri) = (said("code_challenge"), said("redirect_uri"));
            self.codes.borrow_mut().insert(code, Begun { person, challenge, redirect_uri });
        } else {
            query.append_pair("error", "access_denied");
        }
        query.append_pair("state", &said("state"));
        drop(query);
        location
    }

    fn token(&self, form: &HashMap<String, String>) -> (u16, Value) {
        let said = |name: &str| form.get(name).cloned().unwrap_or_default();
        match said("grant_type").as_str() {
            "authorization_code" => {
                // A code is good once.
                let Some(begun) = self.codes.borrow_mut().remove(&said("code")) else {
                    return (400, json!({ "error": "invalid_grant" }));
                };
                let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(said("code_verifier")));
                if challenge != begun.challenge || said("redirect_uri") != begun.redirect_uri {
                    return (400, json!({ "error": "invalid_grant" }));
                }
                (200, self.grant(&begun.person))
            }
            "urn:ietf:params:oauth:grant-type:device_code" => {
                assert_eq!(said("device_code"), DEVICE_CODE);
                if let Some(error) = self.device.borrow_mut().pop_front() {
                    return (400, json!({ "error": error, "error_description": "hush" }));
                }
                let person = self.person.borrow().clone().unwrap_or_default();
                (200, self.grant(&person))
            }
            _ => (400, json!({ "error": "unsupported_grant_type" })),
        }
    }

    fn grant(&self, person: &str) -> Value {
        let number = self.granted.get();
        self.granted.set(number + 1);
        let claims = URL_SAFE_NO_PAD.encode(json!({ "email": person, "aud": ["a"] }).to_string());
        json!({
            "access_token": format!("hush-access-{number}"),
            "refresh_token": format!("hush-refresh-{number}"),
            "id_token": format!("e30.{claims}.hush"),
            "token_type": "Bearer",
            "expires_in": 3600,
        })
    }
}

fn device(request: &SeenRequest) -> Value {
    let host = request.field("host").unwrap();
    json!({
        "device_code": DEVICE_CODE,
        "user_code": USER_CODE,
        "verification_uri": format!("http://{host}/enter"),
        "verification_uri_complete": format!("http://{host}/enter?user_code={USER_CODE}"),
        "expires_in": 600,
        "interval": 0,
    })
}

//! The address that a browser opens to log in, and what comes back (RFC 6749, sections 4.1.1 and 4.1.2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use url::{Url, form_urlencoded};

use super::pkce::Verifier;
use crate::config::OAuthClient;
use crate::types::ApiKey;

/// What ties an answer to the login that was begun: nobody who has not seen its address can guess it
/// (RFC 6749, section 10.12). Prints as stars.
#[derive(Clone, Debug)]
pub struct State(ApiKey);

impl State {
    #[must_use]
    pub fn of(random: [u8; 32]) -> Self {
        let text = URL_SAFE_NO_PAD.encode(random);
        Self(ApiKey::parse(&text).expect("32 octets are not empty in base64"))
    }

    /// SECURITY: in constant time, so that nobody finds it out by asking.
    fn is(&self, shown: &str) -> bool {
        self.0.expose().as_bytes().ct_eq(shown.as_bytes()).into()
    }
}

/// Why an answer brings no code. What it says of the server's words is plain text of one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Somebody else's, or of a login before this one.
    #[error("it belongs to another login (its `state` is not the one that was sent)")]
    ForeignState,
    #[error("the authorization server says `{code}`: {meaning}{details}")]
    Refused { code: String, meaning: &'static str, details: String },
    #[error("it has no code")]
    NoCode,
}

/// The error codes of RFC 6749, section 4.1.2.1, and of `OpenID` Connect Core 1.0, section 3.1.2.6.
#[rustfmt::skip] // columns are easier to proofread
const REFUSALS: [(&str, &str); 10] = [
    ("access_denied",             "the login was refused, by you or by the rules of the server"),
    ("invalid_request",           "it does not understand the question; compare `client-id`, `scopes` and `redirect-*` with what is registered there"),
    ("unauthorized_client",       "this client may not log anybody in so; allow it the authorization code there"),
    ("unsupported_response_type", "it has no logins by authorization code"),
    ("invalid_scope",             "it does not know one of `scopes`, or does not allow it"),
    ("server_error",              "it has failed; try again"),
    ("temporarily_unavailable",   "it is too busy; try again later"),
    ("login_required",            "nobody is logged in there"),
    ("consent_required",          "nobody has agreed there"),
    ("interaction_required",      "it wants to ask something first; try again"),
];

/// The most of the server's own words that is shown.
const MOST_DETAILS: usize = 300;
const LONGEST_CODE: usize = 64;

/// The address to open. `authorize_url` keeps its query (RFC 6749, section 3.1).
pub fn authorization_address(
    authorize_url: &str,
    client: &OAuthClient,
    redirect_uri: &str,
    state: &State,
    verifier: &Verifier,
) -> Result<Url, url::ParseError> {
    let mut address = Url::parse(authorize_url)?;
    let mut query = address.query_pairs_mut();
    query.append_pair("response_type", "code");
    query.append_pair("client_id", &client.client_id);
    query.append_pair("redirect_uri", redirect_uri);
    if !client.scopes.is_empty() {
        query.append_pair("scope", &client.scopes.join(" "));
    }
    query.append_pair("state", state.0.expose());
    query.append_pair("code_challenge", &verifier.challenge());
    query.append_pair("code_challenge_method", "S256");
    drop(query);
    Ok(address)
}

/// Reads the query that the browser comes back with.
pub fn read_callback(query: &str, state: &State) -> Result<ApiKey, AnswerError> {
    let find = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    // First, so that nobody else has anything said in the server's name.
    if !find("state").is_some_and(|shown| state.is(&shown)) {
        return Err(AnswerError::ForeignState);
    }
    if let Some(code) = find("error") {
        return Err(refusal(&code, find("error_description").as_deref()));
    }
    code(&find("code").unwrap_or_default())
}

/// Reads what somebody has pasted: the address that the browser came back to, a code, or a code and the
/// state with a `#` between, as some servers show it.
///
/// A code alone has no state. It is good for this login only, because the token endpoint compares it with
/// the challenge (RFC 9700, section 2.1.1).
pub fn read_pasted(text: &str, state: &State) -> Result<ApiKey, AnswerError> {
    let text = text.trim().trim_matches(['"', '\'']);
    if let Some((_, query)) = text.split_once('?') {
        let query = query.split_once('#').map_or(query, |(query, _)| query);
        return read_callback(query, state);
    }
    match text.split_once('#') {
        Some((_, shown)) if !state.is(shown) => Err(AnswerError::ForeignState),
        Some((text, _)) => code(text),
        None => code(text),
    }
}

fn code(text: &str) -> Result<ApiKey, AnswerError> {
    // RFC 6749, appendix A.11: visible characters. A line of a text that was pasted by mistake has spaces.
    if !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(AnswerError::NoCode);
    }
    ApiKey::parse(text).map_err(|_empty| AnswerError::NoCode)
}

fn refusal(code: &str, description: Option<&str>) -> AnswerError {
    let known = REFUSALS.iter().find(|(known, _)| *known == code);
    let meaning = known.map_or("it gives no reason that is known here", |(_, meaning)| meaning);
    let code = plain(code, LONGEST_CODE);
    let details = description.map(|text| plain(text, MOST_DETAILS)).unwrap_or_default();
    let details = if details.is_empty() { details } else { format!(" ({details})") };
    AnswerError::Refused { code, meaning, details }
}

/// The characters that RFC 6749, section 4.1.2.1, allows; a terminal obeys some of the others.
fn plain(text: &str, most: usize) -> String {
    let is_plain = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '`');
    text.chars().filter(is_plain).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::device::fixtures::client;

    /// `AAAA...`, 43 of them.
    fn state() -> State {
        State::of([0; 32])
    }

    fn same() -> String {
        "A".repeat(43)
    }

    #[test]
    fn the_address_asks_for_a_code_with_all_that_protects_it() {
        let authorize_url = "https://login.test/authorize?tenant=a%20b";

        let address = authorization_address(
            authorize_url,
            &client(),
            "http://127.0.0.1:7/callback",
            &state(),
            &Verifier::of([1; 32]),
        )
        .unwrap();

        let challenge = Verifier::of([1; 32]).challenge();
        let pairs: Vec<_> = address.query_pairs().into_owned().collect();
        let expected = [
            ("tenant", "a b"),
            ("response_type", "code"),
            ("client_id", "gate"),
            ("redirect_uri", "http://127.0.0.1:7/callback"),
            ("scope", "openid offline_access"),
            ("state", &same()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs, expected);
        assert!(address.as_str().starts_with("https://login.test/authorize?tenant=a%20b&"));
    }

    fn read(outcome: Result<ApiKey, AnswerError>) -> Result<String, String> {
        outcome.map(|code| code.expose().to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_answer_counts_only_with_the_state_that_was_sent() {
        let (same, other) = (same(), "B".repeat(43));
        let foreign = Err("belongs to another login");
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (format!("code=c%2F1&state={same}"),                    Ok("c/1"), "as it should be"),
            (format!("state={same}&code=c&session_state=x&iss=y"),  Ok("c"),   "with more than is needed"),
            (format!("code=c&state={other}"),                       foreign,   "another login's"),
            (format!("code=c&state={same}A"),                       foreign,   "longer"),
            ("code=c&state=".to_owned(),                            foreign,   "empty"),
            ("code=c".to_owned(),                                   foreign,   "none"),
            (format!("error=access_denied&state={other}"),          foreign,   "a refusal in somebody else's name"),
            (format!("state={same}"),                               Err("it has no code"), "nothing at all"),
            (format!("code=&state={same}"),                         Err("it has no code"), "an empty code"),
            (format!("error=access_denied&state={same}"),           Err("`access_denied`: the login was refused"), "no"),
            (format!("error=invalid_scope&error_description=what%20%1B%5B31mis+x%3F&state={same}"), Err("(what [31mis x?)"), "its words, without what a terminal obeys"),
            (format!("error=odd&state={same}"),                     Err("`odd`: it gives no reason"), "a code of its own"),
        ];
        for (query, expected, why) in cases {
            match (read(read_callback(&query, &state())), expected) {
                (Ok(code), Ok(expected)) => assert_eq!(code, expected, "{why}"),
                (Err(said), Err(expected)) => assert!(said.contains(expected), "{why}: {said}"),
                (outcome, _) => panic!("{why}: {outcome:?}"),
            }
        }
    }

    #[test]
    fn what_is_pasted_may_have_three_forms() {
        let (same, other) = (same(), "B".repeat(43));
        let foreign = Err("belongs to another login");
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (" 4/0AX-c\n".to_owned(),                                      Ok("4/0AX-c"), "a code"),
            (format!("c#{same}"),                                          Ok("c"),       "a code and its state"),
            (format!("'http://127.0.0.1:7/callback?code=c&state={same}'"), Ok("c"),       "an address, in quotes"),
            (format!("http://localhost/?code=c&state={same}#_=_"),         Ok("c"),       "an address with a fragment"),
            (format!("?code=c&state={same}"),                              Ok("c"),       "a query"),
            (format!("c#{other}"),                                         foreign,       "another login's code"),
            (format!("http://localhost/?code=c&state={other}"),            foreign,       "another login's address"),
            ("http://localhost/?code=c".to_owned(),                        foreign,       "an address without its state"),
            (String::new(),                                                Err("it has no code"), "nothing"),
            ("I do not know".to_owned(),                                   Err("it has no code"), "no code"),
        ];
        for (text, expected, why) in cases {
            match (read(read_pasted(&text, &state())), expected) {
                (Ok(code), Ok(expected)) => assert_eq!(code, expected, "{why}"),
                (Err(said), Err(expected)) => assert!(said.contains(expected), "{why}: {said}"),
                (outcome, _) => panic!("{why}: {outcome:?}"),
            }
        }
    }
}

//! The question to take a token back (RFC 7009).

use super::token_endpoint::{TokenRequest, written};
use crate::config::OAuthClient;
use crate::types::ApiKey;

/// Writes the question for one token. `hint` is `refresh_token` or `access_token` (section 2.1).
#[must_use]
pub fn revocation_request(
    client: &OAuthClient,
    token: &ApiKey,
    hint: &'static str,
) -> TokenRequest {
    written(client, vec![("token", token.expose()), ("token_type_hint", hint)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::device::fixtures::client;

    #[test]
    fn a_token_is_taken_back_by_who_has_it() {
        let token = ApiKey::parse("hush-token").unwrap();

        let asked = revocation_request(&client(), &token, "refresh_token");

        let expected =
            "token=hush-token&token_type_hint=refresh_token&client_id=gate&client_secret=hush";
        assert_eq!(asked.body.as_str(), expected);
        assert!(!format!("{asked:?}").contains("hush"));
    }
}

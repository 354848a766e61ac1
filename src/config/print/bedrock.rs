//! The entries of `bedrock`.

use super::super::auth::{Auth, AwsSource, TokenSource};
use super::super::credential::{Credential, Family};
use super::{Page, optional, print_long_context, print_rest_of_credential, proxy_in_effect};

pub fn of(credentials: &[Credential]) -> Vec<&Credential> {
    credentials.iter().filter(|credential| credential.family == Family::Bedrock).collect()
}

pub fn print(page: &mut Page, credential: &Credential) {
    match &credential.auth {
        Auth::Token(TokenSource::Aws(AwsSource::Keys(keys))) => {
            page.text("region", &keys.region);
            page.text("access-key-id", &keys.access_key_id);
            page.text("secret-access-key", &keys.secret_access_key.to_string());
            page.text("session-token", &optional(keys.session_token.as_ref()));
        }
        Auth::Token(TokenSource::Aws(AwsSource::Chain { profile, region, .. })) => {
            page.text("region", region);
            page.text("profile", profile.as_deref().unwrap_or_default());
        }
        auth => page.text("api-key", &optional(auth.key())),
    }
    page.text("base-url", &format!("{}{}", credential.origin, credential.base_path));
    page.text("proxy-url", &proxy_in_effect(credential));
    print_long_context(page, credential);
    print_rest_of_credential(page, credential);
}

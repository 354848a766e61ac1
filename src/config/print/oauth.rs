//! The entries of `oauth`: their accounts are not printed, because they are not written there.

use super::super::oauth::{DIALECTS, LOOPBACK_HOSTS, OAuthEntry, TOKEN_REQUEST_FORMS};
use super::{Page, optional, print_rest_of_credential, proxy_in_effect, word};

pub fn print_oauth(page: &mut Page, entry: &OAuthEntry) {
    let client = &entry.client;
    page.text("name", client.name.as_str());
    page.text("dialect", word(&DIALECTS, entry.dialect));
    let base = &entry.credential;
    page.text("base-url", &format!("{}{}", base.origin, base.base_path));
    page.text("authorize-url", client.authorize_url.as_deref().unwrap_or_default());
    page.text("token-url", &client.token.to_string());
    page.text("device-url", &optional(client.device.as_ref()));
    page.text("revoke-url", &optional(entry.revoke.as_ref()));
    page.text("client-id", &client.client_id);
    page.text("client-secret", &optional(client.client_secret.as_ref()));
    page.texts("scopes", &client.scopes);
    page.value("token-request", word(&TOKEN_REQUEST_FORMS, client.token_request));
    page.text("redirect-host", word(&LOOPBACK_HOSTS, entry.redirect.host));
    page.value("redirect-port", entry.redirect.port);
    page.text("redirect-path", &entry.redirect.path);
    page.text("proxy-url", &proxy_in_effect(base));
    print_rest_of_credential(page, base);
}

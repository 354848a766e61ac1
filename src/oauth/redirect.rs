//! Where the browser comes back to on this machine (RFC 8252, section 7.3), and the page that it sees.

use maud::{DOCTYPE, html};

use crate::config::LoopbackRedirect;

/// The address that the authorization server sends the browser to, once the port is known.
#[must_use]
pub fn redirect_uri(redirect: &LoopbackRedirect, port: u16) -> String {
    format!("http://{}:{port}{}", redirect.host.as_str(), redirect.path)
}

/// A page that asks for nothing: no script, no picture, no other address. `maud` escapes what it says.
#[must_use]
pub fn page(title: &str, text: &str) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " - ampgate" }
                style { "body{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:20vh auto 0;padding:0 1rem}" }
            }
            body {
                main {
                    h1 { (title) }
                    p { (text) }
                }
            }
        }
    };
    page.into_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LoopbackHost;

    #[test]
    fn the_browser_comes_back_to_this_machine() {
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            (LoopbackHost::Address, 49152, "/callback",      "http://127.0.0.1:49152/callback"),
            (LoopbackHost::Name,    1455,  "/auth/callback", "http://localhost:1455/auth/callback"),
        ];
        for (host, port, path, expected) in cases {
            let redirect = LoopbackRedirect { host, port: 0, path: path.to_owned() };
            assert_eq!(redirect_uri(&redirect, port), expected);
        }
    }

    #[test]
    fn a_page_repeats_no_markup_and_fetches_nothing() {
        let page = page("Not logged in", "it says <script src=//x>");

        assert!(page.contains("it says &lt;script src=//x&gt;"), "{page}");
        for word in ["<script", "<link", "<img", "http-equiv", "url("] {
            assert!(!page.contains(word), "{word}: {page}");
        }
    }
}

//! People log in to providers of `oauth` with the built program, and a gateway uses their accounts.
//!
//! The test is the person and the browser: it opens the address that the program prints, and goes where
//! it is sent.

mod accounts;
mod browser;
mod device;
mod pool;
mod program;
mod server;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use url::Url;

use self::program::Program;
use self::server::AuthorizationServer;
use crate::support::{Client, Response};

/// What an account in the tests is called.
const ANNA: &str = "anna@example.com";
const BEN: &str = "ben@example.com";

/// A provider `company` with logins at `server`, its accounts in `accounts` beside the file.
fn entry(server: &AuthorizationServer, base_url: &str) -> String {
    let origin = server.origin();
    format!(
        "auth-dir: accounts\n\
         oauth:\n  - name: company\n    dialect: anthropic\n    base-url: '{base_url}'\n    \
         authorize-url: '{origin}/authorize?tenant=1'\n    token-url: '{origin}/token'\n    \
         device-url: '{origin}/device'\n    revoke-url: '{origin}/revoke'\n    client-id: gate\n    \
         client-secret: hush-client\n    scopes: [openid, offline_access]\n"
    )
}

/// A folder with such a configuration.
fn desk(server: &AuthorizationServer) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ampgate.yaml"), entry(server, "https://m.test")).unwrap();
    folder
}

/// One page, as a browser gets it.
async fn get(address: &Url) -> Response {
    let port = address.port().unwrap();
    let mut client = Client::connect(SocketAddr::from(([127, 0, 0, 1], port))).await;
    let target = format!("{}?{}", address.path(), address.query().unwrap_or_default());
    client.ask("GET", &target, &[("host", address.authority())], b"").await
}

/// What the browser is sent to by the authorization server, once the person has said yes or no.
async fn redirect_of(address: &Url) -> Url {
    let response = get(address).await;
    assert_eq!(response.status, 302, "{}", response.text());
    Url::parse(response.field("location").unwrap()).unwrap()
}

/// Logs somebody in as a person with a browser would. Returns what the program said.
async fn log_in(server: &AuthorizationServer, folder: &Path, who: &str) -> String {
    server.next_person(who);
    let mut program = Program::start(folder, &["login", "company", "--no-browser"]);
    let address = program.address().await;
    let page = get(&redirect_of(&address).await).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let (code, said) = program.end().await;
    assert_eq!(code, Some(0), "{said}");
    said
}

/// Every file below a folder that is there for more than a lock, with its permissions.
fn kept(folder: &Path) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.join("accounts")];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(at).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_none_or(|end| end != "lock") {
                let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
                found.push((path.file_name().unwrap().to_string_lossy().into_owned(), mode));
            }
        }
    }
    found.sort();
    found
}

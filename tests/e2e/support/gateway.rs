//! The real gateway, in this process, on a free port.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ampgate::actors::clock::WallClock;
use ampgate::app::{Gateway, Launch};
use ampgate::config::{Overrides, Sources, load};
use ampgate::types::ApiKey;
use tokio::sync::mpsc;

use super::client::{Client, Response};

/// A gateway that stops with the test.
pub struct TestGateway {
    pub address: SocketAddr,
    admin: Option<SocketAddr>,
    /// Dropped with the test, and then the gateway stops.
    _stop: mpsc::Sender<()>,
    _folder: tempfile::TempDir,
}

/// The client key that [`TestGateway::get`] and its kin show.
pub const CLIENT_KEY: &str = "client-key-1";

impl TestGateway {
    /// Starts a gateway with this configuration; `host` and `port` are the test's.
    pub async fn start(yaml: &str) -> Self {
        Self::launch(yaml, None, &[], WallClock::system()).await
    }

    /// The same, with `AMP_API_KEY` set.
    pub async fn start_with(yaml: &str, amp_api_key: Option<&str>) -> Self {
        Self::launch(yaml, amp_api_key, &[], WallClock::system()).await
    }

    /// The same as [`Self::start`], with variables set.
    pub async fn start_in(yaml: &str, variables: &[(&str, &str)]) -> Self {
        Self::launch(yaml, None, variables, WallClock::system()).await
    }

    /// The same as [`Self::start`], with the date that the test says it is.
    pub async fn start_at(yaml: &str, wall_clock: WallClock) -> Self {
        Self::launch(yaml, None, &[], wall_clock).await
    }

    async fn launch(
        yaml: &str,
        amp_api_key: Option<&str>,
        variables: &[(&str, &str)],
        wall_clock: WallClock,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ampgate.yaml");
        std::fs::write(&file, yaml).unwrap();
        let home = folder.path().display().to_string();
        let mut environment = BTreeMap::from([
            ("HOME".to_owned(), home),
            ("AMPGATE__ADMIN__PORT".to_owned(), "0".to_owned()),
        ]);
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        environment.extend(variables.iter().map(owned));
        let loaded = load(&Sources {
            file: Some(file),
            environment,
            overrides: Overrides { host: Some("127.0.0.1".to_owned()), port: Some(0) },
        })
        .unwrap_or_else(|error| panic!("{error}"));
        let amp_api_key = amp_api_key.map(|key| ApiKey::parse(key).unwrap());
        let launch =
            Launch { settings: loaded.settings, amp_api_key, workers: 1, reload: None, wall_clock };
        let gateway = Gateway::start(launch).await.unwrap_or_else(|error| panic!("{error}"));
        let (address, admin) = (gateway.addresses()[0], gateway.admin_address());
        let (stop, stops) = mpsc::channel(2);
        actix_rt::spawn(gateway.run(stops));
        Self { address, admin, _stop: stop, _folder: folder }
    }

    /// A gateway between [`CLIENT_KEY`] and an Amp server at `origin`, with the team key `team-key`.
    pub async fn relaying_to(origin: &str) -> Self {
        Self::start(&format!(
            "api-keys: [{{ name: alice, key: {CLIENT_KEY} }}]\n\
             ampcode: {{ upstream-url: '{origin}', upstream-api-key: team-key }}\n"
        ))
        .await
    }

    /// Where metrics and status are.
    pub fn admin(&self) -> SocketAddr {
        self.admin.expect("the admin listener is on")
    }

    /// One request to the admin listener.
    pub async fn ask_admin(&self, method: &str, target: &str, fields: &[(&str, &str)]) -> Response {
        Client::connect(self.admin()).await.ask(method, target, fields, b"").await
    }

    /// The status, as its page shows it.
    pub async fn status(&self) -> serde_json::Value {
        self.ask_admin("GET", "/status", &[]).await.json()
    }

    /// What the admin listener has counted.
    pub async fn metrics(&self) -> String {
        self.ask_admin("GET", "/metrics", &[]).await.text()
    }

    pub async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// One request with the client key, on a connection of its own.
    pub async fn request(
        &self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Response {
        let mut with_key = vec![("authorization", "Bearer client-key-1")];
        with_key.extend_from_slice(fields);
        self.bare_request(method, target, &with_key, body).await
    }

    /// One request without any key but those in `fields`.
    pub async fn bare_request(
        &self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Response {
        self.connect().await.ask(method, target, fields, body.as_ref()).await
    }

    pub async fn get(&self, target: &str) -> Response {
        self.request("GET", target, &[], b"").await
    }

    pub async fn post_json(&self, target: &str, body: impl AsRef<[u8]>) -> Response {
        self.request("POST", target, &[("content-type", "application/json")], body).await
    }
}

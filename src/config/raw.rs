//! Everything that may be written in a configuration, as written: no rule is checked here.
//!
//! These structs are the only list of keys. The schema (for "did you mean") is their serialised
//! shape, and a test proves that `config/ampgate.example.yaml` explains each of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::shapes::{List, Scalar, Section};

/// Header fields: a map with any keys.
pub type RawHeaders = Section<BTreeMap<String, Scalar>>;

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawSettings {
    pub host: Scalar,
    pub port: Scalar,
    pub api_keys: List<Section<RawClient>>,
    pub client_limits: Section<RawClientLimits>,
    pub ampcode: Section<RawAmp>,
    pub claude_api_key: List<Section<RawCredential>>,
    pub openai_api_key: List<Section<RawCredential>>,
    /// CLIProxyAPI's name for `openai-api-key`.
    pub codex_api_key: List<Section<RawCredential>>,
    pub gemini_api_key: List<Section<RawCredential>>,
    pub vertex_api_key: List<Section<RawCredential>>,
    pub vertex_ai: List<Section<RawVertex>>,
    pub azure_openai: List<Section<RawAzure>>,
    pub openai_compatibility: List<Section<RawCompatible>>,
    pub auth_dir: Scalar,
    pub oauth: List<Section<RawOAuth>>,
    pub chatgpt: List<Section<RawChatGpt>>,
    pub routing: Section<RawRouting>,
    pub request_retry: Scalar,
    pub max_retry_interval: Scalar,
    pub disable_cooling: Scalar,
    pub force_model_prefix: Scalar,
    pub proxy_url: Scalar,
    pub prices: List<Section<RawPrice>>,
    pub cors: Section<RawCors>,
    pub limits: Section<RawLimits>,
    pub timeouts: Section<RawTimeouts>,
    pub tls: Section<RawTls>,
    pub admin: Section<RawAdmin>,
    pub state: Section<RawState>,
    pub log: Section<RawLog>,
    pub telemetry: Section<RawTelemetry>,
}

/// An entry of `api-keys` with a name; a plain text is the other way to write one.
#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawClient {
    pub name: Scalar,
    pub key: Scalar,
    pub key_file: Scalar,
    pub key_env: Scalar,
    pub limits: Section<RawClientLimits>,
    pub models: List<Scalar>,
    pub routes: List<Scalar>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawClientLimits {
    pub requests_per_minute: Scalar,
    pub concurrent_requests: Scalar,
    pub tokens_per_day: Scalar,
    pub money_per_month: Scalar,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawAmp {
    pub upstream_url: Scalar,
    pub upstream_api_key: Scalar,
    pub upstream_api_key_file: Scalar,
    pub upstream_api_key_env: Scalar,
    pub upstream_api_keys: List<Section<RawClientUpstream>>,
    pub secrets_file: Scalar,
    pub secret_ttl: Scalar,
    pub restrict_management_to_localhost: Scalar,
    pub fallback: Scalar,
    pub force_model_mappings: Scalar,
    pub model_mappings: List<Section<RawMapping>>,
}

/// Which Amp key some clients use instead of the team's.
#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawClientUpstream {
    pub upstream_api_key: Scalar,
    pub upstream_api_key_file: Scalar,
    pub upstream_api_key_env: Scalar,
    pub api_keys: List<Scalar>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawMapping {
    pub from: Scalar,
    pub to: Scalar,
    pub regex: Scalar,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawCredential {
    pub api_key: Scalar,
    pub api_key_file: Scalar,
    pub api_key_env: Scalar,
    pub passthrough: Scalar,
    pub base_url: Scalar,
    pub models: List<Section<RawModel>>,
    pub excluded_models: List<Scalar>,
    pub headers: RawHeaders,
    pub prefix: Scalar,
    pub priority: Scalar,
    pub disable_cooling: Scalar,
    pub long_context: Scalar,
    pub proxy_url: Scalar,
}

/// One `ChatGPT` plan.
#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawChatGpt {
    pub codex_auth_file: Scalar,
    pub base_url: Scalar,
    pub models: List<Section<RawModel>>,
    pub excluded_models: List<Scalar>,
    pub headers: RawHeaders,
    pub prefix: Scalar,
    pub priority: Scalar,
    pub disable_cooling: Scalar,
    pub proxy_url: Scalar,
}

/// A project of Vertex AI's, opened by a service account or a login.
#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawVertex {
    pub project: Scalar,
    pub location: Scalar,
    pub service_account_file: Scalar,
    pub base_url: Scalar,
    pub models: List<Section<RawModel>>,
    pub excluded_models: List<Scalar>,
    pub headers: RawHeaders,
    pub prefix: Scalar,
    pub priority: Scalar,
    pub disable_cooling: Scalar,
    pub long_context: Scalar,
    pub proxy_url: Scalar,
}

/// A resource of Azure OpenAI.
#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawAzure {
    pub api_key: Scalar,
    pub api_key_file: Scalar,
    pub api_key_env: Scalar,
    pub base_url: Scalar,
    pub api_version: Scalar,
    pub models: List<Section<RawModel>>,
    pub excluded_models: List<Scalar>,
    pub headers: RawHeaders,
    pub prefix: Scalar,
    pub priority: Scalar,
    pub disable_cooling: Scalar,
    pub proxy_url: Scalar,
}

/// One OpenAI-compatible provider, with as many keys as it has.
#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawCompatible {
    pub name: Scalar,
    pub base_url: Scalar,
    pub disabled: Scalar,
    pub api_key_entries: List<Section<RawKeyEntry>>,
    pub models: List<Section<RawModel>>,
    pub excluded_models: List<Scalar>,
    pub headers: RawHeaders,
    pub prefix: Scalar,
    pub priority: Scalar,
    pub disable_cooling: Scalar,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawKeyEntry {
    pub api_key: Scalar,
    pub api_key_file: Scalar,
    pub api_key_env: Scalar,
    pub proxy_url: Scalar,
}

/// A provider that people log in to.
#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawOAuth {
    pub name: Scalar,
    pub dialect: Scalar,
    pub base_url: Scalar,
    pub authorize_url: Scalar,
    pub token_url: Scalar,
    pub device_url: Scalar,
    pub revoke_url: Scalar,
    pub client_id: Scalar,
    pub client_secret: Scalar,
    pub client_secret_file: Scalar,
    pub client_secret_env: Scalar,
    pub scopes: List<Scalar>,
    pub token_request: Scalar,
    pub redirect_host: Scalar,
    pub redirect_port: Scalar,
    pub redirect_path: Scalar,
    pub models: List<Section<RawModel>>,
    pub excluded_models: List<Scalar>,
    pub headers: RawHeaders,
    pub prefix: Scalar,
    pub priority: Scalar,
    pub disable_cooling: Scalar,
    pub proxy_url: Scalar,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawModel {
    pub name: Scalar,
    pub alias: Scalar,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawPrice {
    pub model: Scalar,
    pub input: Scalar,
    pub cached_input: Scalar,
    pub cache_write: Scalar,
    pub output: Scalar,
    pub reasoning: Scalar,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawRouting {
    pub strategy: Scalar,
    pub session_affinity: Scalar,
    pub session_affinity_ttl: Scalar,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawCors {
    pub allowed_origins: List<Scalar>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawLimits {
    pub request_body: Scalar,
    pub header_bytes: Scalar,
    pub connections_per_upstream: Scalar,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawTimeouts {
    pub client_head: Scalar,
    pub connect: Scalar,
    pub first_byte: Scalar,
    pub idle: Scalar,
    pub relay_first_byte: Scalar,
    pub drain: Scalar,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawTls {
    pub enable: Scalar,
    pub cert: Scalar,
    pub key: Scalar,
    pub upstream_ca: Scalar,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawAdmin {
    pub enable: Scalar,
    pub host: Scalar,
    pub port: Scalar,
    pub key: Scalar,
    pub key_file: Scalar,
    pub key_env: Scalar,
}

/// What replicas share; a plain text is the other way to write its `url`.
#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawState {
    pub url: Scalar,
    pub url_file: Scalar,
    pub url_env: Scalar,
    pub prefix: Scalar,
    pub timeout: Scalar,
    pub replica: Scalar,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawLog {
    pub format: Scalar,
    pub level: Scalar,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawTelemetry {
    pub otlp: Section<RawOtlp>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RawOtlp {
    pub endpoint: Scalar,
    pub headers: RawHeaders,
    pub headers_file: Scalar,
    pub headers_env: Scalar,
    pub service_name: Scalar,
    pub sample_ratio: Scalar,
}

//! Built-in defaults < file < environment < flags, stacked by the `config` crate.

use std::collections::BTreeMap;

use config::{Config, ConfigError as LayerError, Map, Source, Value};

use super::Overrides;
use super::places::Places;

/// Every default, as one would write it in the file. Keys without a line here default to "none",
/// `false` or an empty list.
const DEFAULTS: [(&str, &str); 28] = [
    ("host", "127.0.0.1"),
    ("port", "8317"),
    ("ampcode.upstream-url", "https://ampcode.com"),
    ("ampcode.secrets-file", "~/.local/share/amp/secrets.json"),
    ("ampcode.secret-ttl", "5m"),
    ("ampcode.fallback", "unconfigured"),
    ("routing.strategy", "round-robin"),
    ("routing.session-affinity", "true"),
    ("routing.session-affinity-ttl", "1h"),
    ("request-retry", "3"),
    ("max-retry-interval", "30s"),
    ("limits.request-body", "64MiB"),
    ("limits.header-bytes", "64KiB"),
    ("limits.connections-per-upstream", "0"),
    ("timeouts.client-head", "10s"),
    ("timeouts.connect", "5s"),
    ("timeouts.first-byte", "10m"),
    ("timeouts.idle", "5m"),
    ("timeouts.relay-first-byte", "60s"),
    ("timeouts.drain", "30s"),
    ("tls.cert", ""),
    ("tls.key", ""),
    ("tls.upstream-ca", ""),
    ("admin.enable", "true"),
    ("admin.host", "127.0.0.1"),
    ("admin.port", "8318"),
    ("log.format", "auto"),
    ("log.level", "info"),
];

pub fn defaults() -> BTreeMap<&'static str, &'static str> {
    DEFAULTS.into_iter().collect()
}

/// One layer whose values are known already.
#[derive(Clone, Debug)]
struct Layer(Map<String, Value>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, LayerError> {
        Ok(self.0.clone())
    }
}

pub fn stack(
    file: Map<String, Value>,
    environment: Map<String, Value>,
    flags: &Overrides,
    places: &mut Places,
) -> Result<Config, LayerError> {
    let mut builder = Config::builder();
    for (path, value) in DEFAULTS {
        builder = builder.set_default(path, value)?;
    }
    for (path, flag, is_set) in
        [("host", "--host", flags.host.is_some()), ("port", "--port", flags.port.is_some())]
    {
        if is_set {
            places.note(path, flag, path);
        }
    }
    builder
        .add_source(Layer(file))
        .add_source(Layer(environment))
        .set_override_option("host", flags.host.clone())?
        .set_override_option("port", flags.port)?
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema::{self, KeyPath};

    #[test]
    fn every_default_belongs_to_a_key() {
        for (path, _) in DEFAULTS {
            let keys: Vec<String> = path.split('.').map(str::to_owned).collect();
            assert!(schema::find(&KeyPath::of_keys(&keys)).is_some(), "{path}");
        }
    }

    #[test]
    fn a_later_layer_wins() {
        let layer = |values: &[(&str, &str)]| -> Map<String, Value> {
            values.iter().map(|(path, value)| ((*path).to_owned(), Value::from(*value))).collect()
        };
        let file = layer(&[("host", "file"), ("request-retry", "file"), ("log.level", "file")]);
        let environment = layer(&[("host", "environment"), ("log.level", "environment")]);
        let flags = Overrides { host: Some("flag".to_owned()), port: None };

        let stacked = stack(file, environment, &flags, &mut Places::default()).unwrap();

        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            ("host",               "flag"),
            ("log.level",          "environment"),
            ("request-retry",      "file"),
            ("max-retry-interval", "30s"),
        ];
        for (path, expected) in cases {
            assert_eq!(stacked.get_string(path).unwrap(), expected, "{path}");
        }
    }
}

//! Where traces go.

use actix_web::http::header::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use url::Url;

use super::raw::{RawHeaders, RawOtlp, RawTelemetry};
use super::reader::Reader;
use super::secret::RawSecret;
use super::shapes::Scalar;

/// The variables of OpenTelemetry's SDKs: a Kubernetes operator sets them, and whoever knows another
/// program with traces tries them first.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const TRACES_HEADERS: &str = "OTEL_EXPORTER_OTLP_TRACES_HEADERS";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// Where OTLP over HTTP takes traces, below the address of a collector.
const TRACES_PATH: &str = "/v1/traces";

const DEFAULT_SERVICE_NAME: &str = "ampgate";

/// Export of traces by OTLP over HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct Otlp {
    /// The collector's address, path included: `http://collector:4318/v1/traces`.
    pub endpoint: Url,
    /// Sent with each export; their values print as `Sensitive`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Default `ampgate`.
    pub service_name: String,
    /// How many of the traces that begin here are kept, 0 to 1; default 1. What a client began is kept
    /// when the client keeps it.
    pub sample_ratio: f64,
}

impl Reader<'_> {
    /// `None`: no traces.
    pub fn traces(&mut self, raw: RawTelemetry) -> Option<Otlp> {
        let raw: RawOtlp = self.section("telemetry.otlp", raw.otlp);
        let path = "telemetry.otlp.endpoint";
        let written = self.text(path, &raw.endpoint);
        let environment = self.environment;
        let variable = |name| environment.get(name).filter(|value| !value.trim().is_empty());
        let from_variable = variable(ENDPOINT).map(|value| Scalar::Text(value.clone()));
        let service_variable = variable(SERVICE_NAME).cloned();
        // What is for traces alone goes before what is for all signals.
        let header_variable = [TRACES_HEADERS, HEADERS]
            .into_iter()
            .find_map(|name| Some((name, variable(name)?.clone())));
        let given = written.or_else(|| self.text(ENDPOINT, &from_variable.unwrap_or_default()));

        let headers = self.otlp_headers(raw.headers, &raw.headers_file, &raw.headers_env);
        let headers = match headers {
            Some(headers) => headers,
            None => header_variable
                .map(|(name, list)| self.listed_headers(name, &list))
                .unwrap_or_default(),
        };
        let name = self.text("telemetry.otlp.service-name", &raw.service_name);
        let name = name.or(service_variable).unwrap_or_else(|| DEFAULT_SERVICE_NAME.to_owned());
        let sample_ratio = self.ratio("telemetry.otlp.sample-ratio", &raw.sample_ratio);
        let endpoint = self.endpoint(path, &given?)?;
        Some(Otlp { endpoint, headers, service_name: name, sample_ratio })
    }

    fn endpoint(&mut self, path: &str, text: &str) -> Option<Url> {
        let parsed = Url::parse(text).ok();
        let fits = |url: &Url| {
            matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none()
        };
        let Some(mut url) = parsed.filter(fits) else {
            self.problem(path, "must be an address like http://collector:4318");
            return None;
        };
        if !url.username().is_empty() || url.password().is_some() {
            self.problem(path, "must not carry a user name or password; use `headers`");
            return None;
        }
        let base = url.path().trim_end_matches('/').to_owned();
        if !base.ends_with(TRACES_PATH) {
            url.set_path(&format!("{base}{TRACES_PATH}"));
        }
        Some(url)
    }

    /// `None`: none are written, not even an empty list.
    fn otlp_headers(
        &mut self,
        map: RawHeaders,
        file: &Scalar,
        variable: &Scalar,
    ) -> Option<Vec<(HeaderName, HeaderValue)>> {
        let path = "telemetry.otlp.headers";
        let mut headers = self.headers(path, map, false);
        let list = self.secret(path, &RawSecret { text: &Scalar::Absent, file, variable }).ok()?;
        if let Some(list) = list {
            headers.extend(self.listed_headers(path, &list));
        }
        (!headers.is_empty()).then_some(headers)
    }

    /// `name=value,name=value`, values percent-encoded: how OpenTelemetry's variable has them.
    fn listed_headers(&mut self, path: &str, list: &str) -> Vec<(HeaderName, HeaderValue)> {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let read = |entry: &str| {
            let (name, value) = entry.split_once('=')?;
            let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
            let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
            let mut value = HeaderValue::from_str(&value).ok()?;
            value.set_sensitive(true);
            Some((name, value))
        };
        let headers: Option<Vec<_>> = entries.map(read).collect();
        headers.unwrap_or_else(|| {
            // SECURITY: the entry may be a key; it is not repeated.
            self.problem(path, "must be like `name=value,name=value`, values percent-encoded");
            Vec::new()
        })
    }

    fn ratio(&mut self, path: &str, scalar: &Scalar) -> f64 {
        let ratio = match scalar {
            Scalar::Absent | Scalar::Integer(1) => Some(1.0),
            Scalar::Integer(0) => Some(0.0),
            Scalar::Float(ratio) => Some(*ratio),
            Scalar::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        ratio.filter(|ratio| (0.0..=1.0).contains(ratio)).unwrap_or_else(|| {
            self.problem(path, "must be a number from 0 to 1");
            1.0
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::config::{Sources, load_text};

    fn sources(variables: &[(&str, &str)]) -> Sources {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Sources { environment: variables.collect(), ..Sources::default() }
    }

    /// Endpoint, service name and headers in effect, as one line; or the problems.
    fn read(yaml: &str, variables: &[(&str, &str)]) -> String {
        match load_text(yaml, &sources(variables)) {
            Ok(loaded) => loaded.settings.traces.map_or_else(
                || "off".to_owned(),
                |otlp| {
                    let headers: BTreeMap<_, _> = otlp
                        .headers
                        .iter()
                        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
                        .collect();
                    let (name, ratio) = (otlp.service_name, otlp.sample_ratio);
                    format!("{} {name} {ratio} {headers:?}", otlp.endpoint)
                },
            ),
            Err(error) => error.problems.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn traces_are_on_when_a_collector_is_named() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://from-variable:4318");
        #[rustfmt::skip] // columns are easier to proofread
        let cases: [(&str, &[_], &str, &str); 13] = [
            ("", &[], "off", "nobody asks for them"),
            ("telemetry: { otlp: { endpoint: 'http://c:4318' } }", &[], "http://c:4318/v1/traces ampgate 1 {}", "the usual"),
            ("telemetry: { otlp: { endpoint: 'https://c/v1/traces' } }", &[], "https://c/v1/traces ampgate 1 {}", "the path is not doubled"),
            ("telemetry: { otlp: { endpoint: 'https://c/otlp/' } }", &[], "https://c/otlp/v1/traces ampgate 1 {}", "a vendor's path"),
            ("", &[endpoint], "http://from-variable:4318/v1/traces ampgate 1 {}", "OpenTelemetry's variable"),
            ("telemetry: { otlp: { endpoint: 'http://c:1' } }", &[endpoint], "http://c:1/v1/traces ampgate 1 {}", "the file says more"),
            ("telemetry: { otlp: { sample-ratio: 0.25, service-name: a } }", &[endpoint, ("OTEL_SERVICE_NAME", "b")], "http://from-variable:4318/v1/traces a 0.25 {}", "each key by itself"),
            ("", &[endpoint, ("OTEL_SERVICE_NAME", "b"), ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x, x-y=z")], "http://from-variable:4318/v1/traces b 1 {\"authorization\": \"Bearer x\", \"x-y\": \"z\"}", "all variables"),
            ("", &[endpoint, ("OTEL_EXPORTER_OTLP_HEADERS", "x-a=1"), ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-b=%252B")], "http://from-variable:4318/v1/traces ampgate 1 {\"x-b\": \"%2B\"}", "for traces alone, and decoded once"),
            ("telemetry: { otlp: { headers: { x-c: '%2B' } } }", &[endpoint, ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-b=2")], "http://from-variable:4318/v1/traces ampgate 1 {\"x-c\": \"%2B\"}", "the file says more, as it stands"),
            ("telemetry: { otlp: { headers: { authorization: 'Bearer a b' }, headers-env: H } }", &[endpoint, ("H", "x-y=1")], "http://from-variable:4318/v1/traces ampgate 1 {\"authorization\": \"Bearer a b\", \"x-y\": \"1\"}", "written in two places"),
            ("telemetry: { otlp: { endpoint: 'collector:4318', sample-ratio: 2 } }", &[], "built-in configuration: telemetry.otlp.sample-ratio must be a number from 0 to 1built-in configuration: telemetry.otlp.endpoint must be an address like http://collector:4318", "problems, all of them"),
            ("telemetry: { otlp: { headers-env: H } }", &[("H", "hush")], "built-in configuration: telemetry.otlp.headers must be like `name=value,name=value`, values percent-encoded", "no secret in it"),
        ];
        for (yaml, variables, expected, why) in cases {
            assert_eq!(read(yaml, variables), expected, "{why}");
        }
    }
}

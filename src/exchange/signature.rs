//! AWS's signature (version 4) over a request that is ready to be sent.
//!
//! Signed are the method, the path, the query, the body, and those fields that nothing on the way
//! changes: `Host`, `Content-Type` and `X-Amz-*`. A proxy may touch the others, and a signature over a
//! field that changed is refused.

use std::fmt::Write as _;
use std::time::SystemTime;

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SigningParams, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::actors::upstream::{OutgoingRequest, RequestBody};
use crate::config::AwsKeys;
use crate::error::GatewayError;

/// By what name Bedrock's runtime checks signatures.
const SERVICE: &str = "bedrock";

/// Signs a request for Bedrock with the date `now`. AWS takes dates that are at most five minutes off.
///
/// The body has to be a buffered one: its hash is part of the signature.
pub(super) fn sign_for_bedrock(
    request: &mut OutgoingRequest,
    keys: &AwsKeys,
    now: SystemTime,
) -> Result<(), GatewayError> {
    let pieces: &[Bytes] = match &request.body {
        RequestBody::None => &[],
        RequestBody::Buffered(pieces) => pieces,
        RequestBody::Streamed(_) => return Err(GatewayError::Internal),
    };
    let signable = Signable {
        method: request.method.as_str(),
        address: format!("{}{}", request.origin, request.path_and_query),
        body_hash: hash(pieces),
    };
    signable.sign(&mut request.fields, SERVICE, keys, now)
}

/// What is signed besides fields.
struct Signable<'a> {
    method: &'a str,
    address: String,
    /// SHA-256, in hexadecimal digits.
    body_hash: String,
}

impl Signable<'_> {
    fn sign(
        self,
        fields: &mut HeaderMap,
        service: &str,
        keys: &AwsKeys,
        now: SystemTime,
    ) -> Result<(), GatewayError> {
        // Whatever a client has sent of these is about another signature.
        for name in [header::AUTHORIZATION, X_AMZ_DATE, X_AMZ_SECURITY_TOKEN] {
            fields.remove(name);
        }
        let session = keys.session_token.as_ref().map(|token| token.expose().to_owned());
        let secret = keys.secret_access_key.expose();
        let identity =
            Credentials::new(&keys.access_key_id, secret, session, None, "ampgate").into();
        // Its defaults are what all services but S3 want: a path is encoded once more for the signature,
        // and a session token is signed.
        let params: SigningParams<'_> = v4::SigningParams::builder()
            .identity(&identity)
            .region(&keys.region)
            .name(service)
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .map_err(|_missing| GatewayError::Internal)?
            .into();
        let signed_fields = fields
            .iter()
            .filter(|(name, _)| is_signed(name))
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = SignableBody::Precomputed(self.body_hash);
        let request = SignableRequest::new(self.method, self.address, signed_fields, body);
        let request = request.map_err(|_invalid| GatewayError::Internal)?;
        let signed = sign(request, &params).map_err(|_invalid| GatewayError::Internal)?;
        let (added, _query) = signed.into_parts().0.into_parts();
        for field in added {
            let name = HeaderName::from_bytes(field.name().as_bytes());
            let value = HeaderValue::from_str(field.value());
            let (Ok(name), Ok(mut value)) = (name, value) else {
                return Err(GatewayError::Internal);
            };
            value.set_sensitive(name == header::AUTHORIZATION || name == X_AMZ_SECURITY_TOKEN);
            fields.insert(name, value);
        }
        Ok(())
    }
}

const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

fn is_signed(name: &HeaderName) -> bool {
    matches!(*name, header::HOST | header::CONTENT_TYPE) || name.as_str().starts_with("x-amz-")
}

fn hash(pieces: &[Bytes]) -> String {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update(piece);
    }
    let mut digits = String::with_capacity(64);
    for byte in hash.finalize() {
        write!(digits, "{byte:02x}").expect("a String takes every write");
    }
    digits
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::http::Method;
    use serde_json::Value;

    use super::*;
    use crate::types::{ApiKey, Origin, ProviderName};

    /// 2015-08-30T12:36:00Z, as in all of AWS's vectors.
    const VECTORS_AT: Duration = Duration::from_secs(1_440_938_160);
    /// 2025-08-30T12:36:00Z.
    const CALLS_AT: Duration = Duration::from_secs(1_756_557_360);

    fn signature(fields: &HeaderMap) -> &str {
        let value = fields.get(header::AUTHORIZATION).unwrap().to_str().unwrap();
        value.rsplit("Signature=").next().unwrap()
    }

    fn keys(region: &str, session_token: Option<&str>) -> AwsKeys {
        AwsKeys {
            region: region.to_owned(),
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: ApiKey::parse("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY").unwrap(),
            session_token: session_token.map(|token| ApiKey::parse(token).unwrap()),
        }
    }

    #[test]
    fn signatures_are_those_of_awss_test_suite() {
        macro_rules! vector {
            ($name:literal) => {
                (
                    $name,
                    include_str!(concat!("../../tests/fixtures/aws-sigv4/", $name, "/request.txt")),
                    include_str!(concat!(
                        "../../tests/fixtures/aws-sigv4/",
                        $name,
                        "/context.json"
                    )),
                    include_str!(concat!(
                        "../../tests/fixtures/aws-sigv4/",
                        $name,
                        "/header-signature.txt"
                    )),
                )
            };
        }
        for (name, request, context, expected) in [
            vector!("get-vanilla"),
            vector!("get-vanilla-query-order-encoded"),
            vector!("post-sts-header-before"),
        ] {
            let context: Value = serde_json::from_str(context).unwrap();
            let mut words = request.split(' ');
            let (method, target) = (words.next().unwrap(), words.next().unwrap());
            let host = HeaderValue::from_static("example.amazonaws.com");
            let mut fields = HeaderMap::new();
            fields.insert(header::HOST, host);
            let signable = Signable {
                method,
                address: format!("https://example.amazonaws.com{target}"),
                body_hash: hash(&[]),
            };
            let keys =
                keys(context["region"].as_str().unwrap(), context["credentials"]["token"].as_str());
            let service = context["service"].as_str().unwrap();

            signable
                .sign(&mut fields, service, &keys, SystemTime::UNIX_EPOCH + VECTORS_AT)
                .unwrap();

            assert_eq!(signature(&fields), expected.trim(), "{name}");
        }
    }

    fn call(origin: &str, target: &str, body: [&'static [u8]; 3]) -> OutgoingRequest {
        let origin = Origin::split(origin).unwrap().0;
        let mut fields = HeaderMap::new();
        let mut put =
            |name, value: &str| fields.insert(name, HeaderValue::from_str(value).unwrap());
        put(header::HOST, origin.authority());
        put(header::CONTENT_TYPE, "application/json");
        // A client's, about another request.
        put(header::AUTHORIZATION, "AWS4-HMAC-SHA256 Credential=x");
        put(X_AMZ_SECURITY_TOKEN, "theirs");
        put(header::USER_AGENT, "a proxy may change it");
        OutgoingRequest {
            origin,
            proxy: None,
            provider: ProviderName::new("bedrock"),
            method: Method::POST,
            path_and_query: target.parse().unwrap(),
            fields,
            body: RequestBody::Buffered(body.map(Bytes::from_static)),
            first_byte_timeout: Duration::from_secs(1),
        }
    }

    /// The expected values are what botocore 1.44.8 makes of the same requests.
    #[test]
    fn a_call_of_bedrock_has_the_signature_that_awss_own_client_gives_it() {
        const EU_TOKEN: &str = "AQoEXAMPLEtoken//==";
        let body: [&[u8]; 3] = [b"{\"a\"", b":", b"1}"];
        #[rustfmt::skip] // columns are easier to proofread
        let cases = [
            // region,   session,        path,                                                                       body,        signature
            ("us-east-1", None,           "/model/anthropic.claude-3-5-sonnet-20241022-v2%3A0/invoke",                body,        "4103ffe0ad387629c58ba3a83a73159cd5345628fbcc88a164cff8372c5c9495"),
            ("eu-west-1", Some(EU_TOKEN), "/model/eu.anthropic.claude-sonnet-4-20250514-v1%3A0/invoke-with-response-stream", body, "9d0adfcac1220a0a88951a5c1511c201ed6ac0c24969aaac0c812ff39ae41c6e"),
            ("us-east-1", None,           "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabc123/invoke", [&b""[..]; 3], "c42934e292c5033ffa02eb39506478b3fe20a6e2ad064c4720aef9c1ebf759ec"),
        ];
        for (region, session, target, body, expected) in cases {
            let origin = format!("https://bedrock-runtime.{region}.amazonaws.com");
            let mut request = call(&origin, target, body);
            let now = SystemTime::UNIX_EPOCH + CALLS_AT;

            sign_for_bedrock(&mut request, &keys(region, session), now).unwrap();

            assert_eq!(signature(&request.fields), expected, "{target}");
            let token = request.fields.get(X_AMZ_SECURITY_TOKEN);
            assert_eq!(token.map(|token| token.to_str().unwrap()), session, "{target}");
            let printed = format!("{:?}", request.fields);
            assert!(
                !printed.contains("Signature=") && !printed.contains("EXAMPLEtoken"),
                "{printed}"
            );
        }
    }
}

//! What a service account shows to get a token: a JWT of its own (RFC 7523, section 2.1).
//!
//! The form of a JWT is three base64 texts; what is cryptography in it is ring's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::RSA_PKCS1_SHA256;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Serialize;

use crate::types::ApiKey;

/// What the token may be used for. Which of it the account may really do, its roles say.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The longest that Google accepts.
const LIFETIME: Duration = Duration::from_secs(3600);

/// Why nothing can be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("its `private_key` is no key in PEM (PKCS #8)")]
    NoPem,
    #[error("its `private_key` is no RSA key of 2048 to 4096 bits")]
    NoRsaKey,
    #[error("the system has no random numbers")]
    NoRandom,
}

/// Who asks, and whom.
#[derive(Clone, Copy, Debug)]
pub struct Asserted<'a> {
    pub email: &'a str,
    pub key_id: Option<&'a str>,
    /// Where the assertion is shown.
    pub audience: &'a str,
    pub now: SystemTime,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'static str,
    aud: &'a str,
    iat: u64,
    exp: u64,
}

/// The assertion, signed with a service account's key.
pub fn assertion(asserted: &Asserted<'_>, private_key: &ApiKey) -> Result<String, KeyError> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(private_key.expose().as_bytes());
    let der = der.map_err(|_pem| KeyError::NoPem)?;
    let key = KeyPair::from_pkcs8(der.secret_pkcs8_der());
    signed(&unsigned(asserted), &key.map_err(|_rejected| KeyError::NoRsaKey)?)
}

fn unsigned(asserted: &Asserted<'_>) -> String {
    let issued = asserted.now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let header = Header { alg: "RS256", typ: "JWT", kid: asserted.key_id };
    let claims = Claims {
        iss: asserted.email,
        scope: SCOPE,
        aud: asserted.audience,
        iat: issued.as_secs(),
        exp: (issued + LIFETIME).as_secs(),
    };
    format!("{}.{}", part(&header), part(&claims))
}

fn part(object: &impl Serialize) -> String {
    let json = serde_json::to_vec(object).expect("texts and numbers always serialise");
    BASE64_URL_SAFE_NO_PAD.encode(json)
}

/// Adds the signature: RS256 (RFC 7518, section 3.3).
fn signed(unsigned: &str, key: &KeyPair) -> Result<String, KeyError> {
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), unsigned.as_bytes(), &mut signature)
        .map_err(|_unspecified| KeyError::NoRandom)?;
    Ok(format!("{unsigned}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
}

#[cfg(test)]
mod tests {
    use ring::rsa::{KeyPairComponents, PublicKeyComponents};
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use serde_json::{Value, json};

    use super::*;

    fn decoded(text: &str) -> Vec<u8> {
        BASE64_URL_SAFE_NO_PAD.decode(text.replace(char::is_whitespace, "")).unwrap()
    }

    /// The key of RFC 7515, appendix A.2.1.
    fn key_of_the_rfc() -> KeyPair {
        let jwk: Value =
            serde_json::from_str(include_str!("../../../../tests/fixtures/google/rfc7515_a2.json"))
                .unwrap();
        let member = |name: &str| decoded(jwk["key"][name].as_str().unwrap());
        KeyPair::from_components(&KeyPairComponents {
            public_key: PublicKeyComponents { n: member("n"), e: member("e") },
            d: member("d"),
            p: member("p"),
            q: member("q"),
            dP: member("dp"),
            dQ: member("dq"),
            qInv: member("qi"),
        })
        .unwrap()
    }

    #[test]
    fn a_signature_is_the_one_that_rfc_7515_has() {
        let vector: Value =
            serde_json::from_str(include_str!("../../../../tests/fixtures/google/rfc7515_a2.json"))
                .unwrap();
        let unsigned = vector["signing_input"].as_str().unwrap();

        let signed = signed(unsigned, &key_of_the_rfc()).unwrap();

        let expected = vector["signature"].as_str().unwrap();
        assert_eq!(signed, format!("{unsigned}.{expected}"));
    }

    #[test]
    fn an_assertion_can_be_verified_with_the_accounts_public_key() {
        let file: Value = serde_json::from_str(include_str!(
            "../../../../tests/fixtures/google/service_account.json"
        ))
        .unwrap();
        let pem = ApiKey::parse(file["private_key"].as_str().unwrap()).unwrap();
        let asserted = Asserted {
            email: "gate@p-1.iam.gserviceaccount.com",
            key_id: Some("k1"),
            audience: "https://oauth2.googleapis.com/token",
            now: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        };

        let jwt = assertion(&asserted, &pem).unwrap();

        let parts: Vec<&str> = jwt.split('.').collect();
        let json = |part: &str| serde_json::from_slice::<Value>(&decoded(part)).unwrap();
        assert_eq!(json(parts[0]), json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" }));
        assert_eq!(
            json(parts[1]),
            json!({
                "iss": "gate@p-1.iam.gserviceaccount.com",
                "scope": "https://www.googleapis.com/auth/cloud-platform",
                "aud": "https://oauth2.googleapis.com/token",
                "iat": 1_800_000_000,
                "exp": 1_800_003_600,
            })
        );
        let public = include_bytes!("../../../../tests/fixtures/google/service_account.pub.der");
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
        let message = format!("{}.{}", parts[0], parts[1]);
        public.verify(message.as_bytes(), &decoded(parts[2])).expect("the signature is the key's");
    }

    #[test]
    fn what_is_no_key_is_told_without_it() {
        let asserted =
            Asserted { email: "a", key_id: None, audience: "b", now: SystemTime::UNIX_EPOCH };
        let wrapped = "-----BEGIN PRIVATE KEY-----\naHVzaA==\n-----END PRIVATE KEY-----\n";
        for (text, expected) in [("hush", KeyError::NoPem), (wrapped, KeyError::NoRsaKey)] {
            let error = assertion(&asserted, &ApiKey::parse(text).unwrap()).unwrap_err();
            assert_eq!(error, expected);
            assert!(!error.to_string().contains("hush"));
        }
    }
}

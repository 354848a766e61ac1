//! Proof Key for Code Exchange, method S256 (RFC 7636): a code that somebody else catches on its way back
//! is of no use to them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::types::ApiKey;

/// What only who begins a login knows, until it asks for the token. Prints as stars.
#[derive(Clone, Debug)]
pub struct Verifier(ApiKey);

impl Verifier {
    /// As RFC 7636, section 4.1, recommends: 32 octets from a good generator, in base64url.
    #[must_use]
    pub fn of(random: [u8; 32]) -> Self {
        let text = URL_SAFE_NO_PAD.encode(random);
        Self(ApiKey::parse(&text).expect("32 octets are not empty in base64"))
    }

    /// What the authorization server is told at the beginning (section 4.2).
    #[must_use]
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.expose()))
    }

    /// What the token endpoint is shown.
    #[must_use]
    pub fn secret(&self) -> &ApiKey {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7636_appendix_b_comes_out() {
        let verifier = Verifier::of([
            116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212,
            37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
        ]);

        assert_eq!(verifier.secret().expose(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(!format!("{verifier:?}").contains("dBjf"));
    }
}

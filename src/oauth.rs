//! What the gateway and authorization servers say to each other, and what is kept of it.
//!
//! | module           | holds                                                                         |
//! | ---------------- | ----------------------------------------------------------------------------- |
//! | `account`        | an account that somebody has logged in with, as it is written in its file     |
//! | `authorize`      | the address that a browser opens to log in, and what comes back               |
//! | `claims`         | what a token says of its account                                              |
//! | `device`         | the login of a device that has no browser                                     |
//! | `pkce`           | the proof that who asks for the token is who began                            |
//! | `redirect`       | where the browser comes back to, and the page that it sees there              |
//! | `revocation`     | the question to take a token back                                             |
//! | `token_endpoint` | the question for a token, and what its answer means                           |
//!
//! Pure: texts in, texts out. Who asks is in [`crate::actors`]; what may be asked, in [`crate::config`].

mod account;
mod authorize;
mod claims;
mod device;
mod pkce;
mod redirect;
mod revocation;
mod token_endpoint;

pub use account::{Others, Standing, StoredAccount, UnreadableAccount};
pub use authorize::{AnswerError, State, authorization_address, read_callback, read_pasted};
pub use claims::{Claims, read_claims};
pub use device::{DeviceAnswerError, DeviceGrant, Pace, device_request, read_device_answer};
pub use pkce::Verifier;
pub use redirect::{page, redirect_uri};
pub use revocation::revocation_request;
pub use token_endpoint::{
    Grant, Granted, TokenEndpointError, TokenRequest, read_token_answer, token_request,
};

//! What the gateway and authorization servers say to each other, and what is kept of it.
//!
//! | module           | holds                                                                         |
//! | ---------------- | ----------------------------------------------------------------------------- |
//! | `account`        | an account that somebody has logged in with, as it is written in its file     |
//! | `claims`         | what a token says of its account                                              |
//! | `token_endpoint` | the question for a token, and what its answer means                           |
//!
//! Pure: texts in, texts out. Who asks is in [`crate::actors`]; what may be asked, in [`crate::config`].

mod account;
mod claims;
mod token_endpoint;

pub use account::{Others, StoredAccount, UnreadableAccount};
pub use claims::{Claims, read_claims};
pub use token_endpoint::{
    Grant, Granted, TokenEndpointError, TokenRequest, read_token_answer, token_request,
};

//! What whoever operates the gateway sees: on a listener of its own, never on the clients' port.

pub mod page;
mod status;

pub use status::{
    AnswerTimes, Bucket, CredentialState, CredentialStatus, Failure, Instance, Open, Rest,
    SeenLimit, Spend, Status, Tokens, Totals,
};

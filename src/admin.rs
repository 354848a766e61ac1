//! What whoever operates the gateway sees: on a listener of its own, never on the clients' port.

mod replicas;
mod status;

pub use replicas::instances;
pub use status::{
    AnswerTimes, Bucket, CredentialState, CredentialStatus, Failure, Instance, Open, Rest,
    SeenLimit, Spend, Status, Tokens, Totals,
};

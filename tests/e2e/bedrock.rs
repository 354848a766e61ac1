//! Claude on Amazon Bedrock: what it is asked, by whom that is signed, and what becomes of its answers.

mod answers;
mod bench;
mod keys;
mod requests;

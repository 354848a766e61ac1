//! What must change in a body so that the two ends of a call understand each other.
//!
//! | module     | does                                                                     |
//! | ---------- | ------------------------------------------------------------------------ |
//! | `thinking` | says in the dialect's own words how hard the model should think          |
//! | `amp`      | gives Amp's clients what they need of answers that are not Amp's         |
//!
//! Here what [`crate::dialect`] knows meets what [`crate::body`] can do. Pure: bytes in, bytes out, and
//! every byte that need not change stays.

pub mod amp;
mod thinking;

pub use thinking::{set_thinking, takes_thinking};

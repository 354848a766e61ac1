//! What must change in a body so that a provider understands what the client asked of us.
//!
//! | module     | does                                                                     |
//! | ---------- | ------------------------------------------------------------------------ |
//! | `thinking` | says in the dialect's own words how hard the model should think          |
//!
//! Here what [`crate::dialect`] knows meets what [`crate::body`] can do. Pure: bytes in, bytes out,
//! and every byte that need not change stays.

mod thinking;

pub use thinking::{set_thinking, takes_thinking};

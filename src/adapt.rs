//! What a body must become when the two ends of a call do not quite agree.

pub mod amp;

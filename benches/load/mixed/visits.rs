//! The kinds of visit in mixed traffic: what the clients do, and what they expect.
//!
//! | visit                  | does                                                   | expects                       |
//! | ---------------------- | ------------------------------------------------------ | ----------------------------- |
//! | get, list              | a management GET, a list of models                     | 200                           |
//! | small, large, upload   | model calls of 1 and 48 KiB, a relayed 256 KiB         | 200                           |
//! | short, long            | reads events                                           | a stream that ends well       |
//! | tunnel, tunnel-ended   | talks through a WebSocket; leaves, or is left          | every byte back, then the end |
//! | leaves-*               | leaves in the head, before the answer, in it, in the upload | nothing                  |
//! | flaky                  | a model call whose upstream fails now and then         | 200, or an error's status     |
//! | cut                    | reads events until the upstream is gone                | an error event                |
//! | reset                  | a management GET whose upstream resets                 | 502                           |
//! | wrong-key              | a model call with a key that nobody has                | 401                           |

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visit {
    Get,
    List,
    Small,
    Large,
    Upload,
    Short,
    Long,
    Tunnel,
    TunnelEnded,
    LeavesInHead,
    LeavesBeforeAnswer,
    LeavesInStream,
    LeavesInUpload,
    Flaky,
    Cut,
    Reset,
    WrongKey,
}

/// Every visit, its name, and how many of a thousand it is.
#[rustfmt::skip] // columns are easier to proofread
pub const VISITS: &[(Visit, &str, u32)] = &[
    (Visit::Get,                "get",                  290),
    (Visit::List,               "list",                  20),
    (Visit::Small,              "small",                290),
    (Visit::Large,              "large",                100),
    (Visit::Upload,             "upload",                30),
    (Visit::Short,              "short",                 50),
    (Visit::Long,               "long",                   5),
    (Visit::Tunnel,             "tunnel",                 6),
    (Visit::TunnelEnded,        "tunnel-ended",           4),
    (Visit::LeavesInHead,       "leaves-in-head",        10),
    (Visit::LeavesBeforeAnswer, "leaves-before-answer",  20),
    (Visit::LeavesInStream,     "leaves-in-stream",      30),
    (Visit::LeavesInUpload,     "leaves-in-upload",      15),
    (Visit::Flaky,              "flaky",                 80),
    (Visit::Cut,                "cut",                   15),
    (Visit::Reset,              "reset",                 15),
    (Visit::WrongKey,           "wrong-key",             20),
];

/// How a visit went that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Went {
    Well,
    /// The upstream failed on purpose, and the client was told so.
    AsTheUpstream,
}

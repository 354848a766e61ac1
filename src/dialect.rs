//! What the gateway knows about the four wire dialects.
//!
//! | module        | knows                                                            |
//! | ------------- | ---------------------------------------------------------------- |
//! | `answer`      | where an answer names its model                                  |
//! | `error`       | the error body, and the event that ends a broken stream          |
//! | `first_token` | where the first token of a stream is                             |
//! | `gemini`      | the paths that name a model and a method                         |
//! | `limits`      | what an answer's head tells of the provider's limits             |
//! | `models`      | the four shapes of a list of models                              |
//! | `session`     | which conversation a call belongs to                             |
//! | `usage`       | what an answer says of tokens, and where its text stands         |
//! | `verdict`     | what a failure says about the credential, and how long it lasts  |
//!
//! Pure knowledge: no dialect is translated into another here, and no body is touched; that is
//! done in `crate::body` by what this module knows. The shapes are those that each provider's
//! official SDK parses.

mod answer;
mod duration;
mod error;
mod first_token;
mod gemini;
mod limits;
mod models;
mod session;
mod usage;
mod verdict;

pub use answer::model_paths;
pub use error::{error_body, is_error_of, stream_error_event};
pub use first_token::has_token;
pub use gemini::{
    GeminiCall, gemini_path, leads_elsewhere, parse_gemini_call, parse_gemini_path,
    replace_gemini_model,
};
pub use limits::{ToldLimit, told_limits};
pub use models::{
    ListedModel, ModelEntry, ModelListShape, ModelsPage, list_shape, models_list, naming_member,
    page_query, read_models_page,
};
pub use session::{SessionKey, session_key};
pub use usage::{
    AnthropicUsage, ChatUsage, GeminiUsage, ResponsesUsage, USAGE_MARK, Usage, read_usage,
    text_keys, usage_paths,
};
pub use verdict::{
    FirstEvent, Scope, Trouble, TroubleClass, Verdict, error_in_ok_body, first_event, judge,
    refuses_long_context, status_of_failure,
};

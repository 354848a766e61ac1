//! Names of tools and ids of calls, made to fit an upstream's rules and put back for the client.
//!
//! A name that fits stays, its casing too: Amp sends `Bash` and `glob` side by side. One that does
//! not is spelled with allowed characters, shortened, and made unique; the way back is remembered
//! for the answer. Ids need no way back: the upstream sees both a call's and its result's in every
//! request, and makes its own for new calls.

use std::collections::{HashMap, HashSet};

use super::request::{Part, Request, Tool, ToolChoice, Turn};
use crate::types::Dialect;

/// What an upstream lets a name or an id be.
#[derive(Clone, Copy, Debug)]
struct Rule {
    max: usize,
    allows: fn(char) -> bool,
    /// Whether it must begin with a letter or an underscore.
    letter_first: bool,
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

fn is_gemini_word(c: char) -> bool {
    is_word(c) || matches!(c, '.' | ':')
}

const fn tool_rule(dialect: Dialect) -> Rule {
    match dialect {
        Dialect::Anthropic => Rule { max: 128, allows: is_word, letter_first: false },
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            Rule { max: 64, allows: is_word, letter_first: false }
        }
        Dialect::Gemini => Rule { max: 64, allows: is_gemini_word, letter_first: true },
    }
}

const fn id_rule(dialect: Dialect) -> Rule {
    match dialect {
        Dialect::Anthropic => Rule { max: 256, allows: is_word, letter_first: false },
        // OpenAI takes any character, but not more than 64 of them.
        _ => Rule { max: 64, allows: is_word, letter_first: false },
    }
}

impl Rule {
    fn accepts(self, name: &str) -> bool {
        let begins_well = || !self.letter_first || begins_with_letter(name);
        !name.is_empty() && name.len() <= self.max && name.chars().all(self.allows) && begins_well()
    }

    /// `name`, spelled so that the rule accepts it, and unlike any in `taken`.
    fn fit(self, name: &str, taken: &HashSet<String>) -> String {
        let mut fitted: String =
            name.chars().map(|c| if (self.allows)(c) { c } else { '_' }).collect();
        if fitted.is_empty() || (self.letter_first && !begins_with_letter(&fitted)) {
            fitted.insert(0, '_');
        }
        // The end tells MCP tools of one server apart, so both ends are kept.
        let digest = format!("_{:08x}", digest(name));
        if fitted.len() > self.max || taken.contains(&fitted) {
            let room = self.max - digest.len();
            if fitted.len() > room {
                let head = room / 2;
                let tail = fitted.len() - (room - head);
                fitted = format!("{}{}", &fitted[..head], &fitted[tail..]);
            }
            fitted.push_str(&digest);
        }
        let mut number = 2_u32;
        let base = fitted.clone();
        while taken.contains(&fitted) {
            let suffix = format!("_{number}");
            let keep = base.len().min(self.max - suffix.len());
            fitted = format!("{}{suffix}", &base[..keep]);
            number += 1;
        }
        fitted
    }
}

fn begins_with_letter(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// FNV-1a: the same name must get the same digest in every process.
fn digest(name: &str) -> u32 {
    let mut hash = 0x811c_9dc5_u32;
    for byte in name.bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    hash
}

/// What each name or id is called upstream.
#[derive(Clone, Debug, Default)]
struct Fitted(HashMap<String, String>);

impl Fitted {
    fn all<'a>(names: impl Iterator<Item = &'a str> + Clone, rule: Rule) -> Self {
        // Those that fit keep their names, whatever the others have to become.
        let mut taken: HashSet<String> =
            names.clone().filter(|name| rule.accepts(name)).map(str::to_owned).collect();
        let mut map = HashMap::new();
        for name in names {
            if rule.accepts(name) || map.contains_key(name) {
                continue;
            }
            let fitted = rule.fit(name, &taken);
            taken.insert(fitted.clone());
            map.insert(name.to_owned(), fitted);
        }
        Self(map)
    }

    fn get<'a>(&'a self, name: &'a str) -> &'a str {
        self.0.get(name).map_or(name, String::as_str)
    }
}

/// The names and ids of one request, as one upstream gets them.
#[derive(Clone, Debug)]
pub struct UpstreamNames {
    tools: Fitted,
    ids: Fitted,
}

impl UpstreamNames {
    #[must_use]
    pub fn new(request: &Request, turns: &[Turn], upstream: Dialect) -> Self {
        let listed = request.tools.iter().filter_map(name_of);
        let chosen = match &request.tool_choice {
            Some(ToolChoice::Named(name)) => Some(name.as_str()),
            _ => None,
        };
        let parts = || turns.iter().flat_map(|turn| &turn.parts);
        let used = parts().filter_map(|part| match part {
            Part::ToolCall(call) => Some(call.name.as_str()),
            Part::ToolResult(result) => result.name.as_deref(),
            _ => None,
        });
        let ids = parts().filter_map(|part| match part {
            Part::ToolCall(call) => Some(call.id.as_str()),
            Part::ToolResult(result) => Some(result.id.as_str()),
            _ => None,
        });
        Self {
            tools: Fitted::all(listed.chain(chosen).chain(used), tool_rule(upstream)),
            ids: Fitted::all(ids, id_rule(upstream)),
        }
    }

    /// What a tool is called upstream.
    #[must_use]
    pub fn tool<'a>(&'a self, name: &'a str) -> &'a str {
        self.tools.get(name)
    }

    /// A call's id upstream.
    #[must_use]
    pub fn id<'a>(&'a self, id: &'a str) -> &'a str {
        self.ids.get(id)
    }

    /// The way back.
    #[must_use]
    pub fn for_client(&self, request: &Request) -> ClientNames {
        let back = self.tools.0.iter().map(|(name, fitted)| (fitted.clone(), name.clone()));
        let custom = request.tools.iter().filter_map(|tool| match tool {
            Tool::Custom { name, .. } => Some(self.tool(name).to_owned()),
            Tool::Function(_) | Tool::WebSearch => None,
        });
        ClientNames { back: back.collect(), custom: custom.collect() }
    }
}

fn name_of(tool: &Tool) -> Option<&str> {
    match tool {
        Tool::Function(function) => Some(&function.name),
        Tool::Custom { name, .. } => Some(name),
        Tool::WebSearch => None,
    }
}

/// What the client calls the tools that an upstream names.
#[derive(Clone, Debug, Default)]
pub struct ClientNames {
    back: HashMap<String, String>,
    /// Custom tools of the client, by their upstream names.
    custom: HashSet<String>,
}

impl ClientNames {
    #[must_use]
    pub fn client_name<'a>(&'a self, upstream: &'a str) -> &'a str {
        self.back.get(upstream).map_or(upstream, String::as_str)
    }

    /// Whether the tool takes free text, so that a function's JSON has to be unwrapped.
    #[must_use]
    pub fn is_custom(&self, upstream: &str) -> bool {
        self.custom.contains(upstream)
    }
}

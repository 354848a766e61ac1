//! The item that a stream is writing.

use super::super::super::event::{Block, Envelope, InputKind};
use super::super::tool_name::ToolName;
use super::super::wire::Content;
use super::super::write_answer::item_id;

/// The item that is being written, and what has been told of it.
pub struct Open {
    pub id: String,
    kind: Kind,
    pub text: String,
    pub signature: Option<String>,
}

#[derive(Debug)]
enum Kind {
    Text,
    Thinking,
    /// `name` is the neutral one.
    Call {
        id: String,
        name: String,
        input: InputKind,
    },
}

impl Open {
    pub fn new(block: Block<'_>, envelope: &Envelope, output_index: u32) -> Self {
        let kind = match block {
            Block::Text => Kind::Text,
            Block::Thinking => Kind::Thinking,
            Block::Call { id, name, input } => {
                Kind::Call { id: id.to_owned(), name: name.to_owned(), input }
            }
        };
        let mut open = Self { id: String::new(), kind, text: String::new(), signature: None };
        open.id = item_id(open.content(), envelope, output_index);
        open
    }

    pub fn content(&self) -> Content<'_> {
        let text = self.text.as_str();
        match &self.kind {
            Kind::Text => Content::Text(text),
            Kind::Thinking => Content::Thinking { text, signature: self.signature.as_deref() },
            Kind::Call { id, name, input } => {
                let name = ToolName::from_neutral(name);
                Content::Call { id, name, input: text, kind: *input }
            }
        }
    }

    /// The name of the tool that the item calls, if it has one.
    pub fn tool_name(&self) -> Option<&str> {
        match self.content() {
            Content::Call { name: ToolName::Named { name, .. }, .. } => Some(name),
            _ => None,
        }
    }

    /// How the item's pieces are told.
    pub fn pieces(&self) -> Pieces {
        match &self.kind {
            Kind::Text => Pieces::Text,
            Kind::Thinking => Pieces::Summary,
            Kind::Call { name, input, .. } => match (ToolName::from_neutral(name), input) {
                (ToolName::Native(_), _) => Pieces::Untold,
                (ToolName::Named { .. }, InputKind::Json) => Pieces::Arguments,
                (ToolName::Named { .. }, InputKind::Text) => Pieces::Input,
            },
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieces {
    Text,
    Summary,
    Arguments,
    Input,
    /// Calls of native tools have no events for their input: the item is told when it is whole.
    Untold,
}

//! Who answers a call, and so who pays.

/// Who answered a model call, and so who pays. Clients read it in `x-ampgate-route`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// One of the team's own providers, by the name the client used.
    Local,
    /// One of the team's own providers, with the model that a mapping leads to.
    Mapped,
    /// The Amp server.
    Amp,
}

impl Route {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Mapped => "mapped",
            Self::Amp => "amp",
        }
    }
}

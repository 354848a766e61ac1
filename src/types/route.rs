//! Who answers a call, and so who pays.

use std::fmt;

/// Who answered a model call, and so who pays. Clients read it in `x-ampgate-route`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// One of the team's own providers, by the name the client used.
    Local,
    /// One of the team's own providers, with the model that a mapping leads to.
    Mapped,
    /// One of the team's providers, with the client's own login there: the client's own plan pays.
    OwnLogin,
    /// The Amp server.
    Amp,
}

impl Route {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Mapped => "mapped",
            Self::OwnLogin => "own-login",
            Self::Amp => "amp",
        }
    }
}

/// A way that a request may take, as far as a client may be kept from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A model call over one of these routes.
    Call(Route),
    /// Amp's own traffic.
    Relay,
}

impl Way {
    pub const ALL: [Self; 5] = [
        Self::Call(Route::Local),
        Self::Call(Route::Mapped),
        Self::Call(Route::OwnLogin),
        Self::Call(Route::Amp),
        Self::Relay,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Call(route) => route.as_str(),
            Self::Relay => "relay",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Call(Route::Local) => 1,
            Self::Call(Route::Mapped) => 2,
            Self::Call(Route::Amp) => 4,
            Self::Relay => 8,
            Self::Call(Route::OwnLogin) => 16,
        }
    }
}

/// The ways that a client's requests may take. Default: all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ways(u8);

impl Ways {
    pub const ALL: Self = Self(0b1_1111);

    #[must_use]
    pub fn of(ways: &[Way]) -> Self {
        Self(ways.iter().fold(0, |bits, way| bits | way.bit()))
    }

    #[must_use]
    pub const fn have(self, way: Way) -> bool {
        self.0 & way.bit() != 0
    }

    /// Whether a model call may take this route.
    #[must_use]
    pub const fn have_route(self, route: Route) -> bool {
        self.have(Way::Call(route))
    }

    pub fn iter(self) -> impl Iterator<Item = Way> {
        Way::ALL.into_iter().filter(move |way| self.have(*way))
    }
}

impl Default for Ways {
    fn default() -> Self {
        Self::ALL
    }
}

/// As a message lists them.
impl fmt::Display for Ways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, way) in self.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}{}", way.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Ways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ways({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_the_ways_it_was_given_and_no_others() {
        let ways = Ways::of(&[Way::Relay, Way::Call(Route::Local)]);

        assert_eq!(ways.to_string(), "local, relay");
        assert!(ways.have_route(Route::Local) && ways.have(Way::Relay));
        assert!(!ways.have_route(Route::Mapped) && !ways.have_route(Route::Amp));
        assert_eq!(Ways::of(&Way::ALL), Ways::ALL);
    }
}

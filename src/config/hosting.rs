//! Where a host keeps the models, beyond its address.

use std::fmt;

/// What the path of a call has besides the address, where somebody hosts another's API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Hosting {
    /// The address is all that it takes.
    #[default]
    Plain,
    VertexAi(VertexPlace),
    Azure(AzureApi),
}

/// A project and location of Vertex AI. Prints as the part of a path that it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VertexPlace {
    /// One segment of a path, as is `location`.
    pub project: String,
    pub location: String,
}

/// Which of its two addresses Azure OpenAI is asked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AzureApi {
    /// `/openai/v1`: without versions, and with the deployment in the body.
    V1,
    /// The older one, of this `api-version`, with the deployment in the path.
    Dated(String),
}

impl fmt::Display for VertexPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "projects/{}/locations/{}", self.project, self.location)
    }
}

impl fmt::Display for Hosting {
    /// What tells two accounts at one address apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => Ok(()),
            Self::VertexAi(place) => place.fmt(f),
            Self::Azure(AzureApi::V1) => f.write_str("v1"),
            Self::Azure(AzureApi::Dated(version)) => f.write_str(version),
        }
    }
}

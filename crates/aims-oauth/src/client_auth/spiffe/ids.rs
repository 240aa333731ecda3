//! Which workloads a client is.

use std::fmt;
use std::str::FromStr;

use aims_id::{IdPattern, ParseIdError, ParsePatternError, SpiffeId, WorkloadId};

use super::SpiffeClientError;

/// `spiffe_id` of a registration: the workload that a client is, or all below a path (OSC-7, OSC-8).
///
/// ```
/// use aims_oauth::SpiffeClientId;
///
/// let agents: SpiffeClientId = "spiffe://acme.example/agents/*".parse()?;
/// assert!(agents.matches(&"spiffe://acme.example/agents/travel".parse()?));
/// assert!(agents.matches(&"spiffe://acme.example/agents/travel/eu".parse()?));
/// assert!(!agents.matches(&"spiffe://acme.example/agents-of-others/travel".parse()?));
///
/// let refused = "spiffe://acme.example/*/travel".parse::<SpiffeClientId>().unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("segment_char", "OSC-8"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SpiffeClientId {
    text: Box<str>,
    pattern: IdPattern,
}

impl SpiffeClientId {
    /// Whether a workload is one of them.
    #[must_use]
    pub fn matches(&self, workload: &WorkloadId) -> bool {
        self.pattern.matches(workload)
    }

    /// Whether it is one workload.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.pattern.is_exact()
    }

    /// The trust domain of all that are meant: only a bundle that was configured for it counts, whatever `spiffe_bundle_endpoint` says (OSC-12).
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        let origin = self.pattern.origin_str();
        origin.strip_prefix("spiffe://").unwrap_or(origin)
    }

    /// As it was registered.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<&SpiffeId> for SpiffeClientId {
    fn from(id: &SpiffeId) -> Self {
        Self { text: id.as_str().into(), pattern: IdPattern::exact(id.as_workload_id()) }
    }
}

impl FromStr for SpiffeClientId {
    type Err = SpiffeClientIdError;

    fn from_str(text: &str) -> Result<Self, SpiffeClientIdError> {
        let Some(above) = text.strip_suffix("/*") else {
            let id: SpiffeId = text.parse().map_err(SpiffeClientIdError::Id)?;
            return if id.has_path() { Ok(Self::from(&id)) } else { Err(SpiffeClientIdError::WithoutPath) };
        };
        let above: SpiffeId = above.parse().map_err(SpiffeClientIdError::Id)?;
        // OSC-8: the star stands for any number of segments, as two do in a pattern.
        let pattern = format!("{above}/**").parse().map_err(SpiffeClientIdError::Pattern)?;
        Ok(Self { text: text.into(), pattern })
    }
}

impl fmt::Display for SpiffeClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for SpiffeClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// Why a text is no `spiffe_id` of a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpiffeClientIdError {
    /// It is neither a SPIFFE ID nor one with `/*` behind it.
    #[error("the client is not a SPIFFE ID: {0}")]
    Id(#[source] ParseIdError),
    /// It is too long with the wildcard.
    #[error("the client is not a pattern of SPIFFE IDs: {0}")]
    Pattern(#[source] ParsePatternError),
    /// It is a trust domain, not a workload.
    #[error("the client is a trust domain, not a workload")]
    WithoutPath,
}

impl SpiffeClientIdError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Id(error) => error.code(),
            Self::Pattern(error) => error.code(),
            Self::WithoutPath => "client_without_path",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "OSC-8"
    }
}

/// How a workload may show that it is a client (OSC-6).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SpiffeProof {
    /// `spiffe_jwt`: a JWT-SVID, which counts for whoever has it.
    JwtSvid,
    /// `spiffe_wit`: a WIT-SVID, and a proof by its key.
    WitSvid,
    /// `spiffe_x509`: the X.509-SVID of the connection.
    X509Svid,
}

/// That a client is a workload, and how it shows that. A way that was not registered does not count: a bearer token shows less than a certificate.
#[derive(Clone, Debug)]
pub struct SpiffeRegistration {
    ids: SpiffeClientId,
    proofs: Vec<SpiffeProof>,
}

impl SpiffeRegistration {
    /// These workloads, in this way.
    #[must_use]
    pub fn new(ids: SpiffeClientId, proof: SpiffeProof) -> Self {
        Self { ids, proofs: vec![proof] }
    }

    /// In this way, too.
    #[must_use]
    pub fn or(mut self, proof: SpiffeProof) -> Self {
        self.proofs.push(proof);
        self
    }

    /// The workloads.
    #[must_use]
    pub fn ids(&self) -> &SpiffeClientId {
        &self.ids
    }

    pub(in crate::client_auth) fn allows(&self, workload: &WorkloadId, proof: SpiffeProof) -> bool {
        self.proofs.contains(&proof) && self.ids.matches(workload)
    }
}

/// How the parameter `client_id` calls a client that is a workload.
#[derive(Clone, Copy, Debug)]
pub(in crate::client_auth) struct Named<'a> {
    /// The parameter.
    pub(in crate::client_auth) client_id: Option<&'a str>,
    /// What the client is registered under, where that is not its SPIFFE ID.
    pub(in crate::client_auth) registered: Option<&'a str>,
}

impl Named<'_> {
    /// OSC-2: by what it is registered under, or by its SPIFFE ID.
    pub(in crate::client_auth) fn check(self, workload: &WorkloadId) -> Result<(), SpiffeClientError> {
        match self.client_id {
            Some(id) if id != workload.as_str() && Some(id) != self.registered => {
                Err(SpiffeClientError::ClientIdMismatch)
            }
            _ => Ok(()),
        }
    }
}

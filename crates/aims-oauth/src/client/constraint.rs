//! What a client's tokens shall be bound to.

use std::fmt;
use std::sync::Arc;

use aims_credential::{Credential, CredentialSource};
use aims_jose::Thumbprint;
use aims_keys::UnixTime;

use super::ClientError;
use crate::DpopProver;

/// How the tokens of a client are bound to it, so that a copy is worth nothing (SEC-4). The resources that they are for say which of these they take.
#[derive(Clone)]
pub struct SenderConstraint(Way);

#[derive(Clone)]
enum Way {
    Bearer,
    #[cfg(feature = "mtls")]
    Certificate(Arc<dyn CredentialSource>),
    Dpop(DpopProver),
    Signature(Arc<dyn CredentialSource>),
}

/// What one token is bound to.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum HeldBinding {
    /// To nothing: whoever has it is the agent.
    Bearer,
    /// To the certificate of this SHA-256.
    Certificate([u8; 32]),
    /// To this key, which is proved by `DPoP`.
    Dpop(Thumbprint),
    /// To this key of a WIT, which is proved by message signatures.
    Signature(Thumbprint),
}

impl SenderConstraint {
    /// By `DPoP`, with a key that signs nothing else.
    #[must_use]
    pub fn dpop(prover: DpopProver) -> Self {
        Self(Way::Dpop(prover))
    }

    /// To the key of the agent's WIT, which its message signatures show (design D8). The authorization server learns the key where the client authenticates with
    /// that WIT, or with an attestation for the same key.
    #[must_use]
    pub fn signature(credentials: impl CredentialSource + 'static) -> Self {
        Self(Way::Signature(Arc::new(credentials)))
    }

    /// To the certificate of the agent's connections. The authorization server learns it from the connection of the request (MTL-2); a token ends with its
    /// certificate, and rotation brings another (MTL-4).
    #[cfg(feature = "mtls")]
    #[must_use]
    pub fn certificate(credentials: impl CredentialSource + 'static) -> Self {
        Self(Way::Certificate(Arc::new(credentials)))
    }

    /// To nothing. Whoever steals such a token is the agent, until it ends.
    #[must_use]
    pub fn dangerous_bearer() -> Self {
        Self(Way::Bearer)
    }

    /// What makes the proofs, where tokens are bound by `DPoP`.
    pub(super) fn prover(&self) -> Option<&DpopProver> {
        match &self.0 {
            Way::Dpop(prover) => Some(prover),
            _ => None,
        }
    }

    /// What a token is bound to that is asked for now.
    pub(super) fn binding(&self, now: UnixTime) -> Result<HeldBinding, ClientError> {
        match &self.0 {
            Way::Bearer => Ok(HeldBinding::Bearer),
            Way::Dpop(prover) => Ok(HeldBinding::Dpop(prover.thumbprint())),
            Way::Signature(source) => {
                let holder = source.holder()?;
                // CRD-9: nothing is bound to a key whose credential has ended.
                holder.signer(now)?;
                match holder.credential() {
                    Credential::Wit(wit) => {
                        Ok(HeldBinding::Signature(Thumbprint::of(wit.confirmation_key())))
                    }
                    _ => Err(ClientError::Constraint),
                }
            }
            #[cfg(feature = "mtls")]
            Way::Certificate(source) => {
                let holder = source.holder()?;
                holder.signer(now)?;
                match holder.credential() {
                    Credential::Svid(svid) => Ok(HeldBinding::Certificate(svid.fingerprint())),
                    _ => Err(ClientError::Constraint),
                }
            }
        }
    }

    /// Whether tokens are bound to the key of a WIT.
    pub(super) fn is_signature(&self) -> bool {
        matches!(self.0, Way::Signature(_))
    }

    /// Whether requests go where clients come with certificates (RFC 8705 §5).
    pub(super) fn is_certificate(&self) -> bool {
        match &self.0 {
            #[cfg(feature = "mtls")]
            Way::Certificate(_) => true,
            _ => false,
        }
    }
}

/// Shows the way, and no key.
impl fmt::Debug for SenderConstraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match &self.0 {
            Way::Bearer => "Bearer",
            #[cfg(feature = "mtls")]
            Way::Certificate(_) => "Certificate",
            Way::Dpop(_) => "Dpop",
            Way::Signature(_) => "Signature",
        };
        write!(f, "SenderConstraint({way})")
    }
}

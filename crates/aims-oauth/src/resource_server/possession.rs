//! What shows that a token is used by whom it was given to.

use aims_keys::backend;
use aims_proof::Authenticated;
use subtle::ConstantTimeEq;

use super::clients::GivenTo;
use super::{ClientIdentities, PresentedToken, TokenScheme};
use crate::{ErrorCode, TokenBinding, VerifiedAccessToken, VerifiedDpopProof};

/// What came with a token beside the token itself.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Possession<'p> {
    /// Nothing.
    Nothing,
    /// A `DPoP` proof.
    Dpop(&'p VerifiedDpopProof),
    /// A workload that proved for this request who it is: by a message signature that covers the token, or by mutual TLS.
    Workload(&'p Authenticated),
    /// Both: who it is, and a `DPoP` proof by the key of the token, which need not be the one that it proved this with.
    WorkloadDpop(&'p Authenticated, &'p VerifiedDpopProof),
}

/// By what a token was shown to be used by whom it was given to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Shown {
    /// By nothing: whoever has the token can use it.
    Bearer,
    /// By the certificate of the connection (RFC 8705).
    Certificate,
    /// By a `DPoP` proof (RFC 9449).
    Dpop,
    /// By a message signature of a workload, which covers the token (design D8).
    Signature,
}

impl Shown {
    /// A stable name for records and policy.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Certificate => "certificate",
            Self::Dpop => "dpop",
            Self::Signature => "signature",
        }
    }
}

/// How the token is shown to be its user's (ACT-4, DPO-6, DPO-9, MTL-2, design D8).
pub(super) fn check(
    presented: &PresentedToken,
    token: &VerifiedAccessToken,
    possession: Possession<'_>,
    clients: &dyn ClientIdentities,
) -> Result<Shown, PossessionError> {
    use PossessionError as E;

    if let Possession::Workload(caller) | Possession::WorkloadDpop(caller, _) = possession
        && !GivenTo::of(token).is(caller.subject(), clients)
    {
        return Err(E::OtherClient);
    }
    if let Possession::Dpop(_) | Possession::Nothing = possession
        && !GivenTo::of(token).may_be_said(clients)
    {
        return Err(E::OtherClient);
    }
    match (token.binding(), possession) {
        (Some(TokenBinding::Key(key)), Possession::Dpop(proof) | Possession::WorkloadDpop(_, proof)) => {
            if presented.scheme() != TokenScheme::Dpop {
                return Err(E::Scheme);
            }
            if !proof.is_about(token.fingerprint()) {
                return Err(E::OtherToken);
            }
            if is_same(key.as_bytes(), proof.thumbprint().as_bytes()) {
                Ok(Shown::Dpop)
            } else {
                Err(E::OtherKey)
            }
        }
        (Some(TokenBinding::Key(key)), Possession::Workload(caller)) => {
            let signature = caller.signature().ok_or(E::NotShown)?;
            // D7: what is signed is this very token, in the field that carries it.
            if !signature.covers_access_token_hash(presented.token().digest(backend::ring())) {
                return Err(E::NotCovered);
            }
            let is_key = is_same(key.as_bytes(), signature.wit().thumbprint().as_bytes());
            if is_key { Ok(Shown::Signature) } else { Err(E::OtherKey) }
        }
        (Some(TokenBinding::Certificate(hash)), Possession::Workload(caller)) => {
            let certificate = certificate_of(caller).ok_or(E::NotShown)?;
            if is_same(hash, &certificate) { Ok(Shown::Certificate) } else { Err(E::OtherCertificate) }
        }
        (Some(_), _) => Err(E::NotShown),
        // What is bound to nothing is shown by nothing, whatever else came with it.
        (None, _) if presented.scheme() == TokenScheme::Dpop => Err(E::Scheme),
        (None, _) => Ok(Shown::Bearer),
    }
}

#[cfg(feature = "mtls")]
fn certificate_of(caller: &Authenticated) -> Option<[u8; 32]> {
    // MTL-5: of this connection, and not on the word of a proxy.
    caller.peer().map(|peer| peer.svid().fingerprint())
}

#[cfg(not(feature = "mtls"))]
fn certificate_of(_: &Authenticated) -> Option<[u8; 32]> {
    None
}

fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// Why a token is not shown to be used by whom it was given to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PossessionError {
    /// The token is bound to a key, and nothing shows that key.
    #[error("the token is bound to a key, and nothing shows it")]
    NotShown,
    /// The message signature does not cover the token.
    #[error("the signature does not cover the token")]
    NotCovered,
    /// The connection has another certificate than the token is bound to.
    #[error("the token is bound to another certificate")]
    OtherCertificate,
    /// The workload that sent the token is not the client that it was given to.
    #[error("the token was given to another client")]
    OtherClient,
    /// Another key is shown than the token is bound to.
    #[error("the token is bound to another key")]
    OtherKey,
    /// The proof is about another token.
    #[error("the proof is about another token")]
    OtherToken,
    /// The token is presented with a scheme that is not its own.
    #[error("the token is presented with another scheme than its own")]
    Scheme,
}

impl PossessionError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotShown => "binding_not_shown",
            Self::NotCovered => "token_not_covered",
            Self::OtherCertificate => "other_certificate",
            Self::OtherClient => "other_client",
            Self::OtherKey => "other_key",
            Self::OtherToken => "other_token",
            Self::Scheme => "wrong_scheme",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::NotShown | Self::NotCovered => "SEC-4",
            Self::OtherCertificate => "MTL-2",
            Self::OtherClient => "AIMS-25",
            Self::OtherKey | Self::OtherToken => "DPO-6",
            Self::Scheme => "DPO-9",
        }
    }

    /// What the client is told.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        ErrorCode::InvalidToken
    }
}

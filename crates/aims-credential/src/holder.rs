//! Credentials and the keys they are bound to, always in pairs.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aims_id::WorkloadId;
use aims_keys::{AsyncSigner, UnixTime};

use crate::Wit;
#[cfg(feature = "x509")]
use crate::x509::Svid;

/// A credential together with the key it is bound to.
///
/// The two are never apart, so no rotation can pair a credential with another's key. Cloning is cheap: whoever needs
/// both for one request takes one `Holder` and keeps it for that request.
#[derive(Clone, Debug)]
pub struct Holder {
    credential: Credential,
    signer: Arc<dyn AsyncSigner>,
}

/// A credential, of whichever kind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credential {
    /// An X.509-SVID or Workload Identity Certificate.
    #[cfg(feature = "x509")]
    Svid(Svid),
    /// A Workload Identity Token.
    Wit(Wit),
}

impl Holder {
    /// Pairs a WIT with its key.
    ///
    /// # Errors
    ///
    /// [`HolderError::ForeignKey`] when the token is bound to another key.
    pub fn new(wit: Wit, signer: Arc<dyn AsyncSigner>) -> Result<Self, HolderError> {
        if wit.confirmation_key() != signer.public_key() {
            return Err(HolderError::ForeignKey);
        }
        Ok(Self { credential: Credential::Wit(wit), signer })
    }

    /// Pairs a certificate with its key.
    ///
    /// # Errors
    ///
    /// [`HolderError::ForeignKey`] when the certificate is for another key.
    #[cfg(feature = "x509")]
    pub fn for_svid(svid: Svid, signer: Arc<dyn AsyncSigner>) -> Result<Self, HolderError> {
        // Of an RSA key, the algorithm is the signer's to choose.
        if svid.public_key().numbers() != signer.public_key().numbers() {
            return Err(HolderError::ForeignKey);
        }
        Ok(Self { credential: Credential::Svid(svid), signer })
    }

    /// The credential.
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The workload.
    #[must_use]
    pub fn subject(&self) -> &WorkloadId {
        match &self.credential {
            #[cfg(feature = "x509")]
            Credential::Svid(svid) => svid.subject(),
            Credential::Wit(wit) => wit.subject(),
        }
    }

    /// When the credential ends.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        match &self.credential {
            #[cfg(feature = "x509")]
            Credential::Svid(svid) => svid.not_after(),
            Credential::Wit(wit) => wit.not_after(),
        }
    }

    /// The key, unless its credential has expired: it is not used from then on (CRD-9).
    ///
    /// # Errors
    ///
    /// [`HolderError::Expired`].
    pub fn signer(&self, now: UnixTime) -> Result<&dyn AsyncSigner, HolderError> {
        if now >= self.not_after() { Err(HolderError::Expired) } else { Ok(&*self.signer) }
    }
}

/// Where an agent gets its current credential.
///
/// The answer is a snapshot in memory; renewing happens behind it.
pub trait CredentialSource: fmt::Debug + Send + Sync {
    /// The credential and key to use now.
    ///
    /// # Errors
    ///
    /// [`HolderError::None`] when there is none: not issued yet, or withdrawn.
    fn holder(&self) -> Result<Holder, HolderError>;
}

impl<S: CredentialSource + ?Sized> CredentialSource for Arc<S> {
    fn holder(&self) -> Result<Holder, HolderError> {
        (**self).holder()
    }
}

/// The current credential of one agent, in memory; clones share it, and whoever renews it replaces it in one step.
///
/// The default has none yet; the first one decides whose it is.
#[derive(Clone, Debug, Default)]
pub struct CurrentCredential(Arc<RwLock<State>>);

#[derive(Debug, Default)]
struct State {
    /// Stays when the credential is withdrawn: an agent has one identifier for life (AIMS-2, AIMS-4).
    subject: Option<WorkloadId>,
    holder: Option<Holder>,
}

impl CurrentCredential {
    /// Holds `holder` until it is replaced.
    #[must_use]
    pub fn new(holder: Holder) -> Self {
        let subject = Some(holder.subject().clone());
        Self(Arc::new(RwLock::new(State { subject, holder: Some(holder) })))
    }

    /// Puts a renewed credential in place of the current one. Requests under way keep the pair they took.
    ///
    /// # Errors
    ///
    /// [`HolderError::OtherSubject`] when it is for another workload than those before it, a withdrawn one included.
    pub fn replace(&self, holder: Holder) -> Result<(), HolderError> {
        // A panic elsewhere cannot have left half a pair: it is replaced in a single step.
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if state.subject.get_or_insert_with(|| holder.subject().clone()) != holder.subject() {
            return Err(HolderError::OtherSubject);
        }
        state.holder = Some(holder);
        Ok(())
    }

    /// Takes the credential away: permission was withdrawn.
    pub fn withdraw(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).holder = None;
    }
}

impl CredentialSource for CurrentCredential {
    fn holder(&self) -> Result<Holder, HolderError> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).holder.clone().ok_or(HolderError::None)
    }
}

/// Why there is no credential to use.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HolderError {
    /// The credential has expired, and its key with it.
    #[error("the credential has expired")]
    Expired,
    /// The credential is bound to another key.
    #[error("the credential is bound to another key")]
    ForeignKey,
    /// There is no credential.
    #[error("there is no credential")]
    None,
    /// The credential is another workload's.
    #[error("the credential is for another workload")]
    OtherSubject,
}

impl HolderError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::ForeignKey => "foreign_key",
            Self::None => "no_credential",
            Self::OtherSubject => "other_subject",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Expired => "CRD-9",
            Self::ForeignKey => "AIMS-5",
            Self::None => "AIMS-18",
            Self::OtherSubject => "AIMS-4",
        }
    }
}

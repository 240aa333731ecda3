//! Where evidence comes from.

use std::fmt;
use std::sync::Arc;

use aims_attest::{Evidence, EvidenceTooLarge, KeyBinding};
use aims_keys::{BoxFuture, PublicKey, SignError};

/// Collects what a workload can show about itself, each time that it asks for a credential: the side of the attester.
///
/// Evidence that has room for it holds `binding`, the one value for the challenge of the issuer, its audience and `key`, for which the credential will be (ATT-21); evidence that does not
/// is worth less. It is collected anew for each challenge, and may wait for a device.
pub trait EvidenceSource: fmt::Debug + Send + Sync {
    /// All there is, at most 16 pieces; nothing, where there is none.
    ///
    /// # Errors
    ///
    /// [`CollectError`]: the request for a credential fails then, and is made again later.
    fn collect<'a>(
        &'a self,
        binding: &'a KeyBinding,
        key: &'a PublicKey,
    ) -> BoxFuture<'a, Result<Vec<Evidence>, CollectError>>;
}

impl<S: EvidenceSource + ?Sized> EvidenceSource for Arc<S> {
    fn collect<'a>(
        &'a self,
        binding: &'a KeyBinding,
        key: &'a PublicKey,
    ) -> BoxFuture<'a, Result<Vec<Evidence>, CollectError>> {
        (**self).collect(binding, key)
    }
}

/// Why there is no evidence.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError {
    /// The device did not answer, or refused.
    #[error("the device did not make evidence")]
    Device(#[source] SignError),
    /// Something that is not a device failed: a short name in lower case.
    #[error("the evidence could not be collected: {0}")]
    Failed(&'static str),
    /// There is more of it than anybody takes.
    #[error(transparent)]
    TooLarge(#[from] EvidenceTooLarge),
}

impl CollectError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Device(error) => error.code(),
            Self::Failed(code) => code,
            Self::TooLarge(error) => error.code(),
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Device(error) => error.rule(),
            Self::Failed(_) => "ATT-121",
            Self::TooLarge(error) => error.rule(),
        }
    }
}

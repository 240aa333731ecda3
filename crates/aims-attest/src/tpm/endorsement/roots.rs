//! Whom one believes about who made a TPM.

use std::fmt;
use std::sync::Arc;

use aims_credential::x509::{SvidError, X509Authority, X509AuthorityError, from_pem};
use aims_keys::UnixTime;

/// The authorities of the manufacturers whose TPMs are believed (ATT-125): an explicit set, with a name for records, and never empty. None is built in.
///
/// Each counts by the dates of its certificate, and all of them by those of the set. To take others, make another verifier of another set and put it in the
/// place of the first, in one step; what was enrolled by an authority that is taken out stays enrolled until it is revoked.
#[derive(Clone)]
pub struct EndorsementRoots(Arc<Roots>);

struct Roots {
    id: String,
    authorities: Vec<X509Authority>,
    not_after: UnixTime,
}

impl EndorsementRoots {
    /// A set of the DER of certificates. Its `id` is of one to 128 visible ASCII characters; what it means is its operator's to say, such as a name and a version.
    ///
    /// # Errors
    ///
    /// [`EndorsementRootsError`]: nothing is left out of a set.
    pub fn new<C: AsRef<[u8]>>(
        id: impl Into<String>,
        certificates: impl IntoIterator<Item = C>,
    ) -> Result<Self, EndorsementRootsError> {
        use EndorsementRootsError as E;

        let id = id.into();
        if !is_id(&id) {
            return Err(E::Id);
        }
        let mut authorities = Vec::new();
        for der in certificates {
            if authorities.len() >= MAX_ROOTS {
                return Err(E::TooMany);
            }
            authorities.push(X509Authority::from_der(der.as_ref()).map_err(E::Authority)?);
        }
        if authorities.is_empty() {
            return Err(E::Empty);
        }
        Ok(Self(Arc::new(Roots { id, authorities, not_after: UnixTime::MAX })))
    }

    /// The same of PEM: its blocks labelled `CERTIFICATE`.
    ///
    /// # Errors
    ///
    /// [`EndorsementRootsError`].
    pub fn from_pem(id: impl Into<String>, text: &str) -> Result<Self, EndorsementRootsError> {
        let certificates = from_pem(text).map_err(|error| match error {
            SvidError::TooLarge => EndorsementRootsError::TooMany,
            _ => EndorsementRootsError::Empty,
        })?;
        Self::new(id, certificates)
    }

    /// The last second at which the set counts. Default: as long as its certificates do.
    #[must_use]
    pub fn until(self, not_after: UnixTime) -> Self {
        let authorities = self.0.authorities.clone();
        Self(Arc::new(Roots { id: self.0.id.clone(), authorities, not_after }))
    }

    /// Its name in records.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The last second at which it counts.
    pub(super) fn not_after(&self) -> UnixTime {
        self.0.not_after
    }

    /// Whoever is in it.
    pub(super) fn authorities(&self) -> &[X509Authority] {
        &self.0.authorities
    }
}

/// Shows the name and how many there are.
impl fmt::Debug for EndorsementRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndorsementRoots")
            .field("id", &self.0.id)
            .field("authorities", &self.0.authorities.len())
            .finish_non_exhaustive()
    }
}

/// Why certificates are no set of authorities.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EndorsementRootsError {
    /// One of them is not that of an authority.
    #[error("a certificate is not one of an authority")]
    Authority(#[source] X509AuthorityError),
    /// There is none, or the text is torn.
    #[error("there is no certificate")]
    Empty,
    /// The name is empty, too long, or has other than visible ASCII characters.
    #[error("the name of the set is not of 1 to 128 visible characters")]
    Id,
    /// There are more than 256.
    #[error("there are too many certificates")]
    TooMany,
}

impl EndorsementRootsError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Authority(error) => error.code(),
            Self::Empty => "no_roots",
            Self::Id => "roots_id",
            Self::TooMany => "too_large",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Authority(error) => error.rule(),
            Self::Empty | Self::Id | Self::TooMany => "ATT-125",
        }
    }
}

/// Whether a text names a set of authorities.
pub(super) fn is_id(id: &str) -> bool {
    (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

const MAX_ID: usize = 128;

const MAX_ROOTS: usize = 256;

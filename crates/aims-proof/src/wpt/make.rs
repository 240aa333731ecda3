//! Making a WPT.

use std::fmt;
use std::time::Duration;

use aims_credential::{Credential, Holder, HolderError, Wit};
use aims_jose::json::ObjectWriter;
use aims_jose::{NewHeader, UnsignedJws, base64url};
use aims_keys::{SignError, UnixTime};

use super::{WPT_TYPE, binding};

/// What a proof shall cover.
///
/// ```
/// # use aims_credential::Holder;
/// # use aims_keys::UnixTime;
/// use aims_proof::{MakeWptError, NewWpt, http_audience};
///
/// # async fn example(holder: Holder, now: UnixTime) -> Result<(), MakeWptError> {
/// let proof = NewWpt::new(http_audience("https://tools.example/v1/search?lang=en")).sign(&holder, now).await?;
/// let authorization = format!("WPT {proof}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct NewWpt<'a> {
    audience: &'a str,
    lifetime: Duration,
    txn_token: Option<&'a str>,
    #[cfg(feature = "legacy-wpt-01")]
    access_token: Option<&'a str>,
    context: Vec<(&'a str, &'a str)>,
}

impl<'a> NewWpt<'a> {
    /// A proof for `audience`: for HTTP the target URI [without query and fragment](crate::http_audience).
    #[must_use]
    pub fn new(audience: &'a str) -> Self {
        Self {
            audience,
            lifetime: DEFAULT_LIFETIME,
            txn_token: None,
            #[cfg(feature = "legacy-wpt-01")]
            access_token: None,
            context: Vec::new(),
        }
    }

    /// How long the proof can be accepted, in whole seconds: never beyond the credential. Default: 60 s; at most 300 s.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime.min(MAX_LIFETIME);
        self
    }

    /// The transaction token that goes with the request. It must be covered.
    #[must_use]
    pub fn txn_token(mut self, token: &'a str) -> Self {
        self.txn_token = Some(token);
        self
    }

    /// The access token that goes with a request of the revision `wpt-01`, whose proof is in a
    /// [field of its own](crate::WPT_01_FIELD).
    #[cfg(feature = "legacy-wpt-01")]
    #[must_use]
    pub fn access_token(mut self, token: &'a str) -> Self {
        self.access_token = Some(token);
        self
    }

    /// Another token that goes with the request, in the field `name`. It must be covered.
    #[must_use]
    pub fn context(mut self, name: &'a str, value: &'a str) -> Self {
        self.context.push((name, value));
        self
    }

    /// Signs a fresh proof with the holder's key.
    ///
    /// # Errors
    ///
    /// [`MakeWptError`].
    pub async fn sign(&self, holder: &Holder, now: UnixTime) -> Result<String, MakeWptError> {
        let signer = holder.signer(now)?;
        let Credential::Wit(wit) = holder.credential() else {
            return Err(MakeWptError::NoWit);
        };
        Ok(self.prepare(wit, now)?.0.sign_async(signer).await?)
    }

    /// Writes a fresh proof, to be signed elsewhere by the key that `wit` is bound to.
    ///
    /// # Errors
    ///
    /// [`MakeWptError`].
    pub fn prepare(&self, wit: &Wit, now: UnixTime) -> Result<UnsignedWpt, MakeWptError> {
        if now >= wit.not_after() {
            return Err(MakeWptError::Holder(HolderError::Expired));
        }
        if self.lifetime.as_secs() == 0 {
            return Err(MakeWptError::Lifetime);
        }
        if self.audience.is_empty() {
            return Err(MakeWptError::NoAudience);
        }
        let key = wit.confirmation_key();
        let backend = key.backend();
        let mut id = [0; 16];
        backend.fill_random(&mut id).map_err(|_| MakeWptError::Sign(SignError::Backend))?;

        let mut claims = ObjectWriter::with_capacity(256);
        claims.str("aud", self.audience);
        // A key is not used beyond its credential.
        claims.u64("exp", (now + self.lifetime).min(wit.not_after()).as_secs());
        claims.str("jti", &base64url::encode(id));
        claims.str("wth", &binding(backend, wit.token()));
        if let Some(token) = self.txn_token {
            claims.str("tth", &binding(backend, token));
        }
        #[cfg(feature = "legacy-wpt-01")]
        if let Some(token) = self.access_token {
            claims.str("ath", &binding(backend, token));
        }
        if !self.context.is_empty() {
            claims.object("oth", |other| {
                for (name, value) in &self.context {
                    other.str(&name.to_ascii_lowercase(), &binding(backend, value.trim_matches(' ')));
                }
            });
        }
        let claims = claims.finish().map_err(|_| MakeWptError::DuplicateContext)?;
        // INVARIANT: the type is not empty, the only thing a header without `kid` can be refused for.
        let header = NewHeader::new(WPT_TYPE, key).map_err(|_| MakeWptError::Sign(SignError::WrongUse))?;
        Ok(UnsignedWpt(header.unsigned(claims.as_bytes())))
    }
}

/// Shows the audience and the names of what is covered, and no token.
impl fmt::Debug for NewWpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let context: Vec<_> = self.context.iter().map(|(name, _)| name).collect();
        f.debug_struct("NewWpt")
            .field("audience", &self.audience)
            .field("lifetime", &self.lifetime)
            .field("context", &context)
            .finish_non_exhaustive()
    }
}

/// A WPT that lacks its signature.
#[derive(Debug)]
pub struct UnsignedWpt(UnsignedJws);

impl UnsignedWpt {
    /// The bytes to be signed.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.0.signing_input()
    }

    /// Completes the proof with a signature made elsewhere, which is verified first.
    ///
    /// # Errors
    ///
    /// [`MakeWptError::Signature`].
    pub fn attach(self, signature: &[u8]) -> Result<String, MakeWptError> {
        self.0.attach(signature).map_err(|_| MakeWptError::Signature)
    }
}

/// Why no proof was made.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MakeWptError {
    /// Two context tokens have one field name: which of them is meant?
    #[error("two context tokens have the same field name")]
    DuplicateContext,
    /// There is no credential to prove, or it has expired.
    #[error(transparent)]
    Holder(#[from] HolderError),
    /// The lifetime is less than a second.
    #[error("the lifetime is zero")]
    Lifetime,
    /// The audience is empty.
    #[error("the audience is empty")]
    NoAudience,
    /// The holder's credential is no WIT.
    #[error("the credential is not a WIT")]
    NoWit,
    /// The key did not sign.
    #[error("the proof could not be signed")]
    Sign(#[from] SignError),
    /// The signature that was attached is not the key's over this proof.
    #[error("the signature does not verify")]
    Signature,
}

impl MakeWptError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::DuplicateContext => "duplicate_context",
            Self::Holder(error) => error.code(),
            Self::Lifetime => "bad_lifetime",
            Self::NoAudience => "empty_audience",
            Self::NoWit => "no_wit",
            Self::Sign(error) => error.code(),
            Self::Signature => "bad_signature",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::DuplicateContext => "WPT-14",
            Self::Holder(error) => error.rule(),
            Self::Lifetime => "CRD-12",
            Self::NoAudience => "WPT-6",
            Self::NoWit => "WPT-10",
            Self::Sign(error) => error.rule(),
            Self::Signature => "JO-SIGN-02",
        }
    }
}

const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);

const MAX_LIFETIME: Duration = Duration::from_secs(300);

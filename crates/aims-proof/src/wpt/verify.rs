//! Verifying a WPT.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_credential::{Lapsed, Marks, ReplayStore, VerifiedWit};
use aims_jose::jwt::claim;
use aims_jose::{HeaderMemo, Limits, UnverifiedJws, base64url};
use aims_keys::{AlgorithmSet, Backend, UnixTime};
use subtle::ConstantTimeEq;

use super::claims::WptClaims;
use super::{WPT_TYPE, WptError, WptProfile};
use crate::audience::{Audiences, Target, shown};

/// Verifies Workload Proof Tokens for one recipient.
///
/// Nothing that makes a proof hard to replay can be switched off (AIMS-22): audience, the binding to the WIT and to the
/// tokens beside it, a short lifetime, and a memory of what was used.
#[derive(Clone, Debug)]
pub struct WptVerifier {
    audiences: Audiences,
    replay: Arc<dyn ReplayStore>,
    leeway: Duration,
    max_lifetime: Duration,
    /// In lower case, each once.
    context_fields: Vec<Box<str>>,
    full_media_type: bool,
    profile: WptProfile,
    headers: HeaderMemo,
}

/// The parts of a request that a proof speaks about.
#[derive(Clone, Copy)]
pub struct WptRequest<'a> {
    /// The proof itself.
    token: &'a str,
    target: Target<'a>,
    txn_token: Option<&'a str>,
    #[cfg(feature = "legacy-wpt-01")]
    access_token: Option<&'a str>,
    context: &'a [(&'a str, &'a str)],
}

impl<'a> WptRequest<'a> {
    /// A request to `target` with this proof, and no other token.
    #[must_use]
    pub fn new(token: &'a str, target: Target<'a>) -> Self {
        Self {
            token,
            target,
            txn_token: None,
            #[cfg(feature = "legacy-wpt-01")]
            access_token: None,
            context: &[],
        }
    }

    /// The transaction token beside it, as received.
    #[must_use]
    pub fn txn_token(self, token: Option<&'a str>) -> Self {
        Self { txn_token: token, ..self }
    }

    /// The access token beside it, in `Authorization`. The profile `wpt-01` requires that the proof covers it (`ath`);
    /// others have no way to cover it, ignore it, and do not give it out.
    #[cfg(feature = "legacy-wpt-01")]
    #[must_use]
    pub fn access_token(self, token: Option<&'a str>) -> Self {
        Self { access_token: token, ..self }
    }

    /// The context tokens beside it: names of fields, in any case, and values. A name that a verifier relies on and that
    /// stands twice refuses the request.
    #[must_use]
    pub fn context(self, fields: &'a [(&'a str, &'a str)]) -> Self {
        Self { context: fields, ..self }
    }
}

/// Shows the target only.
impl fmt::Debug for WptRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WptRequest").field("target", &self.target).finish_non_exhaustive()
    }
}

impl WptVerifier {
    /// Starts from what has no safe default: who the recipient is, and where used proofs are remembered.
    pub fn builder(audiences: Audiences, replay: impl ReplayStore + 'static) -> WptVerifierBuilder {
        WptVerifierBuilder(Self {
            audiences,
            replay: Arc::new(replay),
            leeway: DEFAULT_LEEWAY,
            max_lifetime: MAX_LIFETIME,
            context_fields: Vec::new(),
            full_media_type: false,
            profile: WptProfile::Wpt02,
            headers: HeaderMemo::new(Limits::new().token(MAX_WPT)),
        })
    }

    /// Checks that the holder of `wit` made this proof for this request, at time `now`, and for the first time.
    ///
    /// # Errors
    ///
    /// [`WptError`] names the first check that failed, in the order of `docs/spec/wimse.md` section 5.2, except that what
    /// costs least comes first: the type before the signature. Whether the proof was used before is asked last.
    pub fn verify(
        &self,
        wit: &VerifiedWit,
        request: &WptRequest<'_>,
        now: UnixTime,
    ) -> Result<VerifiedProof, WptError> {
        // The credential was verified at some time, perhaps not now: its key counts no longer than it does (WPT-20).
        if now >= wit.not_after() + self.leeway {
            return Err(WptError::CredentialExpired);
        }
        let key = wit.confirmation_key();
        let jws = UnverifiedJws::parse_with(request.token, &self.headers)?;
        // The very name, not what it stands for: `EdDSA` does not answer for `Ed25519` (WPT-3).
        if jws.header().algorithm() != key.algorithm() {
            return Err(WptError::AlgorithmMismatch);
        }
        if self.full_media_type {
            jws.header().require_media_type(WPT_TYPE)?;
        } else {
            jws.header().require_typ(WPT_TYPE)?;
        }
        let (_, payload) = jws.verify(key, AlgorithmSet::of(&[key.algorithm()]))?.into_parts();

        let claims = WptClaims::read(payload)?;
        if !self.audiences.accept(&claims.audience(), request.target) {
            return Err(WptError::AudienceMismatch {
                expected: self.audiences.expected(request.target).into(),
                named: shown(&claims.audience()).into(),
            });
        }
        claim::check_expiry(claims.expires, now, self.leeway)?;
        if let Some(nbf) = claims.not_before {
            claim::check_not_before(nbf, now, self.leeway)?;
        }
        if claims.expires.since(now) > self.max_lifetime + self.leeway {
            return Err(WptError::LifetimeTooLong);
        }
        if !is_hash(&claims.wit_hash(), wit.hash()) {
            return Err(WptError::WitBindingMismatch);
        }
        let backend = key.backend();
        let txn_token = bound_txn_token(&claims, request.txn_token, backend)?;
        #[cfg(feature = "legacy-wpt-01")]
        let access_token = match self.profile {
            WptProfile::Wpt01 => bound_access_token(&claims, request.access_token, backend)?,
            WptProfile::Wpt02 => None,
        };
        let context = self.bound_context(&claims, request.context, backend)?;

        // Only what would be accepted takes room in the memory.
        let until = claims.expires + self.leeway;
        self.replay.remember(wit.thumbprint(), &claims.id(), until, now).map_err(WptError::Replay)?;
        Ok(VerifiedProof(Arc::new(Facts {
            wit: wit.clone(),
            id: claims.id().into(),
            audience: claims.audience().into(),
            expires: claims.expires,
            txn_token,
            #[cfg(feature = "legacy-wpt-01")]
            access_token,
            context,
        })))
    }

    /// Which revision of the draft it follows.
    pub(super) fn profile(&self) -> WptProfile {
        self.profile
    }

    /// The fields that carry context tokens this recipient relies on, in lower case.
    pub(super) fn context_fields(&self) -> &[Box<str>] {
        &self.context_fields
    }

    /// WPT-13, WPT-14: every token relied on is covered, every entry is understood, and all match.
    fn bound_context(
        &self,
        claims: &WptClaims,
        context: &[(&str, &str)],
        backend: Backend,
    ) -> Result<Context, WptError> {
        // An entry for a field that this recipient was not told about is not understood; so is one in upper case.
        if claims.other().any(|(name, _)| !self.context_fields.iter().any(|field| name == **field)) {
            return Err(WptError::OtherBindingMismatch);
        }
        let mut bound = Vec::new();
        for field in &self.context_fields {
            let mut values = context.iter().filter(|(name, _)| name.eq_ignore_ascii_case(field));
            let value = values.next().map(|(_, value)| value.trim_matches(' '));
            if values.next().is_some() {
                return Err(WptError::MalformedField);
            }
            let hash = claims.other().find_map(|(name, hash)| (name == **field).then_some(hash));
            match (value, hash) {
                (None, None) => {}
                (Some(_), None) => return Err(WptError::ContextNotCovered),
                (Some(value), Some(hash)) if is_hash_of(value, &hash, backend) => {
                    bound.push((field.clone(), value.into()));
                }
                _ => return Err(WptError::OtherBindingMismatch),
            }
        }
        Ok(bound)
    }
}

/// WPT-12: a transaction token in the request and `tth` in the proof, or neither.
fn bound_txn_token(
    claims: &WptClaims,
    token: Option<&str>,
    backend: Backend,
) -> Result<Option<Box<str>>, WptError> {
    match (token, claims.txn_hash()) {
        (None, None) => Ok(None),
        (Some(token), Some(hash)) if is_hash_of(token, &hash, backend) => Ok(Some(token.into())),
        _ => Err(WptError::TxnBindingMismatch),
    }
}

/// wpt-01: an access token in the request and `ath` in the proof, or neither.
#[cfg(feature = "legacy-wpt-01")]
fn bound_access_token(
    claims: &WptClaims,
    token: Option<&str>,
    backend: Backend,
) -> Result<Option<[u8; 32]>, WptError> {
    match (token, claims.access_hash()) {
        (None, None) => Ok(None),
        (Some(token), Some(hash)) if hash.as_str().is_some_and(|hash| is_hash_of(token, &hash, backend)) => {
            Ok(Some(backend.sha256(token.as_bytes())))
        }
        _ => Err(WptError::AccessTokenBindingMismatch),
    }
}

fn is_hash_of(value: &str, text: &str, backend: Backend) -> bool {
    is_hash(text, &backend.sha256(value.as_bytes()))
}

/// Whether `text` is `hash` in base64url; compared in constant time.
fn is_hash(text: &str, hash: &[u8; 32]) -> bool {
    let mut claimed = [0; 32];
    base64url::decoded_len(text.len()) == Some(32)
        && base64url::decode_into(text, &mut claimed).is_ok()
        && bool::from(claimed.as_slice().ct_eq(hash.as_slice()))
}

/// Options of a [`WptVerifier`]; the defaults are those of `docs/spec/wimse.md` section 8.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct WptVerifierBuilder(WptVerifier);

impl WptVerifierBuilder {
    /// A field whose token this recipient relies on: where it is present, the proof must cover it (`oth`). The values of
    /// other fields are bound to nothing and do not come out of the verifier.
    pub fn context_field(mut self, name: &str) -> Self {
        let name = name.to_ascii_lowercase().into_boxed_str();
        if !self.0.context_fields.contains(&name) {
            self.0.context_fields.push(name);
        }
        self
    }

    /// Follows another revision of the draft than the current one, for peers that have not moved yet.
    pub fn profile(mut self, profile: WptProfile) -> Self {
        self.0.profile = profile;
        self
    }

    /// How far clocks may disagree. Default: 30 s; at most 120 s.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.0.leeway = leeway.min(MAX_LEEWAY);
        self
    }

    /// How far ahead `exp` may be. Default and maximum: 300 s.
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.0.max_lifetime = lifetime.min(MAX_LIFETIME);
        self
    }

    /// Compares `typ` as a media type, for senders that write `application/wpt+jwt`. Default: exactly `wpt+jwt`.
    pub fn full_media_type(mut self) -> Self {
        self.0.full_media_type = true;
        self
    }

    /// Finishes; it cannot fail, since what is required was asked for first.
    #[must_use]
    pub fn build(self) -> WptVerifier {
        self.0
    }
}

/// A proof that passed every check of a [`WptVerifier`], with the credential it proves; there is no other way to get one.
/// Cloning is cheap.
#[derive(Clone)]
pub struct VerifiedProof(Arc<Facts>);

/// Field names in lower case, and values.
type Context = Vec<(Box<str>, Box<str>)>;

struct Facts {
    wit: VerifiedWit,
    id: Box<str>,
    audience: Box<str>,
    expires: UnixTime,
    txn_token: Option<Box<str>>,
    /// Its hash: whoever keeps the proof has no token (AIMS-43).
    #[cfg(feature = "legacy-wpt-01")]
    access_token: Option<[u8; 32]>,
    context: Context,
}

impl VerifiedProof {
    /// The credential whose key made the proof.
    #[must_use]
    pub fn wit(&self) -> &VerifiedWit {
        &self.0.wit
    }

    /// `jti` of the proof.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The audience that the proof named, and the verifier accepted.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.0.audience
    }

    /// `exp` of the proof. The request it came with is authenticated beyond it, as long as the credential
    /// [counts](Self::still_valid).
    #[must_use]
    pub fn proof_not_after(&self) -> UnixTime {
        self.0.expires
    }

    /// The transaction token that the proof covers; itself not verified yet.
    #[must_use]
    pub fn txn_token(&self) -> Option<&str> {
        self.0.txn_token.as_deref()
    }

    /// Whether this is the access token that a proof of the profile `wpt-01` covers. Whoever it names, the caller is who the credential names (WPT-17).
    #[cfg(feature = "legacy-wpt-01")]
    #[must_use]
    pub fn covers_access_token(&self, token: &str) -> bool {
        let hash = self.0.wit.confirmation_key().backend().sha256(token.as_bytes());
        self.0.access_token.is_some_and(|covered| covered.as_slice().ct_eq(hash.as_slice()).into())
    }

    /// The value of a context field that the proof covers. What it does not cover does not come out here (WPT-15).
    #[must_use]
    pub fn context(&self, field: &str) -> Option<&str> {
        let (_, value) = self.0.context.iter().find(|(name, _)| field.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// Whether its credential still counts at `now`.
    ///
    /// # Errors
    ///
    /// [`Lapsed`] says what ended it.
    pub fn still_valid(&self, now: UnixTime, marks: &dyn Marks) -> Result<(), Lapsed> {
        self.0.wit.still_valid(now, marks)
    }
}

/// Shows who and for whom; neither tokens nor context.
impl fmt::Debug for VerifiedProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedProof")
            .field("wit", &self.0.wit)
            .field("audience", &self.0.audience)
            .finish_non_exhaustive()
    }
}

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

const MAX_LEEWAY: Duration = Duration::from_secs(120);

const MAX_LIFETIME: Duration = Duration::from_secs(300);

const MAX_WPT: usize = 8192;

//! Verifying the signature of a request.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_credential::{Lapsed, Marks, ReplayStore, VerifiedWit, WIT_FIELD, WitCache};
use aims_httpsig::{
    Candidate, Component, Context, Covered, Message, Part, Policy, SignatureFields, SignatureParameters,
    VerifyError,
};
use aims_keys::{AlgorithmSet, Backend, UnixTime};
use subtle::ConstantTimeEq;

use super::content::{Content, SignedContent};
use super::profile::Kind;
use super::{MessageSignatureError as E, SignatureProfile, parameter, single};
use crate::TXN_TOKEN_FIELD;
use crate::audience::{Audiences, Target, shown};

/// Verifies message signatures of workloads for one recipient.
///
/// Nothing that makes a request hard to replay or to alter can be switched off (AIMS-22): audience, coverage, a short lifetime, the digest of the
/// content, and a memory of nonces.
#[derive(Clone, Debug)]
pub struct SignatureVerifier {
    audiences: Audiences,
    replay: Arc<dyn ReplayStore>,
    max_lifetime: Duration,
    profile: SignatureProfile,
    policy: Policy,
    connect: Policy,
    /// Fields that are read as one value.
    single: Vec<Component<'static>>,
}

impl SignatureVerifier {
    /// Starts from what has no safe default: who the recipient is, and where used nonces are remembered.
    pub fn builder(audiences: Audiences, replay: impl ReplayStore + 'static) -> SignatureVerifierBuilder {
        SignatureVerifierBuilder {
            audiences,
            replay: Arc::new(replay),
            leeway: MAX_LEEWAY,
            max_lifetime: MAX_LIFETIME,
            algorithms: AlgorithmSet::STANDARD,
            context_fields: Vec::new(),
            profile: SignatureProfile::default(),
        }
    }

    /// Checks credential and signature of a request, by its head. Of the content nothing is known then: what comes out says how to go on.
    ///
    /// The message is the request as received: its path before any router took a prefix off. `Host` decides nothing. For CONNECT the
    /// authority is the target of the tunnel: it is covered, and whether a tunnel may lead there is for the recipient's policy to say.
    ///
    /// # Errors
    ///
    /// [`MessageSignatureError`](E). What costs nothing is refused first, then the credential, then the signature (HSIG-1).
    pub fn verify_request(
        &self,
        wits: &WitCache,
        message: &dyn Message,
        now: UnixTime,
    ) -> Result<SignedRequest, E> {
        let context = Context::request(message);
        let fields = SignatureFields::of(&context).map_err(|error| match error {
            // `Signature` alone may be of something else; what announces one and has none is half of one (HS-FLD-02).
            VerifyError::MissingField if !has_input(message) => E::NoSignature,
            error => error.into(),
        })?;
        let is_connect = message.method() == Some("CONNECT");
        // Of the protocols that are begun so, WebSocket over HTTP/2 for one.
        if is_connect && context.value(&Component::path()).is_ok() {
            return Err(E::ConnectWithPath);
        }
        let candidate = fields.select(if is_connect { &self.connect } else { &self.policy }, now)?;
        self.check_profile(&candidate, is_connect)?;
        check_lifetime(candidate.parameters(), self.max_lifetime)?;
        let nonce = nonce(candidate.parameters())?.into();
        let audience = text(candidate.parameters(), parameter::AUDIENCE)?.to_owned();
        let signs_response = signs_response(candidate.parameters())?;
        self.check_audience(&audience, &context, is_connect)?;
        let token = credential(message)?;
        if let Some(name) = repeated(message, &self.single) {
            return Err(E::RepeatedField(name.into()));
        }

        let wit = wits.verify(token, now)?;
        let (covered, body, until) = verify(candidate, &wit, now)?;
        let token = access_token(&covered, wit.confirmation_key().backend());
        let covered = covered.without(|name| CREDENTIAL_FIELDS.contains(&name));
        Ok(SignedRequest {
            facts: Arc::new(Facts {
                wit,
                nonce,
                audience: audience.into(),
                covered,
                token,
                until,
                signs_response,
            }),
            content: body,
            replay: Arc::clone(&self.replay),
        })
    }

    /// The revision of the draft that it follows.
    #[must_use]
    pub fn profile(&self) -> SignatureProfile {
        self.profile
    }

    fn check_profile(&self, candidate: &Candidate<'_>, is_connect: bool) -> Result<(), E> {
        match self.profile {
            #[cfg(feature = "legacy-httpsig-06")]
            SignatureProfile::Draft06 if candidate.label() != "wimse" => return Err(E::NoSignature),
            _ => {}
        }
        let is_of_target = |name: &str| matches!(name, "@path" | "@query" | "@query-param" | "@target-uri");
        if is_connect && candidate.components().iter().any(|component| is_of_target(component.name())) {
            return Err(E::ForbiddenCoverage);
        }
        Ok(())
    }

    /// HSIG-10: by configuration.
    fn check_audience(&self, named: &str, context: &Context<'_>, is_connect: bool) -> Result<(), E> {
        let path = if is_connect {
            // A tunnel has no path: its audience is the service itself.
            "*".to_owned()
        } else {
            context.value(&Component::path()).unwrap_or_else(|_| "*".to_owned())
        };
        let target = Target::HttpPath(&path);
        if self.audiences.accept(named, target) {
            return Ok(());
        }
        Err(E::AudienceMismatch {
            expected: self.audiences.expected(target).into(),
            named: shown(named).into(),
        })
    }
}

fn has_input(message: &dyn Message) -> bool {
    let mut is_there = false;
    for part in [Part::Headers, Part::Trailers] {
        message.lines(part, "signature-input", &mut |_| is_there = true);
    }
    is_there
}

/// HSIG-7, with the key of the WIT and no other.
pub(super) fn verify(
    candidate: Candidate<'_>,
    wit: &VerifiedWit,
    now: UnixTime,
) -> Result<(Covered, Content, UnixTime), E> {
    check_credential(wit, now)?;
    let key = wit.confirmation_key();
    let verified = candidate.verify(key)?;
    let digests = match verified.digests() {
        Ok(digests) => Some(digests),
        Err(VerifyError::DigestNotCovered) => None,
        Err(error) => return Err(error.into()),
    };
    let until = verified.counts_until();
    Ok((verified.into_covered(), Content::new(digests, key.backend()), until))
}

/// The hash of what stands behind the scheme in `Authorization`, where that is covered.
fn access_token(covered: &Covered, backend: Backend) -> Option<[u8; 32]> {
    let authorization = Component::field("authorization").ok()?;
    let (_, token) = covered.value(&authorization)?.split_once(' ')?;
    Some(backend.sha256(token.trim_matches(' ').as_bytes()))
}

/// The credential may have been verified at another time: its key counts no longer than it does.
fn check_credential(wit: &VerifiedWit, now: UnixTime) -> Result<(), E> {
    if now < wit.not_after() + MAX_LEEWAY { Ok(()) } else { Err(E::CredentialExpired) }
}

/// The WIT of a message.
pub(super) fn credential(message: &dyn Message) -> Result<&str, E> {
    single(message, WIT_FIELD).map_err(|()| E::MalformedCredential)?.ok_or(E::NoCredential)
}

/// HS-VAL-06: `a, b` in one line and `a` and `b` in two are covered alike, and read differently by who takes the first line for the field.
pub(super) fn repeated<'c>(
    message: &dyn Message,
    fields: impl IntoIterator<Item = &'c Component<'static>>,
) -> Option<&'c str> {
    let lines = |name: &str| {
        let mut lines = 0_usize;
        message.lines(Part::Headers, name, &mut |_| lines += 1);
        lines
    };
    fields.into_iter().map(Component::name).find(|name| lines(name) > 1)
}

/// HSIG-8, the part that is a rule of this project.
pub(super) fn check_lifetime(parameters: &SignatureParameters<'_>, max: Duration) -> Result<(), E> {
    let lifetime = parameters.expires().zip(parameters.created());
    let lifetime = lifetime.and_then(|(expires, created)| u64::try_from(expires.checked_sub(created)?).ok());
    match lifetime {
        Some(lifetime) if lifetime <= max.as_secs() => Ok(()),
        _ => Err(E::LifetimeTooLong),
    }
}

pub(super) fn nonce<'p>(parameters: &'p SignatureParameters<'_>) -> Result<&'p str, E> {
    let nonce = parameters.nonce().filter(|nonce| (1..=MAX_NONCE).contains(&nonce.len()));
    nonce.ok_or(E::MalformedParameter("nonce"))
}

pub(super) fn text<'p>(parameters: &'p SignatureParameters<'_>, name: &'static str) -> Result<&'p str, E> {
    let value = parameters.get(name).and_then(|value| value.as_string());
    value.ok_or(E::MalformedParameter(name))
}

fn signs_response(parameters: &SignatureParameters<'_>) -> Result<bool, E> {
    let Some(value) = parameters.get(parameter::SIGN_RESPONSE) else { return Ok(false) };
    value.as_boolean().ok_or(E::MalformedParameter(parameter::SIGN_RESPONSE))
}

/// Options of a [`SignatureVerifier`]; the defaults are those of `docs/spec/wimse.md` section 8.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct SignatureVerifierBuilder {
    audiences: Audiences,
    replay: Arc<dyn ReplayStore>,
    leeway: Duration,
    max_lifetime: Duration,
    algorithms: AlgorithmSet,
    context_fields: Vec<Component<'static>>,
    profile: SignatureProfile,
}

impl SignatureVerifierBuilder {
    /// A field that this recipient relies on: where a request has it, it stands in one line, and the signature must cover it. What is not the name of a field is in no request.
    pub fn context_field(mut self, name: &str) -> Self {
        self.context_fields.extend(Component::field(name.to_ascii_lowercase()));
        self
    }

    /// How far clocks may disagree. Default, and the most: 30 s.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway.min(MAX_LEEWAY);
        self
    }

    /// The longest time from `created` to `expires`. Default and maximum: 300 s.
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_lifetime = lifetime.min(MAX_LIFETIME);
        self
    }

    /// The algorithms that workloads may sign with (HSIG-6). Default: [`AlgorithmSet::STANDARD`].
    pub fn algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = algorithms;
        self
    }

    /// Follows another revision of the draft than the current one, for peers that have not moved yet.
    pub fn profile(mut self, profile: SignatureProfile) -> Self {
        self.profile = profile;
        self
    }

    /// Finishes; it cannot fail, since what is required was asked for first.
    #[must_use]
    pub fn build(self) -> SignatureVerifier {
        let policy = |is_connect| {
            let policy = self.profile.policy(Kind::Request, is_connect, self.algorithms).leeway(self.leeway);
            self.context_fields.iter().cloned().fold(policy, Policy::covering_if_present)
        };
        let (policy, connect) = (policy(false), policy(true));
        let single = SignatureProfile::single(Kind::Request)
            .cloned()
            .chain(self.context_fields.iter().cloned())
            .collect();
        SignatureVerifier {
            audiences: self.audiences,
            replay: self.replay,
            max_lifetime: self.max_lifetime,
            profile: self.profile,
            policy,
            connect,
            single,
        }
    }
}

/// A request whose head is verified. It counts once its content was looked at, in one of three ways: whole, gathered, or streamed. Each uses its nonce up.
#[must_use = "the request is not verified yet"]
pub struct SignedRequest {
    facts: Arc<Facts>,
    content: Content,
    replay: Arc<dyn ReplayStore>,
}

struct Facts {
    wit: VerifiedWit,
    nonce: Box<str>,
    audience: Box<str>,
    /// Without [`CREDENTIAL_FIELDS`].
    covered: Covered,
    token: Option<[u8; 32]>,
    until: UnixTime,
    signs_response: bool,
}

impl SignedRequest {
    /// Who says to have signed it: for records, until the content was looked at.
    #[must_use]
    pub fn wit(&self) -> &VerifiedWit {
        &self.facts.wit
    }

    /// Whether a digest of content is covered. Where there is none there must be no content.
    #[must_use]
    pub fn has_content(&self) -> bool {
        self.content.is_expected()
    }

    /// With its whole content, which may be empty. `now` is when it is whole: the signature has to count until then.
    ///
    /// # Errors
    ///
    /// [`MessageSignatureError`](E): the content is not what was signed, or came when the signature had expired, or the request was seen before.
    pub fn with_content(self, content: &[u8], now: UnixTime) -> Result<VerifiedSignature, E> {
        self.content.check(content)?;
        self.finish(now)
    }

    /// With content that comes in pieces, at most `max` bytes of it, and is used when all of it is there.
    pub fn gather_content(self, max: u64) -> GatheredContent {
        let content = self.content.clone().begin(max);
        GatheredContent { request: self, content }
    }

    /// With content that is still to come, at most `max` bytes of it. Whoever reads it learns at its end, and not before, whether it is what was signed.
    ///
    /// # Errors
    ///
    /// [`MessageSignatureError::Replay`](E::Replay); the signature or the credential has expired since.
    pub fn with_streamed_content(
        self,
        max: u64,
        now: UnixTime,
    ) -> Result<(VerifiedSignature, SignedContent), E> {
        let content = self.content.clone().begin(max);
        Ok((self.finish(now)?, content))
    }

    /// Last, so that only what would be accepted takes room in the memory.
    fn finish(self, now: UnixTime) -> Result<VerifiedSignature, E> {
        let Facts { wit, nonce, until, .. } = &*self.facts;
        // Content may take its time. The memory has forgotten by then what another copy of the request used up.
        if now >= *until {
            return Err(E::Signature(VerifyError::Expired));
        }
        check_credential(wit, now)?;
        // HSIG-11: whoever sends it.
        self.replay.remember_from_anyone(wit.thumbprint(), nonce, *until, now).map_err(E::Replay)?;
        Ok(VerifiedSignature(self.facts))
    }
}

/// Shows who and for whom.
impl fmt::Debug for SignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRequest").field("wit", &self.facts.wit).finish_non_exhaustive()
    }
}

/// A request whose head is verified, and whose content is on its way. It counts once that is whole.
#[derive(Debug)]
#[must_use = "the request is not verified before `finish`"]
pub struct GatheredContent {
    request: SignedRequest,
    content: SignedContent,
}

impl GatheredContent {
    /// As [`SignedRequest::wit`].
    #[must_use]
    pub fn wit(&self) -> &VerifiedWit {
        self.request.wit()
    }

    /// Takes in more of it.
    ///
    /// # Errors
    ///
    /// [`MessageSignatureError::ContentTooLarge`](E::ContentTooLarge), and [`NoDigest`](E::NoDigest) where the signature covers no content.
    pub fn update(&mut self, content: &[u8]) -> Result<(), E> {
        self.content.update(content)
    }

    /// That was all of it. `now` is when it is whole: the signature has to count until then.
    ///
    /// # Errors
    ///
    /// [`MessageSignatureError`](E): the content is not what was signed, or the request was seen before.
    pub fn finish(self, now: UnixTime) -> Result<VerifiedSignature, E> {
        self.content.finish()?;
        self.request.finish(now)
    }
}

/// A request whose signature passed every check of a [`SignatureVerifier`], with the credential it proves; there is no other way to get one. Cloning is
/// cheap.
#[derive(Clone)]
pub struct VerifiedSignature(Arc<Facts>);

impl VerifiedSignature {
    /// The credential whose key signed.
    #[must_use]
    pub fn wit(&self) -> &VerifiedWit {
        &self.0.wit
    }

    /// The nonce of the request.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.0.nonce
    }

    /// The audience that the signature named, and the verifier accepted.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.0.audience
    }

    /// Whether the client takes no response that is not signed (HSIG-21).
    #[must_use]
    pub fn demands_signed_response(&self) -> bool {
        self.0.signs_response
    }

    /// The value of a covered component, as it was signed. What is not covered does not come out here, and nor does what a request authenticates with: whoever
    /// keeps this, or shows it, has no token (AIMS-43).
    #[must_use]
    pub fn value(&self, component: &Component<'_>) -> Option<&str> {
        self.0.covered.value(component)
    }

    /// All that is covered but credentials, by identifier: `"@method"`, `"content-type"`.
    pub fn covered(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.covered.iter()
    }

    /// Whether this is the access token in `Authorization`, and the signature covers it (D7).
    #[must_use]
    pub fn covers_access_token(&self, token: &str) -> bool {
        self.covers_access_token_hash(&self.0.wit.confirmation_key().backend().sha256(token.as_bytes()))
    }

    /// The same, for whoever has the SHA-256 of the token already: what names a token, and what a `DPoP` proof is about.
    #[must_use]
    pub fn covers_access_token_hash(&self, hash: &[u8; 32]) -> bool {
        self.0.token.is_some_and(|covered| covered.as_slice().ct_eq(hash.as_slice()).into())
    }

    /// The transaction token; itself not verified yet.
    #[must_use]
    pub fn txn_token(&self) -> Option<&str> {
        Component::field(TXN_TOKEN_FIELD).ok().and_then(|component| self.value(&component))
    }

    /// From when on nobody would take the signature. The request it came with is authenticated beyond it, as long as the credential
    /// [counts](Self::still_valid).
    #[must_use]
    pub fn proof_not_after(&self) -> UnixTime {
        self.0.until
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

/// Shows who and for whom; no values.
impl fmt::Debug for VerifiedSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedSignature")
            .field("wit", &self.0.wit)
            .field("audience", &self.0.audience)
            .finish_non_exhaustive()
    }
}

pub(super) const MAX_LEEWAY: Duration = Duration::from_secs(30);

pub(super) const MAX_LIFETIME: Duration = Duration::from_secs(300);

const MAX_NONCE: usize = 256;

/// What requests authenticate with. A signature covers it, and nobody needs it any more once that is verified.
const CREDENTIAL_FIELDS: [&str; 5] =
    ["authorization", "dpop", "proxy-authorization", WIT_FIELD, "workload-proof-token"];

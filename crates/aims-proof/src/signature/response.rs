//! Verifying the signature of a response.

use std::fmt;

use aims_credential::{VerifiedWit, WitCache};
use aims_httpsig::{Component, Context, Covered, Message, Part, RawMessage, SignatureFields, VerifyError};
use aims_id::IdSet;
use aims_keys::{AlgorithmSet, UnixTime};

use super::content::{Content, SignedContent};
use super::profile::Kind;
use super::verify::{MAX_LIFETIME, check_lifetime, credential, nonce, repeated, text, verify};
use super::{MessageSignatureError as E, SignatureProfile, parameter};

/// What a client knows of the response to a request that it signed.
#[derive(Clone, Debug)]
pub struct ExpectedResponse {
    nonce: String,
    demanded: bool,
    asked: RawMessage,
    is_connect: bool,
    profile: SignatureProfile,
}

/// How a response stands.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a response is signed, or it is not")]
pub enum Answer {
    /// It is signed by the workload that was called; its content was not looked at yet.
    Signed(SignedResponse),
    /// It is not signed by a workload, and that was not demanded: whoever could alter it could also have taken a signature out (HSIG-25).
    Unsigned,
}

impl ExpectedResponse {
    /// The response to a request with this nonce; whether it has to be signed. A [`NewRequestSignature`](super::NewRequestSignature) says what to expect by itself:
    /// this is for requests that were signed by other means.
    #[must_use]
    pub fn new(nonce: impl Into<String>, demanded: bool, request: &dyn Message) -> Self {
        let method = request.method().unwrap_or_default();
        let target = request.target().unwrap_or_default();
        let asked = RawMessage::request(method, target);
        let asked = match request.authority() {
            Some(authority) => asked.with_authority(authority),
            None => asked,
        };
        let is_connect = method == "CONNECT";
        let nonce = nonce.into();
        Self { nonce, demanded, asked, is_connect, profile: SignatureProfile::default() }
    }

    /// Of another revision of the draft.
    #[must_use]
    pub fn with_profile(mut self, profile: SignatureProfile) -> Self {
        self.profile = profile;
        self
    }

    /// Whether a signed response was demanded.
    #[must_use]
    pub fn is_demanded(&self) -> bool {
        self.demanded
    }

    /// Checks the head of a response: that it is signed if that was demanded, and if it is, that one of `servers` signed it for this request. A signature
    /// that comes unasked is verified as well.
    ///
    /// # Errors
    ///
    /// [`MessageSignatureError`](E): the response is to be thrown away.
    pub fn verify(
        &self,
        wits: &WitCache,
        servers: &IdSet,
        response: &dyn Message,
        now: UnixTime,
    ) -> Result<Answer, E> {
        if !has_signature_fields(response) {
            return self.unsigned();
        }
        let context = Context::response(response).to(&self.asked);
        let fields = SignatureFields::of(&context)?;
        let policy = self.profile.policy(Kind::Response, self.is_connect, AlgorithmSet::STANDARD);
        let candidate = match fields.select(&policy, now) {
            // HSIG-24: the signatures of others do not count.
            Err(VerifyError::NoCandidate) => return self.unsigned(),
            candidate => candidate?,
        };
        let parameters = candidate.parameters();
        check_lifetime(parameters, MAX_LIFETIME)?;
        nonce(parameters)?;
        if text(parameters, parameter::REQUEST_NONCE)? != self.nonce {
            return Err(E::OtherRequest);
        }
        let token = credential(response)?;
        if let Some(name) = repeated(response, SignatureProfile::single(Kind::Response)) {
            return Err(E::RepeatedField(name.into()));
        }
        let wit = wits.verify(token, now)?;
        if !servers.contains(wit.subject()) {
            return Err(E::UnexpectedPeer);
        }
        let (covered, body, _) = verify(candidate, &wit, now)?;
        // A response to HEAD has the digest of a content that it does not have.
        let body = if self.asked.method() == Some("HEAD") { body.may_be_absent() } else { body };
        Ok(Answer::Signed(SignedResponse { wit, covered, content: body }))
    }

    fn unsigned(&self) -> Result<Answer, E> {
        if self.demanded { Err(E::Unsigned) } else { Ok(Answer::Unsigned) }
    }
}

/// One of the two fields alone is a signature that does not parse, and no unsigned response.
fn has_signature_fields(message: &dyn Message) -> bool {
    let mut is_there = false;
    for name in ["signature-input", "signature"] {
        for part in [Part::Headers, Part::Trailers] {
            message.lines(part, name, &mut |_| is_there = true);
        }
    }
    is_there
}

/// A response whose head is verified: it counts with its content.
#[must_use = "the response is not verified yet"]
pub struct SignedResponse {
    wit: VerifiedWit,
    covered: Covered,
    content: Content,
}

impl SignedResponse {
    /// Who signed its head.
    #[must_use]
    pub fn wit(&self) -> &VerifiedWit {
        &self.wit
    }

    /// Whether a digest of content is covered. Where there is none there must be no content, but after a request with the method HEAD.
    #[must_use]
    pub fn has_content(&self) -> bool {
        self.content.is_expected()
    }

    /// With its whole content, which may be empty.
    ///
    /// # Errors
    ///
    /// [`MessageSignatureError`](E) when it is not what was signed.
    pub fn with_content(self, content: &[u8]) -> Result<VerifiedResponse, E> {
        self.content.check(content)?;
        Ok(VerifiedResponse { wit: self.wit, covered: self.covered })
    }

    /// With content that is still to come, at most `max` bytes of it: at its end, and not before, it is known whether it is what was signed.
    pub fn with_streamed_content(self, max: u64) -> (VerifiedResponse, SignedContent) {
        let content = self.content.begin(max);
        (VerifiedResponse { wit: self.wit, covered: self.covered }, content)
    }
}

/// Shows who.
impl fmt::Debug for SignedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedResponse").field("wit", &self.wit).finish_non_exhaustive()
    }
}

/// A response that was signed for this request by the workload that was called.
#[derive(Clone)]
pub struct VerifiedResponse {
    wit: VerifiedWit,
    covered: Covered,
}

impl VerifiedResponse {
    /// The credential whose key signed.
    #[must_use]
    pub fn wit(&self) -> &VerifiedWit {
        &self.wit
    }

    /// The value of a covered component, as it was signed; `None` for whatever is not covered.
    #[must_use]
    pub fn value(&self, component: &Component<'_>) -> Option<&str> {
        self.covered.value(component)
    }
}

/// Shows who; no values.
impl fmt::Debug for VerifiedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedResponse").field("wit", &self.wit).finish_non_exhaustive()
    }
}

//! Signing requests and responses.

use std::fmt;
use std::time::Duration;

use aims_credential::{Holder, HolderError, Wit};
use aims_httpsig::sf::BareItem;
use aims_httpsig::{Component, Context, Message, NewSignature, RawMessage, SignedFields, UnsignedSignature};
use aims_jose::base64url;
use aims_keys::{PublicKey, SignError, UnixTime};

use super::profile::Kind;
use super::verify::repeated;
use super::{
    ExpectedResponse, MakeSignatureError, SIGNATURE_TAG, SignatureProfile, VerifiedSignature, check_wit,
    own_wit, parameter,
};

/// A signature of a workload for a request.
///
/// It covers what the profile demands: method, path and query, and of the fields `Content-Type`, `Content-Digest`, `Authorization`, `Txn-Token` and
/// `Workload-Identity-Token` those that the message has. All of them are in place before it is signed, `Workload-Identity-Token` with the signer's own WIT,
/// and `Content-Digest` where there is content.
///
/// ```
/// # use aims_credential::{Credential, Holder};
/// # use aims_keys::{UnixTime, backend};
/// use aims_httpsig::{Digests, RawMessage};
/// use aims_proof::{MakeSignatureError, NewRequestSignature, http_audience};
///
/// # async fn example(holder: Holder, now: UnixTime) -> Result<(), MakeSignatureError> {
/// # let Credential::Wit(wit) = holder.credential() else { return Ok(()) };
/// let (uri, body) = ("https://tools.example/v1/search", br#"{"to": "LIS"}"#);
/// let request = RawMessage::request("POST", "/v1/search")
///     .with_header("content-digest", Digests::field(body, backend::ring()))
///     .with_header("workload-identity-token", wit.token());
/// let signed = NewRequestSignature::new(http_audience(uri)).sign(&holder, &request, now).await?;
/// let request = request
///     .with_header("signature-input", signed.fields().signature_input())
///     .with_header("signature", signed.fields().signature());
/// # let _ = request;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct NewRequestSignature<'a> {
    audience: &'a str,
    lifetime: Duration,
    demands_signed_response: bool,
    more: Vec<Component<'a>>,
}

impl<'a> NewRequestSignature<'a> {
    /// A signature for `audience`: the target URI [without query and fragment](crate::http_audience), or what the recipient is called otherwise.
    #[must_use]
    pub fn new(audience: &'a str) -> Self {
        Self { audience, lifetime: DEFAULT_LIFETIME, demands_signed_response: false, more: Vec::new() }
    }

    /// Takes no response that is not signed (HSIG-22).
    #[must_use]
    pub fn demand_signed_response(mut self) -> Self {
        self.demands_signed_response = true;
        self
    }

    /// How long the signature counts, in whole seconds: never beyond the credential. Default: 60 s; at most 300 s.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime.min(super::verify::MAX_LIFETIME);
        self
    }

    /// Covers more than the profile demands.
    #[must_use]
    pub fn covering(mut self, component: Component<'a>) -> Self {
        self.more.push(component);
        self
    }

    /// Signs with the holder's key.
    ///
    /// # Errors
    ///
    /// [`MakeSignatureError`].
    pub async fn sign(
        &self,
        holder: &Holder,
        message: &(dyn Message + Sync),
        now: UnixTime,
    ) -> Result<RequestSignature, MakeSignatureError> {
        let signer = holder.signer(now)?;
        let (unsigned, expected) = self.prepare(own_wit(holder, message)?, message, now)?;
        let fields = unsigned.unsigned.sign_async(signer).await?;
        Ok(RequestSignature { fields, expected })
    }

    /// Writes what is to be signed elsewhere, by the key that `wit` is bound to; and what its response has to be.
    ///
    /// # Errors
    ///
    /// [`MakeSignatureError`].
    pub fn prepare(
        &self,
        wit: &Wit,
        message: &dyn Message,
        now: UnixTime,
    ) -> Result<(UnsignedMessage, ExpectedResponse), MakeSignatureError> {
        if self.audience.is_empty() {
            return Err(MakeSignatureError::NoAudience);
        }
        let context = Context::request(message);
        let is_connect = message.method() == Some("CONNECT");
        let nonce = nonce(wit)?;
        let signature = begin(Kind::Request, is_connect, &context, &self.more, wit, (now, self.lifetime))?
            .nonce(&*nonce)
            .tag(SIGNATURE_TAG)
            .parameter(parameter::AUDIENCE, BareItem::String(self.audience.into()));
        let signature = if self.demands_signed_response {
            signature.parameter(parameter::SIGN_RESPONSE, true.into())
        } else {
            signature
        };
        let unsigned = finish(signature, &context, wit)?;
        let expected = ExpectedResponse::new(nonce, self.demands_signed_response, message);
        Ok((unsigned, expected))
    }
}

/// A signature of a workload for a response: of the server, to the client whose request was verified.
///
/// It covers the status, what was asked for, and of the fields `Content-Type` and `Content-Digest` those that the response has, and
/// `Workload-Identity-Token`, which it must have.
#[derive(Clone, Debug)]
pub struct NewResponseSignature<'a> {
    request: &'a VerifiedSignature,
    lifetime: Duration,
}

impl<'a> NewResponseSignature<'a> {
    /// For the response to this request.
    #[must_use]
    pub fn to(request: &'a VerifiedSignature) -> Self {
        Self { request, lifetime: DEFAULT_LIFETIME }
    }

    /// How long the signature counts, in whole seconds: never beyond the credential. Default: 60 s; at most 300 s.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime.min(super::verify::MAX_LIFETIME);
        self
    }

    /// Signs with the holder's key.
    ///
    /// # Errors
    ///
    /// [`MakeSignatureError`].
    pub async fn sign(
        &self,
        holder: &Holder,
        message: &(dyn Message + Sync),
        now: UnixTime,
    ) -> Result<SignedFields, MakeSignatureError> {
        let signer = holder.signer(now)?;
        let unsigned = self.prepare(own_wit(holder, message)?, message, now)?;
        Ok(unsigned.unsigned.sign_async(signer).await?)
    }

    /// Writes what is to be signed elsewhere, by the key that `wit` is bound to.
    ///
    /// # Errors
    ///
    /// [`MakeSignatureError`].
    pub fn prepare(
        &self,
        wit: &Wit,
        message: &dyn Message,
        now: UnixTime,
    ) -> Result<UnsignedMessage, MakeSignatureError> {
        let asked = self.asked();
        let context = Context::response(message).to(&asked);
        let is_connect = asked.method() == Some("CONNECT");
        let nonce = nonce(wit)?;
        let signature = begin(Kind::Response, is_connect, &context, &[], wit, (now, self.lifetime))?
            .nonce(&*nonce)
            .tag(SIGNATURE_TAG)
            .parameter(parameter::REQUEST_NONCE, BareItem::String(self.request.nonce().into()));
        finish(signature, &context, wit)
    }

    /// What was asked for, as it was signed.
    fn asked(&self) -> RawMessage {
        let value = |component| self.request.value(&component).unwrap_or_default();
        let (method, authority) = (value(Component::method()), value(Component::authority()));
        if method == "CONNECT" {
            return RawMessage::request(method, authority).with_authority(authority);
        }
        let whole = value(Component::request_target());
        if !whole.is_empty() {
            return RawMessage::request(method, whole);
        }
        RawMessage::request(method, &format!("{}{}", value(Component::path()), value(Component::query())))
    }
}

/// What both kinds have in common, up to the nonce.
fn begin<'a>(
    kind: Kind,
    is_connect: bool,
    context: &Context<'_>,
    more: &[Component<'a>],
    wit: &Wit,
    (now, lifetime): (UnixTime, Duration),
) -> Result<NewSignature<'a>, MakeSignatureError> {
    if now >= wit.not_after() {
        return Err(MakeSignatureError::Holder(HolderError::Expired));
    }
    // A key is not used beyond its credential.
    let lifetime = lifetime.min(wit.not_after().since(now));
    if lifetime.as_secs() == 0 {
        return Err(MakeSignatureError::Lifetime);
    }
    if let Some(name) = repeated(context.message(), SignatureProfile::single(kind)) {
        return Err(MakeSignatureError::RepeatedField(name.into()));
    }
    let profile = SignatureProfile::Draft08;
    let present = SignatureProfile::if_present(kind).iter().filter(|component| context.has(component));
    let covered: Vec<Component<'a>> =
        profile.covered(kind, is_connect).into_iter().chain(present.cloned()).collect();
    let more = more.iter().filter(|component| !covered.contains(component)).cloned().collect::<Vec<_>>();
    let signature = NewSignature::covering(covered.into_iter().chain(more)).any_label();
    Ok(signature.created(now).expires_after(lifetime))
}

fn finish(
    signature: NewSignature<'_>,
    context: &Context<'_>,
    wit: &Wit,
) -> Result<UnsignedMessage, MakeSignatureError> {
    check_wit(wit, context.message())?;
    Ok(UnsignedMessage { unsigned: signature.prepare(context)?, key: wit.confirmation_key().clone() })
}

/// 128 bits (HSIG-4).
fn nonce(wit: &Wit) -> Result<String, MakeSignatureError> {
    let mut nonce = [0; 16];
    let filled = wit.confirmation_key().backend().fill_random(&mut nonce);
    filled.map_err(|_| MakeSignatureError::Sign(SignError::Backend))?;
    Ok(base64url::encode(nonce))
}

/// What a request is sent with, and what its response has to be.
#[derive(Clone, Debug)]
pub struct RequestSignature {
    fields: SignedFields,
    expected: ExpectedResponse,
}

impl RequestSignature {
    /// The lines of `Signature-Input` and `Signature`.
    #[must_use]
    pub fn fields(&self) -> &SignedFields {
        &self.fields
    }

    /// What the response is held against.
    #[must_use]
    pub fn expected_response(&self) -> &ExpectedResponse {
        &self.expected
    }

    /// The same, taken apart.
    #[must_use]
    pub fn into_parts(self) -> (SignedFields, ExpectedResponse) {
        (self.fields, self.expected)
    }
}

/// A message that lacks its signature.
#[must_use = "nothing is signed yet"]
pub struct UnsignedMessage {
    unsigned: UnsignedSignature,
    key: PublicKey,
}

impl UnsignedMessage {
    /// The signature base: the bytes to be signed.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.unsigned.signing_input()
    }

    /// Completes it with a signature made elsewhere, which is verified first.
    ///
    /// # Errors
    ///
    /// [`MakeSignatureError::Signature`].
    pub fn attach(self, signature: &[u8]) -> Result<SignedFields, MakeSignatureError> {
        Ok(self.unsigned.attach(signature, &self.key)?)
    }
}

/// Shows nothing of the message.
impl fmt::Debug for UnsignedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsignedMessage").finish_non_exhaustive()
    }
}

const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);

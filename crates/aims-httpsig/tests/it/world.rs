//! A signed request, to be changed.

use std::time::Duration;

use aims_httpsig::{
    Component, Context, Digests, Headers, NewSignature, Policy, RawMessage, SignatureFields, Tag, Verified,
    VerifyError,
};
use aims_keys::{Algorithm, AlgorithmSet, PublicKey, Signer, SoftwareKey, UnixTime, backend};

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

pub(crate) const BODY: &[u8] = b"{\"order\": 7}";

pub(crate) fn field(name: &str) -> Component<'static> {
    Component::field(name.to_owned()).unwrap()
}

pub(crate) fn covered() -> Vec<Component<'static>> {
    vec![
        Component::method(),
        Component::authority(),
        Component::path(),
        Component::query(),
        field("content-digest"),
    ]
}

pub(crate) fn policy() -> Policy {
    Policy::new(Tag::Is("orders".into()), covered(), AlgorithmSet::STANDARD)
}

pub(crate) fn key() -> SoftwareKey {
    SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap()
}

/// The request before it is signed.
pub(crate) fn request() -> RawMessage {
    RawMessage::request("POST", "/v1/orders?shop=3")
        .with_scheme("https")
        .with_authority("shop.example")
        .with_header("content-digest", Digests::field(BODY, backend::ring()))
}

pub(crate) fn new_signature() -> NewSignature<'static> {
    NewSignature::covering(covered())
        .created(NOW)
        .expires_after(Duration::from_secs(60))
        .key_id("k1")
        .tag("orders")
}

/// Signs, and puts the fields in.
pub(crate) fn signed(message: RawMessage, signature: NewSignature<'_>, key: &SoftwareKey) -> RawMessage {
    let fields = signature.prepare(&Context::request(&message)).unwrap().sign(key).unwrap();
    message
        .with_header("signature-input", fields.signature_input())
        .with_header("signature", fields.signature())
}

/// Whether it verifies; the value that is handed to `look` cannot outlive its message.
pub(crate) fn verify<T>(
    message: &RawMessage,
    policy: &Policy,
    key: &PublicKey,
    now: UnixTime,
    look: impl FnOnce(Verified<'_, Headers>) -> Result<T, VerifyError>,
) -> Result<T, VerifyError> {
    let context = Context::request(message);
    let fields = SignatureFields::of(&context)?;
    look(fields.select(policy, now)?.verify(key)?)
}

/// As [`verify`], content included.
pub(crate) fn judge(
    message: &RawMessage,
    body: &[u8],
    policy: &Policy,
    key: &SoftwareKey,
) -> Result<(), VerifyError> {
    verify(message, policy, Signer::public_key(key), NOW, |verified| {
        let verified = verified.with_content(body, backend::ring())?;
        assert_eq!(verified.content(), body);
        Ok(())
    })
}

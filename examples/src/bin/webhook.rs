//! A webhook, with `aims-httpsig` alone: signed by the sender, verified by the receiver, and changed on the way: `webhook BODY`.

use std::error::Error;
use std::time::{Duration, SystemTime};

use aims_httpsig::{
    Component, Context, Digests, HttpRequest, NewSignature, Policy, SignatureFields, Tag, VerifyError,
};
use aims_keys::{Algorithm, AlgorithmSet, PublicKey, SoftwareKey, UnixTime, backend};
use http::Request;

fn main() -> Result<(), Box<dyn Error>> {
    let body = std::env::args().nth(1).ok_or("usage: webhook BODY")?;
    let now = UnixTime::try_from(SystemTime::now())?;
    let key = SoftwareKey::generate(Algorithm::Ed25519, backend::ring())?;

    let request = send(body, &key, now)?;
    println!("signature-input: {}", request.headers()["signature-input"].to_str()?);
    println!("received: {}", receive(&request, key.public_key(), now)?);

    let (parts, body) = request.into_parts();
    let changed = Request::from_parts(parts, body + "!");
    match receive(&changed, key.public_key(), now) {
        Ok(_) => return Err("a changed body was accepted".into()),
        Err(refusal) => println!("changed on the way: {} ({})", refusal.code(), refusal.rule()),
    }
    Ok(())
}

/// Signs what the receiver wants signed: where the message goes, and what is in it.
fn send(body: String, key: &SoftwareKey, now: UnixTime) -> Result<Request<String>, Box<dyn Error>> {
    let digest = Digests::field(body.as_bytes(), backend::ring());
    let mut request =
        Request::post("https://shop.example/hooks/orders").header("content-digest", digest).body(body)?;
    let signed = NewSignature::covering(covered())
        .created(now)
        .expires_after(Duration::from_secs(60))
        .key_id("2026-11")
        .tag("orders")
        .prepare(&Context::request(&HttpRequest::outgoing(&request)))?
        .sign(key)?;
    signed.append_to(request.headers_mut())?;
    Ok(request)
}

/// The content, if all of it was signed. A receiver with several senders finds the key by `candidate.key_id()`.
fn receive(request: &Request<String>, key: &PublicKey, now: UnixTime) -> Result<String, VerifyError> {
    let policy = Policy::new(Tag::Is("orders".into()), covered(), AlgorithmSet::STANDARD);
    let message = HttpRequest::received(request, "https");
    let context = Context::request(&message).with_authority("shop.example");
    let fields = SignatureFields::of(&context)?;
    let candidate = fields.select(&policy, now)?;
    let verified = candidate.verify(key)?.with_content(request.body().as_bytes(), backend::ring())?;
    Ok(String::from_utf8_lossy(verified.content()).into_owned())
}

fn covered() -> Vec<Component<'static>> {
    let digest = Component::field("content-digest").into_iter();
    [Component::method(), Component::authority(), Component::path()].into_iter().chain(digest).collect()
}

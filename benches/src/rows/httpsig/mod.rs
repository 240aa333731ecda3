//! HTTP message signatures, by keys on *ring* where the row does not say otherwise.

mod message;
mod peers;

use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;

use aims_httpsig::sf::{Dictionary, Limits};
use aims_httpsig::{Context, HttpRequest, NewSignature, SignatureFields};
use aims_keys::SoftwareKey;
use ring::rand::SystemRandom;

use self::message::{AwsLc, Key, Signed, covered, unsigned, with_parameters};
use crate::fixtures::{Ed25519, NOW, P256};
use crate::row::Row;

/// What the design sets its goal for.
const USUAL: usize = 8;

pub(super) fn verify() -> Row {
    verify_of(USUAL, 0).goal(4000.0).goal_allocs(10.0)
}

/// A request that covers so many components, with so many header lines beside.
pub(super) fn verify_of(components: usize, lines: usize) -> Row {
    let signed = Rc::new(Signed::<P256>::new(components, lines, 0));
    let row = verify_by(&signed);
    let row =
        row.peer("wimsey/rustcrypto", peers::wimsey_verify(&signed)).peer_raw(peers::wimsey_raw(&signed));
    row.peer("httpsig/rustcrypto", peers::httpsig_verify(&signed)).peer_raw(peers::httpsig_raw(&signed))
}

/// By a key as bots have it.
pub(super) fn verify_ed25519() -> Row {
    verify_as_bot::<Ed25519>()
}

pub(super) fn verify_ed25519_aws_lc() -> Row {
    verify_as_bot::<AwsLc>()
}

fn verify_as_bot<K: Key + 'static>() -> Row {
    let signed = Rc::new(Signed::<K>::new(USUAL, 0, 0));
    let (verify, verify_raw) = peers::web_bot_auth_verify(&signed);
    verify_by(&signed).peer("web-bot-auth/dalek", verify).peer_raw(verify_raw)
}

fn verify_by<K: Key + 'static>(signed: &Rc<Signed<K>>) -> Row {
    let (ours, raw) = (Rc::clone(signed), signed.raw());
    Row::new(move || ours.verify()).raw(raw)
}

/// Of the peers only this one looks at content; the raw calls hash it, too.
pub(super) fn verify_with_content() -> Row {
    let signed = Rc::new(Signed::<P256>::new(USUAL, 0, 1024 * 1024));
    let (ours, content, same) = (Rc::clone(&signed), Rc::clone(&signed), Rc::clone(&signed));
    let (mut raw, mut their_raw) = (signed.raw(), peers::wimsey_raw(&signed));
    let mut theirs = peers::wimsey_verify(&signed);
    let digest = signed.request.headers()["content-digest"].to_str().expect("text").to_owned();
    Row::new(move || ours.verify())
        .raw(move || {
            raw();
            black_box(ring::digest::digest(&ring::digest::SHA256, content.request.body()));
        })
        .goal(4000.0)
        .peer("wimsey/rustcrypto", move || {
            theirs();
            assert!(wimsey_httpsig::verify_content_digest(&digest, signed.request.body()));
        })
        .peer_raw(move || {
            their_raw();
            black_box(peers::sha256(same.request.body()));
        })
}

pub(super) fn sign() -> Row {
    let signed = Signed::<P256>::new(USUAL, 0, 0);
    let (raw, random, base) = (signed.key.ring(), SystemRandom::new(), signed.base.clone());
    let row = sign_by(signed.key.ours.clone()).raw(move || {
        black_box(raw.sign(&random, base.as_bytes()).expect("a signature"));
    });
    let (wimsey, wimsey_raw) = peers::wimsey_sign(&signed);
    let (httpsig, httpsig_raw) = peers::httpsig_sign(&signed);
    row.peer("wimsey/rustcrypto", wimsey)
        .peer_raw(wimsey_raw)
        .peer("httpsig/rustcrypto", httpsig)
        .peer_raw(httpsig_raw)
}

pub(super) fn sign_ed25519() -> Row {
    let signed = Signed::<Ed25519>::new(USUAL, 0, 0);
    let (sign, sign_raw) = peers::web_bot_auth_sign(&signed);
    let (raw, base) = (signed.key.ring(), signed.base.clone());
    let row = sign_by(signed.key.ours.into()).raw(move || {
        black_box(raw.sign(base.as_bytes()));
    });
    row.peer("web-bot-auth/dalek", sign).peer_raw(sign_raw)
}

pub(super) fn sign_ed25519_aws_lc() -> Row {
    let signed = Signed::<AwsLc>::new(USUAL, 0, 0);
    let (sign, sign_raw) = peers::web_bot_auth_sign(&signed);
    let (raw, base) = (signed.key.0.aws_lc(), signed.base.clone());
    let row = sign_by(signed.key.0.ours.into()).raw(move || {
        black_box(raw.sign(base.as_bytes()));
    });
    row.peer("web-bot-auth/dalek", sign).peer_raw(sign_raw)
}

fn sign_by(key: Arc<SoftwareKey>) -> Row {
    let (request, covered) = (unsigned(USUAL, 0, 0), covered(USUAL));
    Row::new(move || {
        let message = HttpRequest::outgoing(&request);
        let new = with_parameters(NewSignature::covering(covered.iter().cloned()));
        let unsigned = new.prepare(&Context::request(&message)).expect("a base");
        black_box(unsigned.sign(&*key).expect("a signature"));
    })
}

/// All of a verification but the signature.
pub(super) fn read() -> Row {
    let signed = Signed::<P256>::new(USUAL, 0, 0);
    Row::short(move || {
        let message = HttpRequest::received(&signed.request, "https");
        let context = Context::request(&message);
        let fields = SignatureFields::of(&context).expect("fields");
        fields.select(&signed.policy, *NOW).expect("a candidate").base().expect("a base")
    })
}

/// The base alone, from what was read before.
pub(super) fn base() -> Row {
    // A candidate borrows from all of these.
    let signed: &'static Signed = Box::leak(Box::new(Signed::<P256>::new(USUAL, 0, 0)));
    let message: &'static HttpRequest<'_> =
        Box::leak(Box::new(HttpRequest::received(&signed.request, "https")));
    let context = Context::request(message);
    let fields: &'static SignatureFields<'_> =
        Box::leak(Box::new(SignatureFields::of(&context).expect("fields")));
    let candidate = fields.select(&signed.policy, *NOW).expect("a candidate");
    Row::short(move || candidate.base().expect("a base"))
        .short_peer("wimsey", peers::wimsey_base(signed))
        .short_peer("httpsig", peers::httpsig_base(signed))
}

pub(super) fn fields() -> Row {
    let signed = Signed::<P256>::new(USUAL, 0, 0);
    let input = signed.input.clone();
    let same = input.clone();
    Row::short(move || {
        Dictionary::parse(black_box(input.as_bytes()), &Limits::new()).expect("a dictionary").len()
    })
    .short_peer("sfv", move || {
        let dictionary: sfv::Dictionary = sfv::Parser::new(black_box(&same)).parse().expect("a dictionary");
        dictionary.len()
    })
}

//! Keys that are elsewhere, and may be wrong.

use std::future::Future;
use std::pin::pin;
use std::task::{Context as Poller, Poll, Waker};

use aims_httpsig::Context;
use aims_keys::{
    AsyncSigner, BoxFuture, Protection, PublicKey, SignError, SignInput, Signature, Signer, SoftwareKey,
};
use aims_testkit::assert_refused;

use crate::world::*;

/// Says where its key is, and signs something else if it is told to.
#[derive(Debug)]
struct Device {
    key: SoftwareKey,
    protection: Protection,
    is_wrong: bool,
}

impl Device {
    fn answer(&self, input: SignInput<'_>) -> Result<Signature, SignError> {
        Signer::sign(&self.key, if self.is_wrong { SignInput::Message(b"something else") } else { input })
    }
}

impl Signer for Device {
    fn public_key(&self) -> &PublicKey {
        Signer::public_key(&self.key)
    }

    fn protection(&self) -> Protection {
        self.protection
    }

    fn sign(&self, input: SignInput<'_>) -> Result<Signature, SignError> {
        self.answer(input)
    }
}

impl AsyncSigner for Device {
    fn public_key(&self) -> &PublicKey {
        Signer::public_key(&self.key)
    }

    fn protection(&self) -> Protection {
        self.protection
    }

    fn sign<'a>(&'a self, input: SignInput<'a>) -> BoxFuture<'a, Result<Signature, SignError>> {
        Box::pin(std::future::ready(self.answer(input)))
    }
}

#[test]
fn hs_sign_03_what_a_device_signs_is_verified_before_it_is_sent() {
    let message = request();
    let unsigned = || new_signature().prepare(&Context::request(&message)).unwrap();
    let device = |protection, is_wrong| Device { key: key(), protection, is_wrong };
    for protection in [Protection::Tpm, Protection::Hsm, Protection::CloudKms, Protection::SecureElement] {
        let wrong = device(protection, true);
        assert_refused!(unsigned().sign(&wrong), "bad_signature", "HS-SIGN-03", "{protection:?}");
        assert_refused!(now(unsigned().sign_async(&wrong)), "bad_signature", "HS-SIGN-03", "{protection:?}");
        unsigned().sign(&device(protection, false)).unwrap();
        now(unsigned().sign_async(&device(protection, false))).unwrap();
    }
    // A key in this process is not checked again: it would double the cost.
    let wrong = device(Protection::Software, true);
    let fields = unsigned().sign(&wrong).unwrap();
    let message = request()
        .with_header("signature-input", fields.signature_input())
        .with_header("signature", fields.signature());
    assert_refused!(judge(&message, BODY, &policy(), &wrong.key), "bad_signature", "HS-BASE-06");
}

/// What is ready at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Poller::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the device waits"),
    }
}

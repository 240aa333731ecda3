//! A holder's key as rustls asks for one.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use aims_credential::Holder;
use aims_keys::{Algorithm, AsyncSigner, Protection, SignInput, UnixTime, der};
use rustls::sign::{Signer, SigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};

/// Signs handshakes with the key of a certificate.
#[derive(Clone, Debug)]
pub(crate) struct HolderKey {
    holder: Holder,
    algorithm: Algorithm,
    /// When the handshake began: the key is not used beyond its certificate (CRD-9).
    now: UnixTime,
}

impl HolderKey {
    pub(crate) fn new(holder: Holder, now: UnixTime) -> Option<Self> {
        let algorithm = holder.signer(now).ok()?.public_key().algorithm();
        scheme(algorithm)?;
        Some(Self { holder, algorithm, now })
    }
}

impl SigningKey for HolderKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = scheme(self.algorithm).filter(|scheme| offered.contains(scheme))?;
        Some(Box::new(HandshakeSigner { key: self.clone(), scheme }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.algorithm {
            Algorithm::EdDsa | Algorithm::Ed25519 => SignatureAlgorithm::ED25519,
            Algorithm::Ps256 | Algorithm::Ps512 | Algorithm::Rs256 => SignatureAlgorithm::RSA,
            _ => SignatureAlgorithm::ECDSA,
        }
    }
}

#[derive(Debug)]
struct HandshakeSigner {
    key: HolderKey,
    scheme: SignatureScheme,
}

impl Signer for HandshakeSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = |reason: &str| Error::General(reason.to_owned());
        let signer = self.key.holder.signer(self.key.now).map_err(|error| failed(error.code()))?;
        if ON_EXECUTOR.get() && waits(signer) {
            return Err(failed("key_in_device"));
        }
        let signature =
            wait(signer.sign(SignInput::Message(message))).map_err(|error| failed(error.code()))?;
        match self.key.algorithm {
            Algorithm::Es256 | Algorithm::Es384 => {
                der::ecdsa_to_der(self.key.algorithm, signature.as_bytes())
                    .map_err(|error| failed(error.code()))
            }
            _ => Ok(signature.as_bytes().to_vec()),
        }
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

/// Runs a step of a handshake on a thread that must not wait: a handshake whose key turns out to be in a device fails there, in
/// place of holding up the thread (TPM-46).
///
/// For whoever polls handshakes on an executor, and asked [`TlsServer::signs_in_device`](crate::TlsServer::signs_in_device) before:
/// the certificate, and the key with it, may have been replaced since.
///
/// ```
/// assert_eq!(aims_tls::on_executor(|| "a step of a handshake"), "a step of a handshake");
/// ```
pub fn on_executor<T>(step: impl FnOnce() -> T) -> T {
    struct Restore(bool);

    impl Drop for Restore {
        fn drop(&mut self) {
            ON_EXECUTOR.set(self.0);
        }
    }

    let _restore = Restore(ON_EXECUTOR.replace(true));
    step()
}

thread_local! {
    static ON_EXECUTOR: Cell<bool> = const { Cell::new(false) };
}

/// Whether a signature is made elsewhere, in a time that nobody knows.
pub(crate) fn waits(signer: &dyn AsyncSigner) -> bool {
    signer.protection() != Protection::Software
}

fn scheme(algorithm: Algorithm) -> Option<SignatureScheme> {
    match algorithm {
        Algorithm::EdDsa | Algorithm::Ed25519 => Some(SignatureScheme::ED25519),
        Algorithm::Es256 => Some(SignatureScheme::ECDSA_NISTP256_SHA256),
        Algorithm::Es384 => Some(SignatureScheme::ECDSA_NISTP384_SHA384),
        Algorithm::Ps256 => Some(SignatureScheme::RSA_PSS_SHA256),
        Algorithm::Ps512 => Some(SignatureScheme::RSA_PSS_SHA512),
        // TLS 1.3 has no other padding for handshakes.
        _ => None,
    }
}

/// Waits on this thread. A key in this process is done at the first question; for one in a device, the handshake belongs on a
/// thread that may wait (TPM-46): rustls asks for signatures without a way to go on later. See [`on_executor`].
fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

//! A key in a TPM that signs.

use core::fmt;
use std::sync::Arc;

use aims_keys::{
    Algorithm, AsyncSigner, BoxFuture, Protection, PublicKey, SignError, SignInput, Signature, Signer,
};
use ring::digest::{SHA256, SHA384, digest};

use crate::blob::Blob;
use crate::error::TpmError;
use crate::queue::Answer;
use crate::settings::AuthValue;
use crate::tpm::Tpm;

/// A key in a TPM. Cloning is cheap.
///
/// It takes messages, which are hashed here, and digests (TPM-41). As a [`Signer`] it waits in the calling thread, as an
/// [`AsyncSigner`] it does not, and both join the one queue of their [`Tpm`] (TPM-43); a future that is dropped takes its work out of
/// that queue. One signature takes a TPM five to some hundred milliseconds.
#[derive(Clone)]
pub struct TpmSigner {
    tpm: Tpm,
    blob: Arc<Blob>,
    auth: Option<Arc<AuthValue>>,
    public_key: PublicKey,
}

impl TpmSigner {
    pub(crate) fn new(
        tpm: Tpm,
        blob: Arc<Blob>,
        auth: Option<Arc<AuthValue>>,
        public_key: PublicKey,
    ) -> Self {
        Self { tpm, blob, auth, public_key }
    }

    pub(crate) fn parts(&self) -> (Arc<Blob>, Option<Arc<AuthValue>>) {
        (Arc::clone(&self.blob), self.auth.clone())
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The public part as the TPM has it: `TPMT_PUBLIC`.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        &self.blob.public
    }

    /// The name of the key, which stands in statements about it.
    #[must_use]
    pub fn name(&self) -> Vec<u8> {
        self.blob.name()
    }

    fn submit(&self, input: SignInput<'_>) -> Result<Answer<Vec<u8>>, SignError> {
        let algorithm = self.public_key.algorithm();
        let digest = digest_of(algorithm, input)?;
        let (blob, auth) = self.parts();
        Ok(self.tpm.submit(move |device| device.sign(&blob, auth.as_deref(), algorithm, &digest))?)
    }
}

impl Signer for TpmSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn protection(&self) -> Protection {
        Protection::Tpm
    }

    fn sign(&self, input: SignInput<'_>) -> Result<Signature, SignError> {
        Ok(self.submit(input)?.wait()?.into())
    }
}

impl AsyncSigner for TpmSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn protection(&self) -> Protection {
        Protection::Tpm
    }

    fn sign<'a>(&'a self, input: SignInput<'a>) -> BoxFuture<'a, Result<Signature, SignError>> {
        Box::pin(async move { Ok(self.submit(input)?.await?.into()) })
    }
}

/// Shows the public half only.
impl fmt::Debug for TpmSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TpmSigner").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}

/// A digest of another length than that of the algorithm is the caller's fault, and needs no TPM to be found (TPM-12).
fn digest_of(algorithm: Algorithm, input: SignInput<'_>) -> Result<Vec<u8>, SignError> {
    let hash = match algorithm {
        Algorithm::Es256 => &SHA256,
        Algorithm::Es384 => &SHA384,
        _ => return Err(TpmError::Unsupported.into()),
    };
    match input {
        SignInput::Message(message) => Ok(digest(hash, message).as_ref().to_vec()),
        SignInput::Digest(bytes) if bytes.len() == hash.output_len() => Ok(bytes.to_vec()),
        _ => Err(SignError::UnsupportedInput),
    }
}

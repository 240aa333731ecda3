//! A key on a token, as a signer.

use core::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;

use super::fault::Fault;
use super::key::{self, Found};
use super::pool::Pool;
use crate::algorithm::Algorithm;
use crate::der;
use crate::public::PublicKey;
use crate::signer::{Protection, SignError, SignInput, Signature, Signer};
use crate::store::KeyId;

pub(super) struct TokenKey {
    pub(super) pool: Arc<Pool>,
    pub(super) id: KeyId,
    pub(super) public: PublicKey,
    pub(super) protection: Protection,
    /// The handle of the private key, and the generation of sessions in which it was found.
    object: Mutex<Option<(u64, ObjectHandle)>>,
}

impl TokenKey {
    /// Takes a key that was found, and makes a signature with it: the public key on a token is an object of its own, and may
    /// belong to another key.
    pub(super) fn new(
        pool: &Arc<Pool>,
        id: &KeyId,
        (found, generation): (Found, u64),
        protection: Protection,
    ) -> Result<Self, Fault> {
        const MESSAGE: &[u8] = b"aims-keys: does this key belong to its public key?";

        let key = Self {
            pool: Arc::clone(pool),
            id: id.clone(),
            public: found.public,
            protection,
            object: Mutex::new(Some((generation, found.object))),
        };
        key.sign_message(MESSAGE)?;
        Ok(key)
    }

    fn sign_message(&self, message: &[u8]) -> Result<Signature, Fault> {
        let signature = match self.public.algorithm() {
            Algorithm::Es256 => self.sign_data(&self.public.backend().sha256(message))?,
            Algorithm::Es384 => self.sign_data(&self.public.backend().sha384(message))?,
            _ => self.sign_data(message)?,
        };
        // The token may have become another one, or the key.
        self.public.verify(message, signature.as_bytes()).map_err(|_| Fault::Backend)?;
        Ok(signature)
    }

    fn sign_digest(&self, digest: &[u8]) -> Result<Signature, Fault> {
        let algorithm = self.public.algorithm();
        let len = match algorithm {
            Algorithm::Es256 => 32,
            Algorithm::Es384 => 48,
            _ => return Err(Fault::UnsupportedInput),
        };
        if digest.len() != len {
            return Err(Fault::UnsupportedInput);
        }
        let signature = self.sign_data(digest)?;
        // No message to verify it over; the numbers lie in range at least.
        der::ecdsa_to_der(algorithm, signature.as_bytes()).map_err(|_| Fault::Backend)?;
        Ok(signature)
    }

    fn sign_data(&self, data: &[u8]) -> Result<Signature, Fault> {
        let algorithm = self.public.algorithm();
        let signature = self.pool.read(|session, generation| {
            let object = self.object(session, generation)?;
            key::sign(session, object, algorithm, data)
        })?;
        Ok(signature.as_slice().into())
    }

    /// The handle, found anew where the sessions are; a key of the same name that is another one is none.
    fn object(&self, session: &Session, generation: u64) -> Result<ObjectHandle, Fault> {
        let known = *self.object.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, object)) = known
            && of == generation
        {
            return Ok(object);
        }
        let found = key::find(session, &self.id, self.public.backend())?;
        if found.public != self.public {
            return Err(Fault::NoObject);
        }
        *self.object.lock().unwrap_or_else(PoisonError::into_inner) = Some((generation, found.object));
        Ok(found.object)
    }
}

impl Signer for TokenKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn protection(&self) -> Protection {
        self.protection
    }

    fn sign(&self, input: SignInput<'_>) -> Result<Signature, SignError> {
        match input {
            SignInput::Digest(digest) => self.sign_digest(digest),
            SignInput::Message(message) => self.sign_message(message),
        }
        .map_err(Fault::of_signer)
    }
}

/// Shows the name and the public half only.
impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey").field("id", &self.id).field("public", &self.public).finish_non_exhaustive()
    }
}

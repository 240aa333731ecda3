//! Private keys: in files, or in a TPM.

use std::path::Path;

use aims::backend;
use aims::jose::{PrivateJwk, json};
use aims::keys::{
    Algorithm, AsyncSigner, BoxFuture, KeyError, PrivateKey, Protection, PublicKey, SignError, SignInput,
    Signature, Signer, SoftwareKey,
};

use crate::algorithm::Binding;
use crate::failure::{About, Failure};
use crate::input::{Input, Inputs};

/// A private key that was read and checked.
pub(crate) struct KeyFile {
    pub(crate) key: AnyKey,
    /// How messages call it.
    pub(crate) name: String,
    /// `kid`, if it was a JWK that has one.
    pub(crate) key_id: Option<String>,
    /// What kind of file it was.
    pub(crate) form: &'static str,
}

/// A key that signs, wherever it is.
#[derive(Debug)]
pub(crate) enum AnyKey {
    Software(SoftwareKey),
    #[cfg(feature = "tpm")]
    Tpm(aims_tpm::TpmSigner),
}

impl KeyFile {
    /// Opens what an option names: a file, `-`, or, as `tpm:DIR/NAME`, a key in the TPM.
    pub(crate) fn open(
        path: &Path,
        binding: impl Into<Binding>,
        inputs: &mut Inputs,
    ) -> Result<Self, Failure> {
        if let Some(place) = path.to_str().and_then(|path| path.strip_prefix(IN_TPM)) {
            return Self::in_tpm(place, binding.into(), inputs);
        }
        Self::read(&inputs.file(path)?, binding)
    }

    #[cfg(feature = "tpm")]
    fn in_tpm(place: &str, binding: Binding, inputs: &mut Inputs) -> Result<Self, Failure> {
        let name = format!("{IN_TPM}{place}");
        let key = crate::command::tpm::open_key(place, inputs).about_option(&name)?;
        // A key of a TPM is made for one algorithm.
        if binding.named.is_some_and(|named| named != key.public_key().algorithm()) {
            return Err(KeyError::AlgorithmMismatch).about_option(&name);
        }
        Ok(Self { key: AnyKey::Tpm(key), name, key_id: None, form: "private key in a TPM" })
    }

    #[cfg(not(feature = "tpm"))]
    fn in_tpm(_: &str, _: Binding, _: &mut Inputs) -> Result<Self, Failure> {
        Err(crate::command::tpm_absent::explained())
    }

    /// Reads PKCS#8 in PEM, or a private JWK, and binds it to the algorithm that was named; without one, to the one that the JWK names or
    /// that keys of this kind have.
    pub(crate) fn read(input: &Input, binding: impl Into<Binding>) -> Result<Self, Failure> {
        let (key, key_id, form) = if input.text.trim_start().starts_with('{') {
            Self::from_jwk(&input.text, binding.into())
        } else {
            Self::from_pem(&input.text, binding.into())
        }
        .about(input)?;
        let name = input.name.clone().unwrap_or_default();
        Ok(Self { key: AnyKey::Software(key), name, key_id, form })
    }

    fn from_jwk(text: &str, binding: Binding) -> Result<Parts, Failure> {
        let jwk = match binding.named.or_else(|| usual_algorithm(text, binding)) {
            Some(algorithm) => PrivateJwk::parse_as(text, algorithm),
            None => PrivateJwk::parse(text),
        }?;
        let key_id = jwk.key_id().map(str::to_owned);
        Ok((jwk.load(backend::ring())?, key_id, "private JWK"))
    }

    fn from_pem(text: &str, binding: Binding) -> Result<Parts, Failure> {
        let private = PrivateKey::from_pem(text)?;
        let key = match binding.named {
            Some(algorithm) => private.load(algorithm, backend::ring()),
            None => load_as_its_kind(&private, binding),
        }?;
        Ok((key, None, "private key in PEM (PKCS#8)"))
    }
}

impl AnyKey {
    /// The public half.
    pub(crate) fn public_key(&self) -> &PublicKey {
        Signer::public_key(self)
    }
}

impl Signer for AnyKey {
    fn public_key(&self) -> &PublicKey {
        match self {
            Self::Software(key) => Signer::public_key(key),
            #[cfg(feature = "tpm")]
            Self::Tpm(key) => Signer::public_key(key),
        }
    }

    fn protection(&self) -> Protection {
        match self {
            Self::Software(key) => Signer::protection(key),
            #[cfg(feature = "tpm")]
            Self::Tpm(key) => Signer::protection(key),
        }
    }

    fn sign(&self, input: SignInput<'_>) -> Result<Signature, SignError> {
        match self {
            Self::Software(key) => Signer::sign(key, input),
            #[cfg(feature = "tpm")]
            Self::Tpm(key) => Signer::sign(key, input),
        }
    }
}

impl AsyncSigner for AnyKey {
    fn public_key(&self) -> &PublicKey {
        Signer::public_key(self)
    }

    fn protection(&self) -> Protection {
        Signer::protection(self)
    }

    fn sign<'a>(&'a self, input: SignInput<'a>) -> BoxFuture<'a, Result<Signature, SignError>> {
        match self {
            Self::Software(key) => AsyncSigner::sign(key, input),
            #[cfg(feature = "tpm")]
            Self::Tpm(key) => AsyncSigner::sign(key, input),
        }
    }
}

/// A key, `kid` of its JWK, and what kind of file it was.
type Parts = (SoftwareKey, Option<String>, &'static str);

/// A key of PKCS#8 tells its kind, and not whether RSA is for PS256 or RS256.
fn load_as_its_kind(private: &PrivateKey, binding: Binding) -> Result<SoftwareKey, KeyError> {
    for algorithm in binding.by_kind() {
        match private.load(algorithm, backend::ring()) {
            Err(KeyError::AlgorithmMismatch) => {}
            loaded => return loaded,
        }
    }
    Err(KeyError::AlgorithmMismatch)
}

/// What a private JWK without `alg` is for. It is read in place: the text is secret.
fn usual_algorithm(text: &str, binding: Binding) -> Option<Algorithm> {
    let (mut alg, mut kty, mut crv) = (None, None, None);
    json::read_object(text.as_bytes(), &json::Limits::new(), |name, value| {
        match &*name.as_str() {
            "alg" => alg = Some(value),
            "kty" => kty = value.as_str(),
            "crv" => crv = value.as_str(),
            _ => {}
        }
        Ok::<_, json::JsonError>(())
    })
    .ok()?;
    if alg.is_some() { None } else { binding.usual(&kty?, crv.as_deref()) }
}

/// What begins the name of a key in the TPM. A file of such a name is `./tpm:...`.
const IN_TPM: &str = "tpm:";

//! Keys and shared secrets, to sign with and to verify with.

use std::path::{Path, PathBuf};

use aims::backend;
use aims::jose::{Jwk, base64};
use aims::keys::{Algorithm, AlgorithmSet, PublicKey, PublicNumbers};
use aims_httpsig::{Candidate, SharedSecret};
use zeroize::Zeroizing;

use crate::algorithm::{self, Binding};
use crate::command::public_key::Document;
use crate::failure::{About, Failure};
use crate::input::{Input, Inputs};
use crate::keyfile::{AnyKey, KeyFile};
use crate::pem;

/// What to sign with.
#[derive(clap::Args, Debug)]
#[group(id = "signing", required = true, multiple = false)]
pub(super) struct SigningKey {
    /// The private key: PKCS#8 in PEM or a private JWK; - is standard input.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// A secret that the verifier has, too, as text (hmac-sha256); - is standard input.
    #[arg(long, value_name = "FILE")]
    secret: Option<PathBuf>,
    /// The same in base64.
    #[arg(long, value_name = "FILE")]
    secret_base64: Option<PathBuf>,
}

/// What to verify with.
#[derive(clap::Args, Debug)]
#[group(id = "verifying", required = true, multiple = false)]
pub(super) struct VerifyingKey {
    /// The public key: a JWK, a JWK Set of which `keyid` names a key, or a public key in PEM; - is standard input.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// A secret that the signer has, too, as text (hmac-sha256); - is standard input.
    #[arg(long, value_name = "FILE")]
    secret: Option<PathBuf>,
    /// The same in base64.
    #[arg(long, value_name = "FILE")]
    secret_base64: Option<PathBuf>,
}

/// What the key is for, where its file does not say.
#[derive(clap::Args, Debug)]
pub(super) struct Bound {
    /// The algorithm that the key is for, by its name in JOSE or in RFC 9421: PS512 is rsa-pss-sha512. Default: what the JWK says; else
    /// what such keys are for, PS512 for RSA.
    #[arg(long, value_parser = algorithm::http_parser())]
    pub(super) alg: Option<Algorithm>,
}

/// What signs.
pub(super) enum Signing {
    Private(Box<AnyKey>),
    Shared(SharedSecret),
}

/// What verifies, once the signature has said which key it is by.
pub(super) enum Verifying {
    Document(Input, Document),
    Public(Box<PublicKey>),
    Shared(SharedSecret),
}

impl SigningKey {
    pub(super) fn read(&self, alg: Option<Algorithm>, inputs: &mut Inputs) -> Result<Signing, Failure> {
        if let Some(key) = &self.key {
            let key = KeyFile::open(key, Binding::of_http(alg), inputs)?.key;
            return Ok(Signing::Private(Box::new(key)));
        }
        secret(self.secret.as_deref(), self.secret_base64.as_deref(), inputs).map(Signing::Shared)
    }
}

impl VerifyingKey {
    pub(super) fn read(&self, alg: Option<Algorithm>, inputs: &mut Inputs) -> Result<Verifying, Failure> {
        let Some(key) = &self.key else {
            return secret(self.secret.as_deref(), self.secret_base64.as_deref(), inputs)
                .map(Verifying::Shared);
        };
        let input = inputs.file(key)?;
        if input.text.contains(pem::BEGIN) {
            return Ok(Verifying::Public(Box::new(from_pem(&input.text, alg).about(&input)?)));
        }
        let document = Document::read(&input, Binding::of_http(alg))?;
        Ok(Verifying::Document(input, document))
    }
}

impl Verifying {
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Shared(_))
    }

    /// The key that this signature is to be verified with.
    pub(super) fn of(&self, candidate: &Candidate<'_>) -> Result<aims_httpsig::VerifyingKey<'_>, Failure> {
        match self {
            Self::Document(_, Document::One(jwk)) => Ok(jwk.public_key().into()),
            Self::Document(input, Document::Set(set)) => {
                let named = |jwk: &&Jwk| jwk.key_id().is_some() && jwk.key_id() == candidate.key_id();
                let mut found = set.iter().flatten().filter(named);
                match (found.next(), found.next()) {
                    (Some(jwk), None) => Ok(jwk.public_key().into()),
                    (None, _) => {
                        Err(unknown_key("the set has no key that goes by the `keyid` of the signature"))
                    }
                    (Some(_), Some(_)) => Err(unknown_key("the set has several keys of this name")),
                }
                .about(input)
            }
            Self::Public(key) => Ok((&**key).into()),
            Self::Shared(secret) => Ok(secret.into()),
        }
    }
}

/// What is allowed: what is usual, with that of RSA keys in RFC 9421; or the one algorithm that was named.
pub(super) fn algorithms(alg: Option<Algorithm>) -> AlgorithmSet {
    alg.map_or(AlgorithmSet::STANDARD.with(Algorithm::Ps512), |alg| AlgorithmSet::of(&[alg]))
}

fn unknown_key(why: &str) -> Failure {
    Failure::refused("unknown_key", "HS-ALG-01", why)
}

fn from_pem(text: &str, alg: Option<Algorithm>) -> Result<PublicKey, Failure> {
    let numbers = PublicNumbers::from_spki(&pem::public_key(text)?)?;
    let algorithm = Binding::of_http(alg).of_numbers(&numbers);
    Ok(PublicKey::load(numbers, algorithm, backend::ring())?)
}

fn secret(text: Option<&Path>, base64: Option<&Path>, inputs: &mut Inputs) -> Result<SharedSecret, Failure> {
    let shared = |secret| SharedSecret::new(secret, backend::ring());
    match (text, base64) {
        (Some(path), _) => {
            let input = inputs.file(path)?;
            shared(Zeroizing::new(input.text.as_bytes().to_vec())).about(&input)
        }
        (None, Some(path)) => {
            let input = inputs.file(path)?;
            shared(Zeroizing::new(base64::decode(&input.text).about(&input)?)).about(&input)
        }
        (None, None) => Err(Failure::Unusable("a key or a secret is missing".into())),
    }
}

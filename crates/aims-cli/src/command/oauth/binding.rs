//! What tokens are bound to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aims::backend;
use aims::keys::{Algorithm, AsyncSigner, PrivateKey};
use aims::oauth::{DpopProver, SenderConstraint};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::input::Inputs;
use crate::keyfile::KeyFile;
use crate::private_file;

/// What the token is bound to. Default: to a key that is made for it, and gone when the program ends.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("bound"))]
pub(super) struct BindingArgs {
    /// Binds the token to this key, which signs `DPoP` proofs and nothing else: PKCS#8 in PEM or a private JWK.
    #[arg(long, value_name = "FILE", group = "bound")]
    dpop_key: Option<PathBuf>,
    /// Makes the key, and writes it into this file, which only its owner can read.
    #[arg(long, value_name = "FILE", group = "bound")]
    new_dpop_key: Option<PathBuf>,
    /// Binds the token to nothing: whoever has a copy of it is the agent.
    #[arg(long, group = "bound")]
    dangerous_bearer: bool,
}

impl BindingArgs {
    pub(super) fn read(&self, replace: bool, inputs: &mut Inputs) -> Result<Binding, Failure> {
        if self.dangerous_bearer {
            let constraint = SenderConstraint::dangerous_bearer();
            return Ok(Binding { constraint, is_kept: true, new_key: None });
        }
        if let Some(path) = &self.dpop_key {
            let key = KeyFile::open(path, None, inputs)?.key;
            return Ok(Binding { constraint: by(key)?, is_kept: true, new_key: None });
        }
        let private = PrivateKey::generate(Algorithm::Es256, backend::ring())?;
        let constraint = by(private.load(Algorithm::Es256, backend::ring())?)?;
        let Some(path) = &self.new_dpop_key else {
            return Ok(Binding { constraint, is_kept: false, new_key: None });
        };
        private_file::check(path, replace)?;
        Ok(Binding { constraint, is_kept: true, new_key: Some((path.clone(), private.expose_pem())) })
    }
}

fn by(key: impl AsyncSigner + 'static) -> Result<SenderConstraint, Failure> {
    Ok(SenderConstraint::dpop(DpopProver::new(Arc::new(key))?))
}

/// What a token is bound to, and the key that was made for it.
pub(super) struct Binding {
    constraint: SenderConstraint,
    is_kept: bool,
    new_key: Option<(PathBuf, Zeroizing<String>)>,
}

impl Binding {
    pub(super) fn constraint(&self) -> &SenderConstraint {
        &self.constraint
    }

    /// Whether the token is of use when the program has ended.
    pub(super) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Writes the key that was made, if one was, and says where.
    pub(super) fn keep(&self, replace: bool) -> Result<Option<&Path>, Failure> {
        let Some((path, pem)) = &self.new_key else { return Ok(None) };
        private_file::write(path, pem, replace)?;
        Ok(Some(path))
    }
}

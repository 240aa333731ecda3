//! `aims key`.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use aims::backend;
use aims::jose::{Jwk, Thumbprint, base64url};
use aims::keys::{Algorithm, PrivateKey};
use clap::Subcommand;
use zeroize::Zeroizing;

use super::public_key::kind;
use crate::algorithm;
use crate::failure::Failure;
use crate::input::Inputs;
use crate::keyfile::KeyFile;
use crate::output::{Facts, Report};
use crate::private_file;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows the public facts of a private key.
    Inspect {
        /// PKCS#8 in PEM or a private JWK; - is standard input.
        file: PathBuf,
        #[command(flatten)]
        bound: Bound,
    },
    /// Makes a private key, as PKCS#8 in PEM.
    ///
    /// The file is readable for its owner only. RSA and ML-DSA keys cannot be made here.
    New {
        /// The algorithm that the key is for.
        #[arg(long, default_value = "ES256", value_parser = algorithm::parser())]
        alg: Algorithm,
        /// The file to write; - prints the key, to a terminal too.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Replaces the file if there is one.
        #[arg(long)]
        force: bool,
    },
    /// Prints the public half of a private key as a JWK.
    Public {
        /// PKCS#8 in PEM or a private JWK; - is standard input.
        file: PathBuf,
        /// The identifier that the key goes by in sets of keys; in place of the one in the file.
        #[arg(long)]
        kid: Option<String>,
        #[command(flatten)]
        bound: Bound,
    },
    /// Makes a key that seals what is kept in files, such as what a user granted: 32 random bytes in base64url.
    ///
    /// The file is readable for its owner only. Keep it elsewhere than what it seals.
    Sealing {
        /// The file to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Replaces the file if there is one.
        #[arg(long)]
        force: bool,
    },
}

/// What a key is for, where its file does not say.
#[derive(clap::Args, Debug)]
pub(crate) struct Bound {
    /// The algorithm that the key is for. Default: what the JWK says; of PEM what such keys have, PS256 for RSA.
    #[arg(long, value_parser = algorithm::parser())]
    pub(crate) alg: Option<Algorithm>,
}

impl Command {
    pub(crate) fn run(self, inputs: &mut Inputs, json: bool) -> Result<Report, Failure> {
        match self {
            Self::Inspect { file, bound } => {
                let read = KeyFile::open(&file, bound.alg, inputs)?;
                Ok(Report::Facts(inspect(&read)))
            }
            Self::New { alg, out, force } => new(alg, out.as_deref(), force, json),
            Self::Public { file, kid, bound } => {
                let read = KeyFile::open(&file, bound.alg, inputs)?;
                let mut jwk = Jwk::new(read.key.public_key().clone());
                if let Some(kid) = kid.or(read.key_id) {
                    jwk = jwk.with_key_id(&kid)?;
                }
                Ok(Report::Document(jwk.to_json()))
            }
            Self::Sealing { out, force } => sealing(&out, force),
        }
    }
}

fn sealing(file: &Path, force: bool) -> Result<Report, Failure> {
    private_file::check(file, force)?;
    let mut bytes = Zeroizing::new([0; 32]);
    backend::ring().fill_random(&mut *bytes)?;
    private_file::write(file, &Zeroizing::new(base64url::encode(*bytes)), force)?;
    Ok(Report::Facts(Facts::new().with("file", file.display().to_string())))
}

fn new(alg: Algorithm, out: Option<&Path>, force: bool, json: bool) -> Result<Report, Failure> {
    let asked = out.is_some_and(|out| out.as_os_str() == "-");
    let file = out.filter(|_| !asked);
    if file.is_none() {
        may_print(asked, json, io::stdout().is_terminal())?;
    }
    let private = PrivateKey::generate(alg, backend::ring())?;
    let public = private.load(alg, backend::ring())?.public_key().clone();
    let Some(file) = file else {
        return Ok(Report::Secret(private.expose_pem()));
    };
    private_file::write(file, &private.expose_pem(), force)?;
    let facts = Facts::new()
        .with("file", file.display().to_string())
        .with("alg", alg.name())
        .with("thumbprint", Thumbprint::of(&public).to_string());
    Ok(Report::Facts(facts))
}

/// Whether a private key may go to standard output.
fn may_print(asked: bool, json: bool, terminal: bool) -> Result<(), Failure> {
    let why_not = match (asked, json, terminal) {
        (_, true, _) => "the key itself is never printed as JSON: name a file with --out",
        (false, false, true) => {
            "standard output is a terminal: name a file with --out, or print the key with --out -"
        }
        _ => return Ok(()),
    };
    Err(Failure::Unusable(why_not.into()))
}

fn inspect(read: &KeyFile) -> Facts {
    let public = read.key.public_key();
    Facts::new()
        .with("form", read.form)
        .with("alg", public.algorithm().name())
        .with("type", kind(public))
        .with_some("kid", read.key_id.as_deref())
        .with("thumbprint", Thumbprint::of(public).to_string())
}

#[cfg(test)]
mod tests {
    use super::may_print;

    #[test]
    fn a_terminal_gets_a_private_key_only_when_asked() {
        assert!(may_print(false, false, true).is_err());
        assert!(may_print(true, false, true).is_ok());
        assert!(may_print(false, false, false).is_ok());
        assert!(may_print(true, true, false).is_err());
    }
}

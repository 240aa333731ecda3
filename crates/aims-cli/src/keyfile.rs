//! Private keys in files.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aims::backend;
use aims::jose::{PrivateJwk, json};
use aims::keys::{Algorithm, KeyError, PrivateKey, SoftwareKey};

use crate::algorithm::Binding;
use crate::failure::{About, Failure};
use crate::input::Input;

/// A private key that was read and checked.
pub(crate) struct KeyFile {
    pub(crate) key: SoftwareKey,
    /// `kid`, if it was a JWK that has one.
    pub(crate) key_id: Option<String>,
    /// What kind of file it was.
    pub(crate) form: &'static str,
}

impl KeyFile {
    /// Reads PKCS#8 in PEM, or a private JWK, and binds it to the algorithm that was named; without one, to the one that the JWK names or
    /// that keys of this kind have.
    pub(crate) fn read(input: &Input, binding: impl Into<Binding>) -> Result<Self, Failure> {
        let file = if input.text.trim_start().starts_with('{') {
            Self::from_jwk(&input.text, binding.into())
        } else {
            Self::from_pem(&input.text, binding.into())
        };
        file.about(input)
    }

    fn from_jwk(text: &str, binding: Binding) -> Result<Self, Failure> {
        let jwk = match binding.named.or_else(|| usual_algorithm(text, binding)) {
            Some(algorithm) => PrivateJwk::parse_as(text, algorithm),
            None => PrivateJwk::parse(text),
        }?;
        let key_id = jwk.key_id().map(str::to_owned);
        Ok(Self { key: jwk.load(backend::ring())?, key_id, form: "private JWK" })
    }

    fn from_pem(text: &str, binding: Binding) -> Result<Self, Failure> {
        let private = PrivateKey::from_pem(text)?;
        let key = match binding.named {
            Some(algorithm) => private.load(algorithm, backend::ring()),
            None => load_as_its_kind(&private, binding),
        }?;
        Ok(Self { key, key_id: None, form: "private key in PEM (PKCS#8)" })
    }
}

/// Writes a private key into a file that only its owner can read; over a file that is there only when `replace` says so.
pub(crate) fn write(path: &Path, pem: &str, replace: bool) -> Result<(), Failure> {
    let written = if replace { write_over(path, pem) } else { write_new(path, pem) };
    written.map_err(|error| {
        let name = path.display().to_string();
        if !replace && error.kind() == io::ErrorKind::AlreadyExists {
            Failure::Unusable(format!("{name}: there is a file already; --force replaces it"))
        } else {
            Failure::io(&name, &error)
        }
    })
}

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

fn write_new(path: &Path, pem: &str) -> io::Result<()> {
    let mut file = create(path)?;
    let written = file.write_all(pem.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a key is of use to nobody; why it could not be written is what matters.
        let _ = fs::remove_file(path);
    }
    written
}

/// Writes beside the file first: whatever happens, there is the old key or the new one.
fn write_over(path: &Path, pem: &str) -> io::Result<()> {
    let beside = beside(path)?;
    write_new(&beside, pem)?;
    fs::rename(&beside, path).inspect_err(|_| {
        let _ = fs::remove_file(&beside);
    })
}

fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}.new", std::process::id()));
    Ok(path.with_file_name(beside))
}

/// Creates a file that was not there, for its owner only from its first moment on.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

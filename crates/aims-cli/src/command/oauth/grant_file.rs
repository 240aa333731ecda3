//! What a user granted, sealed in a file.

use std::path::{Path, PathBuf};

use aims::backend;
use aims::jose::base64url;
use aims::keys::SealingKey;
use aims::oauth::UserGrant;
use zeroize::Zeroizing;

use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::Facts;
use crate::private_file::{self, Locked};

/// Where what the user granted is kept.
#[derive(clap::Args, Debug)]
pub(super) struct NewGrant {
    /// Seals what the user granted into this file, for `aims oauth get refresh`.
    #[arg(long, value_name = "FILE", requires = "sealing_key")]
    grant_out: Option<PathBuf>,
    /// The key that seals it, of `aims key sealing`.
    #[arg(long, value_name = "FILE", requires = "grant_out")]
    sealing_key: Option<PathBuf>,
}

impl NewGrant {
    /// Where to, if anywhere. Says before a user is asked that there would be no place.
    pub(super) fn file(&self, replace: bool, inputs: &mut Inputs) -> Result<Option<GrantFile>, Failure> {
        let (Some(path), Some(key)) = (&self.grant_out, &self.sealing_key) else { return Ok(None) };
        private_file::check(path, replace)?;
        Ok(Some(GrantFile { path: path.clone(), key: sealing_key(key, inputs)?, replace, _lock: None }))
    }
}

/// A file, and the key that seals what is in it.
pub(super) struct GrantFile {
    path: PathBuf,
    key: SealingKey,
    replace: bool,
    /// RFT-1: two uses at a time look to the server like a thief.
    _lock: Option<Locked>,
}

impl GrantFile {
    /// One that is there.
    pub(super) fn open(path: &Path, key: &Path, inputs: &mut Inputs) -> Result<(Self, UserGrant), Failure> {
        // What is in it is written anew when the server has answered: too late to find that there is no place for it.
        private_file::check(path, true)?;
        let key = sealing_key(key, inputs)?;
        let lock = Some(Locked::of(path)?);
        let file = Self { path: path.to_owned(), key, replace: true, _lock: lock };
        let sealed = inputs.file(path)?;
        let grant = UserGrant::open(&sealed.text, &file.key).about(&sealed)?;
        Ok((file, grant))
    }

    /// Writes what more tokens come by.
    pub(super) fn keep(&self, grant: &UserGrant) -> Result<(), Failure> {
        let sealed = grant.seal(&self.key)?;
        private_file::write(&self.path, &sealed, self.replace)
    }

    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }
}

/// What is said of a grant, which was kept in this file if it was.
pub(super) fn facts(grant: &UserGrant, file: Option<&GrantFile>) -> Facts {
    Facts::new()
        .with_some("subject", grant.subject().as_deref())
        .with("refreshable", grant.can_be_refreshed())
        .with_some("grant", file.map(GrantFile::name))
}

/// Reads a key that seals: 32 bytes in base64url.
fn sealing_key(path: &Path, inputs: &mut Inputs) -> Result<SealingKey, Failure> {
    let file = inputs.file(path)?;
    let malformed = || Failure::Unusable(format!("{}: not a key of `aims key sealing`", path.display()));
    let bytes = Zeroizing::new(base64url::decode(&file.text).map_err(|_| malformed())?);
    let bytes = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| malformed())?;
    SealingKey::from_bytes(Zeroizing::new(bytes), backend::ring()).about(&file)
}

//! Bundle documents in files.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aims_id::Origin;
use aims_keys::Backend;

use super::store::{BundleStore, BundleStoreError};

/// Bundle documents in a directory of their own, one file for each trust domain.
///
/// A file appears whole or not at all, and its owner alone can read it (mode 0600). The origin stands in it before the document, so
/// that no file that was renamed becomes the bundle of another trust domain (FED-11). One process uses a directory at a time.
#[derive(Clone, Debug)]
pub struct FileBundleStore {
    dir: PathBuf,
    backend: Backend,
}

impl FileBundleStore {
    /// Keeps documents in `dir`, which is made if there is none, with mode 0700. Its parent must exist. `backend` names temporary files.
    ///
    /// # Errors
    ///
    /// [`BundleStoreError::Permissions`] when others can write there, or it belongs to somebody else; [`BundleStoreError::Io`].
    pub fn open(dir: impl Into<PathBuf>, backend: Backend) -> Result<Self, BundleStoreError> {
        let dir = dir.into();
        match DirBuilder::new().mode(0o700).create(&dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(&dir, &error)),
            _ => {}
        }
        let metadata = fs::metadata(&dir).map_err(|error| failed(&dir, &error))?;
        if !metadata.is_dir() || !is_ours(&metadata, &dir)? {
            return Err(BundleStoreError::Permissions { file: dir });
        }
        Ok(Self { dir, backend })
    }

    fn file(&self, origin: &Origin) -> PathBuf {
        // Both parts are letters, digits, dots, hyphens and underscores (SPF-ID-3).
        self.dir.join(format!("{}+{}.bundle", origin.scheme(), origin.trust_domain()))
    }

    fn write(&self, file: &Path, origin: &Origin, document: &str) -> Result<(), BundleStoreError> {
        let mut name = [0; 16];
        self.backend
            .fill_random(&mut name)
            .map_err(|_| BundleStoreError::Io { file: file.to_owned(), kind: io::ErrorKind::Other })?;
        let temporary = Temporary(self.dir.join(format!(".tmp-{:032x}", u128::from_be_bytes(name))));
        let written =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary.0).and_then(
                |mut opened| {
                    opened.write_all(origin.as_str().as_bytes())?;
                    opened.write_all(b"\n")?;
                    opened.write_all(document.as_bytes())?;
                    opened.sync_all()
                },
            );
        written.and_then(|()| fs::rename(&temporary.0, file)).map_err(|error| failed(file, &error))?;
        self.sync()
    }

    /// A rename is on disk only once its directory is.
    fn sync(&self) -> Result<(), BundleStoreError> {
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(|error| failed(&self.dir, &error))
    }
}

impl BundleStore for FileBundleStore {
    fn load(&self, origin: &Origin) -> Result<Option<String>, BundleStoreError> {
        let file = self.file(origin);
        // A link may lead anywhere, and a pipe would wait for a writer.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
        let opened = match OpenOptions::new().read(true).custom_flags(flags).open(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if matches!(error.raw_os_error(), Some(libc::ELOOP | libc::EMLINK | libc::ENXIO)) => {
                return Err(BundleStoreError::Permissions { file });
            }
            opened => opened.map_err(|error| failed(&file, &error))?,
        };
        let metadata = opened.metadata().map_err(|error| failed(&file, &error))?;
        if !metadata.is_file() || !is_ours(&metadata, &file)? {
            return Err(BundleStoreError::Permissions { file });
        }
        let mut bytes = Vec::new();
        opened.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| failed(&file, &error))?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(BundleStoreError::Corrupt { file });
        }
        let text = String::from_utf8(bytes).ok();
        match text.as_deref().and_then(|text| text.split_once('\n')) {
            Some((first, document)) if first == origin.as_str() => Ok(Some(document.to_owned())),
            _ => Err(BundleStoreError::Corrupt { file }),
        }
    }

    fn save(&self, origin: &Origin, document: &str) -> Result<(), BundleStoreError> {
        self.write(&self.file(origin), origin, document)
    }

    fn delete(&self, origin: &Origin) -> Result<(), BundleStoreError> {
        let file = self.file(origin);
        match fs::remove_file(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(|error| failed(&file, &error)).and_then(|()| self.sync()),
        }
    }
}

/// A file that is removed when this is dropped; after a rename there is none.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // A leftover is read by nobody.
        let _ = fs::remove_file(&self.0);
    }
}

fn failed(file: &Path, error: &io::Error) -> BundleStoreError {
    BundleStoreError::Io { file: file.to_owned(), kind: error.kind() }
}

/// Whether it belongs to the user of this process, and nobody else can write to it.
fn is_ours(metadata: &Metadata, file: &Path) -> Result<bool, BundleStoreError> {
    // The owner of a pipe made just now: std has no name for the user of this process.
    let pipe = io::pipe().and_then(|(reader, _)| File::from(OwnedFd::from(reader)).metadata());
    let own = pipe.map_err(|error| failed(file, &error))?.uid();
    Ok(metadata.uid() == own && metadata.mode() & WRITABLE_BY_OTHERS == 0)
}

const WRITABLE_BY_OTHERS: u32 = 0o022;

/// What the reader of bundles takes, and the origin before it.
const MAX_FILE: u64 = 1024 * 1024 + 4096;

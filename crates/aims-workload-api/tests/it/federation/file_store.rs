//! Bundle documents in files.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use aims_id::Origin;
use aims_keys::backend;
use aims_testkit::assert_refused;
use aims_workload_api::federation::{BundleStore, BundleStoreError, FileBundleStore};

/// A directory that is removed with the test.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("aims-federation-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        fs::create_dir(&dir).unwrap();
        Self(dir)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn origin(text: &str) -> Origin {
    text.parse().unwrap()
}

fn acme() -> Origin {
    origin("spiffe://acme.example")
}

fn open(dir: &Directory) -> Result<FileBundleStore, BundleStoreError> {
    FileBundleStore::open(dir.path("bundles"), backend::ring())
}

fn mode(path: &PathBuf) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &PathBuf, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn fed_9_documents_come_back_as_they_were_until_they_are_deleted() {
    let dir = Directory::new();
    let store = open(&dir).unwrap();
    assert_eq!(store.load(&acme()), Ok(None));
    store.save(&acme(), "{}\n[]\n").unwrap();
    store.save(&origin("spiffe://bank.example"), "").unwrap();
    let again = open(&dir).unwrap();
    assert_eq!(again.load(&acme()), Ok(Some("{}\n[]\n".into())));
    assert_eq!(again.load(&origin("spiffe://bank.example")), Ok(Some(String::new())));
    // The same name under another scheme is another trust domain.
    assert_eq!(again.load(&origin("wimse://acme.example")), Ok(None));
    again.save(&acme(), "new").unwrap();
    assert_eq!(store.load(&acme()), Ok(Some("new".into())));
    store.delete(&acme()).unwrap();
    store.delete(&acme()).unwrap();
    assert_eq!(store.load(&acme()), Ok(None));
}

#[test]
fn fed_9_files_are_their_owners_and_nothing_else_is_left() {
    let dir = Directory::new();
    let store = open(&dir).unwrap();
    for _ in 0..3 {
        store.save(&acme(), "{}").unwrap();
    }
    let bundles = dir.path("bundles");
    assert_eq!(mode(&bundles), 0o700);
    let files: Vec<_> = fs::read_dir(&bundles).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files, [bundles.join("spiffe+acme.example.bundle")]);
    assert_eq!(mode(&files[0]), 0o600);
    fs::remove_dir_all(&bundles).unwrap();
    assert_refused!(store.save(&acme(), "{}"), "bundle_store_io", "FED-9");
}

#[test]
fn fed_9_what_others_could_have_changed_is_not_read() {
    let dir = Directory::new();
    let store = open(&dir).unwrap();
    store.save(&acme(), "{}").unwrap();
    let (bundles, file) = (dir.path("bundles"), dir.path("bundles/spiffe+acme.example.bundle"));
    for others in [0o620, 0o602] {
        set_mode(&file, others);
        assert_refused!(store.load(&acme()), "bundle_store_permissions", "FED-9");
    }
    set_mode(&file, 0o600);
    for others in [0o770, 0o707] {
        set_mode(&bundles, others);
        assert_refused!(open(&dir), "bundle_store_permissions", "FED-9");
    }
    set_mode(&bundles, 0o700);
    fs::rename(&file, dir.path("elsewhere")).unwrap();
    symlink(dir.path("elsewhere"), &file).unwrap();
    assert_refused!(store.load(&acme()), "bundle_store_permissions", "FED-9");
    // The link is replaced, and what it leads to is not.
    store.save(&acme(), "new").unwrap();
    assert_eq!(store.load(&acme()), Ok(Some("new".into())));
    assert_eq!(fs::read_to_string(dir.path("elsewhere")).unwrap(), "spiffe://acme.example\n{}");
    fs::write(dir.path("plain"), "").unwrap();
    assert_refused!(
        FileBundleStore::open(dir.path("plain"), backend::ring()),
        "bundle_store_permissions",
        "FED-9"
    );
    assert_refused!(FileBundleStore::open(dir.path("a/b"), backend::ring()), "bundle_store_io", "FED-9");
}

#[test]
fn fed_11_a_file_under_another_name_is_the_bundle_of_nobody() {
    let dir = Directory::new();
    let store = open(&dir).unwrap();
    store.save(&acme(), "{}").unwrap();
    let file = |name: &str| dir.path(&format!("bundles/spiffe+{name}.bundle"));
    fs::copy(file("acme.example"), file("bank.example")).unwrap();
    assert_refused!(store.load(&origin("spiffe://bank.example")), "corrupt_bundle_file", "FED-11");
    let long = format!("spiffe://acme.example\n{}", " ".repeat(1024 * 1024 + 4096));
    for content in [
        "",
        "spiffe://acme.example",
        "spiffe://acme.example.evil\n{}",
        "\u{feff}spiffe://acme.example\n{}",
        &long,
    ] {
        fs::write(file("acme.example"), content).unwrap();
        assert_refused!(store.load(&acme()), "corrupt_bundle_file", "FED-11");
    }
    fs::write(file("acme.example"), b"spiffe://acme.example\n\xff").unwrap();
    assert_refused!(store.load(&acme()), "corrupt_bundle_file", "FED-11");
}

#[test]
fn fed_11_the_largest_file_is_read_and_none_that_is_larger() {
    let dir = Directory::new();
    let store = open(&dir).unwrap();
    store.save(&acme(), &" ".repeat(1024 * 1024 + 4096 - "spiffe://acme.example\n".len())).unwrap();
    assert!(store.load(&acme()).unwrap().is_some());
    store.save(&acme(), &" ".repeat(1024 * 1024 + 4096)).unwrap();
    assert_refused!(store.load(&acme()), "corrupt_bundle_file", "FED-11");
}

#[test]
fn fed_9_what_the_system_refuses_is_said_and_leaves_nothing_behind() {
    let dir = Directory::new();
    let store = open(&dir).unwrap();
    let (bundles, file) = (dir.path("bundles"), dir.path("bundles/spiffe+acme.example.bundle"));
    fs::create_dir(&file).unwrap();
    assert_refused!(store.save(&acme(), "{}"), "bundle_store_io", "FED-9");
    assert_eq!(fs::read_dir(&bundles).unwrap().count(), 1, "a temporary file is left");
    assert_refused!(store.delete(&acme()), "bundle_store_io", "FED-9");
    assert_refused!(store.load(&acme()), "bundle_store_permissions", "FED-9");
    fs::remove_dir_all(&bundles).unwrap();
    fs::write(&bundles, "").unwrap();
    assert_refused!(store.load(&acme()), "bundle_store_io", "FED-9");
}

#[test]
fn fed_9_a_pipe_is_not_waited_for() {
    let dir = Directory::new();
    let store = open(&dir).unwrap();
    let pipe = dir.path("bundles/spiffe+acme.example.bundle");
    let made = std::process::Command::new("mkfifo").arg("-m").arg("600").arg(&pipe).status().unwrap();
    assert!(made.success());
    assert_refused!(store.load(&acme()), "bundle_store_permissions", "FED-9");
}

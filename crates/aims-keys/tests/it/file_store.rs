//! The store on disk (TPM-44): what is sealed, who may read it, and what becomes of it when somebody tampers.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use aims_keys::store::{
    Argon2Cost, DeleteKeys, FileStore, GenerateKeys, HostKey, ImportKeys, KeyStore, ListKeys, Passphrase,
    Sealing, StoreError,
};
use aims_keys::{Algorithm, PrivateKey, SignInput, backend};
use aims_testkit::assert_refused;
use zeroize::Zeroizing;

use crate::store::{id, obeys_the_contract, one_wins};
use crate::support::{backends, makes};

#[test]
fn tpm_40_tpm_44_tpm_45_the_file_store_obeys_the_contract() {
    for backend in backends() {
        let place = Place::new();
        let host = HostKey::open_or_create(place.host_key(), backend).unwrap();
        let store = FileStore::create(place.keys(), Sealing::host_key(host), backend).unwrap();
        obeys_the_contract(&store, &makes(backend));
    }
}

#[test]
fn tpm_44_of_many_that_make_one_key_one_wins() {
    let place = Place::new();
    // Stores of their own share nothing but the directory, as processes do.
    let stores: Vec<_> = (0..4).map(|_| place.host_store()).collect();
    one_wins(&stores.iter().map(|store| store as _).collect::<Vec<_>>());
    assert_eq!(temporary_files(&place.keys()), 0);
}

#[test]
fn tpm_44_a_passphrase_opens_what_it_sealed_and_nothing_else_does() {
    let place = Place::new();
    let store = place.passphrase_store("correct horse");
    let made = store.generate(&id("k"), Algorithm::Es256).unwrap();

    let again = place.passphrase_store("correct horse").open(&id("k")).unwrap();
    assert_eq!(again.public_key(), made.public_key());
    for wrong in ["correct hors", "Correct horse", "correct horse ", "x"] {
        let refused = place.passphrase_store(wrong).open(&id("k"));
        assert_refused!(refused, "key_file_sealed", "TPM-44", "{wrong}");
    }
    assert_refused!(place.host_store().open(&id("k")), "key_file_sealed", "TPM-44");
    assert!(again.signer().sign(SignInput::Message(b"m")).is_ok());

    // A file keeps its own cost when the store's changes.
    let passphrase = Passphrase::new("correct horse".to_owned()).unwrap();
    let cost = Argon2Cost::new(9 << 10, 5, 2).unwrap();
    let sealing = Sealing::passphrase_with_cost(passphrase, cost);
    let costlier = FileStore::open(place.keys(), sealing, backend::ring()).unwrap();
    assert_eq!(costlier.open(&id("k")).unwrap().public_key(), made.public_key());
}

#[test]
fn tpm_44_a_file_of_a_higher_cost_opens_where_that_is_said() {
    let place = Place::new();
    let made = place.passphrase_store("p").generate(&id("k"), Algorithm::Es256).unwrap();
    let sealing = || Sealing::passphrase(Passphrase::new("p".to_owned()).unwrap());

    // Five passes; three are the default.
    let store = FileStore::open(place.keys(), sealing(), backend::ring()).unwrap();
    let refusal = assert_refused!(store.open(&id("k")), "key_file_cost_ceiling", "TPM-44");
    assert_eq!(refusal, StoreError::FileCostCeiling { file: place.file("k") });

    let ceiling = Argon2Cost::new(7 << 10, 5, 1).unwrap();
    let store = FileStore::open(place.keys(), sealing().files_up_to(ceiling), backend::ring()).unwrap();
    assert_eq!(store.open(&id("k")).unwrap().public_key(), made.public_key());
    // It never lowers: what the store makes itself, it opens.
    let own = store.generate(&id("own"), Algorithm::Es256).unwrap();
    assert_eq!(store.open(&id("own")).unwrap().public_key(), own.public_key());
}

#[test]
fn tpm_44_another_host_key_opens_nothing() {
    let place = Place::new();
    place.host_store().generate(&id("k"), Algorithm::Ed25519).unwrap();
    let other = HostKey::open_or_create(place.dir.join("other"), backend::ring()).unwrap();
    let store = FileStore::open(place.keys(), Sealing::host_key(other), backend::ring()).unwrap();
    assert_refused!(store.open(&id("k")), "key_file_sealed", "TPM-44");
    assert_refused!(place.passphrase_store("p").open(&id("k")), "key_file_sealed", "TPM-44");
}

#[test]
fn tpm_44_no_two_files_are_alike_and_none_shows_its_key() {
    let place = Place::new();
    let store = place.host_store();
    let key = PrivateKey::from_pem(include_str!("keys/p256.pem")).unwrap();
    store.import(&id("a"), &key, Algorithm::Es256).unwrap();
    store.import(&id("b"), &key, Algorithm::Es256).unwrap();
    let (a, b) = (place.read("a"), place.read("b"));
    // Salt and nonce, from byte 22 on, are fresh; so all that depends on them differs.
    assert_eq!(a[..22], b[..22]);
    assert_ne!(a[22..54], b[22..54]);
    assert_ne!(a[54..66], b[54..66]);
    assert_ne!(a[80..], b[80..]);
    let secret = &key.expose_pkcs8()[36..68];
    for file in [a, b] {
        assert!(!file.windows(8).any(|window| secret.windows(8).any(|part| part == window)));
    }
    store.replace(&id("a"), &key, Algorithm::Es256).unwrap();
    assert_ne!(place.read("a")[22..66], place.read("b")[22..66]);
}

#[test]
fn tpm_44_a_key_file_cut_short_at_any_byte_is_refused() {
    let place = Place::new();
    let (file, whole) = place.one_key();
    let store = place.host_store();
    let refused = StoreError::Corrupt { file: file.clone() };
    for len in 0..whole.len() {
        place.write(&file, &whole[..len]);
        assert_eq!(store.open(&id("k")).unwrap_err(), refused, "cut to {len}");
    }
    place.write(&file, &[&whole[..], &[0]].concat());
    assert_refused!(store.open(&id("k")), "key_file_corrupt", "TPM-44");
    place.write(&file, &vec![0; 1 << 20]);
    assert_refused!(store.open(&id("k")), "key_file_corrupt", "TPM-44");
    // A terabyte of nothing: it is not read, and no memory is asked for.
    fs::File::create(&file).unwrap().set_len(1 << 40).unwrap();
    assert_refused!(store.open(&id("k")), "key_file_corrupt", "TPM-44");
    place.write(&file, &whole);
    assert!(store.open(&id("k")).is_ok());
}

#[test]
fn tpm_44_a_flipped_bit_at_any_byte_is_refused() {
    let place = Place::new();
    let (file, whole) = place.one_key();
    let store = place.host_store();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << bit;
            place.write(&file, &damaged);
            assert_refused!(store.open(&id("k")), "key_file_corrupt", "TPM-44", "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn tpm_44_an_altered_file_with_a_right_checksum_is_refused() {
    let place = Place::new();
    let (file, whole) = place.one_key();
    let store = place.host_store();
    let content = whole.len() - 32;
    let mut codes = std::collections::BTreeMap::<&str, usize>::new();
    for at in 0..content {
        for bit in 0..8 {
            let mut altered = whole[..content].to_vec();
            altered[at] ^= 1 << bit;
            place.write(&file, &with_checksum(altered));
            let refusal = store.open(&id("k")).unwrap_err();
            assert!(
                matches!(refusal.code(), "key_file_corrupt" | "key_file_sealed"),
                "bit {bit} of byte {at}: {refusal:?}"
            );
            assert_eq!(refusal.rule(), "TPM-44");
            *codes.entry(refusal.code()).or_default() += 1;
        }
    }
    // Magic, version, kind, cost, lengths and name break the form; salt, nonce and ciphertext break the seal.
    assert!(codes["key_file_sealed"] > 8 * (32 + 12), "{codes:?}");
    assert!(codes["key_file_corrupt"] >= 8 * (8 + 1 + 12), "{codes:?}");
}

#[test]
fn tpm_44_a_hostile_header_demands_no_more_than_the_ceiling() {
    let place = Place::new();
    place.passphrase_store("p").generate(&id("k"), Algorithm::Es256).unwrap();
    let store = place.passphrase_store("p");
    let (file, whole) = (place.file("k"), place.read("k"));
    for (memory, passes, lanes) in [
        (u32::MAX, 5, 1),
        (100 << 20, 1, 1),
        (7 << 10, u32::MAX, 1),
        (7 << 10, 17, 1),
        (7 << 10, 5, 17),
        (7 << 10, 5, u32::MAX),
        (1 << 20, 5, 1),
        // Nor too little.
        (8, 1, 1),
        (7 << 10, 4, 1),
        (0, 0, 0),
        (7 << 10, 5, 0),
        (7 << 10, 0, 1),
    ] {
        let mut altered = whole[..whole.len() - 32].to_vec();
        for (at, value) in [(10, memory), (14, passes), (18, lanes)] {
            altered[at..at + 4].copy_from_slice(&u32::to_be_bytes(value));
        }
        place.write(&file, &with_checksum(altered));
        let refusal = assert_refused!(store.open(&id("k")), "key_file_cost", "TPM-44", "{memory} {passes}");
        assert_eq!(refusal, StoreError::FileCost { file: file.clone() });
        assert_refused!(Argon2Cost::new(memory, passes, lanes), "passphrase_cost", "TPM-44");
    }
    let with_cost = |memory: u32, passes: u32, lanes: u32| {
        assert!(Argon2Cost::new(memory, passes, lanes).is_ok());
        let costs = [memory, passes, lanes].map(u32::to_be_bytes).concat();
        with_checksum([&whole[..10], &costs, &whole[22..whole.len() - 32]].concat())
    };
    // Within the bounds of Argon2Cost, and above the ceiling: 64 MiB and 4 lanes of the default, 5 passes of the store.
    for (memory, passes, lanes) in [
        (1 << 20, 4, 1),
        (1 << 20, 1, 1),
        ((64 << 10) + 1, 5, 4),
        (64 << 10, 6, 4),
        (64 << 10, 5, 5),
        (7 << 10, 16, 1),
    ] {
        place.write(&file, &with_cost(memory, passes, lanes));
        let refusal = assert_refused!(
            store.open(&id("k")),
            "key_file_cost_ceiling",
            "TPM-44",
            "{memory} {passes} {lanes}"
        );
        assert_eq!(refusal, StoreError::FileCostCeiling { file: file.clone() });
    }
    // Below it, it is another key that comes out.
    for (memory, passes, lanes) in
        [(64 << 10, 5, 4), ((7 << 10) + 1, 5, 1), (7 << 10, 5, 2), (35 << 10, 1, 1)]
    {
        place.write(&file, &with_cost(memory, passes, lanes));
        assert_refused!(store.open(&id("k")), "key_file_sealed", "TPM-44", "{memory} {passes} {lanes}");
    }
    place.write(&file, &with_cost(7 << 10, 5, 1));
    assert!(store.open(&id("k")).is_ok());
}

#[test]
fn tpm_44_a_file_under_another_name_is_refused() {
    let place = Place::new();
    let store = place.host_store();
    let a = store.generate(&id("a"), Algorithm::Es256).unwrap();
    store.generate(&id("b"), Algorithm::Es256).unwrap();
    let (of_a, of_b) = (place.read("a"), place.read("b"));
    place.write(&place.file("a"), &of_b);
    place.write(&place.file("b"), &of_a);
    place.write(&place.file("c"), &of_a);
    for name in ["a", "b", "c"] {
        let refusal = assert_refused!(store.open(&id(name)), "key_file_sealed", "TPM-44", "{name}");
        assert_eq!(refusal, StoreError::Sealed { file: place.file(name) });
    }
    place.write(&place.file("a"), &of_a);
    assert_eq!(store.open(&id("a")).unwrap().public_key(), a.public_key());
}

#[test]
fn tpm_44_an_algorithm_swapped_in_the_header_is_refused() {
    let place = Place::new();
    let store = place.host_store();
    let key = PrivateKey::from_pem(include_str!("keys/rsa2048.pem")).unwrap();
    store.import(&id("k"), &key, Algorithm::Rs256).unwrap();
    let whole = place.read("k");
    let at = whole.windows(5).position(|window| window == b"RS256").unwrap();
    let mut altered = whole[..whole.len() - 32].to_vec();
    altered[at] = b'P';
    place.write(&place.file("k"), &with_checksum(altered));
    assert_refused!(store.open(&id("k")), "key_file_sealed", "TPM-44");
}

#[test]
fn tpm_44_a_damaged_file_leaves_the_others_usable_and_is_never_overwritten() {
    let place = Place::new();
    let store = place.host_store();
    store.generate(&id("good"), Algorithm::Es256).unwrap();
    place.write(&place.file("bad"), b"half a ke");
    place.write(&place.keys().join(".tmp-0123"), b"left over");
    place.write(&place.keys().join("README"), b"a note");
    fs::create_dir(place.keys().join("folder")).unwrap();
    place.write(&place.keys().join("not a name.key"), b"a note");

    assert_eq!(store.list().unwrap(), [id("bad"), id("good")]);
    assert!(store.open(&id("good")).is_ok());
    assert_refused!(store.open(&id("bad")), "key_file_corrupt", "TPM-44");
    assert_refused!(store.generate(&id("bad"), Algorithm::Es256), "key_exists", "TPM-44");
    assert_eq!(place.read("bad"), b"half a ke");

    // By name it may be.
    let key = PrivateKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    let replaced = store.replace(&id("bad"), &key, Algorithm::Es256).unwrap();
    assert_eq!(store.open(&id("bad")).unwrap().public_key(), replaced.public_key());
    store.delete(&id("bad")).unwrap();
    assert_eq!(store.list().unwrap(), [id("good")]);
    assert_eq!(temporary_files(&place.keys()), 1, "only the one that was there");
}

#[test]
fn tpm_44_a_key_that_is_refused_leaves_no_file() {
    let place = Place::new();
    let store = place.host_store();
    let weak = PrivateKey::from_pem(include_str!("keys/rsa1024.pem")).unwrap();
    assert_refused!(store.import(&id("k"), &weak, Algorithm::Rs256), "rsa_modulus", "JO-KEY-04");
    let good = store.generate(&id("k"), Algorithm::Es256).unwrap();
    assert_refused!(store.replace(&id("k"), &weak, Algorithm::Rs256), "rsa_modulus", "JO-KEY-04");
    assert_eq!(store.open(&id("k")).unwrap().public_key(), good.public_key());
}

#[test]
fn tpm_44_directory_and_files_belong_to_their_owner_alone() {
    let place = Place::new();
    let store = place.host_store();
    store.generate(&id("k"), Algorithm::Es256).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.keys()), 0o700);
    assert_eq!(mode(&place.file("k")), 0o600);
    assert_eq!(mode(&place.host_key()), 0o600);

    for bits in [0o640, 0o604, 0o620, 0o610, 0o601, 0o666] {
        chmod(&place.file("k"), bits);
        let refusal = assert_refused!(store.open(&id("k")), "store_permissions", "TPM-44", "{bits:o}");
        assert_eq!(refusal, StoreError::Permissions { file: place.file("k") });
    }
    chmod(&place.file("k"), 0o400);
    assert!(store.open(&id("k")).is_ok());

    for bits in [0o750, 0o705, 0o711, 0o777] {
        chmod(&place.keys(), bits);
        assert_refused!(store.open(&id("k")), "store_permissions", "TPM-44", "{bits:o}");
        assert_refused!(store.list(), "store_permissions", "TPM-44");
        assert_refused!(store.generate(&id("new"), Algorithm::Es256), "store_permissions", "TPM-44");
        assert_refused!(store.delete(&id("k")), "store_permissions", "TPM-44");
        let opened = FileStore::open(place.keys(), place.host_sealing(), backend::ring());
        assert_refused!(opened, "store_permissions", "TPM-44");
        let created = FileStore::create(place.keys(), place.host_sealing(), backend::ring());
        assert_refused!(created, "store_permissions", "TPM-44");
    }
    chmod(&place.keys(), 0o700);
    assert!(store.open(&id("k")).is_ok());
}

#[test]
fn tpm_44_only_plain_files_are_read() {
    let place = Place::new();
    let store = place.host_store();
    store.generate(&id("k"), Algorithm::Es256).unwrap();
    std::os::unix::fs::symlink(place.file("k"), place.file("link")).unwrap();
    std::os::unix::fs::symlink("/nowhere", place.file("dangling")).unwrap();
    fs::create_dir(place.file("folder")).unwrap();
    let made = Command::new("mkfifo").arg(place.file("pipe")).status().is_ok_and(|status| status.success());
    let _socket = UnixListener::bind(place.file("socket")).unwrap();
    for name in ["link", "dangling", "folder", "socket", "pipe"] {
        if name != "pipe" || made {
            assert_refused!(store.open(&id(name)), "store_permissions", "TPM-44", "{name}");
            assert_refused!(store.generate(&id(name), Algorithm::Es256), "key_exists", "TPM-44", "{name}");
        }
    }
    let place = Place::new();
    place.write(&place.keys(), b"not a directory");
    let opened = FileStore::open(place.keys(), place.host_sealing(), backend::ring());
    assert_refused!(opened, "store_permissions", "TPM-44");
}

#[test]
fn tpm_44_what_belongs_to_others_is_refused() {
    let place = Place::new();
    let store = place.host_store();
    store.generate(&id("k"), Algorithm::Es256).unwrap();
    let own = fs::metadata(&place.dir).unwrap().uid();
    let other = own + 1;
    if chown(place.file("k"), Some(other), None).is_err() {
        eprintln!("SKIPPED: only root can give files away");
        return;
    }
    let refusal = assert_refused!(store.open(&id("k")), "store_permissions", "TPM-44");
    assert_eq!(refusal, StoreError::Permissions { file: place.file("k") });
    chown(place.file("k"), Some(own), None).unwrap();
    assert!(store.open(&id("k")).is_ok());

    chown(place.keys(), Some(other), None).unwrap();
    let refusal = assert_refused!(store.open(&id("k")), "store_permissions", "TPM-44");
    assert_eq!(refusal, StoreError::Permissions { file: place.keys() });
    assert_refused!(store.list(), "store_permissions", "TPM-44");
    assert_refused!(store.generate(&id("new"), Algorithm::Es256), "store_permissions", "TPM-44");

    chown(place.host_key(), Some(other), None).unwrap();
    let refusal = assert_refused!(HostKey::open(place.host_key()), "store_permissions", "TPM-44");
    assert_eq!(refusal, StoreError::Permissions { file: place.host_key() });
    chown(place.host_key(), Some(own), None).unwrap();
    assert!(HostKey::open(place.host_key()).is_ok());

    chown(&place.dir, Some(other), None).unwrap();
    let refusal = assert_refused!(HostKey::open(place.host_key()), "store_permissions", "TPM-44");
    assert_eq!(refusal, StoreError::Permissions { file: place.dir.clone() });
}

#[test]
fn tpm_44_a_host_key_stands_where_nobody_else_can_replace_it() {
    let place = Place::new();
    for bits in [0o770, 0o720, 0o702, 0o777] {
        chmod(&place.dir, bits);
        let made = HostKey::open_or_create(place.host_key(), backend::ring());
        let refusal = assert_refused!(made, "store_permissions", "TPM-44", "{bits:o}");
        assert_eq!(refusal, StoreError::Permissions { file: place.dir.clone() });
        assert!(!place.host_key().exists());
    }
    for bits in [0o1777, 0o755, 0o700] {
        chmod(&place.dir, bits);
        HostKey::open_or_create(place.host_key(), backend::ring()).unwrap();
    }
    chmod(&place.dir, 0o775);
    assert_refused!(HostKey::open(place.host_key()), "store_permissions", "TPM-44");

    chmod(&place.dir, 0o700);
    std::os::unix::fs::symlink(place.host_key(), place.dir.join("link")).unwrap();
    assert_refused!(HostKey::open(place.dir.join("link")), "store_permissions", "TPM-44");
}

#[test]
fn tpm_44_host_keys_from_elsewhere_are_the_same_keys() {
    let place = Place::new();
    let made = place.host_store().generate(&id("k"), Algorithm::Es256).unwrap();
    let bytes = Zeroizing::new(fs::read(place.host_key()).unwrap().try_into().unwrap());
    let host = HostKey::from_bytes(bytes).unwrap();
    let store = FileStore::open(place.keys(), Sealing::host_key(host), backend::ring()).unwrap();
    assert_eq!(store.open(&id("k")).unwrap().public_key(), made.public_key());

    assert_refused!(HostKey::from_bytes(Zeroizing::new([0; 32])), "host_key_zero", "TPM-44");
    let mut one_bit = Zeroizing::new([0; 32]);
    one_bit[31] = 1;
    assert!(HostKey::from_bytes(one_bit).is_ok());
    place.write(&place.host_key(), &[0; 32]);
    let refusal = assert_refused!(HostKey::open(place.host_key()), "key_file_corrupt", "TPM-44");
    assert_eq!(refusal, StoreError::Corrupt { file: place.host_key() });
}

#[test]
fn tpm_44_a_directory_that_is_not_there_is_not_made_unasked() {
    let place = Place::new();
    let opened = FileStore::open(place.keys(), place.host_sealing(), backend::ring());
    let refusal = assert_refused!(opened, "store_io", "TPM-44");
    assert_eq!(refusal, StoreError::Io { file: place.keys(), kind: std::io::ErrorKind::NotFound });
    let deep = place.dir.join("no").join("keys");
    assert_refused!(FileStore::create(deep, place.host_sealing(), backend::ring()), "store_io", "TPM-44");
}

#[test]
fn tpm_44_host_keys_are_made_once_and_kept_private() {
    let place = Place::new();
    assert_refused!(HostKey::open(place.host_key()), "store_io", "TPM-44");
    HostKey::open_or_create(place.host_key(), backend::ring()).unwrap();
    let key = fs::read(place.host_key()).unwrap();
    assert_eq!(key.len(), 32);
    HostKey::open_or_create(place.host_key(), backend::ring()).unwrap();
    assert_eq!(fs::read(place.host_key()).unwrap(), key);
    let other = Place::new();
    HostKey::open_or_create(other.host_key(), backend::ring()).unwrap();
    assert_ne!(fs::read(other.host_key()).unwrap(), key);

    for len in [0, 31, 33, 64] {
        place.write(&place.host_key(), &vec![7; len]);
        assert_refused!(HostKey::open(place.host_key()), "key_file_corrupt", "TPM-44", "{len}");
        let refused = HostKey::open_or_create(place.host_key(), backend::ring());
        assert_refused!(refused, "key_file_corrupt", "TPM-44");
        assert_eq!(fs::read(place.host_key()).unwrap().len(), len, "left as it is");
    }
    place.write(&place.host_key(), &[7; 32]);
    chmod(&place.host_key(), 0o644);
    assert_refused!(HostKey::open(place.host_key()), "store_permissions", "TPM-44");
}

#[test]
fn jo_key_07_tpm_44_secrets_are_never_shown() {
    let place = Place::new();
    let passphrase = Passphrase::new(Zeroizing::new("hunter2".to_owned())).unwrap();
    assert_eq!(format!("{passphrase:?}"), "Passphrase(..)");
    let sealing = Sealing::passphrase(passphrase);
    assert_eq!(
        format!("{sealing:?}"),
        "Sealing(passphrase, Argon2Cost { memory_kib: 65536, passes: 3, lanes: 4 }, \
         files up to Argon2Cost { memory_kib: 65536, passes: 3, lanes: 4 })"
    );
    let host = HostKey::open_or_create(place.host_key(), backend::ring()).unwrap();
    assert_eq!(format!("{host:?}"), "HostKey(..)");
    assert_eq!(format!("{:?}", Sealing::host_key(host)), "Sealing(host key)");
    assert_refused!(Passphrase::new(String::new()), "passphrase_empty", "TPM-44");
    let shown = format!("{:?}", place.host_store());
    assert!(shown.contains("sealing: Sealing(host key), backend: ring"), "{shown}");
}

/// A folder of its own for each test, removed at its end.
struct Place {
    dir: PathBuf,
}

impl Place {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("aims-keys-{}-{number}", std::process::id());
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&dir).unwrap();
        // Whatever the umask.
        chmod(&dir, 0o700);
        Self { dir }
    }

    fn keys(&self) -> PathBuf {
        self.dir.join("keys")
    }

    fn host_key(&self) -> PathBuf {
        self.dir.join("host.key")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.keys().join(format!("{name}.key"))
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.file(name)).unwrap()
    }

    fn write(&self, file: &Path, bytes: &[u8]) {
        assert!(file.starts_with(&self.dir));
        fs::write(file, bytes).unwrap();
        chmod(file, 0o600);
    }

    fn host_sealing(&self) -> Sealing {
        Sealing::host_key(HostKey::open_or_create(self.host_key(), backend::ring()).unwrap())
    }

    fn host_store(&self) -> FileStore {
        FileStore::create(self.keys(), self.host_sealing(), backend::ring()).unwrap()
    }

    fn passphrase_store(&self, passphrase: &str) -> FileStore {
        let passphrase = Passphrase::new(passphrase.to_owned()).unwrap();
        let sealing = Sealing::passphrase_with_cost(passphrase, Argon2Cost::new(7 << 10, 5, 1).unwrap());
        FileStore::create(self.keys(), sealing, backend::ring()).unwrap()
    }

    /// A key named `k`, sealed by the host key.
    fn one_key(&self) -> (PathBuf, Vec<u8>) {
        self.host_store().generate(&id("k"), Algorithm::Ed25519).unwrap();
        (self.file("k"), self.read("k"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn with_checksum(mut content: Vec<u8>) -> Vec<u8> {
    let checksum = backend::ring().sha256(&content);
    content.extend(checksum);
    content
}

fn temporary_files(dir: &Path) -> usize {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_str().unwrap().starts_with(".tmp-")).count()
}

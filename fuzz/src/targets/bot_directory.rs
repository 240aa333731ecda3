//! Directories of bots: the first part says how they are read, the second is the document, and the others are the fields of the answer. A key that
//! is found is what it is named by, and what is published of it is read again.

use aims_credential::Fetched;
use aims_jose::Thumbprint;
use aims_keys::backend;
use aims_proof::web_bot_auth::{
    DIRECTORY_MEDIA_TYPE, DirectoryKey, Discovery, KeyDirectory, KeySource, PublishedDirectory,
};

use super::world::NOW;

/// Up to four parts, with a zero byte between them: the document, `Content-Digest`, `Signature-Input`, `Signature`.
pub(super) fn run(input: &[u8]) {
    let mut parts = input.split(|byte| *byte == 0);
    let mut part = || parts.next().unwrap_or_default();
    let (body, fields) =
        (part(), ["content-digest", "signature-input", "signature"].map(|name| (name, part())));
    for source in [KeySource::directory("https://bot.example"), KeySource::jwks_uri("https://bot.example/k")]
    {
        let source = source.expect("a source");
        let fetched = Fetched::new(source.url().clone(), Some(DIRECTORY_MEDIA_TYPE), body.to_vec());
        let fetched = fields.iter().fold(fetched, |fetched, (name, line)| fetched.with_field(name, line));
        match KeyDirectory::of(&source, &fetched, NOW, backend::ring()) {
            Ok(directory) => check(&source, &directory),
            Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
        }
    }
}

fn check(source: &KeySource, directory: &KeyDirectory) {
    assert!(directory.keys().len() + directory.skipped().len() <= KeyDirectory::MAX_KEYS);
    for key in directory.keys() {
        assert_eq!(*key.thumbprint(), Thumbprint::of(key.public_key()));
        assert_eq!(directory.get(key.thumbprint()), Some(key));
        assert!(key.shown_until().is_none(), "signed by nobody");
    }
    for skipped in directory.skipped() {
        assert!(!skipped.reason.code().is_empty() && !skipped.reason.rule().is_empty());
    }
    assert!(directory.possessions().iter().all(Result::is_err), "signed by nobody");
    if source.discovery() != Discovery::Directory {
        return;
    }
    let keys: Vec<DirectoryKey> = directory.keys().to_vec();
    if let Ok(published) = PublishedDirectory::new(source.clone(), keys, backend::ring()) {
        let again = KeyDirectory::parse(published.body(), Discovery::Directory, backend::ring())
            .expect("our own spelling");
        assert!(again.skipped().is_empty(), "we wrote what we do not read: {:?}", again.skipped());
        let named = |directory: &KeyDirectory| -> Vec<_> {
            directory.keys().iter().map(|key| (*key.thumbprint(), key.times())).collect()
        };
        assert_eq!(named(&again), named(directory));
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"ed25519\",\"use\":\"sig\",\"nbf\":1712793600,\"exp\":1915385600,\"x\":\"ZuAjyoOsSsSxLYcOlItO5jVLoiCrPb47sMNZBDR_GTQ\"}]}\0sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:\0a=(\"@authority\";req \"content-digest\");created=1789999999;expires=1790000060;keyid=\"x\";tag=\"http-message-signatures-directory\"\0a=:AAAA:",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"},{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\",\"d\":\"AQ\"}]}",
    ])
}

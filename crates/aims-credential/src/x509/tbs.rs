//! What certificates say: `TBSCertificate` (RFC 5280 §4.1) of workloads and of authorities.

use std::time::Duration;

use aims_id::Origin;
use aims_keys::der::{BIT_STRING, BOOLEAN, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, write};
use aims_keys::{Backend, PublicKey, PublicNumbers, UnixTime};

use super::certificate::{DNS, KeyUsage, URI};
use super::hex::hexadecimal;
use super::time::write_time;
use super::write::{ToBeSigned, algorithm_identifier, extension, integer, name, named_bits};
use super::{NewSvid, SvidIssueError, oid};

/// `TBSCertificate` (RFC 5280 §4.1.2).
pub(super) fn unsigned(
    issuer_key: &PublicKey,
    issuer: &[u8],
    subject: &[u8],
    key: &PublicNumbers,
    (now, ends): (UnixTime, UnixTime),
    extensions: &[Vec<u8>],
) -> Result<ToBeSigned, SvidIssueError> {
    let algorithm = issuer_key.algorithm();
    let identifier = algorithm_identifier(algorithm).ok_or(SvidIssueError::KeyAlgorithm(algorithm))?;
    let begins = write_time(backdated(now)).ok_or(SvidIssueError::Lifetime)?;
    let ends = write_time(ends).ok_or(SvidIssueError::Lifetime)?;
    let extensions: Vec<&[u8]> = extensions.iter().map(Vec::as_slice).collect();
    let body = write(
        SEQUENCE,
        &[
            &write(0xa0, &[&integer(&[2])]),
            &integer(&serial(issuer_key.backend())?),
            identifier,
            issuer,
            &write(SEQUENCE, &[&begins, &ends]),
            subject,
            &key.to_spki(),
            &write(0xa3, &[&write(SEQUENCE, &extensions)]),
        ],
    );
    Ok(ToBeSigned::new(body, issuer_key.clone()))
}

/// Peers whose clocks are behind see what has just been issued.
pub(super) fn backdated(now: UnixTime) -> UnixTime {
    UnixTime::from_secs(now.as_secs().saturating_sub(BACKDATED.as_secs()))
}

/// 16 random bytes, as a positive number that takes all of them.
fn serial(backend: Backend) -> Result<[u8; 16], SvidIssueError> {
    let mut serial = [0; 16];
    backend.fill_random(&mut serial).map_err(SvidIssueError::Random)?;
    let [first, ..] = &mut serial;
    *first = *first & 0x7f | 0x40;
    Ok(serial)
}

/// X5-1 to X5-7.
pub(super) fn leaf_extensions(request: &NewSvid<'_>, issuer_key_id: &[u8]) -> Vec<Vec<u8>> {
    let mut names = write(URI, &[request.subject().as_str().as_bytes()]);
    for name in request.dns_names() {
        names.extend(write(DNS, &[name.as_bytes()]));
    }
    let purposes = write(
        SEQUENCE,
        &[&write(OBJECT_IDENTIFIER, &[oid::SERVER_AUTH]), &write(OBJECT_IDENTIFIER, &[oid::CLIENT_AUTH])],
    );
    let key_id = key_id(request.key().backend(), request.key().numbers());
    vec![
        extension(oid::KEY_USAGE, true, &named_bits(KeyUsage::DIGITAL_SIGNATURE)),
        extension(oid::EXTENDED_KEY_USAGE, false, &purposes),
        extension(oid::BASIC_CONSTRAINTS, true, &write(SEQUENCE, &[])),
        extension(oid::SUBJECT_KEY_ID, false, &write(OCTET_STRING, &[&key_id])),
        authority_key_id(issuer_key_id),
        // X5-4: the subject is empty.
        extension(oid::SUBJECT_ALT_NAME, true, &write(SEQUENCE, &[&names])),
    ]
}

/// X5-8, X5-9.
pub(super) fn authority_extensions(
    origin: &Origin,
    key_id: &[u8],
    issuer_key_id: &[u8],
    path_len: Option<u8>,
    name_constraints: Option<&[u8]>,
) -> Vec<Vec<u8>> {
    let path_len = path_len.map(|len| integer(&[len])).unwrap_or_default();
    let constraints = write(SEQUENCE, &[&write(BOOLEAN, &[&[0xff]]), &path_len]);
    let names = write(SEQUENCE, &[&write(URI, &[origin.as_str().as_bytes()])]);
    let mut all = vec![
        extension(oid::KEY_USAGE, true, &named_bits(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN)),
        extension(oid::BASIC_CONSTRAINTS, true, &constraints),
        extension(oid::SUBJECT_KEY_ID, false, &write(OCTET_STRING, &[key_id])),
        authority_key_id(issuer_key_id),
        extension(oid::SUBJECT_ALT_NAME, false, &names),
    ];
    all.extend(name_constraints.map(|value| extension(oid::NAME_CONSTRAINTS, true, value)));
    all
}

pub(super) fn authority_key_id(id: &[u8]) -> Vec<u8> {
    extension(oid::AUTHORITY_KEY_ID, false, &write(SEQUENCE, &[&write(0x80, &[id])]))
}

/// The first 160 bits of the SHA-256 of the key's bits (RFC 7093 §2, method 1).
pub(super) fn key_id(backend: Backend, key: &PublicNumbers) -> Vec<u8> {
    let spki = key.to_spki();
    let mut outer = Reader::new(&spki);
    let bits = outer.read(SEQUENCE).and_then(|fields| {
        let mut fields = Reader::new(fields);
        fields.read_any()?;
        fields.read(BIT_STRING)
    });
    let digest = backend.sha256(bits.and_then(|bits| bits.get(1..)).unwrap_or_default());
    digest.into_iter().take(20).collect()
}

/// Names of authorities differ by key, so that a path is found without trying one after the other.
pub(super) fn authority_name(key_id: &[u8]) -> Vec<u8> {
    let id = hexadecimal(key_id.get(..8).unwrap_or(key_id));
    name(&format!("AIMS authority {id}"))
}

/// Whether it is the name of a host (RFC 1123 §2.1), without wildcards, as certificates are issued for.
#[must_use]
pub fn is_dns_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

const BACKDATED: Duration = Duration::from_secs(30);

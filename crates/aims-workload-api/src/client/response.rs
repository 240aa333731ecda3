//! What a Workload API answers, checked as a whole: a message counts, or nothing of it does.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aims_credential::x509::{CertificateDer, RevocationList, Svid, X509Authority};
use aims_credential::{Holder, JwtSvid, TrustBundle, Wit};
use aims_id::{Origin, Scheme, SpiffeId};
use aims_jose::PrivateJwk;
use aims_keys::der::{Reader, SEQUENCE};
use aims_keys::{Backend, PrivateKey};
use zeroize::Zeroizing;

use super::ResponseError;
use crate::proto::workload as wire;

/// One identity of the workload: a credential with its key, and what it is told apart by.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WorkloadIdentity {
    /// The credential and its key.
    pub holder: Holder,
    /// The operator's word for it, where the workload has several identities. Unique in its answer.
    pub hint: Option<String>,
}

/// The X.509 side of what a workload gets: all of it, as of now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct X509Context {
    /// The identities; the first one is the default (WA-11). At least one.
    pub identities: Vec<WorkloadIdentity>,
    /// The bundles of the workload's own trust domains and of those that it is federated with, revocation lists included.
    pub bundles: Vec<TrustBundle>,
}

/// A JWT-SVID, and what it is told apart by.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JwtIdentity {
    /// The token.
    pub svid: JwtSvid,
    /// The operator's word for it.
    pub hint: Option<String>,
}

/// Reads an answer to `FetchX509SVID`.
///
/// Of the private keys no copy stays behind here that is not overwritten.
///
/// # Errors
///
/// [`ResponseError`] names the first check that failed.
pub fn read_x509(
    mut response: wire::X509svidResponse,
    backend: Backend,
) -> Result<X509Context, ResponseError> {
    use ResponseError as E;

    check_count(response.svids.len())?;
    let lists = revocation_lists(&response.crl)?;
    let mut bundles = Bundles::default();
    let mut identities = Vec::with_capacity(response.svids.len());
    let mut hints = Hints::default();
    for svid in &mut response.svids {
        let key = Zeroizing::new(std::mem::take(&mut svid.x509_svid_key));
        let svid = &*svid;
        if svid.spiffe_id.is_empty() || svid.x509_svid.is_empty() || key.is_empty() || svid.bundle.is_empty()
        {
            return Err(E::FieldMissing);
        }
        let id: SpiffeId = svid.spiffe_id.parse().map_err(E::SpiffeId)?;
        let credential = Svid::from_issuer(certificates(&svid.x509_svid)?, backend).map_err(E::Svid)?;
        if credential.subject() != id.as_workload_id() {
            return Err(E::AnotherSubject);
        }
        let algorithm = credential.public_key().algorithm();
        let key = PrivateKey::from_pkcs8(key).load(algorithm, backend).map_err(E::Key)?;
        let holder = Holder::for_svid(credential, Arc::new(key)).map_err(|_| E::ForeignKey)?;
        bundles.own(id.origin(), &svid.bundle)?;
        identities.push(WorkloadIdentity { holder, hint: hints.take(&svid.hint) });
    }
    bundles.federated(&response.federated_bundles)?;
    Ok(X509Context { identities, bundles: bundles.finish(&lists)? })
}

/// Reads an answer to `FetchX509Bundles`.
///
/// # Errors
///
/// [`ResponseError`] names the first check that failed.
pub fn read_x509_bundles(response: &wire::X509BundlesResponse) -> Result<Vec<TrustBundle>, ResponseError> {
    let lists = revocation_lists(&response.crl)?;
    let mut bundles = Bundles::default();
    bundles.federated(&response.bundles)?;
    bundles.finish(&lists)
}

/// Reads an answer to `FetchJWTSVID`.
///
/// # Errors
///
/// [`ResponseError`] names the first check that failed.
pub fn read_jwt(response: &wire::JwtsvidResponse) -> Result<Vec<JwtIdentity>, ResponseError> {
    use ResponseError as E;

    check_count(response.svids.len())?;
    let mut hints = Hints::default();
    let mut identities = Vec::with_capacity(response.svids.len());
    for svid in &response.svids {
        if svid.spiffe_id.is_empty() || svid.svid.is_empty() {
            return Err(E::FieldMissing);
        }
        let id: SpiffeId = svid.spiffe_id.parse().map_err(E::SpiffeId)?;
        let token = JwtSvid::from_issuer(&svid.svid).map_err(E::JwtSvid)?;
        if *token.subject() != id {
            return Err(E::AnotherSubject);
        }
        identities.push(JwtIdentity { svid: token, hint: hints.take(&svid.hint) });
    }
    Ok(identities)
}

/// Reads an answer to `FetchJWTBundles`: bundles that verify JWT-SVIDs and nothing else (WA-7).
///
/// # Errors
///
/// [`ResponseError`] names the first check that failed.
pub fn read_jwt_bundles(
    response: &wire::JwtBundlesResponse,
    backend: Backend,
) -> Result<Vec<TrustBundle>, ResponseError> {
    check_count(response.bundles.len())?;
    let read = |(name, jwks): (&String, &Vec<u8>)| {
        let jwks = std::str::from_utf8(jwks).map_err(|_| ResponseError::NotText)?;
        TrustBundle::from_jwt_keys(origin(name)?, jwks, backend).map_err(ResponseError::Bundle)
    };
    response.bundles.iter().map(read).collect()
}

/// Reads an answer to `FetchWITSVID`.
///
/// # Errors
///
/// [`ResponseError`] names the first check that failed.
pub fn read_wit(
    mut response: wire::WitsvidResponse,
    backend: Backend,
) -> Result<Vec<WorkloadIdentity>, ResponseError> {
    use ResponseError as E;

    check_count(response.svids.len())?;
    let mut identities = Vec::with_capacity(response.svids.len());
    let mut hints = Hints::default();
    for svid in &mut response.svids {
        let key = Zeroizing::new(std::mem::take(&mut svid.wit_svid_key));
        let svid = &*svid;
        if svid.spiffe_id.is_empty() || svid.wit_svid.is_empty() || key.is_empty() {
            return Err(E::FieldMissing);
        }
        let id: SpiffeId = svid.spiffe_id.parse().map_err(E::SpiffeId)?;
        let wit = Wit::from_issuer(&svid.wit_svid, backend).map_err(E::Wit)?;
        if wit.subject() != id.as_workload_id() {
            return Err(E::AnotherSubject);
        }
        let algorithm = wit.confirmation_key().algorithm();
        let key = PrivateJwk::parse_as(&key, algorithm).and_then(|key| key.load(backend)).map_err(E::Jwk)?;
        let holder = Holder::new(wit, Arc::new(key)).map_err(|_| E::ForeignKey)?;
        identities.push(WorkloadIdentity { holder, hint: hints.take(&svid.hint) });
    }
    Ok(identities)
}

/// Reads an answer to `FetchWITBundles`: bundles that verify WIT-SVIDs and nothing else (WA-7).
///
/// # Errors
///
/// [`ResponseError`] names the first check that failed.
pub fn read_wit_bundles(
    response: &wire::WitBundlesResponse,
    backend: Backend,
) -> Result<Vec<TrustBundle>, ResponseError> {
    check_count(response.bundles.len())?;
    let read = |(name, jwks): (&String, &String)| {
        TrustBundle::from_wit_keys(origin(name)?, jwks, backend).map_err(ResponseError::Bundle)
    };
    response.bundles.iter().map(read).collect()
}

/// X.509 bundles by trust domain, each once.
#[derive(Default)]
struct Bundles<'r> {
    der: HashMap<Origin, &'r [u8]>,
    read: Vec<TrustBundle>,
}

impl<'r> Bundles<'r> {
    /// The bundle that comes with an identity. Two identities of one trust domain have the same.
    fn own(&mut self, origin: Origin, der: &'r [u8]) -> Result<(), ResponseError> {
        match self.der.get(&origin) {
            Some(known) if *known == der => Ok(()),
            Some(_) => Err(ResponseError::BundlesDiffer),
            None => self.add(origin, der),
        }
    }

    fn federated(&mut self, bundles: &'r HashMap<String, Vec<u8>>) -> Result<(), ResponseError> {
        if bundles.len() > MAX_ITEMS {
            return Err(ResponseError::TooMany);
        }
        for (name, der) in bundles {
            let origin = origin(name)?;
            // What comes with the identity counts for the workload's own trust domain.
            if !self.der.contains_key(&origin) {
                self.add(origin, der)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, origin: Origin, der: &'r [u8]) -> Result<(), ResponseError> {
        let authorities = certificates(der)?;
        // As in a bundle document: one that cannot be used vouches for nothing, and does not keep the others from it.
        let authorities = authorities.iter().filter_map(|der| X509Authority::from_der(der).ok()).collect();
        self.der.insert(origin.clone(), der);
        self.read.push(TrustBundle::for_x509(origin, authorities));
        Ok(())
    }

    /// A list counts for the issuer that signed it, of whichever trust domain that is.
    fn finish(self, lists: &[RevocationList]) -> Result<Vec<TrustBundle>, ResponseError> {
        // Each bundle has all of the lists: a small message could be made to take up gigabytes.
        if self.read.len().saturating_mul(lists.len()) > MAX_LISTED {
            return Err(ResponseError::TooMany);
        }
        Ok(self.read.into_iter().map(|bundle| bundle.with_revocation_lists(lists.to_vec())).collect())
    }
}

/// Hints that were seen: of two identities with one hint, the first has it (WA-8).
#[derive(Default)]
struct Hints<'r>(HashSet<&'r str>);

impl<'r> Hints<'r> {
    fn take(&mut self, hint: &'r str) -> Option<String> {
        // WA-12: a longer one is nothing to tell identities apart by.
        let is_one = (1..=MAX_HINT).contains(&hint.len());
        (is_one && self.0.insert(hint)).then(|| hint.to_owned())
    }
}

fn origin(name: &str) -> Result<Origin, ResponseError> {
    let origin: Origin = name.parse().map_err(ResponseError::TrustDomain)?;
    if origin.scheme() == Scheme::Spiffe { Ok(origin) } else { Err(ResponseError::TrustDomainScheme) }
}

/// Certificates, one after the other. Each is read later, by whoever knows what it is for.
pub(crate) fn certificates(der: &[u8]) -> Result<Vec<CertificateDer<'static>>, ResponseError> {
    let mut reader = Reader::new(der);
    let mut certificates = Vec::new();
    while !reader.is_empty() {
        if certificates.len() >= MAX_CERTIFICATES {
            return Err(ResponseError::TooMany);
        }
        let element = reader.element().filter(|element| element.tag == SEQUENCE);
        let element = element.ok_or(ResponseError::Certificates)?;
        certificates.push(CertificateDer::from(element.whole.to_vec()));
    }
    Ok(certificates)
}

/// One that cannot be read revokes something that nobody knows: the message does not count.
fn revocation_lists(lists: &[Vec<u8>]) -> Result<Vec<RevocationList>, ResponseError> {
    if lists.len() > MAX_ITEMS {
        return Err(ResponseError::TooMany);
    }
    lists.iter().map(|der| RevocationList::from_der(der).map_err(ResponseError::RevocationList)).collect()
}

/// WA-8
fn check_count(items: usize) -> Result<(), ResponseError> {
    match items {
        0 => Err(ResponseError::Empty),
        1..=MAX_ITEMS => Ok(()),
        _ => Err(ResponseError::TooMany),
    }
}

/// Identities, bundles or lists in one message.
const MAX_ITEMS: usize = 10_000;

/// Bundles times lists in one message: a thousand each.
const MAX_LISTED: usize = 1_000_000;

/// In one chain or bundle.
const MAX_CERTIFICATES: usize = 1000;

const MAX_HINT: usize = 1024;

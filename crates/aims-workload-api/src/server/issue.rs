//! What is sent: credentials and bundles, as they are now.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aims_credential::TrustBundle;
use aims_credential::x509::Svid;
use aims_jose::PrivateJwk;
use aims_keys::{KeyError, PrivateKey, Signer};
use aims_provision::{AuthorityError, CredentialType, Grant, renew_after};
use tonic::Status;

use super::accept::Caller;
use super::state::{Known, State};
use crate::proto::workload as wire;
use crate::random::random;

/// A message, and when the next one is due.
pub(super) struct Due<M> {
    pub(super) message: M,
    pub(super) after: Duration,
}

impl State {
    /// WA-8: at least one, each with a fresh key.
    pub(super) fn x509(&self, caller: &Caller, known: &Known) -> Result<Due<wire::X509svidResponse>, Status> {
        let mut svids = Vec::new();
        let mut after = Duration::MAX;
        let mut hints = Hints::default();
        let bundle = x509_bundle(&known.own);
        for grant in known.of(CredentialType::X509) {
            self.count(caller, CredentialType::X509)?;
            let (key, chain, lifetime) = self.x509_svid(grant, known)?;
            after = after.min(renew_after(lifetime, random()));
            svids.push(wire::X509svid {
                spiffe_id: grant.subject().to_string(),
                x509_svid: chain,
                x509_svid_key: key.expose_pkcs8().to_vec(),
                bundle: bundle.clone(),
                hint: hints.take(grant),
            });
        }
        if svids.is_empty() {
            return Err(self.denied("type_not_granted"));
        }
        caller.set_provisioned();
        let message = wire::X509svidResponse {
            svids,
            crl: revocation_lists(known),
            federated_bundles: by_origin(&known.federated, x509_bundle),
        };
        Ok(Due { message, after })
    }

    pub(super) fn wit(
        &self,
        caller: &Caller,
        known: &Known,
        asked: &str,
    ) -> Result<Due<wire::WitsvidResponse>, Status> {
        let mut svids = Vec::new();
        let mut after = Duration::MAX;
        let mut hints = Hints::default();
        for grant in known.of(CredentialType::Wit).filter(|grant| is_asked_for(grant, asked)) {
            self.count(caller, CredentialType::Wit)?;
            let (key, token, lifetime) = self.wit_svid(grant, known)?;
            after = after.min(renew_after(lifetime, random()));
            let jwk = PrivateJwk::new(key, self.algorithm).expose_json(self.backend);
            let jwk = jwk.map_err(|error| self.failed(error.code()))?;
            svids.push(wire::Witsvid {
                spiffe_id: grant.subject().to_string(),
                wit_svid: token,
                wit_svid_key: String::clone(&jwk),
                hint: hints.take(grant),
            });
        }
        if svids.is_empty() {
            return Err(self.denied("type_not_granted"));
        }
        caller.set_provisioned();
        Ok(Due { message: wire::WitsvidResponse { svids }, after })
    }

    pub(super) fn jwt(
        &self,
        caller: &Caller,
        known: &Known,
        request: &wire::JwtsvidRequest,
    ) -> Result<wire::JwtsvidResponse, Status> {
        let audiences: Vec<&str> = request.audience.iter().map(String::as_str).collect();
        let mut svids = Vec::new();
        let mut hints = Hints::default();
        for grant in known.of(CredentialType::Jwt).filter(|grant| is_asked_for(grant, &request.spiffe_id)) {
            self.count(caller, CredentialType::Jwt)?;
            let token = self.authority.issue_jwt(grant, &audiences, known.now);
            let svid = token.map_err(|error| self.issue_failed(&error))?;
            self.issued(CredentialType::Jwt);
            svids.push(wire::Jwtsvid {
                spiffe_id: grant.subject().to_string(),
                svid,
                hint: hints.take(grant),
            });
        }
        if svids.is_empty() {
            return Err(self.denied("type_not_granted"));
        }
        caller.set_provisioned();
        Ok(wire::JwtsvidResponse { svids })
    }

    pub(super) fn x509_bundles(known: &Known) -> wire::X509BundlesResponse {
        let mut bundles = by_origin(&known.federated, x509_bundle);
        bundles.insert(known.own.origin().to_string(), x509_bundle(&known.own));
        wire::X509BundlesResponse { crl: revocation_lists(known), bundles }
    }

    /// WA-7: keys for JWT-SVIDs, and no others. A bundle that cannot be written is left out: nobody trusts what it would hold.
    pub(super) fn jwt_bundles(known: &Known) -> wire::JwtBundlesResponse {
        let all = known.federated.iter().chain([&known.own]);
        let written = all.filter_map(|bundle| {
            Some((bundle.origin().to_string(), bundle.jwt_keys_to_json().ok()?.into_bytes()))
        });
        wire::JwtBundlesResponse { bundles: written.collect() }
    }

    pub(super) fn wit_bundles(known: &Known) -> wire::WitBundlesResponse {
        let all = known.federated.iter().chain([&known.own]);
        let written =
            all.filter_map(|bundle| Some((bundle.origin().to_string(), bundle.wit_keys_to_json().ok()?)));
        wire::WitBundlesResponse { bundles: written.collect() }
    }

    fn x509_svid(&self, grant: &Grant, known: &Known) -> Result<(PrivateKey, Vec<u8>, Duration), Status> {
        let (key, signer) = self.fresh_key()?;
        let chain = self.authority.issue_x509(grant, signer.public_key(), known.now);
        let chain = chain.map_err(|error| self.issue_failed(&error))?;
        self.issued(CredentialType::X509);
        let bytes = chain.iter().flat_map(|certificate| certificate.iter().copied()).collect();
        let svid = Svid::from_issuer(chain, self.backend).map_err(|error| self.failed(error.code()))?;
        Ok((key, bytes, svid.not_after().since(known.now)))
    }

    fn wit_svid(&self, grant: &Grant, known: &Known) -> Result<(PrivateKey, String, Duration), Status> {
        let (key, signer) = self.fresh_key()?;
        let token = self.authority.issue_wit(grant, signer.public_key(), known.now);
        let token = token.map_err(|error| self.issue_failed(&error))?;
        self.issued(CredentialType::Wit);
        let wit = aims_credential::Wit::from_issuer(&token, self.backend);
        let wit = wit.map_err(|error| self.failed(error.code()))?;
        Ok((key, token, wit.not_after().since(known.now)))
    }

    fn fresh_key(&self) -> Result<(PrivateKey, impl Signer + use<>), Status> {
        let make = || {
            let key = PrivateKey::generate(self.algorithm, self.backend)?;
            let signer = key.load(self.algorithm, self.backend)?;
            Ok((key, signer))
        };
        make().map_err(|error: KeyError| self.failed(error.code()))
    }

    /// One issuance more on the account of the caller.
    fn count(&self, caller: &Caller, kind: CredentialType) -> Result<(), Status> {
        if self.quota.take(&caller.attested().account()) {
            return Ok(());
        }
        self.refused(match kind {
            CredentialType::Jwt => "too_many_jwt",
            _ => "too_many_issued",
        });
        Err(Status::unavailable("too many credentials were issued"))
    }

    pub(super) fn issue_failed(&self, error: &AuthorityError) -> Status {
        match error {
            // What the caller asked for cannot be in a token.
            AuthorityError::JwtSvid(_) => {
                self.refused(error.code());
                Status::invalid_argument("the request cannot be granted")
            }
            _ => self.failed(error.code()),
        }
    }

    /// The server's own trouble; the caller tries again.
    fn failed(&self, code: &'static str) -> Status {
        self.refused(code);
        self.set_last_error(Some(code));
        Status::unavailable("no credential could be issued")
    }
}

/// WA-8: a hint is there once in a message.
#[derive(Default)]
struct Hints<'g>(HashSet<&'g str>);

impl<'g> Hints<'g> {
    fn take(&mut self, grant: &'g Grant) -> String {
        grant.entry().hint().filter(|hint| self.0.insert(hint)).unwrap_or_default().to_owned()
    }
}

fn is_asked_for(grant: &Grant, asked: &str) -> bool {
    asked.is_empty() || grant.subject().as_str() == asked
}

/// Certificates, one after the other.
fn x509_bundle(bundle: &TrustBundle) -> Vec<u8> {
    bundle.x509_authorities().iter().flat_map(|authority| authority.der().iter().copied()).collect()
}

fn by_origin<T>(
    bundles: &[std::sync::Arc<TrustBundle>],
    write: impl Fn(&TrustBundle) -> T,
) -> HashMap<String, T> {
    bundles.iter().map(|bundle| (bundle.origin().to_string(), write(bundle))).collect()
}

fn revocation_lists(known: &Known) -> Vec<Vec<u8>> {
    let all = known.federated.iter().chain([&known.own]);
    all.flat_map(|bundle| bundle.revocation_lists()).map(|list| list.der().to_vec()).collect()
}

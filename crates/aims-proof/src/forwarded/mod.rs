//! Callers behind a proxy that ends TLS.

mod client_cert;
mod error;
mod xfcc;

use std::time::Duration;

use aims_credential::x509::{CertificateDer, Role, SvidCache, SvidError, SvidVerifier, VerifiedSvid};
use aims_credential::{Lapsed, MarkKey, Marks};
use aims_id::{IdSet, WorkloadId};
use aims_keys::UnixTime;
use aims_tls::VerifiedPeer;

use crate::fields::Fields;

pub use self::client_cert::{CLIENT_CERT_CHAIN_FIELD, CLIENT_CERT_FIELD};
pub use self::error::ForwardedError;
pub use self::xfcc::XFCC_FIELD;

/// Reads who is behind a proxy that ends TLS and says whom it had at the other end, in a field of each request.
///
/// Such a field is worth what the proxy is worth: it counts only on a connection over mutual TLS whose other end is one of the
/// proxies named here (MTLS-8). On every other it is what anybody may have written, and is not read.
///
/// The certificate in it is verified once more, with what is trusted here; that its key was there, only the proxy has seen. Most use
/// it through `GuardBuilder::forwarded_by` of the crate `aims`, which asks who is at the other end.
#[derive(Clone, Debug)]
pub struct ForwardedVerifier {
    proxies: IdSet,
    form: Form,
    svids: SvidCache,
    accepts_names: bool,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    ClientCert,
    Xfcc,
}

/// What a field says of the client.
struct Said<'f> {
    /// The leaf first; empty where there is a name only.
    chain: Vec<CertificateDer<'f>>,
    /// SHA-256 of the leaf.
    hash: Option<[u8; 32]>,
    subject: Option<WorkloadId>,
    /// The proxy that says so, by its own account.
    by: Option<String>,
    /// Whether it names hosts, too.
    has_dns: bool,
}

impl ForwardedVerifier {
    /// For proxies that send `Client-Cert` and `Client-Cert-Chain` (RFC 9440).
    #[must_use]
    pub fn client_cert(proxies: impl Into<IdSet>, svids: SvidVerifier) -> Self {
        Self::new(proxies.into(), Form::ClientCert, svids)
    }

    /// For proxies that send `X-Forwarded-Client-Cert`, as Envoy does with `SANITIZE_SET` and the details `cert` or `chain`.
    #[must_use]
    pub fn xfcc(proxies: impl Into<IdSet>, svids: SvidVerifier) -> Self {
        Self::new(proxies.into(), Form::Xfcc, svids)
    }

    fn new(proxies: IdSet, form: Form, svids: SvidVerifier) -> Self {
        Self { proxies, form, svids: SvidCache::new(svids, REMEMBERED), accepts_names: false }
    }

    /// Takes the proxy's word for a client of which it forwards the identifier alone (the detail `uri` of Envoy): neither chain nor
    /// dates can be checked here then, and the client counts as long as the proxy does. Its trust domain must still be one that is
    /// trusted. The proxy must hold each trust domain to its own authorities (Envoy: the validator `envoy.tls.cert_validator.spiffe`),
    /// write `By` and `Hash`, and no `DNS`: names that a certificate has besides could look like more of the field. Default: refused.
    #[must_use]
    pub fn accept_names(mut self) -> Self {
        self.accepts_names = true;
        self
    }

    /// Whether the other end of a connection is one of the proxies.
    #[must_use]
    pub fn is_proxy(&self, peer: &VerifiedPeer) -> bool {
        peer.role() == Role::Client && self.names(peer.subject())
    }

    /// Whether this is one of the proxies, wherever it is: one behind another is no caller either.
    #[must_use]
    pub fn names(&self, id: &WorkloadId) -> bool {
        self.proxies.contains(id)
    }

    /// The client of the proxy at the other end of the connection, by the fields of a request.
    ///
    /// # Errors
    ///
    /// [`ForwardedError`]; [`ForwardedError::Missing`] where the proxy names nobody, which then is nobody, and not the proxy.
    pub fn verify(
        &self,
        proxy: &VerifiedPeer,
        fields: &(impl Fields + ?Sized),
        now: UnixTime,
    ) -> Result<ForwardedPeer, ForwardedError> {
        if !self.is_proxy(proxy) {
            return Err(ForwardedError::NotProxy);
        }
        let words = match self.form {
            Form::ClientCert => client_cert::read(fields)?,
            Form::Xfcc => xfcc::read(fields)?,
        };
        if words.by.as_ref().is_some_and(|by| *by != proxy.subject().as_str()) {
            return Err(ForwardedError::Contradiction);
        }
        let Some((leaf, rest)) = words.chain.split_first() else {
            let subject = words.subject.ok_or(ForwardedError::Missing)?;
            if self.accepts_names && (words.by.is_none() || words.hash.is_none() || words.has_dns) {
                return Err(ForwardedError::Malformed);
            }
            return self.named(subject, proxy);
        };
        let svid = self.svids.verify(leaf, rest, Role::Client, now)?;
        if words.hash.is_some_and(|hash| hash != svid.fingerprint())
            || words.subject.is_some_and(|subject| subject != *svid.subject())
        {
            return Err(ForwardedError::Contradiction);
        }
        Ok(ForwardedPeer { client: Client::Certified(svid), proxy: proxy.clone() })
    }

    fn named(&self, subject: WorkloadId, proxy: &VerifiedPeer) -> Result<ForwardedPeer, ForwardedError> {
        if !self.accepts_names {
            return Err(ForwardedError::NoCertificate);
        }
        if !subject.has_path() {
            return Err(SvidError::WithoutPath.into());
        }
        if !self.trusts(&subject) {
            return Err(SvidError::UnknownTrustDomain.into());
        }
        Ok(ForwardedPeer { client: Client::Named(subject), proxy: proxy.clone() })
    }

    fn trusts(&self, subject: &WorkloadId) -> bool {
        self.svids.verifier().trusts(subject)
    }

    /// Checks a client again, later or during a stream, with what is trusted then. The proxy's own connection is for whoever holds
    /// it to ask about.
    ///
    /// # Errors
    ///
    /// [`ForwardedError`].
    pub fn verify_again(&self, peer: &ForwardedPeer, now: UnixTime) -> Result<(), ForwardedError> {
        if !self.is_proxy(&peer.proxy) {
            return Err(ForwardedError::NotProxy);
        }
        match &peer.client {
            Client::Certified(svid) => self.svids.verify_again(svid, Role::Client, now).map(drop)?,
            Client::Named(subject) if self.accepts_names && self.trusts(subject) => {}
            Client::Named(_) => return Err(SvidError::UnknownTrustDomain.into()),
        }
        Ok(())
    }
}

/// A workload that a proxy had at the other end of a connection; only a [`ForwardedVerifier`] makes one. Two facts, by two parties:
/// the proxy has proved who it is, and says who the client was.
#[derive(Clone, Debug)]
pub struct ForwardedPeer {
    client: Client,
    proxy: VerifiedPeer,
}

#[derive(Clone, Debug)]
enum Client {
    Certified(VerifiedSvid),
    Named(WorkloadId),
}

impl ForwardedPeer {
    /// The workload behind the proxy.
    #[must_use]
    pub fn subject(&self) -> &WorkloadId {
        match &self.client {
            Client::Certified(svid) => svid.subject(),
            Client::Named(subject) => subject,
        }
    }

    /// The proxy, which is at the other end of the connection.
    #[must_use]
    pub fn proxy(&self) -> &VerifiedPeer {
        &self.proxy
    }

    /// The client's certificate, unless the proxy said no more than a name.
    #[must_use]
    pub fn svid(&self) -> Option<&VerifiedSvid> {
        match &self.client {
            Client::Certified(svid) => Some(svid),
            Client::Named(_) => None,
        }
    }

    /// The last second at which the certificates of both are valid.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        let client = self.svid().map_or(UnixTime::MAX, VerifiedSvid::not_after);
        client.min(self.proxy.not_after())
    }

    /// The names under which the client can be cut off.
    pub fn mark_keys(&self) -> impl Iterator<Item = MarkKey<'_>> {
        let certificate = self.svid().map(VerifiedSvid::mark_keys);
        let name = if certificate.is_none() { Some(MarkKey::Agent(self.subject())) } else { None };
        certificate.into_iter().flatten().chain(name)
    }

    /// Whether it still counts at `now`, and the proxy does.
    ///
    /// # Errors
    ///
    /// [`Lapsed`] says what ended it.
    pub fn still_valid(&self, now: UnixTime, marks: &dyn Marks) -> Result<(), Lapsed> {
        self.proxy.still_valid(now, marks)?;
        match &self.client {
            Client::Certified(svid) => svid.still_valid(now, marks),
            Client::Named(_) => {
                // When its certificate began, nobody said: before every cut, as far as is known here.
                let begun = UnixTime::from_secs(0);
                marks.check_each(&mut self.mark_keys(), &|mark| mark.check(begun, Duration::ZERO))
            }
        }
    }
}

/// Clients whose chains need not be verified anew with each request.
const REMEMBERED: usize = 4096;

/// In bytes, all lines of a field together.
const MAX_FIELD: usize = 64 * 1024;

//! Who may be at the other end.

use std::sync::Arc;

use aims_credential::x509::{CertificateDer, Role, SvidCache, SvidError, SvidVerifier, VerifiedSvid};
use aims_id::IdSet;
use aims_keys::UnixTime;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{ServerName, UnixTime as TlsTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};

use crate::{PeerError, VerifiedPeer};

/// Verifies the certificate of the other end, as rustls asks for it during a handshake, and once more when it is over.
///
/// The anchors are those of the trust domain that the certificate names, and of no other; the identity is one of those that
/// are expected. Where it is part of a configuration of its own, ask [`peer`](Self::peer) after every handshake: of a resumed
/// session rustls asks nobody.
#[derive(Debug)]
pub struct PeerVerifier {
    svids: SvidCache,
    peers: IdSet,
    role: Role,
    checks_host_names: bool,
    provider: Arc<CryptoProvider>,
}

impl PeerVerifier {
    /// For servers: verifies clients, of which each must be one of `peers`.
    #[must_use]
    pub fn of_clients(svids: SvidVerifier, peers: IdSet, provider: Arc<CryptoProvider>) -> Self {
        Self {
            svids: SvidCache::new(svids, REMEMBERED),
            peers,
            role: Role::Client,
            checks_host_names: false,
            provider,
        }
    }

    /// For clients: verifies servers, of which each must be one of `peers`.
    ///
    /// The name under which the server was reached decides nothing: it is no identity (MTLS-5). Who is expected behind it, the
    /// deployment knows (MTLS-4).
    #[must_use]
    pub fn of_servers(svids: SvidVerifier, peers: IdSet, provider: Arc<CryptoProvider>) -> Self {
        Self {
            svids: SvidCache::new(svids, REMEMBERED),
            peers,
            role: Role::Server,
            checks_host_names: false,
            provider,
        }
    }

    /// Demands of a server besides that its certificate is for the host name, or address, under which it was reached (RFC 9525
    /// §6.3, MTLS-3). It complements the identity, and never stands for it.
    #[must_use]
    pub fn with_host_names(mut self) -> Self {
        self.checks_host_names = true;
        self
    }

    /// Verifies the certificates of a peer whose handshake is finished, as they came out of the connection.
    ///
    /// # Errors
    ///
    /// [`PeerError`] names the first check that failed.
    pub fn peer(
        &self,
        certificates: Option<&[CertificateDer<'_>]>,
        now: UnixTime,
    ) -> Result<VerifiedPeer, PeerError> {
        let (leaf, rest) = certificates.and_then(<[_]>::split_first).ok_or(PeerError::NoCertificate)?;
        self.verify(leaf, rest, now)
    }

    /// Checks a peer of this verifier again, such as at the next request of its connection: dates, marks, whether its bundle is
    /// still the same, and if not, the whole chain.
    ///
    /// # Errors
    ///
    /// As [`peer`](Self::peer).
    pub fn peer_again(&self, peer: &VerifiedPeer, now: UnixTime) -> Result<VerifiedPeer, PeerError> {
        let svid = self.svids.verify_again(peer.svid(), self.role, now)?;
        self.expected(svid)
    }

    fn expected(&self, svid: VerifiedSvid) -> Result<VerifiedPeer, PeerError> {
        // X5V-7: on the full identifier, and only once the chain is verified.
        if self.peers.contains(svid.subject()) {
            Ok(VerifiedPeer::new(svid, self.role))
        } else {
            Err(PeerError::Unexpected(svid.subject().clone()))
        }
    }

    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<VerifiedPeer, PeerError> {
        let svid = self.svids.verify(leaf, rest, self.role, now)?;
        self.expected(svid)
    }

    fn during_handshake(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        now: TlsTime,
    ) -> Result<(), Error> {
        match self.verify(leaf, rest, UnixTime::from_secs(now.as_secs())) {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::InvalidCertificate(tls_reason(error))),
        }
    }

    fn check_tls12(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn check_tls13(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What rustls makes an alert of, which is all that the other end learns. The reason itself is in the error that this end gets:
/// [`PeerError::from_tls`] reads it.
fn tls_reason(error: PeerError) -> CertificateError {
    match error {
        PeerError::Certificate(SvidError::Expired) => CertificateError::Expired,
        PeerError::Certificate(SvidError::NotYetValid) => CertificateError::NotValidYet,
        PeerError::Certificate(SvidError::Revoked) => CertificateError::Revoked,
        PeerError::Certificate(SvidError::RevocationOutdated) => CertificateError::ExpiredRevocationList,
        PeerError::Certificate(SvidError::RevocationUnknown) => CertificateError::UnknownRevocationStatus,
        PeerError::Certificate(SvidError::Signature) => CertificateError::BadSignature,
        PeerError::Certificate(SvidError::UnknownIssuer) => CertificateError::UnknownIssuer,
        error => CertificateError::Other(OtherError(Arc::new(error))),
    }
}

impl ClientCertVerifier for PeerVerifier {
    /// MTLS-1: no certificate, no connection.
    fn client_auth_mandatory(&self) -> bool {
        true
    }

    /// None: the trust domain of a client is known only once its certificate is.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        now: TlsTime,
    ) -> Result<ClientCertVerified, Error> {
        self.during_handshake(leaf, rest, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_tls12(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_tls13(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: TlsTime,
    ) -> Result<ServerCertVerified, Error> {
        self.during_handshake(leaf, rest, now)?;
        if self.checks_host_names {
            verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_tls12(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_tls13(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

/// Certificates of peers whose chains need not be verified anew with each connection.
const REMEMBERED: usize = 1024;

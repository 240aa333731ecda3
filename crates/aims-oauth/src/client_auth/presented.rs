//! What a request presents.

use std::borrow::Cow;

use aims_id::{SpiffeId, WorkloadId};

#[cfg(feature = "mtls")]
use super::PeerCertificate;
use super::assertion::{JWT_BEARER, JWT_SPIFFE, PresentedAssertion};
use super::attestation::AttestationFields;
#[cfg(feature = "client-secret")]
use super::secret::PresentedSecret;
use super::spiffe::PresentedJwtSvid;
#[cfg(feature = "wit-svid")]
use super::spiffe::{PresentedWit, WIT_TYPE};
use super::{ClientAuthError, PresentedAttestation};
use crate::{Parameters, VerifiedDpopProof};

/// Who a request says that its client is, and with what it wants to show that. Nothing of it is verified yet: anybody can have written it.
///
/// ```
/// use aims_oauth::{ClientLookup, ErrorCode, Parameters, PresentedClient};
///
/// let form = Parameters::parse(b"grant_type=authorization_code&client_id=app-1")?;
/// let fields: [(&str, &[u8]); 1] = [("content-type", b"application/x-www-form-urlencoded")];
/// let presented = PresentedClient::read(&form, fields)?;
/// assert_eq!(presented.lookup(), ClientLookup::Id("app-1"));
///
/// let fields: [(&str, &[u8]); 1] = [("authorization", b"Basic YTpi")];
/// let both = Parameters::parse(b"client_id=a&client_secret=b")?;
/// let refused = PresentedClient::read(&both, fields).unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("several_methods", "WIR-6"));
/// assert_eq!(refused.error_code(), ErrorCode::InvalidRequest);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PresentedClient<'r> {
    /// The parameter.
    pub(super) client_id: Option<&'r str>,
    pub(super) proof: Presented<'r>,
    #[cfg(feature = "mtls")]
    pub(super) certificate: Option<PeerCertificate<'r>>,
    pub(super) dpop: Option<&'r VerifiedDpopProof>,
    candidate: Candidate,
}

/// Which client to look up; it is not known yet whether it is the one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClientLookup<'p> {
    /// The client that is registered under this identifier.
    Id(&'p str),
    /// The client that this workload is: registered under its SPIFFE ID, or else by a pattern (OSC-8).
    Workload(&'p SpiffeId),
}

#[derive(Debug)]
pub(super) enum Presented<'r> {
    Assertion(PresentedAssertion<'r>),
    Attestation(PresentedAttestation<'r>),
    /// Nothing but the parameter: of a public client, or of one that its connection speaks for.
    Id(&'r str),
    JwtSvid(PresentedJwtSvid<'r>),
    #[cfg(feature = "client-secret")]
    Secret(PresentedSecret),
    #[cfg(feature = "wit-svid")]
    Wit(PresentedWit<'r>),
}

#[derive(Debug)]
enum Candidate {
    Id(Box<str>),
    Workload(SpiffeId),
}

impl<'r> PresentedClient<'r> {
    /// Reads the form of a request, and its fields in pairs of name and value: all of them, line by line.
    ///
    /// # Errors
    ///
    /// [`ClientAuthError`]: the request names no client, authenticates in more than one way (WIR-6), or with something that is malformed. Which clients there
    /// are, none of these tells.
    pub fn read(
        form: &'r Parameters,
        fields: impl IntoIterator<Item = (&'r str, &'r [u8])>,
    ) -> Result<Self, ClientAuthError> {
        let (mut basic, mut attestation) = (Vec::new(), AttestationFields::default());
        for (name, value) in fields {
            attestation.add(name, value);
            // What other schemes carry authenticates no client.
            if name.eq_ignore_ascii_case("authorization") && is_basic(value) {
                basic.push(value);
            }
        }
        let client_id = form.get("client_id")?;
        let (kind, assertion) = (form.get("client_assertion_type")?, form.get("client_assertion")?);
        let secret = form.get("client_secret")?;
        let has_assertion = kind.is_some() || assertion.is_some();
        let ways = [has_assertion, secret.is_some(), attestation.are_there()].map(usize::from);
        if ways.iter().sum::<usize>() + basic.len() > 1 {
            return Err(ClientAuthError::SeveralMethods);
        }
        client_id.map_or(Ok(()), check_client_id)?;

        let proof = if has_assertion {
            read_assertion(kind, assertion, client_id)?
        } else if attestation.are_there() {
            read_attestation(attestation, client_id)?
        } else if let Some(line) = basic.first() {
            read_basic(line, client_id)?
        } else if let Some(secret) = secret {
            read_post(secret, client_id)?
        } else {
            Presented::Id(client_id.ok_or(ClientAuthError::NoClient)?)
        };
        let candidate = proof.candidate(client_id)?;
        Ok(Self {
            client_id,
            proof,
            #[cfg(feature = "mtls")]
            certificate: None,
            dpop: None,
            candidate,
        })
    }

    /// Whose registration the server needs. How long that takes must not tell whether there is one (CJA-6).
    #[must_use]
    pub fn lookup(&self) -> ClientLookup<'_> {
        match &self.candidate {
            Candidate::Id(id) => ClientLookup::Id(id),
            Candidate::Workload(id) => ClientLookup::Workload(id),
        }
    }

    /// Sent over a connection in which the client showed this certificate.
    #[cfg(feature = "mtls")]
    #[must_use]
    pub fn with_certificate(mut self, certificate: PeerCertificate<'r>) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Sent with this `DPoP` proof, which was verified for this request; it stands for the proof by the key of an attestation, too, where there is no other
    /// (ABC-3).
    #[must_use]
    pub fn with_dpop_proof(mut self, proof: &'r VerifiedDpopProof) -> Self {
        self.dpop = Some(proof);
        self
    }
}

impl Presented<'_> {
    fn candidate(&self, client_id: Option<&str>) -> Result<Candidate, ClientAuthError> {
        // A workload is looked up by its own name, unless the client has another one.
        let workload = |subject: &SpiffeId| match client_id {
            Some(id) if id != subject.as_str() => Candidate::Id(id.into()),
            _ => Candidate::Workload(subject.clone()),
        };
        let id: Cow<'_, str> = match self {
            Self::JwtSvid(svid) => return Ok(workload(svid.subject())),
            #[cfg(feature = "wit-svid")]
            Self::Wit(wit) => return Ok(workload(wit.subject())),
            Self::Assertion(assertion) => assertion.client_id(),
            Self::Attestation(attestation) => attestation.client_id(),
            #[cfg(feature = "client-secret")]
            Self::Secret(secret) => Cow::Borrowed(&*secret.client_id),
            Self::Id(id) => Cow::Borrowed(*id),
        };
        // No client is called so.
        check_client_id(&id).map_err(|_| ClientAuthError::UnknownClient)?;
        Ok(match id.parse::<SpiffeId>() {
            Ok(workload) if workload.has_path() => Candidate::Workload(workload),
            _ => Candidate::Id(id.into()),
        })
    }
}

fn read_assertion<'r>(
    kind: Option<&'r str>,
    assertion: Option<&'r str>,
    client_id: Option<&'r str>,
) -> Result<Presented<'r>, ClientAuthError> {
    let (Some(kind), Some(assertion)) = (kind, assertion) else {
        return Err(ClientAuthError::AssertionIncomplete);
    };
    match kind {
        JWT_BEARER => Ok(Presented::Assertion(PresentedAssertion::read(assertion, client_id)?)),
        JWT_SPIFFE => Ok(Presented::JwtSvid(PresentedJwtSvid::read(assertion)?)),
        _ => Err(ClientAuthError::AssertionType),
    }
}

fn read_attestation<'r>(
    fields: AttestationFields<'r>,
    client_id: Option<&'r str>,
) -> Result<Presented<'r>, ClientAuthError> {
    let fields = fields.open()?;
    #[cfg(feature = "wit-svid")]
    if fields.jws.header().typ() == Some(WIT_TYPE) {
        return Ok(Presented::Wit(PresentedWit::read(fields.token, fields.jws, fields.proof)?));
    }
    let attestation = PresentedAttestation::of(fields.jws, fields.proof)?;
    if client_id.is_some_and(|client_id| client_id != attestation.client_id()) {
        return Err(super::AttestationError::ClientIdMismatch.into());
    }
    Ok(Presented::Attestation(attestation))
}

#[cfg(feature = "client-secret")]
fn read_basic<'r>(line: &[u8], client_id: Option<&str>) -> Result<Presented<'r>, ClientAuthError> {
    Ok(Presented::Secret(PresentedSecret::basic(line, client_id)?))
}

#[cfg(not(feature = "client-secret"))]
fn read_basic<'r>(_: &[u8], _: Option<&str>) -> Result<Presented<'r>, ClientAuthError> {
    Err(ClientAuthError::Secret { is_basic: true })
}

#[cfg(feature = "client-secret")]
fn read_post<'r>(secret: &str, client_id: Option<&str>) -> Result<Presented<'r>, ClientAuthError> {
    Ok(Presented::Secret(PresentedSecret::post(client_id, secret)?))
}

#[cfg(not(feature = "client-secret"))]
fn read_post<'r>(_: &str, _: Option<&str>) -> Result<Presented<'r>, ClientAuthError> {
    Err(ClientAuthError::Secret { is_basic: false })
}

fn is_basic(value: &[u8]) -> bool {
    let scheme = value.split(|byte| matches!(byte, b' ' | b'\t' | b',')).next().unwrap_or_default();
    scheme.eq_ignore_ascii_case(b"basic")
}

/// RFC 6749 appendix A.1: visible characters; as long as the longest identifier of a workload.
fn check_client_id(id: &str) -> Result<(), ClientAuthError> {
    let is_id = (1..=MAX_CLIENT_ID).contains(&id.len()) && id.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_id { Ok(()) } else { Err(ClientAuthError::ClientId) }
}

const MAX_CLIENT_ID: usize = WorkloadId::MAX_LEN;

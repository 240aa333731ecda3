//! What somebody presents who has a key, and a certificate that is wrong in one thing.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aims::backend;
use aims::credential::x509::{CertificateDer, CertificateRequest, SvidIssuer};
use aims::id::WorkloadId;
use aims::jose::base64;
use aims::keys::der::{BIT_STRING, BOOLEAN, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, write};
use aims::keys::{Algorithm, PrivateKey, Signer, SoftwareKey, UnixTime};
use serde_json::json;

use super::world::{AGENT, World};
use crate::tour::account::Fault;
use crate::tour::issuer::Issuer;
use crate::tour::stranger::{Presented, certificates};

/// A certificate that is wrong in one thing, and how it must be refused.
pub(super) struct Attack {
    pub(super) step: &'static str,
    pub(super) told: &'static str,
    pub(super) change: Change,
    pub(super) code: &'static str,
    pub(super) rule: &'static str,
}

/// The one thing. Where it is one that no issuer would sign, the authority's own key signed it all the same: nothing else is wrong.
#[derive(Clone, Copy)]
pub(super) enum Change {
    CaAsLeaf,
    CodeSigning,
    Expired,
    ForeignDomain,
    Forged,
    ServerOnly,
    TwoUris,
}

impl Change {
    /// Makes the certificate, for a fresh key.
    pub(super) async fn certificate(self, world: &mut World) -> Result<Presented, Fault> {
        let key = PrivateKey::generate(Algorithm::Es256, backend::ring())?;
        let signer = key.load(Algorithm::Es256, backend::ring())?;
        let request = CertificateRequest::prepare(Signer::public_key(&signer))?.sign(&signer)?;
        let request = json!(base64::encode(&request));
        let chain = match self {
            Self::Expired => certificates(&world.acme.issue(AGENT, &request, 2 * 60 * 60).await?)?,
            Self::Forged => vec![by_another(AGENT, &signer)?],
            Self::ForeignDomain => vec![by_another("spiffe://evil.example/agents/travel", &signer)?],
            Self::CaAsLeaf | Self::CodeSigning | Self::ServerOnly | Self::TwoUris => {
                let good = certificates(&world.acme.issue(AGENT, &request, 0).await?)?;
                let leaf = good.first().ok_or_else(|| Fault::new("an empty chain"))?;
                vec![self.changed(leaf, &mut world.acme).await?]
            }
        };
        Ok(Presented { chain, key })
    }

    /// The same certificate with another extension, signed by the authority.
    async fn changed(
        self,
        leaf: &CertificateDer<'_>,
        issuer: &mut Issuer,
    ) -> Result<CertificateDer<'static>, Fault> {
        let (oid, value): (&[u8], Vec<u8>) = match self {
            Self::CaAsLeaf => (BASIC_CONSTRAINTS, write(SEQUENCE, &[&write(BOOLEAN, &[&[0xff]])])),
            Self::CodeSigning => (EXTENDED_KEY_USAGE, purposes(CODE_SIGNING)),
            Self::ServerOnly => (EXTENDED_KEY_USAGE, purposes(SERVER_AUTH)),
            _ => {
                let names = [AGENT, "spiffe://acme.example/agents/admin"];
                let names = names.map(|uri| write(URI, &[uri.as_bytes()])).concat();
                (ALT_NAMES, write(SEQUENCE, &[&names]))
            }
        };
        let (body, algorithm) =
            with_extension(leaf, oid, &value).ok_or_else(|| Fault::new("not a certificate"))?;
        let signature = issuer.sign(&body).await?;
        Ok(write(SEQUENCE, &[&body, &algorithm, &write(BIT_STRING, &[&[0], &signature])]).into())
    }
}

/// What of a certificate is signed, with another value for one of its extensions; and the algorithm it was signed with.
fn with_extension(certificate: &[u8], oid: &[u8], value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut certificate = Reader::new(Reader::new(certificate).read(SEQUENCE)?);
    let mut body = Reader::new(certificate.read(SEQUENCE)?);
    let algorithm = write(SEQUENCE, &[certificate.read(SEQUENCE)?]);
    let mut elements = Vec::new();
    while !body.is_empty() {
        let element = if body.peek(EXTENSIONS) {
            let mut all = Reader::new(Reader::new(body.read(EXTENSIONS)?).read(SEQUENCE)?);
            let mut extensions = Vec::new();
            while !all.is_empty() {
                let extension = all.read(SEQUENCE)?;
                let found = Reader::new(extension).read(OBJECT_IDENTIFIER)? == oid;
                extensions.extend(if found { critical(oid, value) } else { write(SEQUENCE, &[extension]) });
            }
            write(EXTENSIONS, &[&write(SEQUENCE, &[&extensions])])
        } else {
            body.element()?.whole.to_vec()
        };
        elements.extend(element);
    }
    Some((write(SEQUENCE, &[&elements]), algorithm))
}

fn critical(oid: &[u8], value: &[u8]) -> Vec<u8> {
    let critical = write(BOOLEAN, &[&[0xff]]);
    write(SEQUENCE, &[&write(OBJECT_IDENTIFIER, &[oid]), &critical, &write(OCTET_STRING, &[value])])
}

fn purposes(oid: &[u8]) -> Vec<u8> {
    write(SEQUENCE, &[&write(OBJECT_IDENTIFIER, &[oid])])
}

/// A certificate by an authority that somebody made for themselves.
fn by_another(subject: &str, key: &SoftwareKey) -> Result<CertificateDer<'static>, Fault> {
    let subject: WorkloadId = subject.parse()?;
    let root = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
    let now = UnixTime::try_from(SystemTime::now())?;
    let issuer = SvidIssuer::root(subject.origin(), root, Duration::from_secs(86_400), now)?;
    let chain = issuer.issue(&subject, Signer::public_key(key), now)?;
    chain.into_iter().next().ok_or_else(|| Fault::new("an empty chain"))
}

const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const ALT_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
const SERVER_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
const CODE_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];

/// `[3]` of a certificate.
const EXTENSIONS: u8 = 0xa3;

/// `[6]` of a name.
const URI: u8 = 0x86;

/// In the order in which they are told.
pub(super) const ATTACKS: [Attack; 7] = [
    Attack {
        step: "foreign_domain",
        told: "Somebody makes an authority, and by it a certificate for spiffe://evil.example/agents/travel.",
        change: Change::ForeignDomain,
        code: "unknown_trust_domain",
        rule: "X5V-2",
    },
    Attack {
        step: "forged_certificate",
        told: "By the same means, a certificate in the agent's own name.",
        change: Change::Forged,
        code: "unknown_issuer",
        rule: "X5V-3",
    },
    Attack {
        step: "expired_certificate",
        told: "The authority's own, for the agent, of two hours ago.",
        change: Change::Expired,
        code: "expired",
        rule: "X5V-3",
    },
    Attack {
        step: "two_uris",
        told: "Signed by the authority's own key: a certificate with two identities.",
        change: Change::TwoUris,
        code: "multiple_identities",
        rule: "X5-2",
    },
    Attack {
        step: "ca_as_leaf",
        told: "One that may sign others, as if it were a workload's.",
        change: Change::CaAsLeaf,
        code: "authority_as_leaf",
        rule: "X5V-4",
    },
    Attack {
        step: "wrong_usage",
        told: "One that is for signing code.",
        change: Change::CodeSigning,
        code: "extended_key_usage",
        rule: "X5V-5",
    },
    Attack {
        step: "server_as_client",
        told: "One that is for servers, by a client.",
        change: Change::ServerOnly,
        code: "extended_key_usage",
        rule: "X5V-5",
    },
];

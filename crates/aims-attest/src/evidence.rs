//! What was collected about a workload, before anybody has looked at it.

mod json;

pub use self::json::EvidenceJsonError;

use std::fmt;
use std::str::FromStr;

use aims_jose::is_restricted_name;
use aims_keys::{Backend, UnixTime};

/// Something that may prove facts about a workload: bytes of a type, for the [`Verifier`](crate::Verifier) of that type.
///
/// Nothing in it is believed, its time included.
#[derive(Clone, Eq, PartialEq)]
pub struct Evidence {
    kind: EvidenceType,
    payload: Vec<u8>,
    format_version: u32,
    collected_at: UnixTime,
}

impl Evidence {
    /// Evidence of format version 1.
    ///
    /// # Errors
    ///
    /// [`EvidenceTooLarge`] when the payload is longer than 64 KiB; of types that may hold an event log, longer than that and what 1 MiB takes in base64.
    pub fn new(
        kind: EvidenceType,
        payload: Vec<u8>,
        collected_at: UnixTime,
    ) -> Result<Self, EvidenceTooLarge> {
        if payload.len() > kind.max_payload() {
            return Err(EvidenceTooLarge);
        }
        Ok(Self { kind, payload, format_version: 1, collected_at })
    }

    /// Says that the payload is of another version of its format.
    #[must_use]
    pub fn with_format_version(mut self, version: u32) -> Self {
        self.format_version = version;
        self
    }

    /// The type.
    #[must_use]
    pub fn evidence_type(&self) -> &EvidenceType {
        &self.kind
    }

    /// The bytes.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The version of the format of the payload.
    #[must_use]
    pub fn format_version(&self) -> u32 {
        self.format_version
    }

    /// When it was collected, by the word of whoever collected it.
    #[must_use]
    pub fn collected_at(&self) -> UnixTime {
        self.collected_at
    }

    /// SHA-256 of the payload: what records name it by.
    #[must_use]
    pub fn digest(&self, backend: Backend) -> [u8; 32] {
        backend.sha256(&self.payload)
    }
}

/// Shows the type and the length: the payload may identify persons and machines (ATT-123).
impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence")
            .field("type", &self.kind)
            .field("len", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// The kind of evidence: who signed it, and what it can prove.
///
/// A text is one, in configuration, if it is a name that is known here, or the media type of a kind of one's own, without parameters. A name that is misspelt is none of these.
///
/// ```
/// use aims_attest::EvidenceType;
///
/// assert_eq!("tpm2-quote".parse(), Ok(EvidenceType::Tpm2Quote));
/// assert_eq!("application/vnd.acme.badge".parse(), Ok(EvidenceType::Other("application/vnd.acme.badge".into())));
/// let refused = "tpm2-qoute".parse::<EvidenceType>().unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("unsupported_type", "ATT-2"));
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum EvidenceType {
    /// `aws-iid`: an instance identity document of AWS.
    AwsIid,
    /// `azure-imds`: the attested metadata of an Azure instance.
    AzureImds,
    /// `container-image`: the image of a container, by the word of a local runtime.
    ContainerImage,
    /// `ear`: the result of another verifier (EAR).
    Ear,
    /// `eat`: an Entity Attestation Token (RFC 9711).
    Eat,
    /// `gcp-iit`: an instance identity token of Google Cloud.
    GcpIit,
    /// `github-oidc`: a token of a CI job.
    GithubOidc,
    /// `in-toto`: an in-toto attestation.
    InToto,
    /// `join-token`: a secret that an operator gave out once.
    JoinToken,
    /// `k8s-psat`: a projected service account token of Kubernetes.
    K8sPsat,
    /// `nitro-enclave`: a document of a Nitro enclave.
    NitroEnclave,
    /// `operator-assertion`: the signed word of an operator.
    OperatorAssertion,
    /// `process`: facts about a process, by the word of its kernel.
    Process,
    /// `sev-snp`: a report of AMD SEV-SNP.
    SevSnp,
    /// `sigstore-bundle`: a Sigstore bundle.
    SigstoreBundle,
    /// `slsa-provenance`: a SLSA provenance statement.
    SlsaProvenance,
    /// `ssh-pop`: an SSH certificate, with proof of possession.
    SshPop,
    /// `tdx`: a quote of Intel TDX.
    Tdx,
    /// `tpm2-quote`: a quote of a TPM 2.0.
    Tpm2Quote,
    /// `tpm-devid`: a `DevID` certificate whose key is in a TPM.
    TpmDevid,
    /// `unix-peer`: the process at the other end of a Unix socket, by the word of its kernel.
    UnixPeer,
    /// `x509-pop`: a certificate of another authority, with proof of possession.
    X509Pop,
    /// Any other, by its media type.
    Other(String),
}

impl EvidenceType {
    /// The type of this name, for what others send; of a name that is not known here, another, which nobody verifies. Configuration is [parsed](Self#impl-FromStr-for-EvidenceType).
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        Self::known(name).unwrap_or_else(|| Self::Other(name.to_owned()))
    }

    fn known(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|kind| kind.name() == name).cloned()
    }

    /// The names that are known here, in order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(Self::name)
    }

    /// Whether evidence of this type is only what a part of the issuer has seen and written down, on its own machine: brought by somebody else, it is worth nothing (ATT-41).
    #[must_use]
    pub fn is_hearsay(&self) -> bool {
        matches!(self, Self::ContainerImage | Self::JoinToken | Self::Process | Self::UnixPeer)
    }

    /// All that have a name here.
    const ALL: [Self; 22] = [
        Self::AwsIid,
        Self::AzureImds,
        Self::ContainerImage,
        Self::Ear,
        Self::Eat,
        Self::GcpIit,
        Self::GithubOidc,
        Self::InToto,
        Self::JoinToken,
        Self::K8sPsat,
        Self::NitroEnclave,
        Self::OperatorAssertion,
        Self::Process,
        Self::SevSnp,
        Self::SigstoreBundle,
        Self::SlsaProvenance,
        Self::SshPop,
        Self::Tdx,
        Self::Tpm2Quote,
        Self::TpmDevid,
        Self::UnixPeer,
        Self::X509Pop,
    ];

    /// Its name in records and configuration.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::AwsIid => "aws-iid",
            Self::AzureImds => "azure-imds",
            Self::ContainerImage => "container-image",
            Self::Ear => "ear",
            Self::Eat => "eat",
            Self::GcpIit => "gcp-iit",
            Self::GithubOidc => "github-oidc",
            Self::InToto => "in-toto",
            Self::JoinToken => "join-token",
            Self::K8sPsat => "k8s-psat",
            Self::NitroEnclave => "nitro-enclave",
            Self::OperatorAssertion => "operator-assertion",
            Self::Process => "process",
            Self::SevSnp => "sev-snp",
            Self::SigstoreBundle => "sigstore-bundle",
            Self::SlsaProvenance => "slsa-provenance",
            Self::SshPop => "ssh-pop",
            Self::Tdx => "tdx",
            Self::Tpm2Quote => "tpm2-quote",
            Self::TpmDevid => "tpm-devid",
            Self::UnixPeer => "unix-peer",
            Self::X509Pop => "x509-pop",
            Self::Other(media_type) => media_type,
        }
    }
}

impl EvidenceType {
    /// ATT-5.
    fn max_payload(&self) -> usize {
        match self {
            Self::Tpm2Quote => MAX_PAYLOAD + MAX_EVENT_LOG.div_ceil(3) * 4,
            _ => MAX_PAYLOAD,
        }
    }
}

impl fmt::Display for EvidenceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Strict, as configuration has to be: a type that nobody knows would be asked for in vain.
impl FromStr for EvidenceType {
    type Err = UnknownEvidenceType;

    fn from_str(text: &str) -> Result<Self, UnknownEvidenceType> {
        // Media types are compared without regard to case, and these texts are not: so there is one way to write them.
        let is_lower = |name: &str| is_restricted_name(name) && !name.bytes().any(|c| c.is_ascii_uppercase());
        let is_media_type = |(kind, subtype): (&str, &str)| is_lower(kind) && is_lower(subtype);
        match Self::known(text) {
            Some(known) => Ok(known),
            None if text.split_once('/').is_some_and(is_media_type) => Ok(Self::Other(text.to_owned())),
            None => Err(UnknownEvidenceType),
        }
    }
}

/// A text names no type of evidence that is known here, and is no media type either.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "the type of evidence is neither a media type in lower case, such as `application/vnd.acme.badge`, nor one of {}",
    EvidenceType::names().collect::<Vec<_>>().join(", ")
)]
#[non_exhaustive]
pub struct UnknownEvidenceType;

impl UnknownEvidenceType {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "unsupported_type"
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "ATT-2"
    }
}

/// The payload is longer than evidence of its type may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the evidence is too large")]
#[non_exhaustive]
pub struct EvidenceTooLarge;

impl EvidenceTooLarge {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "too_large"
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "ATT-5"
    }
}

const MAX_PAYLOAD: usize = 64 * 1024;

const MAX_EVENT_LOG: usize = 1024 * 1024;

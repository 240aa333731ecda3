//! Why a command did not do what it was asked to.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use aims::credential::x509::{
    CertificateRequestError, RevocationListError, SvidError, SvidIssueError, X509AuthorityError,
};
use aims::credential::{
    FetchError, HolderError, HttpsUrlError, IssueError, JwtSvidError, JwtSvidIssueError, PeerError,
    SkipReason, SpiffeBundleError, WitError,
};
use aims::id::{ParseIdError, ParsePatternError};
use aims::jose::base64url::Base64Error;
use aims::jose::json::{JsonError, ObjectWriter};
use aims::jose::{ClaimsError, JwkError, JwsError, ParseThumbprintError};
use aims::keys::{BeforeEpoch, KeyError, SealError, SignError};
use aims::oauth::{
    AccessTokenError, AccessTokenIssueError, BindingMessageError, ChallengeError, ClientError, DetailsError,
    DpopError, DpopTargetError, IssuerError, IssuerKeysError, RedirectUriError, ResourceError,
    ResourceMetadataError, ResourceUriError, ScopeError, SecretError, ServerMetadataError,
};
use aims::proof::{AudienceError, MakeWptError, WptError};
use aims::workload_api::federation::{BundleStoreError, EndpointTlsError, FederationError};
use aims::workload_api::fetch::WebTrustError;
use aims::workload_api::{EndpointError, WorkloadApiError};
use aims_attest::tpm::{
    EndorsementRootsError, EnrolledTpmError, EnrolmentError, PcrPolicyError, PendingEnrolmentError,
};
use aims_attest::{EvidenceJsonError, EvidenceTooLarge};
use aims_httpsig::sf::ParseError;
use aims_httpsig::{BaseError, ComponentError, DigestError, SecretTooShort, SignatureError, VerifyError};

use crate::input::Input;
use crate::message::Unreadable;
use crate::output::{printable, printable_json};

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was given is not acceptable, by the rule of a specification.
    Refused {
        /// The file or option it came from, if that is not plain.
        input: Option<String>,
        /// A stable name of the reason.
        code: &'static str,
        /// The requirement in `docs/spec/` that was broken.
        rule: &'static str,
        /// The reason in words.
        message: String,
    },
    /// The command line does not make sense, or a file cannot be read or written.
    Unusable(String),
}

impl Failure {
    /// A refusal by the program itself.
    pub(crate) fn refused(code: &'static str, rule: &'static str, message: impl Into<String>) -> Self {
        Self::Refused { input: None, code, rule, message: message.into() }
    }

    /// What went wrong with a file, or with standard input or output.
    pub(crate) fn io(name: &str, error: &io::Error) -> Self {
        Self::Unusable(format!("{name}: {error}"))
    }

    /// Adds what is known besides: what exactly is wrong, or what can be done about it.
    pub(crate) fn adding(mut self, more: &str) -> Self {
        let (Self::Refused { message, .. } | Self::Unusable(message)) = &mut self;
        message.push_str(": ");
        message.push_str(more);
        self
    }

    /// Says which file or option it is about, unless that is said already.
    pub(crate) fn about(mut self, name: Option<&str>) -> Self {
        if let Self::Refused { input: input @ None, .. } = &mut self {
            *input = name.map(str::to_owned);
        }
        self
    }

    /// What the program ends with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Refused { .. } => ExitCode::from(1),
            Self::Unusable(_) => ExitCode::from(2),
        }
    }

    /// One line of text.
    pub(crate) fn to_text(&self) -> String {
        let line = match self {
            Self::Refused { input: Some(input), code, rule, message } => {
                format!("refused: {code} ({rule}): {input}: {message}")
            }
            Self::Refused { input: None, code, rule, message } => {
                format!("refused: {code} ({rule}): {message}")
            }
            Self::Unusable(message) => format!("error: {message}"),
        };
        printable(&line)
    }

    /// One line of JSON.
    pub(crate) fn to_json(&self) -> String {
        let mut writer = ObjectWriter::new();
        match self {
            Self::Refused { input, code, rule, message } => writer.object("refused", |refused| {
                refused.str("code", code).str("rule", rule);
                if let Some(input) = input {
                    refused.str("input", input);
                }
                refused.str("message", message);
            }),
            Self::Unusable(message) => writer.object("error", |error| {
                error.str("message", message);
            }),
        };
        // INVARIANT: the names differ, the only thing `finish` can object to.
        printable_json(&writer.finish().unwrap_or_default())
    }
}

/// An error of the libraries: each names its reason and its rule.
pub(crate) trait Reason: Error {
    /// A stable name of the reason.
    fn code(&self) -> &'static str;

    /// The requirement in `docs/spec/` that was broken.
    fn rule(&self) -> &'static str;

    /// The reason in words.
    fn message(&self) -> String;
}

/// What an error says, and what it rests on, where it does not say that already; and which option lets the program go where it did not.
fn in_words(error: &(dyn Error + 'static)) -> String {
    let mut message = error.to_string();
    let mut option = allowing(error);
    let mut source = error.source();
    while let Some(error) = source {
        let reason = error.to_string();
        if !message.ends_with(&reason) {
            message.push_str(": ");
            message.push_str(&reason);
        }
        option = option.or_else(|| allowing(error));
        source = error.source();
    }
    if let Some(option) = option {
        message.push_str(&option);
    }
    message
}

/// The option that allows what the guard of the network refused.
fn allowing(error: &(dyn Error + 'static)) -> Option<String> {
    match error.downcast_ref::<FetchError>()? {
        FetchError::Address(_) => Some(
            ": --allow-private-host allows a host to have such addresses, --allow-network those of a network"
                .into(),
        ),
        FetchError::Port(port) => Some(format!(": --allow-port {port} allows it")),
        _ => None,
    }
}

macro_rules! reasons {
    ($($error:ty),* $(,)?) => {
        $(
            impl Reason for $error {
                fn code(&self) -> &'static str {
                    <$error>::code(self)
                }

                fn rule(&self) -> &'static str {
                    <$error>::rule(self)
                }

                fn message(&self) -> String {
                    in_words(self)
                }
            }
        )*
    };
}

reasons!(
    AccessTokenError,
    AccessTokenIssueError,
    AudienceError,
    Base64Error,
    BaseError,
    BeforeEpoch,
    BindingMessageError,
    BundleStoreError,
    CertificateRequestError,
    ChallengeError,
    ClaimsError,
    ClientError,
    ComponentError,
    DetailsError,
    DigestError,
    DpopError,
    DpopTargetError,
    EndorsementRootsError,
    EndpointError,
    EndpointTlsError,
    EnrolledTpmError,
    EnrolmentError,
    EvidenceJsonError,
    EvidenceTooLarge,
    FederationError,
    FetchError,
    HolderError,
    HttpsUrlError,
    IssueError,
    IssuerError,
    IssuerKeysError,
    JsonError,
    JwkError,
    JwsError,
    JwtSvidError,
    JwtSvidIssueError,
    KeyError,
    MakeWptError,
    ParseError,
    ParseIdError,
    ParsePatternError,
    ParseThumbprintError,
    PcrPolicyError,
    PeerError,
    PendingEnrolmentError,
    RedirectUriError,
    ResourceError,
    ResourceMetadataError,
    ResourceUriError,
    RevocationListError,
    ScopeError,
    SealError,
    SecretError,
    SecretTooShort,
    ServerMetadataError,
    SignError,
    SignatureError,
    SkipReason,
    SpiffeBundleError,
    SvidError,
    SvidIssueError,
    Unreadable,
    VerifyError,
    WebTrustError,
    WitError,
    WorkloadApiError,
    WptError,
    X509AuthorityError,
);

#[cfg(feature = "tpm")]
reasons!(
    aims::keys::store::BadKeyId,
    aims::keys::store::StoreError,
    aims_attest::tpm::TpmEvidenceError,
    aims_tpm::TctiError,
    aims_tpm::TpmError,
);

impl<R: Reason> From<R> for Failure {
    fn from(reason: R) -> Self {
        Self::refused(reason.code(), reason.rule(), reason.message())
    }
}

/// Says of a result what it is about.
pub(crate) trait About<T> {
    /// About this input.
    fn about(self, input: &Input) -> Result<T, Failure>;

    /// About the value of this option.
    fn about_option(self, option: &str) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> About<T> for Result<T, E> {
    fn about(self, input: &Input) -> Result<T, Failure> {
        self.map_err(|error| error.into().about(input.name.as_deref()))
    }

    fn about_option(self, option: &str) -> Result<T, Failure> {
        self.map_err(|error| error.into().about(Some(option)))
    }
}

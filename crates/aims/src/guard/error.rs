//! Why a guard is not built.

#[cfg(feature = "oauth")]
use aims_oauth::{Resource, ResourceMetadataError};
use aims_proof::Method;

/// Why a guard is not built: its settings contradict each other. It would take no request at all by one of the proofs that it accepts, or tell of what it does not take.
///
/// Each is about access tokens: without the feature `oauth` there is none.
///
/// ```
/// # #[cfg(feature = "oauth")] {
/// use aims::{Accept, Audiences, BundleSet, Callers, Guard};
///
/// // Callers are to be known by their tokens, and no token is wanted.
/// let guard = Guard::builder(Audiences::http("https://tools.example")?, BundleSet::new(), Callers::new());
/// let refused = guard.accept(Accept::dpop()).build().unwrap_err();
/// assert_eq!((refused.code(), refused.rule()), ("no_access_tokens", "ACT-4"));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// Callers are accepted by [bearer tokens](crate::Accept), and the policy of the resource takes none.
    #[error(
        "bearer tokens are accepted, and the policy of the resource takes none: take them there, too, by `BindingPolicy::dangerous_or_bearer`, or do not accept them"
    )]
    BearerNotTaken,
    /// Callers are accepted by a token and a `DPoP` proof alone, and the policy of the resource takes no token that is shown by one.
    #[error(
        "callers are accepted by DPoP, and the policy of the resource takes no token shown by it: take them there, too, with `BindingPolicy::bound`, or do not accept them"
    )]
    DpopNotTaken,
    /// What the resource says of itself is not what this guard does.
    #[cfg(feature = "oauth")]
    #[error(transparent)]
    Metadata(#[from] ResourceMetadataError),
    /// Tokens have to be shown by `DPoP`, and nothing verifies that.
    #[error(
        "tokens have to be shown by DPoP, and nothing verifies proofs: give the resource a verifier, by `ResourceServer::with_dpop`"
    )]
    NoDpopVerifier,
    /// Callers are accepted by their access token alone, and no tokens are wanted.
    #[error(
        "callers are accepted by their access token, and none is wanted: say for which resource, by `GuardBuilder::access_tokens`, or accept another proof by `GuardBuilder::accept`"
    )]
    NoTokens,
    /// Tokens would be for another service than the guard protects, or it is not known where callers reach it, and proofs by `DPoP` are for an address.
    #[cfg(feature = "oauth")]
    #[error(
        "the resource {0} is not known to be at an audience of the guard: name it by its address there, or add the audience to the `Audiences` of `Guard::builder`"
    )]
    OtherOrigin(Resource),
    /// Who is known in this way shows no token that the policy of the resource takes.
    #[error(
        "who is known by the method {} shows no token that the policy of the resource takes: take such tokens there, by its `BindingPolicy`, or accept another proof by `GuardBuilder::accept`",
        .0.name()
    )]
    TokenNotShown(Method),
    /// A Workload Proof Token is accepted, and has the place of the access token.
    #[error(
        "a workload proof token has the same place in a request as an access token: accept another proof in its place by `GuardBuilder::accept`, a message signature for one"
    )]
    WptBesideToken,
}

impl GuardError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BearerNotTaken => "bearer_not_taken",
            Self::DpopNotTaken => "dpop_not_taken",
            #[cfg(feature = "oauth")]
            Self::Metadata(error) => error.code(),
            Self::NoDpopVerifier => "dpop_not_verified",
            Self::NoTokens => "no_access_tokens",
            #[cfg(feature = "oauth")]
            Self::OtherOrigin(_) => "resource_elsewhere",
            Self::TokenNotShown(_) => "token_not_shown",
            Self::WptBesideToken => "wpt_beside_token",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::BearerNotTaken | Self::DpopNotTaken | Self::TokenNotShown(_) => "SEC-4",
            #[cfg(feature = "oauth")]
            Self::Metadata(error) => error.rule(),
            Self::NoDpopVerifier => "DPO-10",
            Self::NoTokens => "ACT-4",
            #[cfg(feature = "oauth")]
            Self::OtherOrigin(_) => "PRM-1",
            Self::WptBesideToken => "WPT-1",
        }
    }
}

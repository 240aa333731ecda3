//! Who calls.

use std::fmt;
#[cfg(feature = "oauth")]
use std::sync::Arc;

#[cfg(feature = "oauth")]
use aims_credential::MarkKey;
#[cfg(feature = "mtls")]
use aims_credential::x509::VerifiedSvid;
use aims_credential::{Lapsed, Marks, VerifiedWit};
use aims_id::WorkloadId;
use aims_keys::UnixTime;
#[cfg(feature = "mtls")]
use aims_proof::ForwardedPeer;
use aims_proof::{Authenticated, Layer, Method, VerifiedProof, VerifiedSignature};
#[cfg(feature = "mtls")]
use aims_tls::VerifiedPeer;

/// Who calls: a workload that proved, for this request, that it holds the key its credential names.
///
/// Where a guard takes access tokens that are shown by `DPoP` [alone](crate::Accept), it may also be one that the issuer of its token names, and that proved that it
/// holds the key of the token: it has no credential that this service knows, and is [`authenticated`](Self::authenticated) by nothing else. Where it takes
/// [bearer tokens](crate::Accept::dangerous_bearer), it may be one that proved nothing at all.
///
/// Only a [`Guard`](crate::Guard) makes one. Cloning is cheap.
#[derive(Clone)]
pub struct Caller(By);

#[derive(Clone)]
enum By {
    Proof(Authenticated),
    #[cfg(feature = "oauth")]
    Token(Arc<Named>),
}

/// On the word of an authorization server.
#[cfg(feature = "oauth")]
struct Named {
    agent: WorkloadId,
    authorization: aims_oauth::Authorized,
}

#[cfg(feature = "oauth")]
impl Named {
    fn is_bearer(&self) -> bool {
        self.authorization.shown_by() == aims_oauth::Shown::Bearer
    }
}

impl Caller {
    pub(crate) fn by_proof(caller: Authenticated) -> Self {
        Self(By::Proof(caller))
    }

    /// INVARIANT: the token was given to `agent`, and shown by `DPoP`, or by nothing where that is taken.
    #[cfg(feature = "oauth")]
    pub(crate) fn by_token(agent: WorkloadId, authorization: aims_oauth::Authorized) -> Self {
        Self(By::Token(Arc::new(Named { agent, authorization })))
    }

    /// The workload.
    #[must_use]
    pub fn subject(&self) -> &WorkloadId {
        match &self.0 {
            By::Proof(caller) => caller.subject(),
            #[cfg(feature = "oauth")]
            By::Token(named) => &named.agent,
        }
    }

    /// How it proved possession, and of what: of the key of its credential, or, by [`Method::Dpop`], of that of its access token. By [`Method::Bearer`] it proved nothing.
    #[must_use]
    pub fn method(&self) -> Method {
        match &self.0 {
            By::Proof(caller) => caller.method(),
            #[cfg(feature = "oauth")]
            By::Token(named) if named.is_bearer() => Method::Bearer,
            #[cfg(feature = "oauth")]
            By::Token(_) => Method::Dpop,
        }
    }

    /// Whether the proof is end to end, or ends where the connection does: a bearer token says no more than that its sender has it, as has everybody who saw it on the way.
    #[must_use]
    pub fn layer(&self) -> Layer {
        match &self.0 {
            By::Proof(caller) => caller.layer(),
            #[cfg(feature = "oauth")]
            By::Token(named) if named.is_bearer() => Layer::Transport,
            #[cfg(feature = "oauth")]
            By::Token(_) => Layer::Application,
        }
    }

    /// When the credential ends, or the token that stands in for it.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        match &self.0 {
            By::Proof(caller) => caller.not_after(),
            #[cfg(feature = "oauth")]
            By::Token(named) => named.authorization.not_after(),
        }
    }

    /// The proof with a credential of its own; `None`, where it is known by its access token alone.
    #[must_use]
    pub fn authenticated(&self) -> Option<&Authenticated> {
        match &self.0 {
            By::Proof(caller) => Some(caller),
            #[cfg(feature = "oauth")]
            By::Token(_) => None,
        }
    }

    /// The proof token, if that is how it was made.
    #[must_use]
    pub fn wpt(&self) -> Option<&VerifiedProof> {
        self.authenticated()?.wpt()
    }

    /// The message signature, if that is how it was made.
    #[must_use]
    pub fn signature(&self) -> Option<&VerifiedSignature> {
        self.authenticated()?.signature()
    }

    /// The token that names the key, where the proof is by a credential's key.
    #[must_use]
    pub fn wit(&self) -> Option<&VerifiedWit> {
        self.authenticated()?.wit()
    }

    /// The peer of the connection, if that is how it was made.
    #[cfg(feature = "mtls")]
    #[must_use]
    pub fn peer(&self) -> Option<&VerifiedPeer> {
        self.authenticated()?.peer()
    }

    /// What the proxy said, if that is how it was made.
    #[cfg(feature = "mtls")]
    #[must_use]
    pub fn forwarded(&self) -> Option<&ForwardedPeer> {
        self.authenticated()?.forwarded()
    }

    /// The workload on whose word it is known, where that is not its own proof: a proxy.
    #[must_use]
    pub fn via(&self) -> Option<&WorkloadId> {
        self.authenticated()?.via()
    }

    /// The certificate of the workload, where one is how it is known.
    #[cfg(feature = "mtls")]
    #[must_use]
    pub fn svid(&self) -> Option<&VerifiedSvid> {
        self.authenticated()?.svid()
    }

    /// The key of its access token, where it is known by that alone.
    #[cfg(feature = "oauth")]
    pub(crate) fn token_key(&self) -> Option<&aims_jose::Thumbprint> {
        match &self.0 {
            By::Proof(_) => None,
            By::Token(named) => match named.authorization.token().binding() {
                Some(aims_oauth::TokenBinding::Key(key)) => Some(key),
                _ => None,
            },
        }
    }

    /// Whether it still counts at `now`.
    ///
    /// # Errors
    ///
    /// [`Lapsed`] says what ended it.
    pub fn still_valid(&self, now: UnixTime, marks: &dyn Marks) -> Result<(), Lapsed> {
        match &self.0 {
            By::Proof(caller) => caller.still_valid(now, marks),
            #[cfg(feature = "oauth")]
            By::Token(named) => {
                named.authorization.still_valid(now, marks)?;
                // It may go by another name at its issuer.
                let begun = named.authorization.token().begun();
                let mut agent = std::iter::once(MarkKey::Agent(&named.agent));
                marks.check_each(&mut agent, &|mark| mark.check(begun, LEEWAY))
            }
        }
    }
}

/// How far the clock of an issuer may be behind the one of whoever cuts off: as for its tokens.
#[cfg(feature = "oauth")]
const LEEWAY: std::time::Duration = std::time::Duration::from_secs(30);

/// Shows who, and how that was proved.
impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            By::Proof(caller) => fmt::Debug::fmt(caller, f),
            #[cfg(feature = "oauth")]
            By::Token(named) => {
                let name = if named.is_bearer() { "Bearer" } else { "Dpop" };
                f.debug_tuple(name).field(&named.agent).field(&named.authorization).finish()
            }
        }
    }
}

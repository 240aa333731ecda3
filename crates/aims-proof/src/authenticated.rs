//! Who is at the other end.

#[cfg(feature = "mtls")]
use aims_credential::x509::VerifiedSvid;
use aims_credential::{Lapsed, MarkKey, Marks, VerifiedWit};
use aims_id::WorkloadId;
use aims_keys::UnixTime;
#[cfg(feature = "mtls")]
use aims_tls::VerifiedPeer;

#[cfg(feature = "mtls")]
use crate::forwarded::ForwardedPeer;
use crate::signature::VerifiedSignature;
use crate::wpt::VerifiedProof;

/// A workload that proved, for this request, that it holds the key its credential names.
///
/// It is made by functions that borrow the verified evidence, and by nothing else. It says how the proof was made, because
/// a policy may care; and it ends: ask [`still_valid`](Self::still_valid) at every use.
#[derive(Clone, Debug)]
pub struct Authenticated(Evidence);

#[derive(Clone, Debug)]
enum Evidence {
    #[cfg(feature = "mtls")]
    Forwarded(ForwardedPeer),
    #[cfg(feature = "mtls")]
    Mtls(VerifiedPeer),
    Signature(VerifiedSignature),
    Wpt(VerifiedProof),
}

impl Authenticated {
    /// By what a proxy says of the connection that it ended: the workload behind the proxy, on the word of the proxy, which has
    /// proved who it is.
    #[cfg(feature = "mtls")]
    #[must_use]
    pub fn by_forwarded(peer: &ForwardedPeer) -> Self {
        Self(Evidence::Forwarded(peer.clone()))
    }

    /// By mutual TLS: the workload at the other end of the connection, which may be an intermediary. It is never the same fact as
    /// a proof that came through the connection, whosever that is (ARCH-1).
    #[cfg(feature = "mtls")]
    #[must_use]
    pub fn by_mtls(peer: &VerifiedPeer) -> Self {
        Self(Evidence::Mtls(peer.clone()))
    }

    /// By a message signature.
    #[must_use]
    pub fn by_signature(signature: &VerifiedSignature) -> Self {
        Self(Evidence::Signature(signature.clone()))
    }

    /// By a Workload Proof Token.
    #[must_use]
    pub fn by_wpt(proof: &VerifiedProof) -> Self {
        Self(Evidence::Wpt(proof.clone()))
    }

    /// The workload.
    #[must_use]
    pub fn subject(&self) -> &WorkloadId {
        match &self.0 {
            #[cfg(feature = "mtls")]
            Evidence::Forwarded(peer) => peer.subject(),
            #[cfg(feature = "mtls")]
            Evidence::Mtls(peer) => peer.subject(),
            Evidence::Signature(signature) => signature.wit().subject(),
            Evidence::Wpt(proof) => proof.wit().subject(),
        }
    }

    /// How it proved possession.
    #[must_use]
    pub fn method(&self) -> Method {
        match &self.0 {
            #[cfg(feature = "mtls")]
            Evidence::Forwarded(_) => Method::Forwarded,
            #[cfg(feature = "mtls")]
            Evidence::Mtls(_) => Method::Mtls,
            Evidence::Signature(_) => Method::Signature,
            Evidence::Wpt(_) => Method::Wpt,
        }
    }

    /// Whether the proof is end to end, or ends where the connection does.
    #[must_use]
    pub fn layer(&self) -> Layer {
        match &self.0 {
            #[cfg(feature = "mtls")]
            // AIMS-21: the connection ends where TLS does.
            Evidence::Forwarded(_) | Evidence::Mtls(_) => Layer::Transport,
            Evidence::Signature(_) | Evidence::Wpt(_) => Layer::Application,
        }
    }

    /// When the credential ends.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        match &self.0 {
            #[cfg(feature = "mtls")]
            Evidence::Forwarded(peer) => peer.not_after(),
            #[cfg(feature = "mtls")]
            Evidence::Mtls(peer) => peer.not_after(),
            Evidence::Signature(signature) => signature.wit().not_after(),
            Evidence::Wpt(proof) => proof.wit().not_after(),
        }
    }

    /// The proof token, if that is how it was made.
    #[must_use]
    pub fn wpt(&self) -> Option<&VerifiedProof> {
        match &self.0 {
            #[cfg(feature = "mtls")]
            Evidence::Forwarded(_) | Evidence::Mtls(_) => None,
            Evidence::Signature(_) => None,
            Evidence::Wpt(proof) => Some(proof),
        }
    }

    /// The message signature, if that is how it was made.
    #[must_use]
    pub fn signature(&self) -> Option<&VerifiedSignature> {
        match &self.0 {
            #[cfg(feature = "mtls")]
            Evidence::Forwarded(_) | Evidence::Mtls(_) => None,
            Evidence::Signature(signature) => Some(signature),
            Evidence::Wpt(_) => None,
        }
    }

    /// The token that names the key, where the proof is by a token's key.
    #[must_use]
    pub fn wit(&self) -> Option<&VerifiedWit> {
        match &self.0 {
            #[cfg(feature = "mtls")]
            Evidence::Forwarded(_) | Evidence::Mtls(_) => None,
            Evidence::Signature(signature) => Some(signature.wit()),
            Evidence::Wpt(proof) => Some(proof.wit()),
        }
    }

    /// The peer of the connection, if that is how it was made.
    #[cfg(feature = "mtls")]
    #[must_use]
    pub fn peer(&self) -> Option<&VerifiedPeer> {
        match &self.0 {
            Evidence::Mtls(peer) => Some(peer),
            Evidence::Forwarded(_) | Evidence::Signature(_) | Evidence::Wpt(_) => None,
        }
    }

    /// What the proxy said, if that is how it was made.
    #[cfg(feature = "mtls")]
    #[must_use]
    pub fn forwarded(&self) -> Option<&ForwardedPeer> {
        match &self.0 {
            Evidence::Forwarded(peer) => Some(peer),
            Evidence::Mtls(_) | Evidence::Signature(_) | Evidence::Wpt(_) => None,
        }
    }

    /// The party on whose word it is known, where that is not its own proof: a proxy.
    #[must_use]
    pub fn via(&self) -> Option<&WorkloadId> {
        match &self.0 {
            #[cfg(feature = "mtls")]
            Evidence::Forwarded(peer) => Some(peer.proxy().subject()),
            #[cfg(feature = "mtls")]
            Evidence::Mtls(_) => None,
            Evidence::Signature(_) | Evidence::Wpt(_) => None,
        }
    }

    /// The certificate of the workload, where one is how it is known.
    #[cfg(feature = "mtls")]
    #[must_use]
    pub fn svid(&self) -> Option<&VerifiedSvid> {
        match &self.0 {
            Evidence::Forwarded(peer) => peer.svid(),
            Evidence::Mtls(peer) => Some(peer.svid()),
            Evidence::Signature(_) | Evidence::Wpt(_) => None,
        }
    }

    /// The names under which it can be cut off.
    pub fn mark_keys(&self) -> impl Iterator<Item = MarkKey<'_>> {
        let wit = self.wit().map(VerifiedWit::mark_keys);
        let keys = wit.into_iter().flatten();
        #[cfg(feature = "mtls")]
        let keys = keys
            .chain(self.peer().map(VerifiedPeer::mark_keys).into_iter().flatten())
            .chain(self.forwarded().map(ForwardedPeer::mark_keys).into_iter().flatten());
        keys
    }

    /// Whether it still counts at `now`.
    ///
    /// # Errors
    ///
    /// [`Lapsed`] says what ended it.
    pub fn still_valid(&self, now: UnixTime, marks: &dyn Marks) -> Result<(), Lapsed> {
        match &self.0 {
            #[cfg(feature = "mtls")]
            Evidence::Forwarded(peer) => peer.still_valid(now, marks),
            #[cfg(feature = "mtls")]
            Evidence::Mtls(peer) => peer.still_valid(now, marks),
            Evidence::Signature(signature) => signature.still_valid(now, marks),
            Evidence::Wpt(proof) => proof.still_valid(now, marks),
        }
    }
}

/// How possession of a key was proved.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Method {
    /// Nothing was proved: an access token that whoever has it can use, and so nothing that [`Authenticated`] comes from.
    Bearer,
    /// A `DPoP` proof, by the key that an access token is bound to: no credential of a workload, and so nothing that [`Authenticated`] comes from.
    Dpop,
    /// The word of a proxy, which saw a TLS handshake with a certificate.
    #[cfg(feature = "mtls")]
    Forwarded,
    /// A TLS handshake with a certificate.
    #[cfg(feature = "mtls")]
    Mtls,
    /// A signature of the message.
    Signature,
    /// A Workload Proof Token.
    Wpt,
}

impl Method {
    /// A stable name for records and policy.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Dpop => "dpop",
            #[cfg(feature = "mtls")]
            Self::Forwarded => "forwarded",
            #[cfg(feature = "mtls")]
            Self::Mtls => "mtls",
            Self::Signature => "signature",
            Self::Wpt => "wpt",
        }
    }
}

/// How far a proof reaches.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Layer {
    /// End to end: intermediaries passed it on and could not make it.
    Application,
    /// To the other end of the connection, which may be an intermediary.
    Transport,
}

impl Layer {
    /// A stable name for records and policy.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Transport => "transport",
        }
    }
}

//! A test authority: an issuer, its trust bundle, and agents with credentials of their own.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use aims_credential::{Credential, Holder, TrustBundle, Wit, WitIssuer, WitRequest};
use aims_id::{Origin, WorkloadId};
use aims_jose::{Jwk, JwkSet};
use aims_keys::{Algorithm, AsyncSigner, PublicKey, Signer, SoftwareKey, UnixTime, backend};
use aims_proof::{CHALLENGE, NewWpt, http_audience};
use http::request::Builder;
use http::{Method, Request};

/// The issuer of a trust domain, made for a test: real keys, real tokens, no check weakened.
///
/// Everything here panics where a test would `unwrap`.
pub struct TestAuthority {
    key: PublicKey,
    origin: Origin,
    issuer: WitIssuer,
}

impl TestAuthority {
    /// An authority for an origin such as `spiffe://acme.example`, with a fresh ES256 key.
    ///
    /// # Panics
    ///
    /// When the text is not an origin, or the system has no randomness.
    #[must_use]
    pub fn new(origin: &str) -> Self {
        Self::with_algorithm(origin, Algorithm::Es256)
    }

    /// As [`new`](Self::new), with a key of another algorithm.
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new), and when *ring* cannot make such a key.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test helper: what a test got wrong must fail it")]
    pub fn with_algorithm(origin: &str, algorithm: Algorithm) -> Self {
        let origin: Origin = origin.parse().expect("an origin such as spiffe://acme.example");
        let key = SoftwareKey::generate(algorithm, backend::ring()).expect("a fresh issuer key");
        let public = Signer::public_key(&key).clone();
        let issuer = WitIssuer::new(origin.clone(), Arc::new(key), KEY_ID).expect("an issuer");
        Self { key: public, origin, issuer }
    }

    /// What a service trusts that trusts this authority.
    ///
    /// # Panics
    ///
    /// Never: the key and its name are acceptable.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the key was generated, and its name is a constant")]
    pub fn trust(&self) -> TrustBundle {
        let key = Jwk::new(self.key.clone()).with_key_id(KEY_ID).expect("a key ID");
        TrustBundle::new(self.origin.clone(), JwkSet::new(vec![key]).expect("one key"))
    }

    /// The issuer itself, for tokens that [`agent`](Self::agent) does not make. It is an ordinary one: what it must not
    /// issue, it does not issue.
    #[must_use]
    pub fn issuer(&self) -> &WitIssuer {
        &self.issuer
    }

    /// An agent of this trust domain, such as `/agents/travel`, with a fresh key and a credential of an hour from `now` on.
    ///
    /// For a credential that has expired, or is not valid yet, choose another `now`: time is just a number.
    ///
    /// # Panics
    ///
    /// When the path is not one of an identifier.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test helper: what a test got wrong must fail it")]
    pub fn agent(&self, path: &str, now: UnixTime) -> TestAgent {
        let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).expect("a fresh key");
        self.agent_with_key(path, Arc::new(key), now)
    }

    /// As [`agent`](Self::agent), with this key: one of another algorithm, or the same one again.
    ///
    /// # Panics
    ///
    /// As [`agent`](Self::agent), and when the issuer refuses the key.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test helper: what a test got wrong must fail it")]
    pub fn agent_with_key(&self, path: &str, key: Arc<dyn AsyncSigner>, now: UnixTime) -> TestAgent {
        let id = self.origin.workload(path).expect("a path such as /agents/travel");
        let public = key.public_key().clone();
        self.agent_from(&WitRequest::new(&id, &public), key, now)
    }

    /// As [`agent`](Self::agent), with whatever a request can ask for: lifetime, further claims.
    ///
    /// # Panics
    ///
    /// When the issuer refuses the request, or it is for another key.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test helper: what a test got wrong must fail it")]
    pub fn agent_from(
        &self,
        request: &WitRequest<'_>,
        key: Arc<dyn AsyncSigner>,
        now: UnixTime,
    ) -> TestAgent {
        let token = self.issuer.sign(request, now).expect("a request that the issuer grants");
        let wit = Wit::from_issuer(&token, backend::ring()).expect("a token as issued");
        TestAgent(Holder::new(wit, key).expect("the key that the request was for"))
    }
}

/// Shows the origin.
impl fmt::Debug for TestAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestAuthority").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// An agent with a credential and its key, made for a test.
#[derive(Clone, Debug)]
pub struct TestAgent(Holder);

impl TestAgent {
    /// Credential and key, for whatever takes a holder.
    #[must_use]
    pub fn holder(&self) -> Holder {
        self.0.clone()
    }

    /// Who it is.
    #[must_use]
    pub fn id(&self) -> &WorkloadId {
        self.0.subject()
    }

    /// Its credential, as it goes into the `Workload-Identity-Token` field.
    ///
    /// # Panics
    ///
    /// Never: test agents have WITs.
    #[must_use]
    #[expect(clippy::panic, reason = "an agent of a test authority is made with a WIT")]
    pub fn wit(&self) -> &str {
        match self.0.credential() {
            Credential::Wit(wit) => wit.token(),
            _ => panic!("a test agent has a WIT"),
        }
    }

    /// A fresh proof for a request to `target`, a whole URI; its query is left out.
    ///
    /// # Panics
    ///
    /// When the credential has expired at `now`.
    #[must_use]
    pub fn wpt(&self, target: &str, now: UnixTime) -> String {
        self.sign(&NewWpt::new(http_audience(target)), now)
    }

    /// A fresh proof of whatever it shall cover.
    ///
    /// # Panics
    ///
    /// When no such proof can be made, or the key does not sign at once.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test helper: what a test got wrong must fail it")]
    pub fn sign(&self, proof: &NewWpt<'_>, now: UnixTime) -> String {
        ready(proof.sign(&self.0, now)).expect("a proof that can be made")
    }

    /// A request to `target`, a whole URI, with credential and a fresh proof; it lacks only its body, and whatever else
    /// the handler reads.
    ///
    /// # Panics
    ///
    /// As [`wpt`](Self::wpt).
    #[must_use]
    pub fn request(&self, method: Method, target: &str, now: UnixTime) -> Builder {
        Request::builder()
            .method(method)
            .uri(target)
            .header("workload-identity-token", self.wit())
            .header("authorization", format!("{CHALLENGE} {}", self.wpt(target, now)))
    }
}

/// The key of the authority goes by this name in its bundle.
const KEY_ID: &str = "test-authority";

/// What a future yields that does not wait: software keys sign at once.
#[expect(
    clippy::panic,
    reason = "a test helper: a key that must be waited for needs the test's own executor"
)]
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the key does not sign at once"),
    }
}

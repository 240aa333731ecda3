//! What was asked, and is remembered for a while.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use aims_credential::{Ends, Flight, Remembered};
use aims_keys::UnixTime;

use super::{Introspect, IntrospectError, IntrospectionAnswer};
use crate::{AccessToken, AccessTokenError, AccessTokenVerifier, Issuer, VerifiedAccessToken};

/// Opaque tokens of one issuer: what it says of them counts for 30 s, or until the token ends, and is asked once, however many requests wait for it (INT-4).
///
/// What was cut off is asked for at each use, and ends what is remembered (AZR-10). That a token does not count is not remembered. It keeps no token: what it knows
/// goes by the hash of each. Cloning is cheap, and clones share it.
///
/// ```
/// use aims_keys::BoxFuture;
/// use aims_oauth::{AccessToken, Introspect, IntrospectError, Introspection, IntrospectionAnswer};
///
/// /// The client of this service for its authorization server.
/// #[derive(Debug)]
/// struct Server;
///
/// impl Introspect for Server {
///     fn introspect<'a>(&'a self, _: &'a AccessToken) -> BoxFuture<'a, Result<IntrospectionAnswer, IntrospectError>> {
///         // A POST with the parameters of `TokenQuery`, by a client that authenticates as this service.
///         Box::pin(async { Ok(IntrospectionAnswer::Json(br#"{"active":false}"#.to_vec())) })
///     }
/// }
///
/// let introspection = Introspection::new("https://as.example".parse()?, Server);
/// // .. `ResourceServer::with_introspection(introspection)`
/// # let _ = introspection;
/// # Ok::<(), aims_oauth::IssuerError>(())
/// ```
#[derive(Clone)]
pub struct Introspection(Arc<Inner>);

struct Inner {
    issuer: Issuer,
    server: Box<dyn Introspect>,
    known: Remembered<VerifiedAccessToken>,
    under_way: Mutex<BTreeMap<[u8; 32], Arc<Query>>>,
    most: usize,
}

/// A question that is under way, and the answer for all who wait for it.
#[derive(Default)]
struct Query {
    flight: Flight,
    answer: OnceLock<Result<VerifiedAccessToken, AccessTokenError>>,
}

enum Turn {
    Ask(Arc<Query>),
    Wait(Arc<Query>),
}

impl Introspection {
    /// Asks `server` about tokens of this issuer, which has to be one that the resource server believes. At most 64 tokens are asked about at a time, and at most about
    /// 4096 answers remembered.
    #[must_use]
    pub fn new(issuer: Issuer, server: impl Introspect + 'static) -> Self {
        Self::with_limits(issuer, server, UNDER_WAY, REMEMBERED)
    }

    /// The same with other bounds: of questions at a time, and of answers.
    #[must_use]
    pub fn with_limits(
        issuer: Issuer,
        server: impl Introspect + 'static,
        most: usize,
        remembered: usize,
    ) -> Self {
        let (known, under_way) = (Remembered::new(remembered), Mutex::default());
        Self(Arc::new(Inner { issuer, server: Box::new(server), known, under_way, most }))
    }

    /// Whose tokens are asked about.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.0.issuer
    }

    /// What the issuer says of a token, now or not long ago, held to the rules of `tokens`.
    pub(crate) async fn verify(
        &self,
        tokens: &AccessTokenVerifier,
        token: &AccessToken,
        now: UnixTime,
    ) -> Result<VerifiedAccessToken, AccessTokenError> {
        let hash = tokens.hash(token);
        if let Some(known) = self.0.known.get(&hash) {
            match tokens.verify_again(&known, now) {
                Ok(()) => return Ok(known),
                Err(AccessTokenError::Stale) => self.0.known.remove(&hash),
                Err(error) => {
                    self.0.known.remove(&hash);
                    return Err(error);
                }
            }
        }
        loop {
            match self.0.turn(hash)? {
                Turn::Ask(query) => return self.0.ask(tokens, token, (hash, query), now).await,
                Turn::Wait(query) => {
                    query.flight.over().await;
                    // Without an answer, whoever asked is gone: somebody else does.
                    match query.answer.get() {
                        // It is of now, whatever the time was when this request began.
                        Some(Ok(verified)) => {
                            return match tokens.verify_again(verified, now) {
                                Ok(()) | Err(AccessTokenError::Stale) => Ok(verified.clone()),
                                Err(error) => Err(error),
                            };
                        }
                        Some(Err(error)) => return Err(error.clone()),
                        None => {}
                    }
                }
            }
        }
    }
}

impl Inner {
    fn turn(&self, hash: [u8; 32]) -> Result<Turn, IntrospectError> {
        let mut under_way = self.lock();
        if let Some(query) = under_way.get(&hash) {
            return Ok(Turn::Wait(Arc::clone(query)));
        }
        if under_way.len() >= self.most {
            return Err(IntrospectError::Busy);
        }
        let query = Arc::<Query>::default();
        under_way.insert(hash, Arc::clone(&query));
        Ok(Turn::Ask(query))
    }

    async fn ask(
        &self,
        tokens: &AccessTokenVerifier,
        token: &AccessToken,
        (hash, query): ([u8; 32], Arc<Query>),
        now: UnixTime,
    ) -> Result<VerifiedAccessToken, AccessTokenError> {
        let under_way = UnderWay { inner: self, hash, query };
        // It counts from when it was asked: what happened since, its issuer may not have known.
        let answer = match self.server.introspect(token).await {
            Ok(IntrospectionAnswer::Json(body)) => tokens.introspected(token, &self.issuer, &body, now),
            Ok(IntrospectionAnswer::Jwt(answer)) => {
                match tokens.prepare_answer(&self.issuer, &answer, now).await {
                    Ok(()) => tokens.introspected_jwt(token, &self.issuer, &answer, now),
                    Err(error) => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        };
        if let Ok(verified) = &answer {
            self.known.insert(hash, verified.clone(), now);
        }
        let _ = under_way.query.answer.set(answer.clone());
        answer
    }

    /// Nothing is done under the lock that leaves the table torn.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], Arc<Query>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a question, however it ends: its request may be gone by then.
struct UnderWay<'i> {
    inner: &'i Inner,
    hash: [u8; 32],
    query: Arc<Query>,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.inner.lock().remove(&self.hash);
        self.query.flight.end();
    }
}

impl Ends for VerifiedAccessToken {
    fn not_after(&self) -> UnixTime {
        self.counts_until()
    }
}

/// Shows whose tokens are asked about.
impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection").field("issuer", &self.0.issuer).finish_non_exhaustive()
    }
}

const UNDER_WAY: usize = 64;

const REMEMBERED: usize = 4096;

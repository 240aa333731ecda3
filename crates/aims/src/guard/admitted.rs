//! A caller that was admitted, for as long as it counts.

use std::sync::Arc;

use aims_credential::{Lapsed, WitError};
use aims_keys::UnixTime;
#[cfg(feature = "mtls")]
use aims_proof::Authenticated;
use http::Extensions;

use super::Inner;
use super::panics::caught;
#[cfg(feature = "oauth")]
use super::tokens::Granted;
use crate::caller::Caller;
#[cfg(feature = "mtls")]
use crate::connection::{Connection, lapsed};

/// Who was admitted, by which guard, and over what.
pub(crate) struct Admitted {
    caller: Caller,
    guard: Arc<Inner>,
    /// Who was at the other end, where that is another fact.
    #[cfg(feature = "mtls")]
    transport: Option<Authenticated>,
    #[cfg(feature = "mtls")]
    connection: Option<Connection>,
    #[cfg(feature = "oauth")]
    granted: Option<Granted>,
}

impl Admitted {
    pub(super) fn new(
        caller: Caller,
        guard: Arc<Inner>,
        #[cfg_attr(not(feature = "mtls"), expect(unused_variables, reason = "no connection is known there"))]
        transport: Option<&aims_proof::Authenticated>,
        #[cfg_attr(not(feature = "mtls"), expect(unused_variables, reason = "no connection is known there"))]
        extensions: &Extensions,
    ) -> Self {
        Self {
            caller,
            guard,
            #[cfg(feature = "mtls")]
            transport: transport.cloned(),
            #[cfg(feature = "mtls")]
            connection: Connection::of(extensions).cloned(),
            #[cfg(feature = "oauth")]
            granted: None,
        }
    }

    #[cfg(feature = "oauth")]
    pub(super) fn with_granted(self, granted: Option<Granted>) -> Self {
        Self { granted, ..self }
    }

    #[cfg(feature = "oauth")]
    pub(crate) fn authorization(&self) -> Option<&aims_oauth::Authorized> {
        self.granted.as_ref().map(|granted| &granted.authorization)
    }

    #[cfg(feature = "oauth")]
    pub(crate) fn dpop_nonce(&self) -> Option<&str> {
        self.granted.as_ref()?.next_nonce.as_deref()
    }

    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    pub(crate) fn counts(&self) -> bool {
        matches!(caught(|| self.still_valid()), Some(Ok(())))
    }

    pub(crate) fn still_valid(&self) -> Result<(), Lapsed> {
        let guard = &*self.guard;
        let now = UnixTime::try_from(guard.clock.now()).map_err(|_| Lapsed::MarksUnavailable)?;
        #[cfg(feature = "mtls")]
        if let Some(connection) = &self.connection {
            connection.still_valid(now, &*guard.marks)?;
        }
        #[cfg(feature = "mtls")]
        for who in self.caller.authenticated().into_iter().chain(&self.transport) {
            guard.still_forwarded(who, now)?;
        }
        if let Some(wit) = self.caller.wit() {
            guard.wits.verify_again(wit, now).map_err(|error| match error {
                WitError::Expired => Lapsed::Expired,
                WitError::Lapsed(lapsed) => lapsed,
                _ => Lapsed::Untrusted,
            })?;
        }
        #[cfg(feature = "oauth")]
        if let Some((authorization, tokens)) = self.authorization().zip(guard.tokens.as_ref()) {
            use aims_oauth::AccessTokenError;

            tokens.server.tokens().verify_again(authorization.token(), now).map_err(|error| match error {
                // What its issuer said of it counts for a while, as the token does.
                AccessTokenError::Expired | AccessTokenError::Stale => Lapsed::Expired,
                AccessTokenError::Lapsed(lapsed) => lapsed,
                _ => Lapsed::Untrusted,
            })?;
            authorization.still_valid(now, &*guard.marks)?;
        }
        self.caller.still_valid(now, &*guard.marks)
    }
}

#[cfg(feature = "mtls")]
impl Inner {
    /// Whether somebody who was known on the word of a proxy still is.
    fn still_forwarded(&self, who: &Authenticated, now: UnixTime) -> Result<(), Lapsed> {
        let Some((peer, proxies)) = who.forwarded().zip(self.proxies.as_ref()) else { return Ok(()) };
        proxies.verify_again(peer, now).map_err(|error| match error {
            aims_proof::ForwardedError::Svid(error) => lapsed(&error),
            _ => Lapsed::Untrusted,
        })?;
        who.still_valid(now, &*self.marks)
    }
}

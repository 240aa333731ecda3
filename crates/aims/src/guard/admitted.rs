//! A caller that was admitted, for as long as it counts.

use std::sync::Arc;

use aims_credential::{Lapsed, WitError};
use aims_keys::UnixTime;
use aims_proof::Authenticated;
use http::Extensions;

use super::Inner;
#[cfg(feature = "mtls")]
use crate::connection::{Connection, lapsed};

/// Who was admitted, by which guard, and over what.
pub(crate) struct Admitted {
    caller: Authenticated,
    guard: Arc<Inner>,
    /// Who was at the other end, where that is another fact.
    #[cfg(feature = "mtls")]
    transport: Option<Authenticated>,
    #[cfg(feature = "mtls")]
    connection: Option<Connection>,
    #[cfg(feature = "oauth")]
    authorization: Option<aims_oauth::Authorized>,
}

impl Admitted {
    pub(super) fn new(
        caller: Authenticated,
        guard: Arc<Inner>,
        #[cfg_attr(not(feature = "mtls"), expect(unused_variables, reason = "no connection is known there"))]
        transport: Option<&Authenticated>,
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
            authorization: None,
        }
    }

    #[cfg(feature = "oauth")]
    pub(super) fn with_authorization(self, authorization: Option<aims_oauth::Authorized>) -> Self {
        Self { authorization, ..self }
    }

    #[cfg(feature = "oauth")]
    pub(crate) fn authorization(&self) -> Option<&aims_oauth::Authorized> {
        self.authorization.as_ref()
    }

    pub(crate) fn caller(&self) -> &Authenticated {
        &self.caller
    }

    pub(crate) fn still_valid(&self) -> Result<(), Lapsed> {
        let guard = &*self.guard;
        let now = UnixTime::try_from(guard.clock.now()).map_err(|_| Lapsed::MarksUnavailable)?;
        #[cfg(feature = "mtls")]
        if let Some(connection) = &self.connection {
            connection.still_valid(now, &*guard.marks)?;
        }
        #[cfg(feature = "mtls")]
        for who in std::iter::once(&self.caller).chain(&self.transport) {
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
        if let Some((authorization, resource)) = self.authorization.as_ref().zip(guard.tokens.as_ref()) {
            use aims_oauth::AccessTokenError;

            resource.tokens().verify_again(authorization.token(), now).map_err(|error| match error {
                AccessTokenError::Expired => Lapsed::Expired,
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

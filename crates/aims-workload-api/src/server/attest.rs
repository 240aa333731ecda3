//! Who is at the other end of a connection.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use aims_attest::{Appraisal, Reason};
use aims_keys::UnixTime;
use tokio::net::{TcpStream, UnixStream};

/// Finds out about callers: from the connection itself, never from what they send.
///
/// The API asks when a connection is accepted, again for each message that carries credentials or bundles, and once more right before the
/// message leaves. What is at the other end may have changed by then.
pub trait Attestor: fmt::Debug + Send + Sync {
    /// Looks at a connection as it is accepted, when what the kernel says about it is as fresh as it will ever be.
    ///
    /// # Errors
    ///
    /// [`NotAttested`]; the connection is closed.
    fn accept(&self, socket: &Socket<'_>) -> Result<Arc<dyn Attested>, NotAttested>;
}

impl<T: Attestor + ?Sized> Attestor for Arc<T> {
    fn accept(&self, socket: &Socket<'_>) -> Result<Arc<dyn Attested>, NotAttested> {
        (**self).accept(socket)
    }
}

/// A connection that was accepted.
#[derive(Debug)]
#[non_exhaustive]
pub enum Socket<'s> {
    /// Over TCP: loopback included, only a network that itself knows who calls makes this enough (WE-1).
    Tcp(&'s TcpStream),
    /// Over a Unix socket.
    Unix(&'s UnixStream),
}

/// A caller, for as long as its connection lasts.
pub trait Attested: fmt::Debug + Send + Sync {
    /// What is found out about the caller at `now`. It may block, for instance to hash a file.
    ///
    /// # Errors
    ///
    /// [`NotAttested`] when the caller is not who it was, or is gone.
    fn appraise(&self, now: UnixTime) -> Result<Vec<Appraisal>, NotAttested>;

    /// Whether the caller is still who it was. It does not block.
    ///
    /// # Errors
    ///
    /// [`NotAttested`].
    fn check(&self) -> Result<(), NotAttested>;

    /// Whose share of the API its use counts against, such as a user of the machine.
    fn account(&self) -> String;
}

/// Lets everybody connect, and knows nobody: for a listener whose callers show what they are by a join token.
///
/// Where the register has entries that only a join token proves, this is all that a server for agents on other machines needs. The account of a
/// caller over TCP is its address (of IPv6 the first half), so that one machine does not use up what is there for all; behind a proxy
/// that is one account for everybody.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Unattested;

impl Attestor for Unattested {
    fn accept(&self, socket: &Socket<'_>) -> Result<Arc<dyn Attested>, NotAttested> {
        let address = match socket {
            Socket::Tcp(socket) => socket.peer_addr().ok().map(|address| address.ip().to_canonical()),
            Socket::Unix(_) => None,
        };
        Ok(Arc::new(Nobody { network: address.map(network) }))
    }
}

/// What one machine has for itself: an address, or the subnet of it.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

/// A caller somewhere.
#[derive(Debug)]
struct Nobody {
    network: Option<IpAddr>,
}

impl Attested for Nobody {
    fn appraise(&self, _: UnixTime) -> Result<Vec<Appraisal>, NotAttested> {
        Ok(Vec::new())
    }

    fn check(&self) -> Result<(), NotAttested> {
        Ok(())
    }

    fn account(&self) -> String {
        self.network.map_or_else(|| "unattested".to_owned(), |network| format!("unattested:{network}"))
    }
}

/// A caller about whom nothing can be said.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the caller could not be attested: {}", self.code())]
pub struct NotAttested(Option<Reason>);

impl NotAttested {
    /// For this reason.
    #[must_use]
    pub fn new(reason: Reason) -> Self {
        Self(Some(reason))
    }

    /// For no reason that is the caller's: something that has to be looked at cannot be now. The caller is told to come again, and keeps what it
    /// has meanwhile (ATT-121).
    #[must_use]
    pub fn unavailable() -> Self {
        Self(None)
    }

    /// Whether it is nothing about the caller.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.0.is_none()
    }

    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.map_or("unavailable", Reason::code)
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        if self.is_unavailable() { "ATT-121" } else { "ATT-42" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aims_17_a_machine_is_an_address_and_of_ipv6_the_first_half() {
        for (address, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            let caller = Nobody { network: Some(network(address.parse().unwrap())) };
            assert_eq!(caller.account(), format!("unattested:{expected}"));
        }
        assert_eq!(Nobody { network: None }.account(), "unattested");
    }

    #[test]
    fn att_121_att_42_who_is_not_attested_is_somebody_else_or_not_known_now() {
        let gone = NotAttested::new(Reason::ProcessChanged);
        assert_eq!((gone.is_unavailable(), gone.code(), gone.rule()), (false, "process_changed", "ATT-42"));
        let later = NotAttested::unavailable();
        assert_eq!((later.is_unavailable(), later.code(), later.rule()), (true, "unavailable", "ATT-121"));
    }
}

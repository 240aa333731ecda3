//! The certificate that this end presents.

use std::fmt;
use std::sync::Arc;

use aims_credential::{Credential, CredentialSource};
use aims_keys::UnixTime;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;

use crate::sign::{HolderKey, waits};

/// Presents the current certificate of a [`CredentialSource`], for either end of a connection.
///
/// It asks the source at each handshake: a renewed certificate is presented by the next connection, on the same listener. Where
/// there is none, or it has expired, none is presented, and the handshake fails.
pub struct Identity {
    source: Arc<dyn CredentialSource>,
    time: Arc<dyn TimeProvider>,
}

impl Identity {
    /// The certificates of `source`; `time` is the clock by which they expire.
    #[must_use]
    pub fn new(source: Arc<dyn CredentialSource>, time: Arc<dyn TimeProvider>) -> Self {
        Self { source, time }
    }

    /// Whether the key of the current certificate is in a device or a service: then a handshake waits for it (TPM-46).
    ///
    /// No certificate, or one that has expired, is no such key: that handshake fails without a signature.
    #[must_use]
    pub fn signs_in_device(&self) -> bool {
        let Some(time) = self.time.current_time() else { return false };
        let holder = self.source.holder();
        holder.is_ok_and(|holder| holder.signer(UnixTime::from_secs(time.as_secs())).is_ok_and(waits))
    }

    fn current(&self) -> Option<Arc<CertifiedKey>> {
        let now = UnixTime::from_secs(self.time.current_time()?.as_secs());
        let holder = self.source.holder().ok()?;
        let Credential::Svid(svid) = holder.credential() else { return None };
        let chain = svid.chain().to_vec();
        let key = HolderKey::new(holder, now)?;
        Some(Arc::new(CertifiedKey::new(chain, Arc::new(key))))
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current()
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.current()
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("source", &self.source).finish_non_exhaustive()
    }
}

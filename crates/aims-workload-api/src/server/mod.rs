//! The server: a Workload API as a library.

mod accept;
mod attest;
mod certified;
mod issue;
mod joined;
mod key_holder;
mod quota;
#[cfg(feature = "reflection")]
mod reflection;
mod serve;
mod service;
mod state;
mod status;
mod stream;
#[cfg(feature = "tls")]
mod tls;
#[cfg(target_os = "linux")]
mod unix;

pub use self::accept::{Accepted, Caller, Listener};
pub use self::attest::{Attested, Attestor, NotAttested, Socket, Unattested};
pub use self::status::ServerStatus;
#[cfg(target_os = "linux")]
pub use self::unix::UnixAttestor;

use std::sync::Arc;
use std::time::Duration;

use aims_attest::Verifiers;
use aims_credential::{BundleSet, BundleSource, MarkTable};
use aims_keys::{Algorithm, Backend, Clock, SystemClock};
use aims_provision::{Authority, Challenges, Entries, JoinTokens, Provisioner};

use self::key_holder::{KeyHolders, MAX_CHALLENGES};
use self::quota::Quota;
use self::state::{Limits, State};

/// A Workload API: whoever calls, and matches an entry of the register, gets its credentials. Cloning is cheap; clones are one server.
///
/// Who calls it knows from the connection, by an [`Attestor`], and asks about again for each message. What is sent is the whole state of the
/// caller, at once when it asks, and again when half of a credential's life is over, when the register changes, when bundles do.
#[derive(Clone, Debug)]
pub struct WorkloadApiServer {
    state: Arc<State>,
    attestor: Arc<dyn Attestor>,
    key_holders: Option<Arc<KeyHolders>>,
    #[cfg(feature = "reflection")]
    reflection: bool,
}

impl WorkloadApiServer {
    /// A server that issues with `authority` to whom `entries` name, by what `attestor` finds out.
    pub fn builder(
        authority: Arc<Authority>,
        entries: Entries,
        attestor: impl Attestor + 'static,
        backend: Backend,
    ) -> WorkloadApiServerBuilder {
        WorkloadApiServerBuilder {
            authority,
            entries,
            attestor: Arc::new(attestor),
            backend,
            algorithm: Algorithm::Es256,
            provisioner: Provisioner::new(),
            federated: Arc::new(BundleSet::new()),
            clock: Arc::new(SystemClock::default()),
            limits: Limits { connections: 10_000, streams: 50_000 },
            quota: (10_000, 1_000, 100),
            key_holders: None,
            evidence: None,
            revokes: None,
            #[cfg(feature = "reflection")]
            reflection: false,
        }
    }

    /// Puts another register in force: whoever lost an identity is told at once, whoever got one, too.
    pub fn set_entries(&self, entries: Entries) {
        self.state.set_entries(entries);
    }

    /// The authority.
    #[must_use]
    pub fn authority(&self) -> &Arc<Authority> {
        &self.state.authority
    }

    /// Says that bundles have changed: those of other trust domains, or the authority's own by a call to it. Streams send what is new.
    pub fn bundles_changed(&self) {
        self.state.bundles_changed();
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> ServerStatus {
        self.state.status()
    }
}

/// Options of a [`WorkloadApiServer`].
#[must_use = "a builder does nothing until `build` is called"]
pub struct WorkloadApiServerBuilder {
    authority: Arc<Authority>,
    entries: Entries,
    attestor: Arc<dyn Attestor>,
    backend: Backend,
    algorithm: Algorithm,
    provisioner: Provisioner,
    federated: Arc<dyn BundleSource>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    /// Streams, issuances at once, issuances per second.
    quota: (usize, u32, u32),
    key_holders: Option<KeyHolders>,
    evidence: Option<Verifiers>,
    revokes: Option<Arc<MarkTable>>,
    #[cfg(feature = "reflection")]
    reflection: bool,
}

impl WorkloadApiServerBuilder {
    /// Decides with this provisioner: with a posture assessor, for instance. Default: what the entries say.
    pub fn provisioner(mut self, provisioner: Provisioner) -> Self {
        self.provisioner = provisioner;
        self
    }

    /// Where the bundles of other trust domains come from. Each workload gets those that its entry is federated with. Default: none.
    pub fn federated(mut self, bundles: impl BundleSource + 'static) -> Self {
        self.federated = Arc::new(bundles);
        self
    }

    /// The algorithm of the keys that are made for workloads. Default: ES256.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// The time. Default: the system's.
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How many connections and streams may be open at once. Default: 10 000 and 50 000; of connections never more than three tenths of the files that
    /// this process may open, since a caller that is looked at takes three. One account gets no more than two thirds of the connections.
    pub fn limits(mut self, connections: usize, streams: usize) -> Self {
        self.limits = Limits { connections, streams };
        self
    }

    /// What one account, such as a user of the machine, may use: streams at once, and credentials, so many at once and so many in a second
    /// after that. Default: 10 000; 1 000 and 100.
    pub fn quota(mut self, streams: usize, at_once: u32, per_second: u32) -> Self {
        self.quota = (streams, at_once, per_second);
        self
    }

    /// Issues for workloads that keep their own keys, too: beside the Workload API, on the same socket. `audience` is by what name their proofs call this server;
    /// they are configured with the same.
    pub fn key_holders(self, audience: impl Into<String>) -> Self {
        let nobody = Arc::new(JoinTokens::new(self.backend));
        self.key_holders_by_token(audience, nobody, Duration::ZERO)
    }

    /// As [`key_holders`](Self::key_holders), also for callers who show one of these join tokens. Whoever has joined renews by the key it used last,
    /// for `joined_for` from then. Who has joined is kept in memory: after a restart of the server agents need new tokens. A token is a secret, and
    /// passes as it is ([`serve_tcp`](WorkloadApiServer::serve_tcp)).
    pub fn key_holders_by_token(
        mut self,
        audience: impl Into<String>,
        tokens: Arc<JoinTokens>,
        joined_for: Duration,
    ) -> Self {
        let challenges = Challenges::builder(self.backend).capacity(MAX_CHALLENGES).build();
        self.key_holders =
            Some(KeyHolders::new(audience.into(), challenges, tokens, joined_for, self.backend));
        self
    }

    /// Appraises the evidence that workloads bring which keep their own keys, and which entries ask for (`Entry::evidence`): one verifier for each type. What a part of the issuer has to
    /// see itself ([`is_hearsay`](aims_attest::EvidenceType::is_hearsay)) nobody brings. Default: none is accepted.
    pub fn evidence(mut self, verifiers: Verifiers) -> Self {
        self.evidence = Some(verifiers);
        self
    }

    /// Marks the key of a credential in this table whose holder asks for the next one, and whose evidence is rejected by then: whoever reads the table takes that credential for dead (ATT-121).
    /// Where the evidence cannot be judged, nothing is marked, and nothing is issued. Default: the credential lives until it expires.
    ///
    /// Only keys are marked that this server itself has certified on evidence since it was started, and a mark is taken back when their credentials have expired: what somebody merely
    /// calls its previous key takes up no room.
    pub fn revokes(mut self, marks: Arc<MarkTable>) -> Self {
        self.revokes = Some(marks);
        self
    }

    /// Answers gRPC server reflection on Unix sockets, versions `v1` and `v1alpha`: whoever may connect may ask which services and messages there are (WE-6). That
    /// says nothing about workloads, so it needs no security header.
    #[cfg(feature = "reflection")]
    pub fn reflection(mut self) -> Self {
        self.reflection = true;
        self
    }

    /// Finishes.
    #[must_use]
    pub fn build(self) -> WorkloadApiServer {
        let (streams, burst, per_second) = self.quota;
        let state = State::new(
            self.authority,
            self.entries,
            self.provisioner,
            self.federated,
            (self.backend, self.algorithm),
            self.clock,
            self.limits.within(open_files()),
            Quota::new(streams, burst, per_second),
        );
        let key_holders = self.key_holders.map(|mut key_holders| {
            if let Some(verifiers) = self.evidence {
                (key_holders.evidence, key_holders.takes_evidence) = (Arc::new(verifiers), true);
            }
            key_holders.revokes = self.revokes;
            Arc::new(key_holders)
        });
        WorkloadApiServer {
            state: Arc::new(state),
            attestor: self.attestor,
            key_holders,
            #[cfg(feature = "reflection")]
            reflection: self.reflection,
        }
    }
}

impl std::fmt::Debug for WorkloadApiServerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkloadApiServerBuilder").field("authority", &self.authority).finish_non_exhaustive()
    }
}

/// How many files this process may have open, where that is known.
fn open_files() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aims_17_connections_leave_files_to_look_at_callers_with() {
        let within = |files| Limits { connections: 1000, streams: 7 }.within(files);
        for (files, connections) in [(None, 1000), (Some(1024), 306), (Some(3340), 1000), (Some(9), 0)] {
            let limits = within(files);
            assert_eq!((limits.connections, limits.streams), (connections, 7), "{files:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_files_that_may_be_open_are_those_the_kernel_says() {
        let limit = std::process::Command::new("sh").args(["-c", "ulimit -Sn"]).output().unwrap().stdout;
        let limit = String::from_utf8(limit).unwrap().trim().parse().ok();
        assert_eq!(open_files(), limit);
    }
}

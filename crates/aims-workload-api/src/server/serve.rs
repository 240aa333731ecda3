//! Serving: on a socket, or as part of a gRPC server that stands already.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use aims_provision::AuthorityError;
use tokio::net::{TcpListener, UnixListener};
use tokio::time::sleep;
use tokio_stream::Stream;
use tonic::service::Routes;
use tonic::transport::Server;

use super::WorkloadApiServer;
use super::accept::{Accepted, Incoming, Listener, admit};
use super::attest::{NotAttested, Socket};
use super::key_holder::KeyHolderService;
#[cfg(feature = "reflection")]
use super::reflection;
use super::service::Service;
use crate::proto::key_holder::key_holder_server::KeyHolderServer;
use crate::proto::workload::spiffe_workload_api_server::SpiffeWorkloadApiServer;

impl WorkloadApiServer {
    /// Serves on a Unix socket, and keeps the authority going, for as long as the future is polled. Connections that stand end with
    /// their clients, or with the runtime. The socket stays in the file system: whoever binds it again removes it first.
    ///
    /// # Errors
    ///
    /// When the listener fails.
    pub async fn serve_unix(&self, listener: UnixListener) -> io::Result<()> {
        self.serve(listener).await
    }

    /// Serves over TCP. The attestor has to know callers by something that the network itself guarantees: an address or a port on one's own
    /// machine says nothing (WE-1). Nothing is encrypted here: where others can read or alter what passes, use `serve_tls` (feature `tls`).
    ///
    /// # Errors
    ///
    /// When the listener fails.
    pub async fn serve_tcp(&self, listener: TcpListener) -> io::Result<()> {
        self.serve(listener).await
    }

    /// Serves over TCP, inside TLS: agents on other machines, who begin with a join token. `config` says who the server is; its resolver may
    /// renew that. The Workload API itself is defined without TLS (WE-3), so what calls is a [`KeyHolderApi`](crate::KeyHolderApi).
    ///
    /// # Errors
    ///
    /// When the listener fails.
    #[cfg(feature = "tls")]
    pub async fn serve_tls(
        &self,
        listener: TcpListener,
        config: impl Into<Arc<rustls::ServerConfig>>,
    ) -> io::Result<()> {
        self.serve(super::tls::TlsListener::new(listener, config.into())).await
    }

    /// The services, for a tonic server of one's own, beside others, or as a tower service. They serve nobody whom [`incoming`](Self::incoming) or
    /// [`accept`](Self::accept) did not let in: on any other listener all callers are unknown, and refused. Reflection is not among them.
    ///
    /// Limits and time-outs are those of [`transport`](Self::transport), if that is what they are added to. [`keep_authority`](Self::keep_authority)
    /// has to run beside.
    ///
    /// ```no_run
    /// # use aims_workload_api::WorkloadApiServer;
    /// # use tokio::net::UnixListener;
    /// # async fn serve(server: WorkloadApiServer, stop: impl Future<Output = ()>) -> Result<(), Box<dyn std::error::Error>> {
    /// let incoming = server.incoming(UnixListener::bind("/run/agents/api.sock")?);
    /// let serving = WorkloadApiServer::transport()
    ///     .add_routes(server.routes()) // and `.add_service(…)`
    ///     .serve_with_incoming_shutdown(incoming, stop);
    /// tokio::select! {
    ///     served = serving => Ok(served?),
    ///     never = server.keep_authority() => match never {},
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn routes(&self) -> Routes {
        let api = SpiffeWorkloadApiServer::new(Service(Arc::clone(&self.state)))
            .max_decoding_message_size(MAX_REQUEST);
        let routes = Routes::new(api);
        let Some(key_holders) = &self.key_holders else { return routes };
        let service = KeyHolderService(Arc::clone(&self.state), Arc::clone(key_holders));
        let max = MAX_REQUEST + if key_holders.takes_evidence { MAX_EVIDENCE } else { 0 };
        routes.add_service(KeyHolderServer::new(service).max_decoding_message_size(max))
    }

    /// The connections of a listener whose callers are known. Others are closed unseen, and counted in
    /// [`ServerStatus::refused`](crate::ServerStatus::refused). It goes on after errors of the machine, such as too many open files.
    pub fn incoming<L: Listener>(
        &self,
        listener: L,
    ) -> impl Stream<Item = io::Result<Accepted<L::Io>>> + use<L> {
        Incoming::new(listener, Arc::clone(&self.state), Arc::clone(&self.attestor))
    }

    /// Lets in a connection that was made elsewhere. `io` is what requests are read from, and `socket` gives what it came over.
    ///
    /// # Errors
    ///
    /// [`NotAttested`], also when there are too many connections. It is counted in [`ServerStatus::refused`](crate::ServerStatus::refused);
    /// the connection is closed.
    pub fn accept<S>(
        &self,
        io: S,
        socket: impl FnOnce(&S) -> Socket<'_>,
    ) -> Result<Accepted<S>, NotAttested> {
        match admit(&self.state, || self.attestor.accept(&socket(&io))) {
            Ok(caller) => Ok(Accepted::new(io, caller)),
            Err(error) => {
                self.state.refused(error.code());
                Err(error)
            }
        }
    }

    /// The settings that connections are served with: signs of life each 30 s, at most 64 streams on a connection, 30 s until an answer begins.
    #[must_use]
    pub fn transport() -> Server {
        Server::builder()
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .http2_keepalive_timeout(Some(Duration::from_secs(10)))
            .max_concurrent_streams(64)
            // Of a request, until it is there as a whole and an answer begins.
            .timeout(REQUEST_TIMEOUT)
    }

    /// Lets the keys of the authority take their turns, for as long as the future is polled. The `serve_` functions do.
    pub async fn keep_authority(&self) -> Infallible {
        loop {
            let pause = match self.state.clock.0.unix_time() {
                Ok(now) => {
                    let advanced = self.state.authority.advance(now);
                    if advanced.as_ref().is_ok_and(|changed| *changed) {
                        self.state.bundles_changed();
                    }
                    self.state.set_last_error(advanced.as_ref().err().map(AuthorityError::code));
                    self.state.authority.next_step().since(now)
                }
                Err(error) => {
                    self.state.set_last_error(Some(error.code()));
                    LONGEST_PAUSE
                }
            };
            // The clock may be set, or the authority be told to rotate, meanwhile.
            sleep(pause.clamp(SHORTEST_PAUSE, LONGEST_PAUSE)).await;
        }
    }

    async fn serve<L: Listener>(&self, listener: L) -> io::Result<()> {
        let router = Self::transport().add_routes(self.routes());
        #[cfg(feature = "reflection")]
        let router = {
            let reflects = self.reflection && L::IS_LOCAL;
            let (v1, v1alpha) = reflection::services(reflects, self.key_holders.is_some());
            router.add_optional_service(v1).add_optional_service(v1alpha)
        };
        let serve = router.serve_with_incoming(self.incoming(listener));
        tokio::select! {
            served = serve => served.map_err(io::Error::other),
            never = self.keep_authority() => match never {},
        }
    }
}

/// Requests are a token and some names.
pub(super) const MAX_REQUEST: usize = 64 * 1024;

/// Of all that a request brings: one event log, as large as it may be, and what goes with it (ATT-5).
const MAX_EVIDENCE: usize = 2 * 1024 * 1024;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

const LONGEST_PAUSE: Duration = Duration::from_secs(30);

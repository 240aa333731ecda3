//! Connections, each with its caller.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use aims_attest::Reason;
use aims_provision::Phase;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_stream::Stream;
use tonic::transport::server::Connected;

use super::attest::{Attested, Attestor, NotAttested, Socket};
use super::state::State;

/// The caller of a request, as its connection has it: among the extensions of each, also for services of one's own beside these.
#[derive(Clone, Debug)]
pub struct Caller {
    attested: Arc<dyn Attested>,
    /// The connection: no other has had this number, or will have.
    session: [u8; 8],
    /// Whether it was issued anything on this connection.
    provisioned: Arc<AtomicBool>,
    /// Counts the connection as long as it lives.
    _open: Arc<Open>,
}

impl Caller {
    /// What the attestor knows of it.
    #[must_use]
    pub fn attested(&self) -> &Arc<dyn Attested> {
        &self.attested
    }

    /// What challenges belong to.
    pub(super) fn session(&self) -> &[u8] {
        &self.session
    }

    /// What the server knows of it, and not what it says.
    pub(super) fn phase(&self) -> Phase {
        if self.provisioned.load(Ordering::Acquire) { Phase::Renewal } else { Phase::Initial }
    }

    pub(super) fn set_provisioned(&self) {
        self.provisioned.store(true, Ordering::Release);
    }
}

/// One of the connections that are open.
#[derive(Debug)]
struct Open {
    state: Arc<State>,
    account: Option<String>,
}

impl Open {
    fn new(state: &Arc<State>) -> Option<Self> {
        let open = state.connections.fetch_add(1, Ordering::AcqRel);
        let one = Self { state: Arc::clone(state), account: None };
        (open < state.limits.connections).then_some(one)
    }

    /// Counts it against the account of its caller, too.
    fn of(mut self, account: String) -> Option<Self> {
        let open = self.state.connections.load(Ordering::Acquire);
        let free = (self.state.limits.connections + 1).saturating_sub(open);
        if !self.state.quota.begin_connection(&account, free) {
            return None;
        }
        self.account = Some(account);
        Some(self)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.state.connections.fetch_sub(1, Ordering::AcqRel);
        if let Some(account) = &self.account {
            self.state.quota.end_connection(account);
        }
    }
}

/// A connection that was accepted, with its caller: what a tonic server serves, where [`WorkloadApiServer::routes`](crate::WorkloadApiServer::routes)
/// are among its services.
#[derive(Debug)]
pub struct Accepted<S> {
    io: S,
    caller: Caller,
    greeting: Option<Greeting>,
}

/// What a connection begins with, which must not take long: until then nothing asks whether anybody is there.
#[derive(Debug)]
struct Greeting {
    missing: usize,
    timeout: Pin<Box<tokio::time::Sleep>>,
}

impl<S> Accepted<S> {
    pub(super) fn new(io: S, caller: Caller) -> Self {
        let timeout = Box::pin(tokio::time::sleep(GREETING_TIMEOUT));
        Self { io, caller, greeting: Some(Greeting { missing: GREETING, timeout }) }
    }
}

impl<S> Accepted<S> {
    /// Fails when the greeting has taken too long. Where there is a handshake first, the server may wait to write before it ever reads.
    fn poll_in_time(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(greeting) = &mut self.greeting
            && greeting.timeout.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S> Connected for Accepted<S> {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

/// What can be accepted from: a [`UnixListener`] or a [`TcpListener`]. For others, there is [`WorkloadApiServer::accept`](crate::WorkloadApiServer::accept).
pub trait Listener: Sealed + Unpin + Send + 'static {
    /// A connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Whether its callers are on this machine, whatever the network.
    #[doc(hidden)]
    #[cfg(feature = "reflection")]
    const IS_LOCAL: bool;

    #[doc(hidden)]
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Self::Io>>;

    #[doc(hidden)]
    fn attest(io: &Self::Io, attestor: &dyn Attestor) -> Result<Arc<dyn Attested>, NotAttested>;
}

/// Callers are known by what a kernel says of a socket: which sockets there are is decided here.
#[expect(unnameable_types, reason = "nobody else implements it")]
pub trait Sealed {}

impl Sealed for UnixListener {}

impl Sealed for TcpListener {}

impl Listener for UnixListener {
    #[cfg(feature = "reflection")]
    const IS_LOCAL: bool = true;

    type Io = UnixStream;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<UnixStream>> {
        UnixListener::poll_accept(self, cx).map_ok(|(stream, _)| stream)
    }

    fn attest(io: &UnixStream, attestor: &dyn Attestor) -> Result<Arc<dyn Attested>, NotAttested> {
        attestor.accept(&Socket::Unix(io))
    }
}

impl Listener for TcpListener {
    #[cfg(feature = "reflection")]
    const IS_LOCAL: bool = false;

    type Io = TcpStream;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        TcpListener::poll_accept(self, cx).map_ok(|(stream, _)| stream)
    }

    fn attest(io: &TcpStream, attestor: &dyn Attestor) -> Result<Arc<dyn Attested>, NotAttested> {
        attestor.accept(&Socket::Tcp(io))
    }
}

/// The connections of a listener whose callers are known; others are closed unseen.
pub(crate) struct Incoming<L> {
    listener: L,
    state: Arc<State>,
    attestor: Arc<dyn Attestor>,
    /// After an error of the machine, such as too many open files.
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<L: Listener> Incoming<L> {
    pub(super) fn new(listener: L, state: Arc<State>, attestor: Arc<dyn Attestor>) -> Self {
        Self { listener, state, attestor, pause: None }
    }
}

/// Counts a connection, and looks at who is at its other end.
pub(super) fn admit(
    state: &Arc<State>,
    attest: impl FnOnce() -> Result<Arc<dyn Attested>, NotAttested>,
) -> Result<Caller, NotAttested> {
    let open = Open::new(state).ok_or(NotAttested::new(Reason::TooLarge))?;
    let attested = attest()?;
    let session = state.sessions.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let open = open.of(attested.account()).ok_or(NotAttested::new(Reason::TooLarge))?;
    Ok(Caller { attested, session, provisioned: Arc::default(), _open: Arc::new(open) })
}

impl<L: Listener> Stream for Incoming<L> {
    type Item = io::Result<Accepted<L::Io>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match ready!(self.listener.poll_accept(cx)) {
                Ok(io) => match admit(&self.state, || L::attest(&io, &*self.attestor)) {
                    Ok(caller) => return Poll::Ready(Some(Ok(Accepted::new(io, caller)))),
                    // Before it is closed: whoever sees the one sees the other.
                    Err(error) => self.state.refused(error.code()),
                },
                Err(_) => self.pause = Some(Box::pin(tokio::time::sleep(PAUSE))),
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Accepted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if let Some(greeting) = &mut self.greeting {
            greeting.missing = greeting.missing.saturating_sub(buf.filled().len() - before);
            if greeting.missing == 0 {
                self.greeting = None;
            }
        }
        ready!(self.poll_in_time(cx))?;
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Accepted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_in_time(cx))?;
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_in_time(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_in_time(cx))?;
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// The bytes that a client of HTTP/2 begins with.
const GREETING: usize = 24;

const GREETING_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

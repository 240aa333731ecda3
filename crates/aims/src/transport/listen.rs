//! Accepting connections for a server.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Sleep, sleep};

use super::accept::Acceptor;
use super::error::ConnectionError;
use super::stream::AcceptedStream;

/// Accepts connections over mutual TLS, for a server of axum or tonic, or for a loop around [`accept`](Self::accept).
///
/// Handshakes go on beside each other: who does not finish one holds up nobody, and where there are too many, the oldest gives way to
/// the newest. A client that is refused is told so by an alert of
/// TLS, and whoever runs the server by [`on_refused`](Self::on_refused).
///
/// ```no_run
/// use aims::{Acceptor, Listener};
/// use aims::tls::TlsServer;
///
/// # async fn listen(server: TlsServer) -> std::io::Result<()> {
/// let tcp = tokio::net::TcpListener::bind("0.0.0.0:8443").await?;
/// let mut listener = Listener::new(tcp, Acceptor::new(server))
///     .on_refused(|refused| eprintln!("{} refused: {} ({})", refused.address, refused.error, refused.error.code()));
/// let (stream, _) = listener.accept().await; // or `axum::serve(listener, ..)`
/// println!("{} is connected", stream.peer().subject());
/// # Ok(()) }
/// ```
pub struct Listener {
    tcp: TcpListener,
    acceptor: Acceptor,
    handshakes: JoinSet<Option<(AcceptedStream<TcpStream>, SocketAddr)>>,
    /// Those under way, the oldest first, and some that are over.
    begun: VecDeque<(AbortHandle, SocketAddr)>,
    max_handshakes: usize,
    on_refused: Arc<dyn Fn(RefusedConnection<'_>) + Send + Sync>,
    /// Until when nothing is accepted, since the last try failed.
    pause: Option<Pin<Box<Sleep>>>,
}

/// A connection that was not accepted.
#[derive(Debug)]
#[non_exhaustive]
pub struct RefusedConnection<'a> {
    /// Where it came from.
    pub address: SocketAddr,
    /// Why.
    pub error: &'a ConnectionError,
}

impl Listener {
    /// Accepts what comes to `tcp`, by `acceptor`.
    #[must_use]
    pub fn new(tcp: TcpListener, acceptor: Acceptor) -> Self {
        let on_refused = Arc::new(|_: RefusedConnection<'_>| {});
        let max_handshakes = 512;
        let (handshakes, begun) = (JoinSet::new(), VecDeque::new());
        Self { tcp, acceptor, handshakes, begun, max_handshakes, on_refused, pause: None }
    }

    /// What is told of every connection that is not accepted, for logs. Default: nothing.
    #[must_use]
    pub fn on_refused(mut self, tell: impl Fn(RefusedConnection<'_>) + Send + Sync + 'static) -> Self {
        self.on_refused = Arc::new(tell);
        self
    }

    /// How many handshakes may be under way. Who comes then takes the place of whoever has not finished for longest: to keep honest
    /// clients out, somebody must begin as many in the time that an honest one takes. Default: 512.
    #[must_use]
    pub fn max_handshakes(mut self, max: usize) -> Self {
        self.max_handshakes = max.max(1);
        self
    }

    /// The address of the socket.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// The next connection whose handshake is finished. Dropping the future loses nothing.
    pub async fn accept(&mut self) -> (AcceptedStream<TcpStream>, SocketAddr) {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// As [`accept`](Self::accept), for those who poll.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<(AcceptedStream<TcpStream>, SocketAddr)> {
        loop {
            // What is finished comes before what is new.
            if let Poll::Ready(Some(finished)) = self.handshakes.poll_join_next(cx) {
                // A handshake that panicked, in a clock or a source of credentials, is one that failed.
                if let Ok(Some(accepted)) = finished {
                    return Poll::Ready(accepted);
                }
                continue;
            }
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match ready!(self.tcp.poll_accept(cx)) {
                Ok((tcp, address)) => self.begin(tcp, address),
                // Of one client, which is gone.
                Err(error) if is_of_client(&error) => {}
                // Of this process, which has no files left: others may be closed meanwhile.
                Err(_) => self.pause = Some(Box::pin(sleep(Duration::from_secs(1)))),
            }
        }
    }

    /// Makes room for one more.
    fn give_way(&mut self) {
        self.begun.retain(|(handshake, _)| !handshake.is_finished());
        while self.begun.len() >= self.max_handshakes {
            let Some((oldest, address)) = self.begun.pop_front() else { return };
            oldest.abort();
            (self.on_refused)(RefusedConnection { address, error: &ConnectionError::Crowded });
        }
    }

    fn begin(&mut self, tcp: TcpStream, address: SocketAddr) {
        if self.begun.len() >= self.max_handshakes {
            self.give_way();
        }
        let (acceptor, on_refused) = (self.acceptor.clone(), Arc::clone(&self.on_refused));
        let handshake = self.handshakes.spawn(async move {
            // Answers are small, and the other end waits for each. Where the option fails, so will the connection.
            let accepted = match tcp.set_nodelay(true) {
                Ok(()) => acceptor.accept(tcp).await,
                Err(error) => Err(ConnectionError::Io(error)),
            };
            match accepted {
                Ok(stream) => Some((stream, address)),
                Err(error) => {
                    on_refused(RefusedConnection { address, error: &error });
                    None
                }
            }
        });
        self.begun.push_back((handshake, address));
    }
}

fn is_of_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Shows where it listens, and how.
impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("tcp", &self.tcp)
            .field("acceptor", &self.acceptor)
            .finish_non_exhaustive()
    }
}

//! A server that echoes, and connections to it.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aims::{Acceptor, ConnectedStream, ConnectionError, Connector, Listener};
use http::Uri;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::behind::Behind;

/// How often the connections of these tests are looked at.
pub(crate) const OFTEN: Duration = Duration::from_millis(10);

/// Longer than anything here takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// The codes of the connections that a listener refused.
#[derive(Clone, Default)]
pub(crate) struct Refused(Arc<Mutex<Vec<(String, &'static str)>>>);

impl Refused {
    /// Waits until there is one.
    pub(crate) async fn first(&self) -> (String, &'static str) {
        for _ in 0..2000 {
            if let Some(first) = self.0.lock().unwrap().first() {
                return first.clone();
            }
            tokio::time::sleep(OFTEN).await;
        }
        panic!("no connection was refused");
    }

    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Behind {
    pub(crate) fn acceptor(&self) -> Acceptor {
        let server = self.tls("/tools/search").server().unwrap();
        Acceptor::new(server).check_every(OFTEN).with_clock(self.tool.clock.reader())
    }

    pub(crate) fn connector(&self, path: &str) -> Connector {
        let client = self.tls(path).client().unwrap();
        // Clients look seldom here: it is the server's end that is tested, unless a test says otherwise.
        Connector::new(client).check_every(LONG).with_clock(self.tool.clock.reader())
    }

    pub(crate) async fn listener(&self, acceptor: Acceptor) -> (Listener, SocketAddr, Refused) {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let refused = Refused::default();
        let seen = refused.clone();
        let listener = Listener::new(tcp, acceptor).on_refused(move |refused| {
            seen.0.lock().unwrap().push((refused.error.code().to_owned(), refused.error.rule()));
        });
        (listener, address, refused)
    }

    /// Serves an echo with this acceptor; what ended each connection comes out of the channel.
    pub(crate) async fn echo(&self, acceptor: Acceptor) -> Echo {
        let (mut listener, address, refused) = self.listener(acceptor).await;
        let (ended, ends) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await;
                let ended = ended.clone();
                tokio::spawn(async move {
                    let mut buffer = [0; 64];
                    let error = loop {
                        match stream.read(&mut buffer).await {
                            Ok(0) => break None,
                            Ok(read) => match stream.write_all(&buffer[..read]).await {
                                Ok(()) => {}
                                Err(error) => break Some(error),
                            },
                            Err(error) => break Some(error),
                        }
                    };
                    ended.send(error).unwrap();
                });
            }
        });
        Echo { address, refused, ends }
    }
}

pub(crate) struct Echo {
    pub(crate) address: SocketAddr,
    pub(crate) refused: Refused,
    ends: tokio::sync::mpsc::UnboundedReceiver<Option<io::Error>>,
}

impl Echo {
    pub(crate) fn url(&self) -> Uri {
        format!("https://{}/", self.address).parse().unwrap()
    }

    pub(crate) async fn connect(&self, connector: &Connector) -> ConnectedStream<TcpStream> {
        connector.connect(&self.url()).await.unwrap()
    }

    /// Why the server's end of a connection ended.
    pub(crate) async fn ended(&mut self) -> Option<(&'static str, &'static str)> {
        let error = timeout(LONG, self.ends.recv()).await.expect("the connection does not end").unwrap();
        error.map(|error| reason(&error))
    }

    pub(crate) fn goes_on(&mut self) -> bool {
        self.ends.try_recv().is_err()
    }
}

/// Sends a word, and hears it.
pub(crate) async fn says(stream: &mut ConnectedStream<TcpStream>) -> io::Result<()> {
    let mut heard = [0; 4];
    stream.write_all(b"word").await?;
    timeout(LONG, stream.read_exact(&mut heard)).await??;
    assert_eq!(&heard, b"word");
    Ok(())
}

/// The reason inside the error of a stream.
pub(crate) fn reason(error: &io::Error) -> (&'static str, &'static str) {
    let inside = error.get_ref().and_then(|error| error.downcast_ref::<ConnectionError>());
    let inside = inside.unwrap_or_else(|| panic!("another error: {error:?}"));
    assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    (inside.code(), inside.rule())
}

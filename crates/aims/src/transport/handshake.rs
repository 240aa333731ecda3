//! Handshakes that hold up no executor.
//!
//! rustls signs inside the step that reads the other end's message, and has no way to go on later. A key in this process signs in
//! microseconds, so the step runs where it is polled. A key in a device takes milliseconds, or waits for somebody's touch: there
//! the step runs on a thread that may wait, with reading and writing left to the executor (TPM-46).

use std::future::{Future, poll_fn};
use std::io;
use std::ops::DerefMut;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::{ConnectionCommon, SideData};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Polls a handshake here. If its key is replaced by one in a device meanwhile, it fails: the next one is told in time.
pub(super) async fn on_executor<F: Future>(handshake: F) -> F::Output {
    let mut handshake = pin!(handshake);
    poll_fn(|cx| aims_tls::on_executor(|| handshake.as_mut().poll(cx))).await
}

/// Brings a connection that was just begun to the end of its handshake. No more than `waiting` has permits are on a thread at once, and
/// nobody who waits for the network.
pub(super) async fn on_waiting_threads<C, D, S>(
    mut connection: C,
    io: &mut S,
    waiting: &Arc<Semaphore>,
) -> io::Result<C>
where
    C: DerefMut<Target = ConnectionCommon<D>> + Send + 'static,
    D: SideData,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let room = vec![0; READ_AT_ONCE];
    let mut wire = Wire { io, sending: Vec::new(), is_flushed: true, received: Vec::new(), room };
    loop {
        while connection.wants_write() {
            connection.write_tls(&mut wire.sending)?;
        }
        if !connection.is_handshaking() {
            break;
        }
        let whole = whole_records(&wire.received);
        if whole == 0 {
            wire.exchange().await?;
            continue;
        }
        let records: Vec<u8> = wire.received.drain(..whole).collect();
        let mut records = records.as_slice();
        while !records.is_empty() {
            connection.read_tls(&mut records)?;
            let step;
            (connection, step) = process(connection, waiting).await?;
            if let Err(error) = step {
                // The other end is told why, if it listens; what counts is the first error.
                while connection.wants_write() {
                    connection.write_tls(&mut wire.sending)?;
                }
                let _ = wire.send().await;
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }
    wire.send().await?;
    // The beginning of what comes next.
    let mut rest = wire.received.as_slice();
    while !rest.is_empty() {
        connection.read_tls(&mut rest)?;
    }
    Ok(connection)
}

/// One step, on a thread that may wait. It goes on, and keeps its permit, when nobody waits for it any more.
async fn process<C, D>(
    mut connection: C,
    waiting: &Arc<Semaphore>,
) -> io::Result<(C, Result<(), rustls::Error>)>
where
    C: DerefMut<Target = ConnectionCommon<D>> + Send + 'static,
    D: SideData,
{
    let permit = Arc::clone(waiting).acquire_owned().await.map_err(io::Error::other)?;
    let step = move || {
        let result = connection.process_new_packets().map(drop);
        drop(permit);
        (connection, result)
    };
    // Whatever signs may panic.
    spawn_blocking(step).await.map_err(io::Error::other)
}

/// The network, and what is on the way to it and from it.
struct Wire<'a, S> {
    io: &'a mut S,
    sending: Vec<u8>,
    is_flushed: bool,
    received: Vec<u8>,
    /// What is read into.
    room: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<'_, S> {
    /// Receives something. Sends meanwhile: the other end may be one that first sends all it has.
    async fn exchange(&mut self) -> io::Result<()> {
        poll_fn(|cx| {
            let _ = self.poll_send(cx)?;
            let mut room = ReadBuf::new(&mut self.room);
            ready!(Pin::new(&mut *self.io).poll_read(cx, &mut room))?;
            if room.filled().is_empty() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            self.received.extend_from_slice(room.filled());
            Poll::Ready(Ok(()))
        })
        .await
    }

    async fn send(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_send(cx)).await
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.sending.is_empty() {
            self.is_flushed = false;
            let sent = ready!(Pin::new(&mut *self.io).poll_write(cx, &self.sending))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sending.drain(..sent);
        }
        if !self.is_flushed {
            ready!(Pin::new(&mut *self.io).poll_flush(cx))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }
}

/// How many bytes are whole records (RFC 8446 §5.1): half a record takes no thread. What is none is for rustls to refuse, at once.
fn whole_records(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((&[kind, major, _, high, low], behind)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes([high, low]));
        if !(20..=24).contains(&kind) || major != 3 || len > MAX_RECORD {
            return bytes.len();
        }
        match behind.get(len..) {
            Some(next) => rest = next,
            None => break,
        }
    }
    bytes.len() - rest.len()
}

const READ_AT_ONCE: usize = 4096;

/// 2^14 and 2048: what TLS 1.2 allowed at most.
const MAX_RECORD: usize = 18_432;

//! Streams: the state as it is, and again whenever it changes or is due.

use std::sync::Arc;
use std::time::Duration;

use aims_provision::Phase;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::accept::Caller;
use super::issue::Due;
use super::state::{Known, OpenStream, Purpose, State};

/// What a client reads.
pub(super) type Messages<M> = ReceiverStream<Result<M, Status>>;

/// Begins a stream of what `make` makes of the caller.
pub(super) fn begin<M, F>(
    state: &Arc<State>,
    caller: Caller,
    purpose: Purpose,
    make: F,
) -> Result<Messages<M>, Status>
where
    M: Send + 'static,
    F: Fn(&State, &Caller, &Known) -> Result<Due<M>, Status> + Send + 'static,
{
    let open = OpenStream::begin(state, &caller)?;
    // One message waits at the most: a client that reads slowly gets the newest state, not all of them.
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(send(Arc::clone(state), open, (caller, purpose), make, sender));
    Ok(ReceiverStream::new(receiver))
}

async fn send<M, F>(
    state: Arc<State>,
    open: OpenStream,
    (caller, purpose): (Caller, Purpose),
    make: F,
    sender: mpsc::Sender<Result<M, Status>>,
) where
    F: Fn(&State, &Caller, &Known) -> Result<Due<M>, Status>,
{
    let mut changes = state.changes();
    let mut phase = Phase::Initial;
    loop {
        let Ok(permit) = sender.reserve().await else { break };
        let message = match state.known(&caller, phase, purpose).await {
            Ok(known) => make(&state, &caller, &known).map(|due| (known, due)),
            Err(status) => Err(status),
        };
        let (before, after) = match message.and_then(|message| state.check(&caller).map(|()| message)) {
            Ok((known, due)) => {
                permit.send(Ok(due.message));
                (known, due.after)
            }
            Err(status) => {
                permit.send(Err(status));
                break;
            }
        };
        phase = Phase::Renewal;
        if !next(&state, (&caller, purpose), &mut changes, &before, after, &sender).await {
            break;
        }
    }
    drop(open);
}

/// Waits until another message is due; `false` when the client is gone.
async fn next<M>(
    state: &State,
    (caller, purpose): (&Caller, Purpose),
    changes: &mut super::state::Changes,
    before: &Known,
    after: Duration,
    sender: &mpsc::Sender<M>,
) -> bool {
    // An authority's clock and this one's sleep need not agree for longer than a day.
    let due = sleep(after.min(LONGEST));
    tokio::pin!(due);
    loop {
        tokio::select! {
            () = sender.closed() => return false,
            () = &mut due => return true,
            () = changes.wait() => {
                // Most changes are about others.
                match state.known(caller, Phase::Renewal, purpose).await {
                    Ok(now) if now.is_as(before) => {}
                    _ => return true,
                }
            }
        }
    }
}

const LONGEST: Duration = Duration::from_secs(86_400);

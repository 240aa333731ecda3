//! Workloads that call, over connections of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::super::caller::{client, get};
use super::{Message, Outcome, Workload};

/// What is under way.
#[derive(Default)]
pub(super) struct Agent {
    calls: Option<(Arc<AtomicBool>, JoinHandle<Calls>)>,
    watching: Option<JoinHandle<&'static str>>,
}

/// How many calls were answered, and how many were not.
#[derive(Default)]
struct Calls {
    answered: u64,
    failed: u64,
}

impl Agent {
    pub(super) async fn obey(&mut self, workload: &Workload, message: &Message) -> Outcome<Value> {
        match &*message.text("do")? {
            "call" => workload.caller().call(message).await,
            "book" => workload.caller().book(message).await,
            "begin_calls" => self.begin_calls(workload, message),
            "end_calls" => self.end_calls().await,
            "watch" => self.watch(workload, message).await,
            "watched" => self.watched().await,
            other => Err(format!("`{other}` is not a command").into()),
        }
    }

    /// Calls again and again, each time over a new connection, until it is told to stop.
    fn begin_calls(&mut self, workload: &Workload, message: &Message) -> Outcome<Value> {
        let (url, connector) = (message.text("url")?, workload.connector(&message.text("expect")?)?);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let calls = tokio::spawn(async move {
            let mut calls = Calls::default();
            while !stopped.load(Ordering::SeqCst) {
                let answer = match get(&url) {
                    Ok(request) => client(connector.clone()).request(request).await,
                    Err(_) => break,
                };
                if answer.is_ok_and(|answer| answer.status().is_success()) {
                    calls.answered += 1;
                } else {
                    calls.failed += 1;
                }
            }
            calls
        });
        self.calls = Some((stop, calls));
        Ok(json!({}))
    }

    async fn end_calls(&mut self) -> Outcome<Value> {
        let (stop, calls) = self.calls.take().ok_or("there are no calls")?;
        stop.store(true, Ordering::SeqCst);
        let Calls { answered, failed } = calls.await?;
        Ok(json!({ "answered": answered, "failed": failed }))
    }

    /// Opens a stream, and waits for its first message.
    async fn watch(&mut self, workload: &Workload, message: &Message) -> Outcome<Value> {
        let client = client(workload.connector(&message.text("expect")?)?);
        let response = client.request(get(&message.text("url")?)?).await?;
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let first = body.frame().await.ok_or("the stream has no message")??;
        let first = first.into_data().unwrap_or_default();
        self.watching = Some(tokio::spawn(async move {
            // The client goes with it: its connection is what is watched.
            let _client = client;
            loop {
                match body.frame().await {
                    Some(Ok(_)) => {}
                    Some(Err(_)) => return "cut off",
                    None => return "ended",
                }
            }
        }));
        Ok(json!({ "status": status, "first": String::from_utf8_lossy(&first).trim() }))
    }

    /// Waits for the end of the stream, and says how it came.
    async fn watched(&mut self) -> Outcome<Value> {
        let watching = self.watching.take().ok_or("nothing is watched")?;
        Ok(json!({ "end": watching.await? }))
    }
}

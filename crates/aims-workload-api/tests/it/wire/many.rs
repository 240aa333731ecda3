//! Ten thousand callers (AIMS-17).

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use aims_workload_api::ServerStatus;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::grpc::Raw;
use super::protobuf::lengths;
use crate::support::*;

const CALLERS: usize = 10_000;

/// As many as a connection may have at once.
const EACH: usize = 64;

/// Runs the test in a process of its own, whose memory is not that of all tests, and which may open as few files as is usual. `true` in that process.
fn is_alone(test: &str) -> bool {
    if std::env::var_os("AIMS_TEST_ALONE").is_some() {
        return true;
    }
    let test = format!("wire::many::{test}");
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 1024 && exec \"$0\" --exact \"$1\" --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env("AIMS_TEST_ALONE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{said}");
    false
}

/// Resident memory of this process, in KiB.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

async fn until(served: &Served, what: impl Fn(&ServerStatus) -> bool) {
    let wait = async {
        while !what(&served.server.status()) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, wait).await.expect("it does not come to that");
}

fn run(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(test);
}

#[test]
fn aims_17_ten_thousand_streams_are_open_at_once_and_the_next_one_is_refused() {
    if is_alone("aims_17_ten_thousand_streams_are_open_at_once_and_the_next_one_is_refused") {
        run(streams());
    }
}

async fn streams() {
    let served =
        Served::with(vec![entry(AGENT, &["unix:uid:1"])], |builder| builder.quota(CALLERS, 20_000, 1));
    let before = memory();
    let mut tasks = JoinSet::new();
    for start in (0..CALLERS).step_by(EACH) {
        let path = served.path.clone();
        tasks.spawn(async move {
            let mut client = Raw::connect(&path).await;
            let mut calls = Vec::new();
            for _ in start..CALLERS.min(start + EACH) {
                let mut call = client.call("FetchX509SVID", &[]).await;
                let message = call.next().await.unwrap();
                assert_eq!(lengths(&message).len(), 1);
                calls.push(call);
            }
            calls
        });
    }
    let mut calls: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    let status = served.server.status();
    assert_eq!((status.streams, status.issued["x509"]), (CALLERS, 10_000));
    assert_eq!(status.connections, CALLERS.div_ceil(EACH));
    assert!(status.refused.is_empty(), "{:?}", status.refused);
    let each = (memory() - before) / CALLERS;
    assert!(each <= 64, "{each} KiB for a stream, both ends together");

    let mut client = Raw::connect(&served.path).await;
    let refused = client.call("FetchX509SVID", &[]).await.next().await;
    assert_eq!(refused, Err((8, "too many streams".to_owned())));

    // All of them are told when they lose what they have.
    served.server.set_entries(entries(vec![entry(AGENT, &["unix:uid:2"])]));
    for call in &mut calls {
        assert_eq!(call.next().await, Err((7, "no identity issued".to_owned())));
    }
    drop(calls);
    until(&served, |status| status.streams == 0).await;
}

#[test]
fn aims_17_ten_thousand_callers_come_and_go_over_as_many_connections() {
    if is_alone("aims_17_ten_thousand_callers_come_and_go_over_as_many_connections") {
        run(connections());
    }
}

async fn connections() {
    let served = Served::with(vec![entry(AGENT, &["unix:uid:1"])], |builder| builder.quota(64, 20_000, 1));
    let at_once = Arc::new(Semaphore::new(32));
    let mut tasks = JoinSet::new();
    let mut after_some = 0;
    for number in 0..CALLERS {
        let turn = Arc::clone(&at_once).acquire_owned().await.unwrap();
        let path = served.path.clone();
        tasks.spawn(async move {
            let mut client = Raw::connect(&path).await;
            let message = client.call("FetchX509Bundles", &[]).await.next().await.unwrap();
            assert_eq!(lengths(&message).len(), 1);
            drop((client, turn));
        });
        while let Some(outcome) = tasks.try_join_next() {
            outcome.unwrap();
        }
        if number == CALLERS / 5 {
            after_some = memory();
        }
    }
    tasks.join_all().await;
    assert!(served.server.status().refused.is_empty(), "{:?}", served.server.status().refused);
    until(&served, |status| (status.connections, status.streams) == (0, 0)).await;
    let after = memory();
    assert!(after <= after_some + after_some / 4, "{after_some} KiB, then {after} KiB");
}

//! One proof, many copies of it.

use std::sync::Arc;

use aims::Guard;
use http::StatusCode;
use tokio::sync::Barrier;

use crate::support::{NOW, SEARCH, Tool, search, search_with};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn wpt_11_aims_22_of_64_copies_at_once_exactly_one_is_admitted() {
    let tool = Arc::new(Tool::new());
    let travel = tool.travel();
    for _ in 0..8 {
        let authorization = format!("WPT {}", travel.wpt(SEARCH, NOW));
        let start = Arc::new(Barrier::new(64));
        let calls: Vec<_> = (0..64)
            .map(|_| {
                let request = search_with(&[
                    ("workload-identity-token", travel.wit()),
                    ("authorization", &authorization),
                ]);
                let (tool, start) = (tool.clone(), start.clone());
                tokio::spawn(async move {
                    start.wait().await;
                    tool.call(request).await
                })
            })
            .collect();
        let mut admitted = 0;
        for call in calls {
            let answer = call.await.unwrap();
            if answer.status == StatusCode::OK {
                admitted += 1;
            } else {
                assert_eq!(answer.code(), "replay");
            }
        }
        assert_eq!(admitted, 1);
    }
    assert_eq!(tool.handled.times(), 8);
    // Every one of them left a record, each on a line of its own (ARCH-3).
    assert_eq!(tool.records.all().len(), 8 * 64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn wpt_11_proofs_of_different_callers_do_not_get_in_each_others_way() {
    let tool = Arc::new(Tool::new());
    let calls: Vec<_> = (0..64)
        .map(|n| {
            let tool = tool.clone();
            tokio::spawn(async move {
                let agent = tool.authority.agent(&format!("/agents/booking/n{n}"), NOW);
                (tool.call(search(&agent)).await, agent.id().to_string())
            })
        })
        .collect();
    for call in calls {
        let (answer, id) = call.await.unwrap();
        assert_eq!((answer.status, answer.body), (StatusCode::OK, id));
    }
}

#[test]
fn guards_are_shared_between_threads() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    shared::<Guard>();
    shared::<aims::Agent>();
    shared::<aims::Permit>();
    shared::<aims::GuardLayer>();
}

//! Callers that come over mutual TLS, with a proof of their own or without.

use std::sync::Arc;
use std::time::Duration;

use aims::credential::{Lapsed, Mark, MarkKey, MarkTable};
use aims::{Accept, GuardBuilder};
use aims_testkit::assert_refused;
use http::StatusCode;

use crate::behind::{Behind, TRAVEL, over, plain};
use crate::support::NOW;

const PROXY: &str = "spiffe://acme.example/proxies/edge";

#[tokio::test]
async fn mtls_7_aims_21_a_caller_may_be_known_by_its_connection_where_the_guard_accepts_that() {
    let behind = Behind::new(GuardBuilder::accept_connections);
    let connection = behind.connection("/agents/travel");
    let answer = behind.tool.call(over(&connection, plain())).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, TRAVEL));
    let record = behind.tool.records.last();
    assert_eq!(record["agent"]["id"], TRAVEL);
    assert_eq!(record["agent"]["auth"]["method"], "mtls");
    assert_eq!(record["agent"]["auth"]["layer"], "transport");
    assert_eq!(record["agent"]["auth"]["credential"], connection.peer().svid().serial());
    assert!(record.get("transport").is_none(), "one fact, not two");
    // Whom the policy does not name, it does not admit.
    let answer = behind.tool.call(over(&behind.connection("/proxies/edge"), plain())).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::FORBIDDEN, "forbidden"));
}

#[tokio::test]
async fn mtls_7_connections_are_accepted_in_whatever_order_that_is_said() {
    let orders: [fn(GuardBuilder) -> GuardBuilder; 3] = [
        |guard| guard.accept_connections().accept(Accept::signature()),
        |guard| guard.accept(Accept::signature()).accept_connections(),
        |guard| guard.accept(Accept::wpt()).accept_connections().accept(Accept::signature()),
    ];
    for order in orders {
        let behind = Behind::new(order);
        let connection = behind.connection("/agents/travel");
        let answer = behind.tool.call(over(&connection, plain())).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, TRAVEL));
        // Of other proofs, those count that were named last.
        let answer = behind.tool.call(behind.proven()).await;
        assert!(answer.status.is_client_error());
    }
}

#[tokio::test]
async fn arch_1_without_being_accepted_a_connection_is_no_caller() {
    let behind = Behind::new(|guard| guard);
    let answer = behind.tool.call(over(&behind.connection("/agents/travel"), plain())).await;
    assert!(answer.status.is_client_error());
    assert_eq!(behind.tool.handled.times(), 0);
    // Who was at the other end is on record all the same.
    assert_eq!(behind.tool.records.last()["transport"]["id"], TRAVEL);
}

#[tokio::test]
async fn arch_1_arch_2_a_proof_through_a_connection_is_another_fact_and_both_are_recorded() {
    for accept in [false, true] {
        let behind = Behind::new(|guard| if accept { guard.accept_connections() } else { guard });
        let answer = behind.tool.call(over(&behind.connection("/proxies/edge"), behind.proven())).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, TRAVEL));
        let record = behind.tool.records.last();
        assert_eq!(record["agent"]["id"], TRAVEL);
        assert_eq!(record["agent"]["auth"]["method"], "wpt");
        assert_eq!(record["transport"]["id"], PROXY);
        assert_eq!(record["transport"]["auth"]["method"], "mtls");
    }
}

#[tokio::test]
async fn crd_14_mtls_8_arch_1_a_bad_proof_is_not_made_good_by_the_connection() {
    let behind = Behind::new(GuardBuilder::accept_connections);
    let connection = behind.connection("/agents/travel");
    for (field, value) in [
        ("authorization", "WPT not.a.proof"),
        ("authorization", "wpt"),
        ("workload-identity-token", "not.a.token"),
        ("workload-proof-token", "not.a.proof"),
    ] {
        let mut request = plain();
        request.headers_mut().insert(field, value.parse().unwrap());
        let answer = behind.tool.call(over(&connection, request)).await;
        assert!(answer.status.is_client_error(), "{field}: {}", answer.status);
    }
    assert_eq!(behind.tool.handled.times(), 0);
}

#[tokio::test]
async fn wpt_12_wpt_15_arch_1_what_only_a_proof_binds_does_not_come_without_one() {
    let behind = Behind::new(|guard| guard.accept_connections().context_field("X-Context-Token"));
    let connection = behind.connection("/agents/travel");
    for field in ["txn-token", "x-context-token"] {
        let mut request = plain();
        request.headers_mut().insert(field, "stolen".parse().unwrap());
        let answer = behind.tool.call(over(&connection, request)).await;
        assert!(answer.status.is_client_error(), "{field}: {}", answer.status);
    }
    assert_eq!(behind.tool.handled.times(), 0);
}

#[tokio::test]
async fn mtls_8_a_name_in_a_header_is_nobody() {
    let behind = Behind::new(GuardBuilder::accept_connections);
    for field in ["x-forwarded-client-cert", "client-cert", "x-spiffe-id"] {
        let mut request = plain();
        request.headers_mut().insert(field, format!("URI={TRAVEL}").parse().unwrap());
        let answer = behind.tool.call(request).await;
        assert!(answer.status.is_client_error(), "{field}");
    }
    assert_eq!(behind.tool.handled.times(), 0);
}

#[tokio::test]
async fn crd_14_mtls_10_x5v_2_requests_on_a_live_connection_end_with_the_bundle() {
    for proven in [false, true] {
        let behind = Behind::new(GuardBuilder::accept_connections);
        let connection = behind.connection("/agents/travel");
        let request = || if proven { behind.proven() } else { plain() };
        assert_eq!(behind.tool.call(over(&connection, request())).await.status, StatusCode::OK);
        behind.trust_nobody();
        let answer = behind.tool.call(over(&connection, request())).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::UNAUTHORIZED, "untrusted_credential")
        );
        assert_eq!(behind.tool.records.last()["decision"]["reasons"][0], "unknown_trust_domain");
        assert_refused!(connection.check(NOW), "unknown_trust_domain", "X5V-2");
    }
}

#[tokio::test]
async fn mtls_10_a_stream_ends_with_what_its_connection_rests_on() {
    for proven in [false, true] {
        let behind = Behind::new(GuardBuilder::accept_connections);
        let connection = behind.connection("/agents/travel");
        let request = if proven { behind.proven() } else { plain() };
        let permit = behind.tool.guard.admit(&over(&connection, request).into_parts().0).await.unwrap();
        permit.still_valid().unwrap();
        behind.trust_nobody();
        assert_eq!(permit.still_valid(), Err(Lapsed::Untrusted));
    }
    assert_eq!((Lapsed::Untrusted.code(), Lapsed::Untrusted.rule()), ("untrusted", "CRD-1"));

    let behind = Behind::new(GuardBuilder::accept_connections);
    let connection = behind.connection("/agents/travel");
    let permit = behind.tool.guard.admit(&over(&connection, plain()).into_parts().0).await.unwrap();
    behind.tool.clock.advance(Duration::from_secs(3601));
    assert_eq!(permit.still_valid(), Err(Lapsed::Expired));
}

#[tokio::test]
async fn aims_55_the_marks_of_the_guard_end_a_connection() {
    let marks = Arc::new(MarkTable::with_capacity(8));
    let behind = Behind::new(|guard| guard.accept_connections().marks(marks.clone()));
    let connection = behind.connection("/agents/travel");
    let permit = behind.tool.guard.admit(&over(&connection, plain()).into_parts().0).await.unwrap();
    let agent = TRAVEL.parse().unwrap();
    marks.add(&MarkKey::Agent(&agent), Mark::suspended()).unwrap();
    assert_eq!(permit.still_valid(), Err(Lapsed::Suspended));
    let refusal = behind.tool.guard.admit(&over(&connection, plain()).into_parts().0).await.unwrap_err();
    assert_eq!((refusal.code(), refusal.rule()), ("suspended", "AIMS-55"));
}

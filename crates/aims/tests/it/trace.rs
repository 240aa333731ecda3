//! `traceparent`, by the shared vectors.

use aims::TraceParent;
use aims_testkit::{assert_refused, vectors};

#[test]
fn aud_60_traceparent_vectors() {
    let Some(vectors) = vectors::json("tracecontext/traceparent.json") else { return };
    let valid = vectors["valid"].as_array().unwrap();
    let invalid = vectors["invalid"].as_array().unwrap();
    assert!(valid.len() >= 6 && invalid.len() >= 11);
    for case in valid {
        let value = case["value"].as_str().unwrap();
        let trace = TraceParent::parse(value).unwrap();
        assert_eq!(
            (trace.is_sampled(), trace.is_random()),
            (case["sampled"] == true, case["random"] == true),
            "{value}"
        );
        assert_eq!(
            (trace.trace_id(), trace.span_id()),
            (value.get(3..35).unwrap().into(), value.get(36..52).unwrap().into())
        );
        // Written as version 00, it is the same trace.
        assert_eq!(TraceParent::parse(&trace.to_string()), Ok(trace));
    }
    for value in invalid {
        assert_refused!(TraceParent::parse(value.as_str().unwrap()), "malformed_traceparent", "AUD-60");
    }
}

#[test]
fn aud_60_unknown_flags_are_not_passed_on() {
    let trace = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff").unwrap();
    assert_eq!(trace.to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03");
}

#[test]
fn aud_60_multibyte_text_is_refused_and_does_not_panic() {
    for value in ["é".repeat(28), format!("00-{}", "é".repeat(30)), "\u{10ffff}".repeat(55)] {
        assert_refused!(TraceParent::parse(&value), "malformed_traceparent", "AUD-60");
    }
}

#[test]
fn aud_60_new_traces_and_spans_differ() {
    let spans: std::collections::HashSet<String> = (0..10_000)
        .map(|_| TraceParent::begin())
        .flat_map(|trace| {
            let child = trace.child();
            assert_eq!(child.trace_id(), trace.trace_id());
            assert!(trace.is_random() && !trace.is_sampled());
            assert_eq!(TraceParent::parse(&child.to_string()), Ok(child));
            [trace.trace_id(), trace.span_id(), child.span_id()]
        })
        .collect();
    assert_eq!(spans.len(), 30_000);
}

//! Identifiers.

use std::hint::black_box;

use aims_id::WorkloadId;
use spiffe::SpiffeId;
use wimsey_identifier::WorkloadIdentifier;

use crate::row::Row;

pub(super) fn parse() -> Row {
    Row::short(|| black_box(TEXT).parse::<WorkloadId>().expect("an identifier"))
        .goal(100.0)
        .goal_allocs(1.0)
        .short_peer("spiffe", || SpiffeId::new(black_box(TEXT)).expect("an identifier"))
        .short_peer("wimsey", || WorkloadIdentifier::parse(black_box(TEXT)).expect("an identifier"))
}

const TEXT: &str = "spiffe://acme.example/agents/travel/planner";

//! Marks: what a decision pays for knowing who was cut off.

use aims_credential::{Mark, MarkKey, MarkTable, VerifiedWit};
use aims_id::WorkloadId;

use crate::fixtures::{NOW, World};
use crate::row::Row;

/// The check of a WIT against a table with a million marks, over the same check against an empty one.
pub(super) fn look_up() -> Row {
    // Many callers, so that not all of the table that is touched is in the cache.
    let world = World::new();
    let (callers, marks) = (world.many_wits(CALLERS), million());
    let (same, empty) = (callers.clone(), MarkTable::with_capacity(0));
    Row::short(check(callers, marks)).short_raw(check(same, empty)).goal(100.0)
}

fn check(callers: Vec<VerifiedWit>, marks: MarkTable) -> impl FnMut() {
    let mut next = 0;
    move || {
        next = (next + 1) % callers.len();
        callers[next].still_valid(*NOW, &marks).expect("none of them is marked");
    }
}

/// Half for agents, half for credentials.
fn million() -> MarkTable {
    let marks = MarkTable::with_capacity(1_000_000);
    for n in 0..500_000 {
        let agent: WorkloadId = format!("spiffe://acme.example/gone/{n}").parse().expect("an identifier");
        marks.add(&MarkKey::Agent(&agent), Mark::dead()).expect("room");
        let credential = MarkKey::Credential { origin: "spiffe://acme.example", id: &format!("gone-{n}") };
        marks.add(&credential, Mark::dead()).expect("room");
    }
    assert_eq!(marks.len(), 1_000_000);
    marks
}

const CALLERS: usize = 1_024;

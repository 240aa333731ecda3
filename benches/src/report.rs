//! The table, for reading and as lines of JSON.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::measure::{Measured, MeasuredPeer};

/// The first lines of the table.
pub const HEAD: &str = "\
| row | ns | raw ns | over raw | goal | spread | verdict | allocs (goal) | peers: ns (over their own primitive, allocs) |
|---|--:|--:|--:|--:|--:|---|---|---|";

/// A row as a line of the table.
#[must_use]
pub fn line(name: &str, row: &Measured) -> String {
    let optional = |ns: Option<f64>| ns.map_or_else(|| "–".to_owned(), |ns| format!("{ns:.0}"));
    let mut line = format!(
        "| {name} | {:.0} | {} | {:.0} | {} | {:.0} | {} | {}",
        row.ns,
        optional(row.raw_ns),
        row.over_raw_ns,
        optional(row.goal.map(|goal| goal.over_raw_ns)),
        row.spread_ns,
        verdict(row),
        count(row.allocs),
    );
    if let Some(goal) = row.goal.and_then(|goal| goal.allocs) {
        let _ = write!(line, " ({})", count(goal));
    }
    let peers: Vec<String> = row.peers.iter().map(peer).collect();
    let _ = write!(line, " | {} |", peers.join("; "));
    line
}

/// A row as a line of JSON.
#[must_use]
pub fn json(name: &str, row: &Measured) -> String {
    let peers: Map<String, Value> =
        row.peers.iter().map(|peer| (peer.name.to_owned(), rounded(peer.ns))).collect();
    let mut line = json!({
        "row": name,
        "ns": rounded(row.ns),
        "raw_ns": row.raw_ns.map(rounded),
        "over_raw_ns": rounded(row.over_raw_ns),
        "goal_over_raw_ns": row.goal.map(|goal| rounded(goal.over_raw_ns)),
        "spread_ns": rounded(row.spread_ns),
        "allocs": rounded(row.allocs),
        "peer_ns": peers,
    });
    if let (Some((bytes, goal)), Some(members)) = (row.bytes, line.as_object_mut()) {
        members.insert("bytes".to_owned(), bytes.into());
        members.insert("goal_bytes".to_owned(), goal.into());
    }
    line.to_string()
}

/// Whether the goals are met; unknown where the difference is no larger than the spread.
#[must_use]
pub fn verdict(row: &Measured) -> String {
    let Some(goal) = row.goal else { return "–".to_owned() };
    let missed_by = row.over_raw_ns - goal.over_raw_ns;
    let mut verdict = if missed_by.abs() <= row.spread_ns {
        "unknown".to_owned()
    } else if missed_by > 0.0 {
        format!("missed by {missed_by:.0} ns")
    } else {
        "met".to_owned()
    };
    if let Some(excess) = goal.allocs.map(|allocs| row.allocs - allocs).filter(|&excess| excess > 0.0) {
        let _ = write!(verdict, "; allocations missed by {}", count(excess));
    }
    if let Some((bytes, goal)) = row.bytes {
        let held = if bytes <= goal { "met" } else { "missed" };
        let _ = write!(verdict, "; memory {held}: {} of {} MB", bytes / 1_000_000, goal / 1_000_000);
    }
    verdict
}

fn peer(peer: &MeasuredPeer) -> String {
    let own = peer.over_own_raw_ns.map(|ns| format!("{ns:+.0}, ")).unwrap_or_default();
    format!("{} {:.0} ({own}{})", peer.name, peer.ns, count(peer.allocs))
}

fn count(allocs: f64) -> String {
    if allocs.fract() == 0.0 { format!("{allocs:.0}") } else { format!("{allocs:.2}") }
}

/// To a tenth: finer is noise.
fn rounded(value: f64) -> Value {
    ((value * 10.0).round() / 10.0).into()
}

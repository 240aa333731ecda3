//! A guard, from the head of a request to a permit: proof, token, marks, policy and record.

use std::io::{self, Write};

use aims::{Audiences, Callers, Guard, GuardBuilder, JsonLines};
use aims_credential::MarkTable;
use http::Request;
use http::request::Parts;

use super::wimse::{now_or_never, raw_wit, raw_wpt};
use crate::fixtures::{PATH, Pool, ToolClock, World};
use crate::row::Row;

/// Over two verifications, as the design counts.
pub(super) fn admit() -> Row {
    let world = World::new();
    let pool = world.pool();
    let (mut first, mut second) = (raw_wit(&world), raw_wpt(&world, &pool));
    row(world, &pool)
        .raw(move || {
            first();
            second();
        })
        .goal(20_000.0)
}

/// Over the one that is left when the WIT was seen before.
pub(super) fn admit_over_one() -> Row {
    let world = World::new();
    let pool = world.pool();
    let raw = raw_wpt(&world, &pool);
    row(world, &pool).raw(raw)
}

fn row(world: World, pool: &Pool) -> Row {
    let requests: Vec<Parts> = pool.proofs.iter().map(|proof| head(&world.wit, proof)).collect();
    let (mut guard, mut next) = (guard(&world), 0);
    Row::new(move || {
        if next == requests.len() {
            next = 0;
            guard = self::guard(&world);
        }
        std::hint::black_box(now_or_never(guard.admit(&requests[next])).expect("a permit"));
        next += 1;
    })
}

pub(super) fn guard(world: &World) -> Guard {
    builder(world).build().expect("a sound guard")
}

pub(super) fn builder(world: &World) -> GuardBuilder {
    let audiences = Audiences::http("https://tools.example").expect("an audience");
    let callers = Callers::new().pattern("spiffe://acme.example/agents/*".parse().expect("a pattern"));
    Guard::builder(audiences, world.bundles.clone(), callers)
        .marks(MarkTable::with_capacity(1_000))
        .recorder(JsonLines::new(Memory::default()))
        .clock(ToolClock)
}

fn head(wit: &str, proof: &str) -> Parts {
    let request = Request::post(format!("https://tools.example{PATH}"))
        .header("content-type", "application/json")
        .header("user-agent", "aims-benches")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .header("workload-identity-token", wit)
        .header("authorization", format!("WPT {proof}"));
    request.body(()).expect("a request").into_parts().0
}

/// Takes the records, and forgets them now and then.
#[derive(Default)]
struct Memory(Vec<u8>);

impl Write for Memory {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.len() > 1 << 20 {
            self.0.clear();
        }
        self.0.extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

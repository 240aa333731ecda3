//! Nor does one come from anything else.

use aims::id::WorkloadId;
use aims::{Authenticated, Authorized, Permit, Wit};

fn from_identifier(id: WorkloadId) -> Authenticated {
    id.into()
}

fn from_credential(wit: Wit) -> Authenticated {
    wit.into()
}

fn from_caller(caller: Authenticated) -> Permit {
    caller.into()
}

fn from_nothing() -> Permit {
    Permit::default()
}

fn from_decision(decision: aims::Decision) -> Authorized {
    decision.into()
}

fn main() {}

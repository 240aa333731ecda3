//! Neither a permit nor what leads to one can be put together.

use std::sync::Arc;

use aims::{Authenticated, Authorized, Permit};

fn permit(caller: Authenticated) -> Permit {
    Permit(Arc::new(caller))
}

fn authorized(permit: Permit) -> Authorized {
    Authorized(permit)
}

fn main() {}

//! Who has no identity is no authenticated workload.

fn handle(caller: &aims_proof::Authenticated) {
    let _ = caller.subject();
}

fn call(bot: &aims_proof::web_bot_auth::Unaffiliated) {
    handle(bot);
}

fn main() {}

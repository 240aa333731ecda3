//! The example program runs, and runs again.

use aims_testkit::SoftTpm;

use crate::support::Dir;

#[expect(dead_code, reason = "its `main` is for the command line")]
#[path = "../../examples/device_key.rs"]
mod device_key;

#[test]
fn the_example_makes_a_key_and_finds_it_again() {
    let Some((soft, _)) = SoftTpm::with_endorsement() else { return };
    let dir = Dir::new();
    device_key::run(&soft.tcti(), &dir.store()).unwrap();
    let file = std::fs::read(dir.store().join("agent.tpm")).unwrap();
    device_key::run(&soft.tcti(), &dir.store()).unwrap();
    assert_eq!(std::fs::read(dir.store().join("agent.tpm")).unwrap(), file);
}

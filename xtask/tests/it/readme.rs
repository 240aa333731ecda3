//! The map in the root README shows every crate as it is.

use std::collections::BTreeSet;

use xtask::map::{self, State};
use xtask::packages;

#[test]
fn the_map_lists_every_crate() {
    let rows = map::read().unwrap();
    let crates = packages::crates().unwrap();
    for package in &crates {
        let row = rows.iter().find(|row| row.name == package.name);
        let row = row.unwrap_or_else(|| panic!("README.md: no row for {}", package.name));
        assert_eq!(Some(row.layer), package.layer, "{}", row.name);
        assert_eq!(row.link, Some(format!("crates/{}", row.name)));
        assert_ne!(row.state, State::Planned, "{} exists", row.name);
    }
    for row in &rows {
        let exists = crates.iter().any(|package| package.name == row.name);
        assert!(exists || (row.state == State::Planned && row.link.is_none()), "{} does not exist", row.name);
    }
}

#[test]
fn the_map_goes_from_the_top_down_and_names_nothing_twice() {
    let rows = map::read().unwrap();
    assert!(rows.is_sorted_by(|above, below| above.layer >= below.layer), "{rows:?}");
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names.len(), rows.len());
}

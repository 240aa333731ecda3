//! The table of revisions.

use aims_credential::{SPEC_REVISIONS, SpecRevision};

#[test]
fn the_readme_has_the_revisions_of_the_table() {
    let readme = include_str!("../../README.md");
    for SpecRevision { name, revision, date, .. } in SPEC_REVISIONS {
        let row = readme.lines().find(|line| line.starts_with(&format!("| {name} ")));
        let row = row.unwrap_or_else(|| panic!("{name} is not in the table"));
        assert!(row.contains(revision) && row.ends_with(&format!("| {date} |")), "{row}");
    }
    let profile = SPEC_REVISIONS.iter().any(|spec| spec.name == "WIT-SVID");
    assert_eq!(profile, cfg!(feature = "wit-svid"));
}

//! Nothing that is tracked says where it was written.

use std::fs;
use std::process::Command;

use xtask::packages;

/// In two halves, so that this file is not its own finding.
const FORBIDDEN: [&str; 4] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("arti", "factory"),
    concat!("\"resolved\": \"", "https:"),
];

#[test]
fn no_tracked_file_names_a_machine_or_a_registry_host() {
    let root = packages::root();
    let output = Command::new("git").current_dir(&root).args(["ls-files", "-z"]).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        assert!(std::env::var_os("CI").is_none(), "CI has no git");
        eprintln!("SKIPPED: no git, or not a clone");
        return;
    };
    let names = String::from_utf8(output.stdout).unwrap();
    let mut found = Vec::new();
    let mut files = 0;
    for name in names.split_terminator('\0') {
        // A tracked file may be deleted in the work tree.
        let Ok(bytes) = fs::read(root.join(name)) else { continue };
        files += 1;
        let text = String::from_utf8_lossy(&bytes);
        for (number, line) in text.lines().enumerate() {
            found.extend(
                FORBIDDEN
                    .iter()
                    .filter(|word| line.contains(**word))
                    .map(|word| format!("{name}:{}: {word}", number + 1)),
            );
        }
    }
    assert!(files > 20, "git lists {files} files");
    assert_eq!(found, [""; 0]);
}

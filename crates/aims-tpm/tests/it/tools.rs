//! Other people's tools, as judges: `tpm2-tools`. Nothing here needs them; where they are missing, tests say what they skip.

use std::path::Path;

use aims_testkit::SoftTpm;

/// Whether this tool is there; says so if not, and fails in CI.
pub(crate) fn have(tool: &str) -> bool {
    let there = SoftTpm::command(tool).arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        assert!(std::env::var_os("CI").is_none(), "CI has no {tool}: apt-get install tpm2-tools");
        eprintln!("SKIPPED: no {tool} (apt-get install tpm2-tools)");
    }
    there
}

/// Runs a tool in a directory, with this TPM or without one.
#[track_caller]
pub(crate) fn run(dir: &Path, tpm: Option<&SoftTpm>, tool: &str, args: &[&str]) -> Result<String, String> {
    let tcti = tpm.map_or_else(|| "none".to_owned(), SoftTpm::tcti);
    let output = SoftTpm::command(tool)
        .args(args)
        .current_dir(dir)
        .env("TPM2TOOLS_TCTI", tcti)
        .env("TSS2_LOG", "all+NONE")
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { panic!("half a byte") };
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.iter().map(byte).collect()
}

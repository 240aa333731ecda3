//! Names of users and groups, from the files of the system.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use nix::errno::Errno;

use super::PeerError;
use super::proc::not_opened;

/// The name of `id` in a file such as `/etc/passwd`: local ones, since directory services are asked by code that is not ours to run here.
/// Of several names for one number, none is known.
pub(super) fn of(path: &str, id: u32) -> Result<Option<String>, PeerError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => match error.raw_os_error().map(|code| not_opened(Errno::from_raw(code))) {
            Some(PeerError::Busy) => return Err(PeerError::Busy),
            _ => return Ok(None),
        },
    };
    // Whoever has read a part cannot tell whether a name is the only one, nor where a line ends.
    if file.metadata().is_ok_and(|metadata| metadata.len() > MAX_FILE) {
        return Ok(None);
    }
    let lines = BufReader::new(file.take(MAX_FILE)).lines().map_while(Result::ok);
    Ok(unique(lines, id))
}

fn unique(lines: impl Iterator<Item = String>, id: u32) -> Option<String> {
    let mut found = None;
    for line in lines {
        let mut fields = line.split(':');
        let (Some(name), Some(_), Some(number)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        if number.parse() != Ok(id) || name.is_empty() {
            continue;
        }
        if found.is_some() {
            return None;
        }
        found = Some(name.to_owned());
    }
    found
}

const MAX_FILE: u64 = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_large_names_nobody() {
        let path = std::env::temp_dir().join(format!("aims-names-{}", std::process::id()));
        let last = "alice:x:1000";
        let mut text = "nobody here\n".repeat(400_000);
        text.truncate(4 * 1024 * 1024 - last.len() - 1);
        text.push('\n');
        text.push_str(last);
        let name = |text: &str, id| {
            std::fs::write(&path, text).unwrap();
            of(path.to_str().unwrap(), id).unwrap()
        };
        assert_eq!(name(&text, 1000).as_deref(), Some("alice"));
        assert_eq!(name(&format!("{text}0"), 1000), None, "cut where it looks like another number");
        assert_eq!(name(&format!("{text}0"), 10_000), None);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(of(path.to_str().unwrap(), 1000).unwrap(), None);
    }

    #[test]
    fn a_number_has_a_name_if_it_has_one() {
        let lines = "root:x:0:0:root:/root:/bin/sh\n\nbroken\n:x:7:7\nalice:x:1000:1000::/:/bin/sh\nbob:x:1001:1::/:\nrob:x:1001:1::/:\n";
        let name = |id| unique(lines.lines().map(str::to_owned), id);
        assert_eq!((name(0).as_deref(), name(1000).as_deref()), (Some("root"), Some("alice")));
        assert_eq!((name(1001), name(7), name(5)), (None, None, None));
    }
}

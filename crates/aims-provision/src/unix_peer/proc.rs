//! What `/proc` says about one process, all of it by way of one open directory.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, readlinkat};
use nix::sys::stat::{Mode, fstat};

use super::PeerError;

/// The directory of a process. It stays that of the same process: once that has ended, nothing can be read in it.
pub(super) struct ProcDir(OwnedFd);

/// By whom a process is run.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Owner {
    /// The effective user.
    pub(super) uid: u32,
    /// The effective group.
    pub(super) gid: u32,
    pub(super) groups: Vec<u32>,
}

/// The program of a process.
pub(super) struct Program {
    pub(super) file: File,
    pub(super) id: ProgramId,
    /// What `exe` points to.
    pub(super) link: OsString,
}

/// A file, and the edition of it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct ProgramId {
    device: u64,
    inode: u64,
    pub(super) size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl ProgramId {
    /// The file, whatever edition of it.
    pub(super) fn file(&self) -> (u64, u64) {
        (self.device, self.inode)
    }
}

impl ProcDir {
    pub(super) fn open(pid: u32) -> Result<Self, PeerError> {
        let path = format!("/proc/{pid}");
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_RDONLY;
        open(path.as_str(), flags, Mode::empty()).map(Self).map_err(not_opened)
    }

    /// Field 22 of `stat`.
    pub(super) fn start_time(&self) -> Result<u64, PeerError> {
        start_time(&self.read("stat")?).ok_or(PeerError::Unreadable)
    }

    pub(super) fn owner(&self) -> Result<Owner, PeerError> {
        owner(&self.read("status")?).ok_or(PeerError::Unreadable)
    }

    /// The program, if this process may look at it.
    pub(super) fn program(&self) -> Result<Option<Program>, PeerError> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let Ok(link) = readlinkat(&self.0, "exe") else { return Ok(None) };
        let file = match openat(&self.0, "exe", flags, Mode::empty()) {
            Ok(file) => file,
            Err(errno) if not_opened(errno) == PeerError::Busy => return Err(PeerError::Busy),
            Err(_) => return Ok(None),
        };
        let Ok(stat) = fstat(&file) else { return Ok(None) };
        let id = ProgramId {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: u64::try_from(stat.st_size).map_err(|_| PeerError::Unreadable)?,
            modified: (stat.st_mtime, stat.st_mtime_nsec),
            changed: (stat.st_ctime, stat.st_ctime_nsec),
        };
        Ok(Some(Program { file: File::from(file), id, link }))
    }

    fn read(&self, name: &str) -> Result<String, PeerError> {
        let file = openat(&self.0, name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
        let file = File::from(file.map_err(not_opened)?);
        let mut bytes = Vec::new();
        file.take(MAX_FILE).read_to_end(&mut bytes).map_err(|_| PeerError::Gone)?;
        // A program can name itself as it likes, in any bytes.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// What is not there is gone; that no file can be opened says nothing about the process.
pub(super) fn not_opened(errno: Errno) -> PeerError {
    match errno {
        Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM => PeerError::Busy,
        _ => PeerError::Gone,
    }
}

/// The name of the command, in parentheses, can hold spaces and parentheses: what counts is behind the last one (ATT-42).
fn start_time(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    // The first field behind the name is the third of all.
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        // It has ended, and only its parent has not looked yet.
        return None;
    }
    fields.nth(22 - 4)?.parse().ok()
}

fn owner(status: &str) -> Option<Owner> {
    // Lines of one name each; the first, `Name`, is the process's own, and has its line breaks escaped.
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    // Real, effective, saved, of the file system.
    let effective = |name| line(name)?.split_ascii_whitespace().nth(1)?.parse().ok();
    let groups = line("Groups")?.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    Some(Owner { uid: effective("Uid")?, gid: effective("Gid")?, groups })
}

/// `status` holds a line of groups, of which there are 65 536 at the most.
const MAX_FILE: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_behind_the_last_parenthesis_whatever_the_name_is() {
        let stat = |name: &str, state: &str| {
            format!("4711 ({name}) {state} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 987654 20 21")
        };
        for name in ["agent", "a b", "a) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 1 (", ")", "", "a\nb"]
        {
            assert_eq!(start_time(&stat(name, "S")), Some(987_654), "{name}");
        }
        assert_eq!(start_time(&stat("agent", "Z")), None, "a process that has ended");
        for broken in [
            "",
            "4711 (agent",
            "4711 (agent) S",
            "4711 (agent) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x",
        ] {
            assert_eq!(start_time(broken), None);
        }
    }

    #[test]
    fn the_owner_is_the_effective_one() {
        let status =
            "Name:\ta\\nUid:\t0\t0\t0\t0\nUmask:\t0022\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t9 10 \n";
        assert_eq!(owner(status), Some(Owner { uid: 2, gid: 6, groups: vec![9, 10] }));
        let alone = status.replace("9 10 ", "");
        assert_eq!(owner(&alone).unwrap().groups, [0_u32; 0]);
        assert_eq!(owner(&status.replace("Uid:\t1\t2\t3\t4\n", "")), None);
        assert_eq!(owner(&status.replace("10", "x")), None);
    }

    #[test]
    fn att_42_a_program_that_is_started_meanwhile_inherits_nothing() {
        use nix::fcntl::{FcntlArg, FdFlag, fcntl};

        let dir = ProcDir::open(std::process::id()).unwrap();
        let program = dir.program().unwrap().unwrap();
        for file in [dir.0, OwnedFd::from(program.file)] {
            let flags = FdFlag::from_bits_truncate(fcntl(&file, FcntlArg::F_GETFD).unwrap());
            assert!(flags.contains(FdFlag::FD_CLOEXEC));
        }
    }

    #[test]
    fn att_121_that_no_file_can_be_opened_says_nothing_about_the_process() {
        for errno in [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM] {
            assert_eq!(not_opened(errno), PeerError::Busy);
        }
        for errno in [Errno::ENOENT, Errno::ESRCH, Errno::EACCES] {
            assert_eq!(not_opened(errno), PeerError::Gone);
        }
    }
}

//! Processes at the other end of sockets: real ones (ATT-41 to ATT-45).

use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use aims_attest::{Asked, Proven, UnixVerifier, Verifier};
use aims_keys::backend;
use aims_provision::{PeerError, PeerProcess, ProgramHashes, ProgramLimits};
use aims_testkit::assert_refused;

use crate::support::*;

/// This test binary as another process, which connects and then does what it is told.
struct Other {
    child: Child,
    socket: UnixStream,
    path: PathBuf,
}

impl Other {
    fn new() -> Self {
        Self::of(Command::new(std::env::current_exe().unwrap()))
    }

    fn of(program: Command) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("aims-peer-{}-{}.sock", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        let listener = UnixListener::bind(&path).unwrap();
        let mut command = this_binary(program, "unix_peer::other_process");
        command.env("AIMS_TEST_SOCKET", &path);
        // A program that was just copied cannot be run while a child of another test still has the file open for writing.
        let child = soon(|| match command.spawn() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => None,
            child => Some(child.unwrap()),
        });
        let (socket, _) = listener.accept().unwrap();
        Self { child, socket, path }
    }

    fn peer(&self) -> PeerProcess {
        PeerProcess::of(&self.socket).unwrap()
    }

    fn tell(&mut self, what: u8) {
        self.socket.write_all(&[what]).unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.path);
    }
}

fn this_binary(mut command: Command, test: &str) -> Command {
    command.args(["--exact", test, "--ignored", "--nocapture"]).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Not a test: what the other process runs.
#[test]
#[ignore = "run by the tests, as a process of its own"]
fn other_process() {
    let Some(path) = std::env::var_os("AIMS_TEST_SOCKET") else { return };
    let mut socket = UnixStream::connect(path).unwrap();
    let mut what = [0];
    if socket.read(&mut what).unwrap() == 0 {
        return;
    }
    // The socket lives on in the program that takes this one's place.
    let mut sleep = Command::new("/bin/sleep");
    sleep.arg("60").stdin(Stdio::from(OwnedFd::from(socket)));
    match what {
        [b'e'] => panic!("{}", sleep.exec()),
        [b'u'] => panic!("{}", sleep.uid(4242).exec()),
        _ => std::process::exit(0),
    }
}

fn soon<T>(mut what: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = what() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "it does not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn att_41_att_44_a_process_is_known_by_what_the_kernel_says() {
    let other = Other::new();
    let peer = other.peer();
    let process = peer.facts(&ProgramHashes::new()).unwrap();
    assert_eq!(process.pid, other.child.id());
    let own = std::env::current_exe().unwrap();
    assert_eq!(process.path.as_deref(), own.to_str());
    assert_eq!(process.sha256, Some(backend::ring().sha256(&std::fs::read(&own).unwrap())));
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let own_id = |name: &str| -> u32 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    assert_eq!((process.uid, process.gid, peer.uid()), (own_id("Uid:"), own_id("Gid:"), own_id("Uid:")));
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.pid)).unwrap();
    let started = stat.rsplit(')').next().unwrap().split_whitespace().nth(19).unwrap();
    assert_eq!(process.start_time.to_string(), started);
    let names = |file: &str, id: u32| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let of_it = |line: &&str| line.split(':').nth(2) == Some(&id.to_string());
        let names: Vec<_> =
            text.lines().filter(of_it).map(|line| line.split(':').next().unwrap().to_owned()).collect();
        <[String; 1]>::try_from(names).ok().map(|[name]| name)
    };
    assert_eq!(process.user, names("/etc/passwd", process.uid));
    assert_eq!(process.group, names("/etc/group", process.gid));
    peer.check().unwrap();

    let evidence = peer.collect(&ProgramHashes::new(), NOW).unwrap();
    let appraisal = UnixVerifier::new(backend::ring()).appraise(&evidence, &Asked::at(NOW));
    let asked = format!("unix:uid:{}", process.uid).parse().unwrap();
    assert!(Proven::of([&appraisal], NOW).matches(&[asked]).is_some());
}

#[test]
fn att_41_a_process_may_be_in_many_groups() {
    let groups: Vec<u32> = (100_000..101_000).collect();
    let list = groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let setpriv = || {
        let mut setpriv = Command::new("setpriv");
        setpriv.args(["--groups", &list]);
        setpriv
    };
    if !setpriv().arg("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        println!("skipped: only root can be in other groups");
        return;
    }
    let mut program = setpriv();
    program.arg(std::env::current_exe().unwrap());
    let other = Other::of(program);
    assert_eq!(other.peer().facts(&ProgramHashes::new()).unwrap().groups, groups);
}

#[test]
fn att_44_what_is_too_large_is_not_hashed_and_what_is_known_is_not_hashed_again() {
    let other = Other::new();
    let peer = other.peer();
    let size = std::fs::metadata(std::env::current_exe().unwrap()).unwrap().len();
    for (limits, hashed) in [
        (ProgramLimits::nothing(), false),
        (ProgramLimits::new().max_size(size - 1), false),
        (ProgramLimits::new().max_size(size), true),
    ] {
        let hashes = ProgramHashes::new().with_limits(limits);
        assert_eq!(peer.facts(&hashes).unwrap().sha256.is_some(), hashed);
    }
    let hashes = ProgramHashes::new();
    let first = peer.facts(&hashes).unwrap();
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(peer.facts(&hashes).unwrap(), first);
    }
    // Far less than hashing twenty times: the binary has megabytes.
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn att_42_a_process_that_has_ended_is_gone() {
    let mut other = Other::new();
    let peer = other.peer();
    other.tell(b'x');
    // Before its parent has looked, and after.
    let error = soon(|| peer.check().err());
    assert!(matches!(error, PeerError::Gone | PeerError::Unreadable), "{error:?}");
    other.child.wait().unwrap();
    assert_refused!(peer.check(), "process_gone", "ATT-42");
    assert_refused!(peer.facts(&ProgramHashes::new()), "process_gone", "ATT-42");
    assert_refused!(PeerProcess::of(&other.socket), "process_gone", "ATT-42");
}

#[test]
fn att_43_another_program_in_the_same_process_is_seen_when_it_is_looked_at() {
    let mut other = Other::new();
    let peer = other.peer();
    let hashes = ProgramHashes::new();
    let before = peer.facts(&hashes).unwrap();
    other.tell(b'e');
    let after = soon(|| peer.facts(&hashes).ok().filter(|process| process.path != before.path));
    let sleep = std::fs::canonicalize("/bin/sleep").unwrap();
    assert_eq!(after.path.as_deref(), sleep.to_str());
    assert_eq!(after.sha256, Some(backend::ring().sha256(&std::fs::read(&sleep).unwrap())));
    assert_ne!(after.sha256, before.sha256);
    assert_eq!((after.pid, after.start_time), (before.pid, before.start_time));
}

#[test]
fn att_43_a_program_that_changes_while_it_is_looked_at_is_noticed() {
    let program = std::env::temp_dir().join(format!("aims-changing-{}", std::process::id()));
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let other = Other::of(Command::new(&program));
    let peer = other.peer();
    let file = std::fs::File::open(&program).unwrap();
    let seen = AtomicBool::new(false);
    let error = std::thread::scope(|scope| {
        // The same file under the same name, in one edition after the other.
        scope.spawn(|| {
            for at in (0..).take_while(|_| !seen.load(Ordering::SeqCst)) {
                file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(at)).unwrap();
            }
        });
        let began = Instant::now();
        let mut look = || peer.facts(&ProgramHashes::new()).err();
        let error = std::iter::from_fn(|| (began.elapsed() < MINUTE / 4).then(&mut look)).flatten().next();
        seen.store(true, Ordering::SeqCst);
        error
    });
    std::fs::remove_file(&program).unwrap();
    // Looked at again it is one edition or the other: the process is no other one.
    assert_eq!(error, Some(PeerError::Busy));
}

#[test]
fn att_42_a_process_that_becomes_another_users_is_not_the_one_that_connected() {
    let mut other = Other::new();
    let peer = other.peer();
    if peer.uid() != 0 {
        println!("skipped: only root can become somebody else");
        return;
    }
    other.tell(b'u');
    // While one of its threads takes the place of the first one, the process has none that could be looked at.
    let error = soon(|| peer.check().err().filter(|error| *error != PeerError::Unreadable));
    assert_eq!((error, error.code(), error.rule()), (PeerError::Changed, "process_changed", "ATT-42"));
    assert_refused!(peer.facts(&ProgramHashes::new()), "process_changed", "ATT-42");
}

/// Not a test: a collector in a name space of its own.
#[test]
#[ignore = "run by a test, as a process of its own"]
fn collector_in_another_namespace() {
    let Some(path) = std::env::var_os("AIMS_TEST_SOCKET") else { return };
    let listener = UnixListener::bind(path).unwrap();
    let (socket, _) = listener.accept().unwrap();
    println!("found: {}", PeerProcess::of(&socket).map_or_else(PeerError::code, |_| "a process"));
}

#[test]
fn att_45_a_process_that_is_outside_the_name_space_is_refused() {
    let path = std::env::temp_dir().join(format!("aims-namespace-{}.sock", std::process::id()));
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child"]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "unix_peer::collector_in_another_namespace", "--ignored", "--nocapture"]);
    command.env("AIMS_TEST_SOCKET", &path).stdout(Stdio::piped()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else {
        println!("skipped: there is no unshare");
        return;
    };
    let socket = soon(|| match UnixStream::connect(&path) {
        Ok(socket) => Some(Some(socket)),
        // It ended without listening.
        Err(_) => child.try_wait().unwrap().map(|_| None),
    });
    let Some(_socket) = socket else {
        println!("skipped: no name space may be made here");
        return;
    };
    let output = child.wait_with_output().unwrap();
    let _ = std::fs::remove_file(&path);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("found: other_namespace"), "{text}");
}

#[test]
fn att_41_what_is_no_unix_socket_has_no_process() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert_refused!(PeerProcess::of(&stream), "other_namespace", "ATT-45");
    let file = std::fs::File::open("/dev/null").unwrap();
    assert_refused!(PeerProcess::of(&file), "not_a_unix_socket", "ATT-41");
}

#[test]
fn att_121_what_keeps_a_process_from_being_looked_at_is_about_it_or_may_pass() {
    use aims_attest::Reason;

    for (error, code, rule, reason) in [
        (PeerError::Busy, "too_busy", "ATT-124", Reason::ProcessChanged),
        (PeerError::Changed, "process_changed", "ATT-42", Reason::ProcessChanged),
        (PeerError::Gone, "process_gone", "ATT-42", Reason::ProcessChanged),
        (PeerError::NotAUnixSocket, "not_a_unix_socket", "ATT-41", Reason::UnsupportedType),
        (PeerError::OtherNamespace, "other_namespace", "ATT-45", Reason::ProcessChanged),
        (PeerError::TooLarge, "too_large", "ATT-5", Reason::TooLarge),
        (PeerError::Unreadable, "process_unreadable", "ATT-42", Reason::ProcessChanged),
    ] {
        assert_eq!((error.code(), error.rule(), error.reason()), (code, rule, reason));
        assert_eq!(error.may_pass(), error == PeerError::Busy, "{code}");
    }
}

#[test]
fn att_44_att_124_a_user_who_starts_one_new_program_after_the_other_waits() {
    let program = std::env::temp_dir().join(format!("aims-program-{}", std::process::id()));
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let other = Other::of(Command::new(&program));
    let peer = other.peer();
    let hashes = ProgramHashes::new().with_limits(ProgramLimits::new().max_time(Duration::from_micros(100)));
    let file = std::fs::File::open(&program).unwrap();
    let mut waits = 0;
    for at in 0..50 {
        // To whoever remembers hashes by file it is another program each time, which costs nothing.
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(at)).unwrap();
        match peer.facts(&hashes) {
            Ok(process) => assert_eq!(process.sha256, None, "it took too long"),
            Err(error) => {
                assert_eq!((error.code(), error.rule()), ("too_busy", "ATT-124"));
                waits += 1;
            }
        }
    }
    assert!(waits >= 25, "{waits}");
    std::fs::remove_file(&program).unwrap();
}

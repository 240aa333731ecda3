//! An nginx of our own: a folder, free ports, and an end together with the tests.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Debian puts it where the path of an ordinary user does not lead.
const PROGRAMS: [&str; 2] = ["nginx", "/usr/sbin/nginx"];

/// The program, where it is installed.
pub(super) fn program() -> Option<&'static str> {
    PROGRAMS.into_iter().find(|program| {
        let version = Command::new(program).arg("-v").stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    })
}

/// Runs as long as the process that started it: it is told to end by its standard input.
pub(super) struct Nginx {
    pub(super) port: u16,
    _shell: Child,
}

impl Nginx {
    /// Starts it in `folder`, with a configuration for the port that it gets.
    pub(super) fn start(program: &str, folder: &Path, configuration: impl Fn(u16) -> String) -> Self {
        // A port that was free a moment ago may be somebody else's now.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            std::fs::write(folder.join("nginx.conf"), configuration(port)).unwrap();
            let mut shell = Command::new("sh")
                // Statics are never dropped, but the pipe closes however this process ends.
                .args(["-c", r#""$0" -p "$1" -c nginx.conf -e error.log & cat >/dev/null; kill $!; wait"#])
                .args([program.as_ref(), prefix(folder).as_os_str()])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("a shell");
            if (0..100).any(|_| is_there(&folder.join("nginx.pid"))) {
                return Self { port, _shell: shell };
            }
            drop(shell.stdin.take());
            let _ = shell.wait();
        }
        let log = std::fs::read_to_string(folder.join("error.log")).unwrap_or_default();
        panic!("nginx does not start: {log}");
    }
}

/// With the slash that nginx wants at the end.
fn prefix(folder: &Path) -> PathBuf {
    folder.join("")
}

/// nginx writes it once it listens; a connection would not tell it from another program at this port.
fn is_there(pid: &Path) -> bool {
    let there = pid.exists();
    if !there {
        std::thread::sleep(Duration::from_millis(50));
    }
    there
}

//! The Workload API and its client, as two processes.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::programs::Folder;

struct Program {
    process: Child,
    says: BufReader<ChildStdout>,
}

impl Program {
    fn start(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let says = BufReader::new(process.stdout.take().unwrap());
        Self { process, says }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.says.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Reads on until it says this.
    fn until(&mut self, start: &str) -> String {
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "it ended without saying {start:?}");
            if line.starts_with(start) {
                return line;
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_workload_learns_who_it_is_from_the_api_and_follows_the_register() {
    let folder = Folder::with_certificates();
    let (socket, register) = (folder.path().join("api.sock"), folder.path().join("register.toml"));
    let uid = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap());
    let entry = |uid: u32| {
        format!(
            "[[entry]]\nspiffe_id = \"spiffe://acme.example/agents/travel\"\nselectors = [\"unix:uid:{uid}\"]\n"
        )
    };
    // Whole or not at all.
    let put = |text: &str| {
        let new = register.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, &register).unwrap();
    };
    put(&entry(uid));
    let mut api = Program::start(
        Command::new(env!("CARGO_BIN_EXE_workload_api")).arg(&socket).arg(&register).stderr(Stdio::piped()),
    );
    let mut errors = BufReader::new(api.process.stderr.take().unwrap()).lines();
    assert_eq!(api.line(), format!("serving on unix://{}", socket.display()));

    let endpoint = format!("unix://{}", socket.display());
    let start = || {
        let mut workload = Command::new(env!("CARGO_BIN_EXE_workload"));
        Program::start(workload.env("SPIFFE_ENDPOINT_SOCKET", &endpoint))
    };
    let mut workload = start();
    let said = workload.line();
    assert!(said.starts_with("this is spiffe://acme.example/agents/travel, until "), "{said}");

    // A file with an error: the line and the reason are said, and the register that was in force stays.
    put(&format!("{}[[entry]]\nspiffe_id = 7\n", entry(uid + 1)));
    let complaint = errors.next().unwrap().unwrap();
    let reason = format!(
        "{}: line 5: `spiffe_id` is not a string; the register that was in force stays",
        register.display()
    );
    assert_eq!(complaint, reason);
    start().until("this is spiffe://acme.example/agents/travel");
    // Somebody else's entry now.
    put(&entry(uid + 1));
    assert_eq!(workload.until("this is nobody"), "this is nobody: there is no credential");
    put(&entry(uid));
    workload.until("this is spiffe://acme.example/agents/travel");
}

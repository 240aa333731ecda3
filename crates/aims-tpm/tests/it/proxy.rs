//! Somebody between a process and its TPM, who lets through what he likes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use aims_testkit::SoftTpm;
use aims_tpm::TpmSettings;

/// What happens to the answers of the TPM.
#[derive(Clone, Debug)]
pub(crate) enum Mode {
    /// So many are passed on, and the next is cut after so many bytes, and the connection closed; then as before.
    CutOnce { after: usize, len: usize },
    /// In the next one a byte is altered, if it is as long; then as before.
    FlipOnce(usize),
    /// Passed on.
    Forward,
    /// These come in their place, always.
    Instead(Vec<u8>),
    /// Swallowed, and the connection stays open.
    Stall,
}

type AlterCommand = Box<dyn FnMut(&mut Vec<u8>) + Send>;
type AlterAnswer = Box<dyn FnMut(&[u8], &mut Vec<u8>) + Send>;

/// It listens on a pair of ports of its own, as the software TPM does.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    /// The port of the TPM that answers.
    upstream: AtomicU16,
    mode: Mutex<Mode>,
    commands: Mutex<AlterCommand>,
    answers: Mutex<AlterAnswer>,
    heard: Mutex<Vec<[Vec<u8>; 2]>>,
}

impl Proxy {
    pub(crate) fn start(tpm: &SoftTpm) -> Self {
        let (commands, control) = pair();
        let port = commands.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            upstream: AtomicU16::new(tpm.port()),
            mode: Mutex::new(Mode::Forward),
            commands: Mutex::new(Box::new(|_| {})),
            answers: Mutex::new(Box::new(|_, _| {})),
            heard: Mutex::default(),
        });
        // Both end with the test program.
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for client in commands.incoming().flatten() {
                let serving = Arc::clone(&serving);
                thread::spawn(move || serve(client, &serving));
            }
        });
        let controlling = Arc::clone(&shared);
        thread::spawn(move || {
            for client in control.incoming().flatten() {
                let upstream = controlling.upstream.load(Ordering::SeqCst);
                thread::spawn(move || relay_control(client, upstream + 1));
            }
        });
        Self { port, shared }
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.shared.mode.lock().unwrap() = mode;
    }

    /// Whether what was to happen once has happened.
    pub(crate) fn is_forwarding(&self) -> bool {
        matches!(*self.shared.mode.lock().unwrap(), Mode::Forward)
    }

    /// From now on another TPM answers.
    pub(crate) fn lead_to(&self, tpm: &SoftTpm) {
        self.shared.upstream.store(tpm.port(), Ordering::SeqCst);
    }

    /// What is done to each command before the TPM gets it.
    pub(crate) fn alter_commands(&self, alter: impl FnMut(&mut Vec<u8>) + Send + 'static) {
        *self.shared.commands.lock().unwrap() = Box::new(alter);
    }

    /// What is done to each answer, with the command it is for.
    pub(crate) fn alter_answers(&self, alter: impl FnMut(&[u8], &mut Vec<u8>) + Send + 'static) {
        *self.shared.answers.lock().unwrap() = Box::new(alter);
    }

    /// All commands so far, each as the TPM got it, with its answer.
    pub(crate) fn heard(&self) -> Vec<[Vec<u8>; 2]> {
        self.shared.heard.lock().unwrap().clone()
    }

    /// How often the TPM was given this command.
    pub(crate) fn count(&self, command: u32) -> usize {
        self.heard().iter().filter(|[given, _]| code(given) == command).count()
    }

    pub(crate) fn settings(&self) -> TpmSettings {
        TpmSettings::new(format!("swtpm:host=127.0.0.1,port={}", self.port).parse().unwrap())
    }
}

fn pair() -> (TcpListener, TcpListener) {
    loop {
        let first = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        if let Some(second) = port.checked_add(1).and_then(|port| TcpListener::bind(("127.0.0.1", port)).ok())
        {
            return (first, second);
        }
    }
}

/// Commands and answers have their length in the third to sixth byte.
fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 10];
    stream.read_exact(&mut bytes).ok()?;
    let len = u32::from_be_bytes(bytes[2..6].try_into().unwrap());
    bytes.resize(usize::try_from(len).unwrap().clamp(10, 1 << 16), 0);
    stream.read_exact(&mut bytes[10..]).ok()?;
    Some(bytes)
}

/// `TPM_CC` of a command.
pub(crate) fn code(command: &[u8]) -> u32 {
    u32::from_be_bytes(command[6..10].try_into().unwrap())
}

fn serve(mut client: TcpStream, shared: &Shared) {
    let mode = &shared.mode;
    while let Some(mut command) = message(&mut client) {
        shared.commands.lock().unwrap()(&mut command);
        let upstream = shared.upstream.load(Ordering::SeqCst);
        let mut tpm = TcpStream::connect(("127.0.0.1", upstream)).unwrap();
        tpm.write_all(&command).unwrap();
        let Some(mut answer) = message(&mut tpm) else { return };
        drop(tpm);
        shared.answers.lock().unwrap()(&command, &mut answer);
        shared.heard.lock().unwrap().push([command, answer.clone()]);
        let now = mode.lock().unwrap().clone();
        match now {
            Mode::Forward => {}
            Mode::CutOnce { after: after @ 1.., len } => {
                *mode.lock().unwrap() = Mode::CutOnce { after: after - 1, len };
            }
            Mode::CutOnce { after: 0, len } => {
                *mode.lock().unwrap() = Mode::Forward;
                answer.truncate(len);
                let _ = client.write_all(&answer);
                return;
            }
            Mode::FlipOnce(place) => {
                *mode.lock().unwrap() = Mode::Forward;
                if let Some(byte) = answer.get_mut(place) {
                    *byte ^= 1;
                }
            }
            Mode::Instead(bytes) => {
                let _ = client.write_all(&bytes);
                return;
            }
            Mode::Stall => {
                while matches!(*mode.lock().unwrap(), Mode::Stall) {
                    thread::sleep(Duration::from_millis(20));
                }
                return;
            }
        }
        if client.write_all(&answer).is_err() {
            return;
        }
    }
}

/// Eight bytes there and four back is all that is said on the control channel.
fn relay_control(mut client: TcpStream, upstream: u16) {
    let mut request = [0; 64];
    let Ok(len) = client.read(&mut request) else { return };
    let mut tpm = TcpStream::connect(("127.0.0.1", upstream)).unwrap();
    tpm.write_all(&request[..len]).unwrap();
    let mut answer = [0; 4];
    if tpm.read_exact(&mut answer).is_ok() {
        let _ = client.write_all(&answer);
    }
}

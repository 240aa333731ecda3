//! Who is in the chapter.

use aims::backend;
use aims::jose::base64;
use aims_testkit::{SoftTpm, SoftTpmCa};
use serde_json::{Value, json};

use crate::tour::account::Fault;
use crate::tour::issuer::{Entry, Issuer, text};
use crate::tour::laptop::Laptop;
use crate::tour::process::Process;
use crate::tour::role::Role;

/// Everybody, once they are up.
pub(super) struct World {
    pub(super) issuer: Issuer,
    pub(super) tool: Process,
    pub(super) tool_url: String,
    pub(super) desk: Desk,
    /// Its keys are in the TPM.
    pub(super) agent: Process,
    /// Those that came later, or before.
    pub(super) others: Vec<Process>,
    /// Soldered to the machine.
    pub(super) tpm: SoftTpm,
    /// Of another machine.
    pub(super) other_tpm: Option<SoftTpm>,
    laptop: Laptop,
}

impl World {
    /// Switches the machine on, and starts everybody.
    pub(super) async fn begin() -> Result<Self, Fault> {
        let switched_on = tokio::task::spawn_blocking(|| {
            let (tpm, ca) = SoftTpm::with_endorsement()?;
            // As firmware does that measures what it starts.
            tpm.extend_pcr(4, &backend::ring().sha256(BOOT_LOADER));
            Some((tpm, ca))
        });
        let (tpm, ca) =
            switched_on.await.map_err(|error| Fault::new(error.to_string()))?.ok_or_else(missing)?;
        let laptop = Laptop::new(&PROGRAMS)?;
        let issuer = Issuer::start_with(&laptop, "issuer", ORIGIN, &ENTRIES, config(&ca)).await?;
        let config = json!({ "callers": CALLERS, "keys": "hardware" });
        let (tool, first) = issuer.workload(&laptop, Role::Tool, "travel tool", &config).await?;
        let desk = Desk::start(&issuer, &laptop).await?;
        let agent = device(&issuer, &laptop, &tpm, "keys").await?;
        let (tool_url, others) = (text(&first, "url")?, Vec::new());
        Ok(Self { issuer, tool, tool_url, desk, agent, others, tpm, other_tpm: None, laptop })
    }

    /// The same program on a machine with another TPM, of the same maker.
    pub(super) async fn on_other_machine(&mut self) -> Result<Process, Fault> {
        let made = tokio::task::spawn_blocking(SoftTpm::with_endorsement);
        let (tpm, _) = made.await.map_err(|error| Fault::new(error.to_string()))?.ok_or_else(missing)?;
        let process = device(&self.issuer, &self.laptop, &tpm, "other keys").await?;
        self.other_tpm = Some(tpm);
        Ok(process)
    }

    /// Something else is measured, and the agent is started again. There is one connection to the TPM, so the agent leaves first.
    pub(super) async fn restart_with_other_boot(self) -> Result<Self, Fault> {
        let Self { issuer, tool, tool_url, desk, agent, others, tpm, other_tpm, laptop } = self;
        if !agent.end().await? {
            return Err(Fault::new("the agent did not end well"));
        }
        let measured = tokio::task::spawn_blocking(move || {
            tpm.extend_pcr(4, &backend::ring().sha256(b"a boot loader that nobody knows"));
            tpm
        });
        let tpm = measured.await.map_err(|error| Fault::new(error.to_string()))?;
        let agent = device(&issuer, &laptop, &tpm, "keys").await?;
        Ok(Self { issuer, tool, tool_url, desk, agent, others, tpm, other_tpm, laptop })
    }

    pub(super) fn processes(self) -> (impl Iterator<Item = Process>, impl Sized) {
        let last = [self.agent, self.desk.process, self.tool, self.issuer.process];
        (self.others.into_iter().chain(last), (self.laptop, self.tpm, self.other_tpm))
    }
}

/// A tool over mutual TLS.
pub(super) struct Desk {
    pub(super) process: Process,
    /// Where it takes whoever is known by the connection.
    pub(super) search_url: String,
    /// Where requests have to be signed, too, by keys in hardware.
    pub(super) book_url: String,
}

impl Desk {
    async fn start(issuer: &Issuer, laptop: &Laptop) -> Result<Self, Fault> {
        let (mut process, _) = issuer.workload(laptop, Role::Workload, "booking desk", &json!({})).await?;
        let serve = json!({ "do": "serve", "peers": [AGENT], "callers": [CALLERS] });
        let search_url = text(&process.ask(&serve).await?, "url")?;
        let serve = json!({
            "do": "serve_signed", "name": NAME, "peers": [AGENT], "callers": CALLERS, "keys": "hardware",
        });
        let book_url = text(&process.ask(&serve).await?, "url")?;
        Ok(Self { process, search_url, book_url })
    }
}

/// An agent whose keys are in this TPM, and their files in this folder.
async fn device(issuer: &Issuer, laptop: &Laptop, tpm: &SoftTpm, files: &str) -> Result<Process, Fault> {
    let dir = laptop.file(files);
    let dir = dir.to_str().ok_or_else(|| Fault::new("a path that is no text"))?;
    let config = json!({ "tcti": tpm.tcti(), "dir": dir });
    Ok(issuer.workload(laptop, Role::Device, "travel agent", &config).await?.0)
}

/// Whom the issuer believes who make TPMs, and what has to have started the machine.
fn config(ca: &SoftTpmCa) -> Value {
    let measured = backend::ring().sha256(BOOT_LOADER);
    let boots = backend::ring().sha256(&[[0; 32], measured].concat());
    json!({
        "tpm_root": base64::encode(ca.root()),
        "tpm_intermediate": base64::encode(ca.issuer()),
        "tpm_pcr_4": base64::encode(&boots),
    })
}

fn missing() -> Fault {
    Fault::new("there is no swtpm on this machine: apt-get install swtpm swtpm-tools")
}

const BOOT_LOADER: &[u8] = b"the boot loader that we know";

const PROGRAMS: [&str; 4] = ["issuer", "travel tool", "booking desk", "travel agent"];

/// The agent's asks for a key in hardware, besides its program and user.
const ENTRIES: [Entry<'static>; 3] = [
    Entry(
        "travel agent",
        AGENT,
        "evidence = [{ type = \"tpm2-quote\", key = \"hardware\", max_age = 3600 }]\nevidence_policy = \"laptops-1\"",
    ),
    Entry("travel tool", "spiffe://acme.example/tools/travel", ""),
    Entry("booking desk", DESK, ""),
];

pub(super) const ORIGIN: &str = "spiffe://acme.example";
pub(super) const AGENT: &str = "spiffe://acme.example/agents/travel";
pub(super) const DESK: &str = "spiffe://acme.example/tools/booking";

/// By what name callers know the desk.
pub(super) const NAME: &str = "https://tools.example";

/// Who may call the tools.
const CALLERS: &str = "spiffe://acme.example/agents/*";

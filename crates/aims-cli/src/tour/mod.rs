//! The tour: one story, told by real processes.

mod account;
mod chapter;
mod issuer;
mod laptop;
mod process;
mod record;
mod role;
mod stranger;
mod wire;

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use clap::builder::PossibleValuesParser;
use tokio::runtime::Builder;

use self::account::Account;
use self::chapter::Chapter;
use self::role::Role;

/// Options of `aims tour`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Runs one chapter only.
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(Chapter::ALL.map(Chapter::name)))]
    chapter: Option<String>,
    /// Tells the chapter of keys in hardware, too: it starts a TPM in software (`swtpm`).
    #[arg(long)]
    tpm: bool,
    /// Prints a line of JSON per step.
    #[arg(long)]
    json: bool,
    /// Makes this process one of those that the tour starts.
    #[arg(long, hide = true, value_enum)]
    role: Option<Role>,
}

/// Runs the tour; or, where the tour started this process, its part in it.
pub(crate) fn run(args: &Args) -> ExitCode {
    let runtime = match Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            // If this cannot be said either, the exit code says it.
            let _ = writeln!(std::io::stderr(), "aims: {error}");
            return ExitCode::FAILURE;
        }
    };
    if args.tpm && cfg!(not(feature = "tpm")) {
        let _ =
            writeln!(std::io::stderr(), "aims: this program knows no TPM: build it with the feature `tpm`");
        return ExitCode::FAILURE;
    }
    match args.role {
        Some(role) => runtime.block_on(role::run(role)),
        None => runtime.block_on(async {
            tokio::select! {
                code = tell(args) => code,
                // What was started is killed when its handles are dropped.
                Ok(()) = tokio::signal::ctrl_c() => ExitCode::from(INTERRUPTED),
            }
        }),
    }
}

/// Tells the chapters, and says whether every step did what it says.
async fn tell(args: &Args) -> ExitCode {
    let began = Instant::now();
    let mut account = Account::new(args.json);
    for chapter in Chapter::ALL {
        let wanted = match args.chapter.as_deref() {
            Some(name) => name == chapter.name(),
            None => !chapter.needs_tpm() || args.tpm,
        };
        if wanted {
            chapter.tell(&mut account).await;
        }
    }
    if account.end(began.elapsed()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// 128 and the number of the signal, as shells have it.
const INTERRUPTED: u8 = 130;

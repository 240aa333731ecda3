//! `aims-fuzz [TARGET|smoke] [--seconds N] [--seed N]`

use std::process::ExitCode;
use std::time::Duration;

use aims_fuzz::run::run;
use aims_fuzz::{TARGETS, Target};

fn main() -> ExitCode {
    let Some(options) = Options::read(std::env::args().skip(1)) else {
        eprintln!("usage: aims-fuzz [TARGET|smoke] [--seconds N] [--seed N]");
        eprintln!("targets: {}", TARGETS.iter().map(|target| target.name).collect::<Vec<_>>().join(" "));
        return ExitCode::from(2);
    };
    let each = options.time / u32::try_from(options.targets.len()).unwrap_or(1);
    let mut failed = 0;
    for target in &options.targets {
        match run(target, each, options.seed) {
            Ok(inputs) => println!("fuzz {}: {inputs} inputs, ok", target.name),
            Err(failure) => {
                failed += 1;
                println!("fuzz {}: FAILED with seed {}", target.name, failure.seed);
                println!("  input: {}", failure.input.escape_ascii());
            }
        }
    }
    println!("{} passed, {failed} failed", options.targets.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Options {
    targets: Vec<&'static Target>,
    time: Duration,
    seed: Option<u64>,
}

impl Options {
    fn read(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut options =
            Self { targets: TARGETS.iter().collect(), time: Duration::from_secs(20), seed: None };
        while let Some(word) = words.next() {
            match word.as_str() {
                "smoke" => {}
                "--seconds" => options.time = Duration::from_secs(words.next()?.parse().ok()?),
                "--seed" => options.seed = Some(words.next()?.parse().ok()?),
                name => options.targets = vec![TARGETS.iter().find(|target| target.name == name)?],
            }
        }
        Some(options)
    }
}

//! Prints the table: `paired [FILTER] [--json]`.

use std::process::ExitCode;
use std::time::Duration;

use aims_benches::row::Work;
use aims_benches::{measure, report, rows};

fn main() -> ExitCode {
    let mut json = false;
    let mut filter = String::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--json" => json = true,
            text if !text.starts_with('-') && filter.is_empty() => argument.clone_into(&mut filter),
            _ => {
                eprintln!("usage: paired [FILTER] [--json]");
                return ExitCode::from(2);
            }
        }
    }
    let chosen: Vec<_> = rows::all().into_iter().filter(|(name, _)| name.contains(&filter)).collect();
    if chosen.is_empty() {
        eprintln!("no row has `{filter}` in its name");
        return ExitCode::from(2);
    }
    if !json {
        println!("{}", report::HEAD);
    }
    for (name, work) in chosen {
        let measured = match work {
            Work::Paired(row) => measure::paired(row(), BUDGET),
            Work::Direct(run) => run(),
        };
        println!("{}", if json { report::json(name, &measured) } else { report::line(name, &measured) });
    }
    ExitCode::SUCCESS
}

/// For each row, its peers included.
const BUDGET: Duration = Duration::from_secs(3);

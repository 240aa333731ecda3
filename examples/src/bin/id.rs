//! Reads a workload identifier, and matches it with a pattern: `id IDENTIFIER [PATTERN]`.

use std::error::Error;
use std::process::ExitCode;

use aims_id::{IdPattern, WorkloadId};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let text = arguments.next().ok_or("usage: id IDENTIFIER [PATTERN]")?;
    let id: WorkloadId = match text.parse() {
        Ok(id) => id,
        Err(refusal) => {
            println!("refused: {} ({}): {refusal}", refusal.code(), refusal.rule());
            return Ok(ExitCode::FAILURE);
        }
    };
    println!("origin: {}", id.origin_str());
    println!("trust domain: {}", id.trust_domain());
    println!("path: {}", id.path());
    if let Some(pattern) = arguments.next() {
        let pattern: IdPattern = pattern.parse()?;
        println!("matches {}: {}", pattern.as_str(), pattern.matches(&id));
    }
    Ok(ExitCode::SUCCESS)
}

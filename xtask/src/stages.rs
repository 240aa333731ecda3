//! Stages of a long task: each is timed, none hides another, and a table closes the run.

use std::time::{Duration, Instant};

/// What a stage that did not fail has to say.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Done {
    /// It checked one thing.
    Ok,
    /// It ran this many tests, all of them passed.
    Tests(u64),
}

/// Why a stage has nothing good to say.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It failed.
    Failed(String),
    /// It could not run here.
    Skipped(String),
    /// Tests failed.
    Tests { passed: u64, failed: u64, message: String },
}

impl From<String> for Stop {
    fn from(message: String) -> Self {
        Self::Failed(message)
    }
}

/// All stages of one task.
#[derive(Debug)]
pub(crate) struct Stages {
    task: &'static str,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    time: Duration,
    state: String,
    passed: u64,
    failed: u64,
}

impl Stages {
    pub(crate) fn new(task: &'static str) -> Self {
        Self { task, rows: Vec::new() }
    }

    /// Runs a stage; a failure is kept and the next stage runs all the same.
    pub(crate) fn run(&mut self, name: &str, body: impl FnOnce() -> Result<Done, Stop>) {
        println!("\n=== {}: {name}", self.task);
        let start = Instant::now();
        let outcome = body();
        let time = start.elapsed();
        let (state, passed, failed) = match outcome {
            Ok(Done::Ok) => ("ok".to_owned(), 1, 0),
            Ok(Done::Tests(passed)) => (format!("ok, {passed} tests"), passed, 0),
            Err(Stop::Skipped(reason)) => (format!("SKIPPED: {reason}"), 0, 0),
            Err(Stop::Failed(message)) => (format!("FAILED: {message}"), 0, 1),
            Err(Stop::Tests { passed, failed, message }) => {
                // A test program that died before it could count is a failure too.
                let failed = failed.max(1);
                (format!("FAILED: {failed} of {} tests: {message}", passed + failed), passed, failed)
            }
        };
        println!("--- {name}: {:.1} s, {state}", time.as_secs_f64());
        self.rows.push(Row { name: name.to_owned(), time, state, passed, failed });
    }

    /// Prints the table and says whether all stages passed; returns the sums of passed and failed.
    pub(crate) fn finish(self) -> Result<(u64, u64), (u64, u64)> {
        println!("\n{:<34} {:>9}  state", format!("{}, stage", self.task), "time");
        for row in &self.rows {
            println!("{:<34} {:>7.1} s  {}", row.name, row.time.as_secs_f64(), row.state);
        }
        let total: Duration = self.rows.iter().map(|row| row.time).sum();
        println!("{:<34} {:>7.1} s\n", "all", total.as_secs_f64());
        let passed = self.rows.iter().map(|row| row.passed).sum();
        let failed = self.rows.iter().map(|row| row.failed).sum();
        if failed == 0 { Ok((passed, failed)) } else { Err((passed, failed)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_count_tests_and_stages_and_a_failure_is_never_lost() {
        let mut stages = Stages::new("test");
        stages.run("a check", || Ok(Done::Ok));
        stages.run("tests", || Ok(Done::Tests(7)));
        stages.run("not here", || Err(Stop::Skipped("no target".to_owned())));
        assert_eq!(stages.finish(), Ok((8, 0)));

        let mut stages = Stages::new("test");
        stages.run("died", || Err(Stop::Tests { passed: 3, failed: 0, message: "signal".to_owned() }));
        stages.run("failed", || Err(Stop::Tests { passed: 2, failed: 4, message: "see above".to_owned() }));
        stages.run("a check", || Err("no".to_owned().into()));
        stages.run("goes on", || Ok(Done::Ok));
        assert_eq!(stages.finish(), Err((6, 6)));
    }
}

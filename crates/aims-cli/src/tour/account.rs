//! The account of what happened: a line for people or for machines per step, and whether each did what it says.

use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use aims::jose::json::ObjectWriter;

/// Tells the steps as they happen, and counts those that went wrong.
pub(super) struct Account {
    out: Box<dyn Write + Send>,
    style: Style,
    /// How long a step may take.
    patience: Duration,
    chapter: &'static str,
    steps: usize,
    failed: usize,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Style {
    Colour,
    Json,
    Plain,
}

/// A step, before it is taken.
pub(super) struct Step {
    /// Its name, for machines.
    pub(super) name: &'static str,
    /// What is done, for people.
    pub(super) told: String,
    /// What must come back.
    pub(super) expect: String,
}

/// What a step brought.
pub(super) struct Seen<T = ()> {
    /// What came back, over the wire.
    pub(super) got: String,
    /// What else is worth telling.
    pub(super) note: String,
    /// What is wrong, though the right thing may have come back.
    pub(super) faults: Vec<String>,
    /// For the steps that follow.
    pub(super) value: T,
}

impl Account {
    /// Tells on standard output: as JSON, or in words, which are coloured on a terminal unless `NO_COLOR` is set.
    pub(super) fn new(json: bool) -> Self {
        let colour =
            io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
        let style = match (json, colour) {
            (true, _) => Style::Json,
            (false, true) => Style::Colour,
            (false, false) => Style::Plain,
        };
        Self::to(Box::new(io::stdout()), style)
    }

    fn to(out: Box<dyn Write + Send>, style: Style) -> Self {
        Self { out, style, patience: LONGEST_STEP, chapter: "", steps: 0, failed: 0 }
    }

    /// Begins a chapter.
    pub(super) fn chapter(&mut self, name: &'static str, intro: &str) {
        self.chapter = name;
        if self.style != Style::Json {
            let name = self.paint(BOLD, name);
            self.line(&format!("Chapter {name}\n\n{intro}\n"));
        }
    }

    /// Takes a step, for at most ten seconds, and tells it. Its value is for the steps that build on it; there is none when it
    /// went wrong.
    pub(super) async fn step<T>(
        &mut self,
        step: Step,
        taken: impl Future<Output = Result<Seen<T>, Fault>>,
    ) -> Result<T, Broken> {
        let seen = match tokio::time::timeout(self.patience, taken).await {
            Ok(Ok(seen)) => Ok(seen),
            Ok(Err(fault)) => Err(fault),
            Err(_) => Err(Fault::new(format!("nothing came back in {:?}", self.patience))),
        };
        let (got, note, faults, value) = match seen {
            Ok(Seen { got, note, faults, value }) => (got, note, faults, Some(value)),
            Err(Fault(fault)) => (String::new(), String::new(), vec![fault], None),
        };
        let ok = got == step.expect && faults.is_empty();
        self.steps += 1;
        if !ok {
            self.failed += 1;
        }
        match self.style {
            Style::Json => self.tell_machine(&step, &got, &faults, ok),
            Style::Colour | Style::Plain => self.tell_people(&step, &got, &note, &faults, ok),
        }
        value.filter(|_| ok).ok_or(Broken)
    }

    /// Ends the account. Whether every step did what it says, and there was one.
    pub(super) fn end(mut self, took: Duration) -> bool {
        let good = self.failed == 0 && self.steps > 0;
        if self.style != Style::Json {
            let (steps, failed) = (self.steps, self.failed);
            let verdict = if good {
                self.paint(GREEN, &format!("all {steps} steps did what they say"))
            } else {
                self.paint(RED, &format!("{failed} of {steps} steps FAILED"))
            };
            self.line(&format!("\n{verdict}, in {:.1} s", took.as_secs_f64()));
        }
        // Writing may have failed just now.
        good && self.failed == 0
    }

    fn tell_machine(&mut self, step: &Step, got: &str, faults: &[String], ok: bool) {
        let line = ObjectWriter::new()
            .str("chapter", self.chapter)
            .str("step", step.name)
            .str("expect", &step.expect)
            .str("got", got)
            .bool("ok", ok)
            .finish();
        // INVARIANT: the names differ, the only thing `finish` can object to.
        self.line(&line.unwrap_or_default());
        for fault in faults {
            // Best effort: the line above says already that it went wrong.
            let _ = writeln!(io::stderr(), "{}/{}: {fault}", self.chapter, step.name);
        }
    }

    fn tell_people(&mut self, step: &Step, got: &str, note: &str, faults: &[String], ok: bool) {
        let mark = if ok { self.paint(GREEN, "ok    ") } else { self.paint(RED, "FAILED") };
        self.line(&format!("  {mark}  {}", step.told));
        let seen = [got, note].map(str::to_owned).into_iter().filter(|text| !text.is_empty());
        let seen = seen.collect::<Vec<_>>().join(" · ");
        let seen = self.paint(DIM, &format!("-> {seen}"));
        self.line(&format!("          {seen}"));
        if got != step.expect {
            self.line(&format!("          expected: {}", step.expect));
        }
        for fault in faults {
            self.line(&format!("          {fault}"));
        }
    }

    /// An account that nobody can read is not good.
    fn line(&mut self, text: &str) {
        if writeln!(self.out, "{text}").and_then(|()| self.out.flush()).is_err() {
            self.failed += 1;
        }
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.style == Style::Colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// What kept a step from being taken: an error of the tour's own surroundings, not an answer.
#[derive(Debug)]
pub(super) struct Fault(String);

impl Fault {
    /// A fault, in words.
    pub(super) fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

impl<E: std::error::Error> From<E> for Fault {
    fn from(error: E) -> Self {
        let mut words = error.to_string();
        let mut cause = error.source();
        while let Some(source) = cause {
            words.push_str(": ");
            words.push_str(&source.to_string());
            cause = source.source();
        }
        Self(words)
    }
}

/// A step went wrong, and was told; what builds on it cannot be.
#[derive(Debug)]
pub(super) struct Broken;

const LONGEST_STEP: Duration = Duration::from_secs(10);

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const RED: &str = "31";

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Paper {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    /// Whether the account is good after one step that brings `seen`, the value it gave, and the text.
    fn told(style: Style, seen: Result<Seen<u8>, Fault>) -> (bool, Option<u8>, String) {
        let paper = Paper::default();
        let mut account = Account::to(Box::new(paper.clone()), style);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let step = Step { name: "replay", told: "Once more.".into(), expect: "refused: replay".into() };
        account.chapter("identity", "It begins.");
        let value = runtime.block_on(account.step(step, async { seen })).ok();
        (account.end(Duration::ZERO), value, paper.text())
    }

    fn seen(got: &str, faults: &[&str]) -> Seen<u8> {
        let faults = faults.iter().map(|&fault| fault.to_owned()).collect();
        Seen { got: got.into(), note: "record: replay (WPT-11)".into(), faults, value: 7 }
    }

    #[test]
    fn a_step_that_does_what_it_says_is_good() {
        let (good, value, text) = told(Style::Plain, Ok(seen("refused: replay", &[])));
        assert!(good);
        assert_eq!(value, Some(7));
        assert!(
            text.contains("  ok      Once more.\n          -> refused: replay · record: replay (WPT-11)\n"),
            "{text}"
        );
        assert!(!text.contains('\x1b'), "{text:?}");
    }

    #[test]
    fn json_has_a_line_per_step_and_nothing_else() {
        let (good, _, text) = told(Style::Json, Ok(seen("refused: replay", &[])));
        assert!(good);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expect = json!({
            "chapter": "identity", "step": "replay", "expect": "refused: replay", "got": "refused: replay", "ok": true,
        });
        assert_eq!(line, expect);
    }

    #[test]
    fn another_answer_makes_the_tour_fail() {
        for style in [Style::Json, Style::Plain, Style::Colour] {
            let (good, value, text) = told(style, Ok(seen("200 spiffe://acme.example/agents/travel", &[])));
            assert!(!good);
            assert_eq!(value, None);
            assert!(text.contains("FAILED") || text.contains(r#""ok":false"#), "{text}");
        }
    }

    #[test]
    fn the_right_answer_for_the_wrong_reason_makes_the_tour_fail() {
        let (good, value, text) =
            told(Style::Plain, Ok(seen("refused: replay", &["the record says `expired`"])));
        assert!(!good);
        assert_eq!(value, None);
        assert!(text.contains("the record says `expired`"), "{text}");
    }

    #[test]
    fn a_step_that_cannot_be_taken_makes_the_tour_fail() {
        let (good, value, text) = told(Style::Plain, Err(Fault::new("tool ended")));
        assert!(!good);
        assert_eq!(value, None);
        assert!(text.contains("tool ended"), "{text}");
    }

    #[test]
    fn a_step_that_never_ends_makes_the_tour_fail() {
        let paper = Paper::default();
        let mut account = Account::to(Box::new(paper.clone()), Style::Plain);
        account.patience = Duration::from_millis(20);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let step = Step { name: "hangs", told: "Waits.".into(), expect: "nothing".into() };
        let never = std::future::pending::<Result<Seen, Fault>>();
        assert!(runtime.block_on(account.step(step, never)).is_err());
        assert!(!account.end(Duration::ZERO));
        assert!(paper.text().contains("nothing came back"), "{}", paper.text());
    }

    #[test]
    fn a_tour_without_steps_is_not_good() {
        assert!(!Account::to(Box::new(Paper::default()), Style::Plain).end(Duration::ZERO));
    }

    #[test]
    fn a_tour_that_nobody_could_read_is_not_good() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut account = Account::to(Box::new(Closed), Style::Json);
        account.steps = 1;
        account.line("{}");
        assert!(!account.end(Duration::ZERO));
    }
}

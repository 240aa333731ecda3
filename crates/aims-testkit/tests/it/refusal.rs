//! `assert_refused!` fails for the wrong reason, and for none.

use aims_testkit::assert_refused;

#[derive(Clone, Debug, Eq, PartialEq)]
struct Refused(&'static str, &'static str);

impl Refused {
    fn code(&self) -> &'static str {
        self.0
    }

    fn rule(&self) -> &'static str {
        self.1
    }
}

fn refused() -> Result<(), Refused> {
    Err(Refused("expired", "ABC-DEF-1"))
}

#[test]
fn the_reason_comes_back() {
    assert_eq!(assert_refused!(refused(), "expired", "ABC-DEF-1"), Refused("expired", "ABC-DEF-1"));
    assert_refused!(refused(), "expired", "ABC-DEF-1", "with {}", "context");
}

#[test]
#[should_panic(expected = "refused for another reason")]
fn another_code_fails() {
    assert_refused!(refused(), "replay", "ABC-DEF-1");
}

#[test]
#[should_panic(expected = "refused for another reason")]
fn another_rule_fails() {
    assert_refused!(refused(), "expired", "ABC-DEF-2");
}

#[test]
#[should_panic(expected = "accepted, expected a refusal")]
fn acceptance_fails() {
    assert_refused!(Ok::<(), Refused>(()), "expired", "ABC-DEF-1");
}

//! Scopes: what is read is a set, and what is made of two holds what a set of both would.

use std::collections::BTreeSet;

use aims_oauth::Scope;

/// Each line is a scope.
pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let mut lines = text.split('\n').map(str::parse::<Scope>);
    let mut next = || match lines.next()? {
        Ok(scope) => Some(scope),
        Err(error) => {
            assert!(!error.code().is_empty() && !error.rule().is_empty());
            None
        }
    };
    let Some(one) = next() else { return };
    assert!(
        !one.is_empty() && one.as_str().bytes().all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\')
    );
    assert_eq!(one.to_string().parse(), Ok(one.clone()));
    assert!(one.is_subset_of(&one) && one.without(&one).is_empty() && one.and(&one) == one);
    let other = next().unwrap_or_default();
    let (left, right) = (set(&one), set(&other));
    assert_eq!(set(&one.and(&other)), &left & &right);
    assert_eq!(set(&one.without(&other)), &left - &right);
    assert_eq!(one.is_subset_of(&other), left.is_subset(&right));
    assert_eq!(one == other, left == right);
    assert!(left.iter().all(|token| one.contains(token)));
    match one.or(&other) {
        Ok(both) => assert!(set(&both) == &left | &right && one.is_subset_of(&both)),
        Err(error) => assert_eq!(error.code(), "scope_too_long"),
    }
}

fn set(scope: &Scope) -> BTreeSet<&str> {
    scope.iter().collect()
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        "trips:read trips:book\ntrips:book openid",
        "a a b\nb a",
        "a\n",
        "a  b",
        "urn:a/b!#[]~\nurn:a",
        "a\"b",
    ])
}

//! Forms: what is read is written so that it reads the same.

use std::collections::BTreeSet;

use aims_oauth::{NewParameters, Parameters};

pub(super) fn run(input: &[u8]) {
    let form = match Parameters::parse(input) {
        Ok(form) => form,
        Err(error) => {
            assert!(!error.code().is_empty() && !error.rule().is_empty());
            return;
        }
    };
    for name in ["grant_type", "scope", "resource", "client_id", ""] {
        let values: Vec<&str> = form.all(name).collect();
        let times = form.names().filter(|known| *known == name).count();
        match form.get(name) {
            Ok(None) => assert!(values.is_empty() && times <= 1),
            Ok(Some(value)) => assert!(values == [value] && times == 1 && !value.is_empty()),
            Err(error) => assert_eq!((error.code(), times > 1), ("parameter_repeated", true)),
        }
    }
    let names: BTreeSet<&str> = form.names().collect();
    let mut written = NewParameters::new();
    for name in &names {
        for value in form.all(name) {
            written.add(name, value);
        }
    }
    // Escapes can make it longer than what is read.
    if written.as_str().len() > 64 * 1024 {
        return;
    }
    let again = Parameters::parse(written.as_str().as_bytes()).expect("what was written is read");
    for name in names {
        assert!(again.all(name).eq(form.all(name)), "{name} has changed");
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        "grant_type=client_credentials&scope=trips%3Aread+trips%3Abook&resource=https%3A%2F%2Fa&resource=urn:b",
        "client_id=a&client_id=a&=b&c&&d=%C3%A9=%3D",
        "scope=%",
        "scope=%ff",
        "",
    ])
}

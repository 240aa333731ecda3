//! Structured fields: what is read is written canonically, and then read as the same.

use aims_httpsig::sf::{Dictionary, Item, Limits, List};

pub(super) fn run(input: &[u8]) {
    let limits = Limits::new();
    if let Ok(item) = Item::parse(input, &limits) {
        let text = item.to_string();
        assert_eq!(Item::parse(text.as_bytes(), &limits).expect("written").to_string(), text);
    }
    if let Ok(list) = List::parse(input, &limits) {
        let text = list.to_string();
        assert_eq!(List::parse(text.as_bytes(), &limits).expect("written").to_string(), text);
        for member in list.members() {
            assert!(input.get(member.span()).is_some());
        }
    }
    match Dictionary::parse(input, &limits) {
        Ok(dictionary) => {
            let text = dictionary.to_string();
            assert_eq!(Dictionary::parse(text.as_bytes(), &limits).expect("written").to_string(), text);
            for (key, member) in dictionary.iter() {
                assert!(dictionary.get(key).is_some() && input.get(member.span()).is_some());
            }
        }
        Err(error) => {
            assert!(error.at() <= input.len() && !error.code().is_empty() && !error.rule().is_empty());
        }
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        "sig1=(\"@method\" \"@path\";req);created=1790000000;keyid=\"k\", b=:aGk=:, c;d=?0",
        "a;b=1.5, (c d \"e\\\"f\");g=@1, *x/y:z",
        "%\"f%c3%bc\"",
        "-999999999999999",
    ])
}

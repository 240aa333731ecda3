//! Registration files: what is read obeys the rules of entries, and an error names a line of the file.

use aims_provision::Entries;

const ORIGIN: &str = "spiffe://acme.example";

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    match Entries::from_toml(ORIGIN.parse().expect("an origin"), text) {
        Ok(entries) => {
            for entry in entries.iter() {
                assert!(!entry.selectors().is_empty() && !entry.types().is_empty());
                assert!(entry.spiffe_id().trust_domain() == "acme.example" && entry.spiffe_id().has_path());
            }
        }
        Err(error) => {
            assert!((1..=text.split('\n').count()).contains(&error.line()), "{error}");
            assert!(!error.code().is_empty() && !error.rule().is_empty());
        }
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        "[[entry]]\nspiffe_id = \"spiffe://acme.example/agents/travel\"\nselectors = [\"unix:uid:1000\", \"unix:path:/usr/bin/a\"]\n\
         types = [\"x509\", \"wit\"]\nx509_lifetime = 1800\njwt_lifetime = 60\ndns_names = [\"a.acme.example\"]\nhint = \"internal\"\n\
         federates_with = [\"spiffe://bank.example\"]\n",
        "entry = [{ spiffe_id = 'spiffe://acme.example/a', selectors = ['a:b'] }]",
        "# nothing\n",
    ])
}

//! Which test exercises which requirement.
//!
//! A test names a requirement in its own name (`wid_9_...`) or by an exact string (`"WID-9"`) in its body, in the
//! constants and functions of its file that it mentions, or in a JSON file that it names. A requirement that our code
//! gives as the `rule()` of a refusal counts only where that string stands in a test that asserts `rule()`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::spec::Definition;
use super::tokens::Item;
use super::tree::{Source, Target};

/// The outcome, by ID.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    /// The tests that count, as `package::target::module::name`.
    pub(super) tests: BTreeMap<String, BTreeSet<String>>,
    /// Tests that name the rule of a refusal and do not assert it.
    pub(super) only_named: BTreeMap<String, BTreeSet<String>>,
}

/// Goes through all tests.
pub(super) fn find(definitions: &[Definition], targets: &[Target]) -> Coverage {
    let refusals = refusals(targets);
    let mut coverage = Coverage::default();
    for target in targets {
        let asserting = asserting_helpers(target);
        for source in &target.files {
            for item in source.items.iter().filter(|item| item.test) {
                let mut mentions = Mentions::of(item, source, target);
                mentions.asserts_rule |= mentions.idents.iter().any(|ident| asserting.contains(ident));
                let name = full_name(target, source, item);
                for Definition { id, .. } in definitions {
                    let quoted = mentions.literals.contains(id.as_str());
                    if !quoted && !names(item.name(), id) {
                        continue;
                    }
                    let counts = !refusals.contains(id.as_str()) || (quoted && mentions.asserts_rule);
                    let list = if counts { &mut coverage.tests } else { &mut coverage.only_named };
                    list.entry(id.clone()).or_default().insert(name.clone());
                }
            }
        }
    }
    coverage.only_named.retain(|id, _| !coverage.tests.contains_key(id));
    coverage
}

/// Every string in code that ships: among them each ID that some `rule()` returns.
fn refusals(targets: &[Target]) -> BTreeSet<&str> {
    let sources = targets.iter().filter(|target| !target.integration).flat_map(|target| &target.files);
    let items = sources.flat_map(|source| &source.items).filter(|item| !item.test_only);
    items.flat_map(|item| item.literals.iter().map(String::as_str)).collect()
}

/// Whether the function's name holds the ID between underscores: `wid_9` is in `wid_9_x`, and not in `wid_91_x`.
fn names(function: &str, id: &str) -> bool {
    let snake = id.to_ascii_lowercase().replace('-', "_");
    format!("_{function}_").contains(&format!("_{snake}_"))
}

/// What a test mentions, through the helpers of its file.
#[derive(Debug, Default)]
struct Mentions<'a> {
    idents: BTreeSet<&'a str>,
    literals: BTreeSet<&'a str>,
    asserts_rule: bool,
}

impl<'a> Mentions<'a> {
    fn of(item: &'a Item, source: &'a Source, target: &'a Target) -> Self {
        let mut all = Self::default();
        let mut open = vec![item];
        while let Some(item) = open.pop() {
            all.asserts_rule |= item.asserts_rule;
            all.literals.extend(item.literals.iter().map(String::as_str));
            for ident in &item.idents {
                if all.idents.insert(ident) {
                    open.extend(source.items.iter().filter(|helper| {
                        // In a source file, code that ships is what is tested, and no helper of the test.
                        helper.name() == ident && !helper.test && (target.integration || helper.test_only)
                    }));
                }
            }
        }
        let files: Vec<&str> = all.literals.iter().copied().filter(|text| is_json(text)).collect();
        for (path, strings) in &target.data {
            if files.iter().any(|file| path.ends_with(plain(file))) {
                all.literals.extend(strings.iter().map(String::as_str));
            }
        }
        all
    }
}

fn is_json(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "json")
}

/// The path without what leads out of the folder it is relative to.
fn plain(path: &str) -> &Path {
    let mut path = path;
    while let Some(rest) = path.strip_prefix("../").or_else(|| path.strip_prefix("./")) {
        path = rest;
    }
    Path::new(path.strip_prefix("tests/").unwrap_or(path))
}

/// The helpers of a target that assert a rule for whichever test calls them, whatever file they are in.
fn asserting_helpers(target: &Target) -> BTreeSet<&str> {
    let sources = target.files.iter();
    let helpers = sources.flat_map(|source| source.items.iter().map(move |item| (source, item)));
    helpers
        .filter(|(_, item)| !item.test && (target.integration || item.test_only))
        .filter(|(source, item)| Mentions::of(item, source, target).asserts_rule)
        .map(|(_, item)| item.name())
        .collect()
}

fn full_name(target: &Target, source: &Source, item: &Item) -> String {
    let parts = [&target.package, &target.name].into_iter().chain(&source.module).chain(&item.path);
    parts.map(String::as_str).collect::<Vec<_>>().join("::")
}

#[cfg(test)]
mod tests {
    use super::super::tokens::File;
    use super::*;

    fn target(integration: bool, texts: &[&str]) -> Target {
        let source = |(number, text): (usize, &&str)| Source {
            module: vec![format!("m{number}")],
            items: File::parse(text).unwrap().items,
        };
        Target {
            package: "aims-x".to_owned(),
            name: if integration { "it" } else { "lib" }.to_owned(),
            integration,
            files: texts.iter().enumerate().map(source).collect(),
            data: [("data/cases.json".into(), ["WIT-2".to_owned(), "rule".to_owned()].into())].into(),
        }
    }

    /// The IDs that count, and those that are only named; `shipped` is the text of `src/lib.rs`.
    fn find_in(shipped: &str, tests: &[&str]) -> (Vec<String>, Vec<String>) {
        let ids = ["WID-9", "WIT-1", "WIT-12", "WIT-2", "JO-B64-02"];
        let definitions = ids.map(|id| Definition { id: id.to_owned(), level: 'M', file: "x.md".to_owned() });
        let found = find(&definitions, &[target(false, &[shipped]), target(true, tests)]);
        (found.tests.into_keys().collect(), found.only_named.into_keys().collect())
    }

    #[track_caller]
    fn counts(test: &str, ids: &[&str]) {
        assert_eq!(find_in("", &[test]).0, ids, "{test}");
    }

    #[test]
    fn names_are_bounded_by_underscores() {
        counts("#[test] fn wit_1_x() {}", &["WIT-1"]);
        counts("#[test] fn wit_12() {}", &["WIT-12"]);
        counts("#[test] fn a_jo_b64_02_wid_9() {}", &["JO-B64-02", "WID-9"]);
        counts("#[test] fn wit_123_x() {}", &[]);
        counts("#[test] fn awid_9() {}", &[]);
        counts("fn wid_9() {}", &[]);
        counts("#[test] #[ignore] fn wid_9() {}", &[]);
    }

    #[test]
    fn strings_are_exact_and_comments_do_not_count() {
        counts("#[test] fn a() { f(\"WIT-1\") }", &["WIT-1"]);
        counts("#[test] fn a() { f(\"see WIT-1\") }", &[]);
        counts("/// WIT-1 \"WIT-1\"\n#[test] fn a() { /* \"WIT-2\" */ f() } // \"WID-9\"", &[]);
        counts("proptest! { #[test] fn a(x in 0..3) { f(\"WIT-1\") } }", &["WIT-1"]);
    }

    #[test]
    fn tables_and_helpers_count_for_the_test_that_mentions_them() {
        let helpers = "const CASES: &[&str] = &[\"WIT-1\"]; fn all() -> X { CASES }";
        counts(&format!("{helpers} #[test] fn a() {{ for c in all() {{ f(c) }} }}"), &["WIT-1"]);
        counts(&format!("{helpers} #[test] fn a() {{ f() }}"), &[]);
        assert_eq!(find_in("", &[helpers, "#[test] fn a() { all() }"]).0, [""; 0], "another file");
    }

    #[test]
    fn data_files_count_for_the_test_that_names_them() {
        counts("#[test] fn a() { f(include_str!(\"../data/cases.json\")) }", &["WIT-2"]);
        counts("#[test] fn a() { f(include_str!(\"other.json\")) }", &[]);
        counts("#[test] fn a() { f(include_str!(\"s.json\")) }", &[]);
    }

    #[test]
    fn the_rule_of_a_refusal_counts_only_where_it_is_asserted() {
        let shipped = "impl E { fn rule(&self) -> &str { \"WID-9\" } }";
        let check = |test: &str, counted: &[&str], named: &[&str]| {
            let (tests, only_named) =
                find_in(shipped, &[test, "fn refused(e: E) { assert_eq!(e.rule(), x) }"]);
            assert_eq!(
                (tests.as_slice(), only_named.as_slice()),
                (to_owned(counted).as_slice(), to_owned(named).as_slice()),
                "{test}"
            );
        };
        check("#[test] fn wid_9() { assert!(f().is_err()) }", &[], &["WID-9"]);
        check("#[test] fn a() { f(\"WID-9\") }", &[], &["WID-9"]);
        check("#[test] fn wid_9() { assert_refused!(f(), \"x\", \"WID-8\") }", &[], &["WID-9"]);
        check("#[test] fn a() { assert_refused!(f(), \"x\", \"WID-9\") }", &["WID-9"], &[]);
        check("#[test] fn a() { assert_eq!(e.rule(), \"WID-9\") }", &["WID-9"], &[]);
        check("#[test] fn a() { refused(f(), \"WID-9\") }", &["WID-9"], &[]);
        check("#[test] fn wit_1() { assert!(f().is_ok()) }", &["WIT-1"], &[]);
    }

    #[test]
    fn a_unit_test_is_not_credited_with_the_code_it_tests() {
        let shipped = "impl E { fn rule(&self) -> &str { \"WID-9\" } }\n\
                       #[cfg(test)] mod tests { #[test] fn a() { assert_eq!(e.rule(), x) } }";
        assert_eq!(find_in(shipped, &[]).0, [""; 0]);
    }

    fn to_owned(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|&id| id.to_owned()).collect()
    }
}

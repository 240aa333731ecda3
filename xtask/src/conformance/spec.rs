//! The definitions in `docs/spec/`, read as its README says.

use std::collections::BTreeMap;
use std::fs;

use crate::process;

/// One requirement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Definition {
    pub(super) id: String,
    /// `M`, `S`, `m`, `O`, `n`, `P`, `D` or `-`.
    pub(super) level: char,
    /// The digest's file name.
    pub(super) file: String,
}

impl Definition {
    /// The ID without its number.
    pub(super) fn prefix(&self) -> &str {
        prefix(&self.id)
    }

    /// Whether this project must do it: a must of a specification, or a rule of our own.
    pub(super) fn binds(&self) -> bool {
        matches!(self.level, 'M' | 'P' | 'D')
    }
}

/// The ID without its last `-` and number.
pub(super) fn prefix(id: &str) -> &str {
    id.rsplit_once('-').map_or(id, |(prefix, _)| prefix)
}

/// All definitions of all digests: by file, then in the order of the text.
pub(super) fn read() -> Result<Vec<Definition>, String> {
    let dir = process::root().join("docs/spec");
    let entries = fs::read_dir(&dir).map_err(|e| format!("docs/spec: {e}"))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.strip_suffix(".md").is_some_and(|stem| stem != "README"))
        .collect();
    names.sort();
    let mut all = Vec::new();
    for name in names {
        let text = fs::read_to_string(dir.join(&name)).map_err(|e| format!("docs/spec/{name}: {e}"))?;
        all.extend(parse(&name, &text));
    }
    let mut seen = BTreeMap::new();
    for Definition { id, file, .. } in &all {
        if let Some(first) = seen.insert(id, file) {
            return Err(format!("{id} is defined twice: docs/spec/{first} and docs/spec/{file}"));
        }
    }
    Ok(all)
}

/// The definitions of one digest.
fn parse(file: &str, text: &str) -> Vec<Definition> {
    let mut all = Vec::new();
    // Whether the table around the current line has a level as its second column.
    let mut levels = false;
    let mut previous = "";
    for line in text.lines() {
        if line.starts_with('|') && line.chars().all(|c| matches!(c, '|' | '-' | ':' | ' ')) {
            levels = cell(previous).is_some_and(|head| matches!(head, "Level" | "Lvl"));
        } else if !line.starts_with('|') {
            levels = false;
        }
        previous = line;
        let Some(id) = definition(line) else { continue };
        let level =
            cell(line).filter(|_| levels).and_then(|cell| cell.trim_start_matches('*').chars().next());
        all.push(Definition { id: id.to_owned(), level: level.unwrap_or('M'), file: file.to_owned() });
    }
    all
}

/// The ID that a line defines, by the expression in `docs/spec/README.md`:
/// `^(?:\| |- (?:\[ \] )?)(?:\*\*)?(ID)(?:\*\*)?[ :|]`.
fn definition(line: &str) -> Option<&str> {
    let list_item = || line.strip_prefix("- ").map(|rest| rest.strip_prefix("[ ] ").unwrap_or(rest));
    let rest = line.strip_prefix("| ").or_else(list_item)?;
    let rest = rest.strip_prefix("**").unwrap_or(rest);
    let end = rest.find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-'))?;
    let (id, after) = rest.split_at_checked(end)?;
    let after = after.strip_prefix("**").unwrap_or(after);
    (is_id(id) && after.starts_with([' ', ':', '|'])).then_some(id)
}

/// `[A-Z][A-Z0-9]*(?:-[A-Z][A-Z0-9]*)*-[0-9]+`
fn is_id(text: &str) -> bool {
    let Some((prefix, number)) = text.rsplit_once('-') else { return false };
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    };
    !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()) && prefix.split('-').all(word)
}

/// The second cell of a table row.
fn cell(line: &str) -> Option<&str> {
    line.strip_prefix('|')?.split('|').nth(1).map(str::trim)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn levels(text: &str) -> Vec<(String, char)> {
        parse("x.md", text).into_iter().map(|d| (d.id, d.level)).collect()
    }

    #[test]
    fn the_digests_define_at_least_what_they_defined_and_nothing_twice() {
        // It may only grow: IDs are never removed.
        let all = read().unwrap();
        assert!(all.len() >= 1092, "{} definitions", all.len());
        let prefixes: BTreeSet<&str> = all.iter().map(Definition::prefix).collect();
        assert!(prefixes.len() >= 80, "{} prefixes", prefixes.len());
        let unknown: Vec<&Definition> = all
            .iter()
            .filter(|d| !matches!(d.level, 'M' | 'S' | 'm' | 'O' | 'n' | 'P' | 'D' | '-'))
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    #[test]
    fn no_id_ends_like_another_so_that_names_of_tests_are_unambiguous() {
        let all = read().unwrap();
        let ids: BTreeSet<&str> = all.iter().map(|d| d.id.as_str()).collect();
        for id in &ids {
            let mut tails = id.match_indices('-').filter_map(|(at, _)| id.get(at + 1..));
            assert_eq!(tails.find(|tail| ids.contains(tail)), None, "{id}");
        }
    }

    #[test]
    fn rows_list_items_and_check_boxes_define() {
        let text = "\
| ID | Lvl | Rule |
|---|---|---|
| WID-1 | M | x |
| **SPF-ID-2** | M not | x |
| AIMS-19 | **M** | x |
| X5-9 | S / M not | x |
| WPT-9 | m | x |

| ID | Step |
|---|---|
| WIT-1 | m is not a level here |

- JO-B64-02 Strict
- **ATT-103** What
- [ ] SEC-4: x
";
        let want = [
            ("WID-1", 'M'),
            ("SPF-ID-2", 'M'),
            ("AIMS-19", 'M'),
            ("X5-9", 'S'),
            ("WPT-9", 'm'),
            ("WIT-1", 'M'),
            ("JO-B64-02", 'M'),
            ("ATT-103", 'M'),
            ("SEC-4", 'M'),
        ];
        assert_eq!(levels(text), want.map(|(id, level)| (id.to_owned(), level)));
    }

    #[test]
    fn citations_do_not_define() {
        assert_eq!(
            levels("see WID-1\n* T-1 an agent\n  - WID-2 nested\n| x | WID-3 |\n- WID-4, too\n- wid-5 x\n"),
            []
        );
        assert_eq!(levels("| ID-JAG | x |\n- SHA-256\n- A--1 x\n- -1 x\n- 5-1 x\n"), []);
    }
}

//! The map of crates in the root README.
//!
//! A row is ``| layer | [`name`](crates/name) | component | what it holds | state |``; a crate that is only planned has
//! no link.

use std::fs;

use crate::process;

/// One row of the map.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// The layer, 0 at the bottom.
    pub layer: u64,
    /// The crate's name.
    pub name: String,
    /// Where the name links to.
    pub link: Option<String>,
    /// How far the crate is.
    pub state: State,
}

/// How far a crate is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum State {
    /// Everything that its specifications ask for is there.
    Complete,
    /// It exists, and misses something.
    InWork,
    /// It does not exist yet.
    Planned,
}

/// Reads the map of the root README.
///
/// # Errors
///
/// When there is no README, no row, or a row with an unknown state; the text says which.
pub fn read() -> Result<Vec<Row>, String> {
    let path = process::root().join("README.md");
    let text = fs::read_to_string(&path).map_err(|e| format!("README.md: {e}"))?;
    parse(&text)
}

/// Reads the map out of the README's text.
///
/// # Errors
///
/// As for [`read`].
pub fn parse(text: &str) -> Result<Vec<Row>, String> {
    let rows = text.lines().filter_map(row).collect::<Result<Vec<_>, _>>()?;
    if rows.is_empty() {
        return Err("README.md: no map of crates".to_owned());
    }
    Ok(rows)
}

/// A row of the map, or `None` for any other line.
fn row(line: &str) -> Option<Result<Row, String>> {
    let cells: Vec<&str> =
        line.strip_prefix('|')?.trim_end().strip_suffix('|')?.split('|').map(str::trim).collect();
    let [layer, linked_name, .., state] = cells.as_slice() else {
        return None;
    };
    let layer = layer.parse().ok()?;
    let (text, target) = match linked_name.strip_prefix('[') {
        Some(rest) => {
            let (text, target) = rest.strip_suffix(')')?.split_once("](")?;
            (text, Some(target.to_owned()))
        }
        None => (*linked_name, None),
    };
    let name = text.strip_prefix('`')?.strip_suffix('`')?.to_owned();
    let state = match *state {
        "complete" => State::Complete,
        "in work" => State::InWork,
        "planned" => State::Planned,
        other => {
            return Some(Err(format!(
                "README.md: {name}: state `{other}`, want planned, in work or complete"
            )));
        }
    };
    Some(Ok(Row { layer, name, link: target, state }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_map_are_read_and_other_tables_are_not() {
        let text = "\
| Layer | Crate | Component | Holds | State |
|---|---|---|---|---|
| 3 | [`aims-credential`](crates/aims-credential) | Credentials | WIT | in work |
| 2 | `aims-tpm` | Credentials | TPM 2.0 | planned |

| 1 | not a crate | x |
";
        let rows = parse(text).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(
            (rows[0].layer, rows[0].name.as_str(), rows[0].state),
            (3, "aims-credential", State::InWork)
        );
        assert_eq!(rows[0].link.as_deref(), Some("crates/aims-credential"));
        assert_eq!((rows[1].link.as_deref(), rows[1].state), (None, State::Planned));
    }

    #[test]
    fn an_unknown_state_and_an_empty_map_are_errors() {
        assert!(parse("| 2 | `aims-tpm` | x | soon |").unwrap_err().contains("soon"));
        parse("# aims").unwrap_err();
    }
}

//! The Rust files that tests are compiled from, found as the compiler finds them: by `mod` from each target's root, so
//! that a file nobody includes counts for nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::tokens::{File, Item};
use crate::process;

/// One compiled target.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) package: String,
    /// `lib`, `main`, or the name of the test or program.
    pub(super) name: String,
    /// Whether it stands in `tests/`.
    pub(super) integration: bool,
    pub(super) files: Vec<Source>,
    /// The JSON files in the package's `tests/`, by path in it, with every string in them.
    pub(super) data: BTreeMap<PathBuf, BTreeSet<String>>,
}

/// One file of a target.
#[derive(Debug)]
pub(super) struct Source {
    /// The module that the file is.
    pub(super) module: Vec<String>,
    pub(super) items: Vec<Item>,
}

/// The targets that may hold tests of requirements.
pub(super) fn read() -> Result<Vec<Target>, String> {
    let root = process::root();
    let mut targets = Vec::new();
    for dir in entries(&root.join("crates"))? {
        targets.extend(package(&dir, true)?);
    }
    targets.extend(package(&root.join("examples"), false)?);
    targets.extend(package(&root.join("interop"), false)?);
    targets.extend(package(&root.join("xtask"), false)?);
    Ok(targets)
}

/// The targets of the package in `dir`: its tests, and its sources where asked for.
fn package(dir: &Path, sources: bool) -> Result<Vec<Target>, String> {
    let Ok(manifest) = fs::read_to_string(dir.join("Cargo.toml")) else { return Ok(Vec::new()) };
    let name = manifest
        .lines()
        .find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .ok_or_else(|| format!("{}: no name", dir.display()))?;

    let mut roots = Vec::new();
    if sources {
        roots.extend(["lib", "main"].map(|stem| (dir.join("src").join(stem).with_extension("rs"), false)));
        roots.extend(roots_in(&dir.join("src/bin"))?.map(|path| (path, false)));
    }
    roots.extend(roots_in(&dir.join("tests"))?.map(|path| (path, true)));
    let data = data(&dir.join("tests"))?;
    let mut targets = Vec::new();
    for (path, integration) in roots.into_iter().filter(|(path, _)| path.is_file()) {
        let stem =
            if path.ends_with("main.rs") && integration { path.parent() } else { Some(path.as_path()) };
        let mut files = Vec::new();
        let home = path.parent().unwrap_or(dir).to_owned();
        follow(&path, &home, &Place::default(), &mut files)?;
        targets.push(Target {
            package: name.to_owned(),
            name: stem.and_then(Path::file_stem).unwrap_or_default().to_string_lossy().into_owned(),
            integration,
            files,
            data: data.clone(),
        });
    }
    Ok(targets)
}

/// `NAME.rs` and `NAME/main.rs`, as Cargo looks for tests and programs.
fn roots_in(dir: &Path) -> Result<impl Iterator<Item = PathBuf>, String> {
    let all = if dir.is_dir() { entries(dir)? } else { Vec::new() };
    Ok(all.into_iter().filter_map(|path| {
        let root = if path.is_dir() { path.join("main.rs") } else { path };
        (root.extension()? == "rs").then_some(root)
    }))
}

/// Where a file stands among the modules.
#[derive(Debug, Default)]
struct Place {
    module: Vec<String>,
    test_only: bool,
}

/// Reads the file at `path`, whose modules have their files in `home`, and the files below it.
fn follow(path: &Path, home: &Path, place: &Place, files: &mut Vec<Source>) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let File { mut items, modules } = File::parse(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    for item in &mut items {
        item.test_only |= place.test_only;
    }
    files.push(Source { module: place.module.clone(), items });
    for module in modules {
        let Some((name, outer)) = module.path.split_last() else { continue };
        let dir = outer.iter().fold(home.to_owned(), |dir, part| dir.join(part));
        let (file, home) = match &module.file {
            Some(file) => {
                let path = path.parent().unwrap_or(home).join(file);
                let home = path.parent().unwrap_or(home).to_owned();
                (path, home)
            }
            None if dir.join(name).with_extension("rs").is_file() => {
                (dir.join(name).with_extension("rs"), dir.join(name))
            }
            None => (dir.join(name).join("mod.rs"), dir.join(name)),
        };
        let inner = Place {
            module: place.module.iter().chain(&module.path).cloned().collect(),
            test_only: place.test_only || module.test_only,
        };
        follow(&file, &home, &inner, files)?;
    }
    Ok(())
}

/// Every JSON file below `dir`, with its strings.
fn data(dir: &Path) -> Result<BTreeMap<PathBuf, BTreeSet<String>>, String> {
    let mut all = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(folder) = open.pop().filter(|folder| folder.is_dir()) {
        for path in entries(&folder)? {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                let error = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
                let text = fs::read(&path).map_err(|e| error(&e))?;
                let mut strings = BTreeSet::new();
                collect(&serde_json::from_slice(&text).map_err(|e| error(&e))?, &mut strings);
                all.insert(path.strip_prefix(dir).unwrap_or(&path).to_owned(), strings);
            }
        }
    }
    Ok(all)
}

fn collect(value: &Value, strings: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            strings.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, strings)),
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            strings.insert(name.clone());
            collect(member, strings);
        }),
        _ => {}
    }
}

/// What is in a folder, in order.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let all = fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut all: Vec<PathBuf> = all.filter_map(|entry| Some(entry.ok()?.path())).collect();
    all.sort();
    Ok(all)
}

//! The packages of the workspace, as `cargo metadata` describes them.

use std::path::PathBuf;

use serde_json::Value;

use crate::process;

/// One package of the workspace.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Package {
    /// Its name.
    pub name: String,
    /// The folder of its manifest.
    pub dir: PathBuf,
    /// `package.metadata.aims.layer`, which every crate of the map has.
    pub layer: Option<u64>,
    /// Whether it has a library target.
    pub library: bool,
    /// Everything that Cargo says about it.
    pub metadata: Value,
}

impl Package {
    /// Whether it stands in `crates/`, and so in the README's map.
    #[must_use]
    pub fn is_crate(&self) -> bool {
        self.dir.parent().is_some_and(|parent| parent.ends_with("crates"))
    }

    /// Whether the registry may take it.
    #[must_use]
    pub fn is_published(&self) -> bool {
        self.metadata
            .get("publish")
            .is_none_or(|publish| publish.as_array().is_none_or(|list| !list.is_empty()))
    }
}

/// The members of the workspace, by name.
///
/// # Errors
///
/// When `cargo metadata` fails; the text says why.
pub fn all() -> Result<Vec<Package>, String> {
    let text = process::output(&mut process::cargo(&["metadata", "--no-deps", "--format-version", "1"]))?;
    let value: Value = serde_json::from_str(&text).map_err(|e| format!("cargo metadata: {e}"))?;
    let packages = value.get("packages").and_then(Value::as_array).ok_or("cargo metadata: no packages")?;
    let mut all = packages.iter().map(package).collect::<Result<Vec<_>, _>>()?;
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// The crates of the map that exist, by name.
///
/// # Errors
///
/// As for [`all`].
pub fn crates() -> Result<Vec<Package>, String> {
    Ok(all()?.into_iter().filter(Package::is_crate).collect())
}

/// The repository's root folder.
#[must_use]
pub fn root() -> PathBuf {
    process::root()
}

fn package(metadata: &Value) -> Result<Package, String> {
    let text = |name: &str| {
        metadata.get(name).and_then(Value::as_str).ok_or_else(|| format!("cargo metadata: no {name}"))
    };
    let manifest = PathBuf::from(text("manifest_path")?);
    let targets = metadata.get("targets").and_then(Value::as_array).into_iter().flatten();
    Ok(Package {
        name: text("name")?.to_owned(),
        dir: manifest.parent().map(PathBuf::from).unwrap_or_default(),
        layer: metadata.pointer("/metadata/aims/layer").and_then(Value::as_u64),
        library: targets
            .filter_map(|target| target.get("kind")?.as_array())
            .flatten()
            .any(|kind| kind == "lib"),
        metadata: metadata.clone(),
    })
}

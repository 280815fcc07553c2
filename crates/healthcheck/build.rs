//! Embeds the catalogue: every file of `catalog/`, with what is needed to find
//! one by a name without reading the others.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let catalog = manifest.join("../../catalog").canonicalize()?;
    println!("cargo::rerun-if-changed={}", catalog.display());
    let mut files = Vec::new();
    collect(&catalog, &mut files)?;
    files.sort();
    let mut table = String::from("&[\n");
    for file in files {
        let text = fs::read_to_string(&file)?;
        let definition: toml::Table =
            toml::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        let name = file.strip_prefix(&catalog)?.display().to_string();
        let service = definition.get("service").and_then(toml::Value::as_str).unwrap_or_default();
        let aliases = strings(definition.get("aliases"));
        let process = definition.get("process");
        let programs = strings(field(process, "name").or(process));
        let arguments = field(process, "arguments").and_then(toml::Value::as_str);
        let known_by = definition.get("known-by").and_then(toml::Value::as_str);
        let shared = definition.get("profile").and_then(toml::Value::as_str) == Some("shared");
        writeln!(
            table,
            "    Embedded {{ file: {:?}, service: {service:?}, aliases: &{aliases:?}, programs: &{programs:?}, arguments: {arguments:?}, known_by: {known_by:?}, shared: {shared}, text: include_str!({:?}) }},",
            format!("catalog/{name}"),
            file.display().to_string(),
        )?;
    }
    table.push(']');
    fs::write(Path::new(&env::var("OUT_DIR")?).join("catalog.rs"), table)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            println!("cargo::rerun-if-changed={}", path.display());
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    Ok(())
}

fn strings(value: Option<&toml::Value>) -> Vec<String> {
    match value {
        Some(toml::Value::String(one)) => vec![one.clone()],
        Some(toml::Value::Array(several)) => {
            several.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}

fn field<'v>(value: Option<&'v toml::Value>, key: &str) -> Option<&'v toml::Value> {
    value.and_then(toml::Value::as_table)?.get(key)
}

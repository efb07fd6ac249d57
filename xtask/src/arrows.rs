//! Which crate may depend on which, and where `unsafe` may be written: the rules that keep the
//! layers of ARCHITECTURE.md apart, checked against `cargo metadata`.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Every package of the workspace and the workspace packages it may depend on, for tests and
/// benches too. The façade, listed last, may use everything above it.
const ALLOWED: &[(&str, &[&str])] = &[
    ("sordino-kernels", &[]),
    ("sordino-graph", &["kernels"]),
    ("sordino-wire", &[]),
    ("sordino-store", &[]),
    ("sordino-secret", &["kernels", "wire"]),
    ("sordino-ot", &["secret", "wire", "kernels"]),
    ("sordino-he", &["secret", "wire", "kernels"]),
    ("sordino-garble", &["ot", "secret", "wire", "kernels"]),
    ("sordino-engine", &["graph", "ot", "he", "garble", "store", "secret", "wire", "kernels"]),
    ("sordino-rewrite", &["graph"]),
    ("sordino-plan", &["engine", "graph", "store"]),
    ("xtask", &[]),
    (
        "sordino",
        &[
            "plan", "rewrite", "engine", "garble", "store", "he", "ot", "secret", "wire", "graph",
            "kernels",
        ],
    ),
];

/// The one package whose code may be `unsafe`.
const UNSAFE: &str = "sordino-kernels";

pub(crate) fn run() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--no-deps", "--locked"])
        .output()
        .context("running cargo metadata")?;
    if !out.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&out.stderr).trim());
    }
    let metadata: Value = serde_json::from_slice(&out.stdout)?;
    let mut faults = forbidden_edges(&metadata, ALLOWED);
    for root in crate_roots(&metadata) {
        let text = std::fs::read_to_string(&root).with_context(|| format!("reading {root}"))?;
        if !text.lines().any(|line| line.trim() == "#![forbid(unsafe_code)]") {
            faults.push(format!("{root} lacks #![forbid(unsafe_code)]"));
        }
    }
    if !faults.is_empty() {
        bail!("the rules of the workspace are broken:\n  {}", faults.join("\n  "));
    }
    Ok(())
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Edges between workspace packages, of any kind, that the table does not list.
fn forbidden_edges(metadata: &Value, allowed: &[(&str, &[&str])]) -> Vec<String> {
    let table: BTreeMap<&str, &[&str]> = allowed.iter().copied().collect();
    let names: Vec<&str> = list(&metadata["packages"]).map(|p| text(p, "name")).collect();
    let mut faults = Vec::new();
    for package in list(&metadata["packages"]) {
        let from = text(package, "name");
        let Some(may) = table.get(from) else {
            faults.push(format!("{from} is not in the table of xtask/src/arrows.rs"));
            continue;
        };
        for dependency in list(&package["dependencies"]) {
            let to = text(dependency, "name");
            let short = to.strip_prefix("sordino-").unwrap_or(to);
            // A crate may turn on its own features for its tests.
            if names.contains(&to) && to != from && !may.contains(&short) {
                let kind = dependency["kind"].as_str().unwrap_or("normal");
                faults.push(format!("{from} -> {to} ({kind} dependency) is not allowed"));
            }
        }
    }
    faults
}

/// Source files that must forbid `unsafe`: library and binary roots outside the kernels.
fn crate_roots(metadata: &Value) -> Vec<String> {
    let mut roots = Vec::new();
    for package in list(&metadata["packages"]).filter(|p| text(p, "name") != UNSAFE) {
        for target in list(&package["targets"]) {
            let library = list(&target["kind"])
                .filter_map(Value::as_str)
                .any(|kind| matches!(kind, "lib" | "bin" | "rlib" | "cdylib" | "proc-macro"));
            let path = text(target, "src_path");
            if library && Path::new(path).extension().is_some_and(|e| e == "rs") {
                roots.push(path.to_owned());
            }
        }
    }
    roots
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn workspace(kind: Value) -> Value {
        json!({"packages": [
            {"name": "sordino-kernels", "dependencies": [{"name": "aes", "kind": null}],
             "targets": [{"kind": ["lib"], "src_path": "k/lib.rs"}]},
            {"name": "sordino-graph", "dependencies": [{"name": "sordino-kernels", "kind": kind}],
             "targets": [{"kind": ["lib"], "src_path": "g/lib.rs"},
                         {"kind": ["test"], "src_path": "g/tests/t.rs"}]},
        ]})
    }

    #[test]
    fn listed_edges_pass_and_others_do_not() {
        let edges = workspace(Value::Null);
        assert!(forbidden_edges(&edges, ALLOWED).is_empty());
        let strict: &[(&str, &[&str])] = &[("sordino-kernels", &[]), ("sordino-graph", &[])];
        assert_eq!(forbidden_edges(&edges, strict).len(), 1);
        assert_eq!(forbidden_edges(&workspace(json!("dev")), strict).len(), 1);
        let mut own = edges.clone();
        own["packages"][1]["dependencies"][0]["name"] = json!("sordino-graph");
        assert!(forbidden_edges(&own, strict).is_empty());
    }

    #[test]
    fn unknown_packages_are_reported() {
        let faults = forbidden_edges(&workspace(Value::Null), &[("sordino-kernels", &[])]);
        assert_eq!(faults.len(), 1);
        assert!(faults[0].contains("not in the table"));
    }

    #[test]
    fn only_libraries_outside_the_kernels_must_forbid_unsafe() {
        assert_eq!(crate_roots(&workspace(Value::Null)), ["g/lib.rs"]);
    }
}

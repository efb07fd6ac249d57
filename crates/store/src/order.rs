//! The order of operations that durability rests on.
#![allow(clippy::unwrap_used)]

use crate::fs::take_log;
use crate::{Id, Store};

/// What was done since the last call, with the ids and directories of this run cut out.
fn log(root: &std::path::Path, id: Id) -> Vec<String> {
    let (root, id) = (root.display().to_string(), id.to_string());
    let shorten = |line: String| {
        let line = line.replace(&root, ".").replace(&id, "ID");
        line.find("ID.").map_or(line.clone(), |at| line[..at + 2].to_owned())
    };
    take_log().into_iter().map(shorten).collect()
}

#[test]
fn a_name_follows_the_contents_and_reading_follows_the_tombstone() {
    let dir = tempfile::tempdir().unwrap();
    let (root, id) = (dir.path().join("store"), Id::random().unwrap());
    take_log();
    let store = Store::open(&root).unwrap();
    let set_up = log(&root, id);
    let last = [
        "sync .",
        "unlink ./version.new",
        "create ./version.new",
        "sync ./version.new",
        "rename ./version",
        "sync .",
    ];
    assert_eq!(set_up[set_up.len() - last.len()..], last);

    let mut writer = store.create(id, "test", [0; 32]).unwrap();
    writer.append(b"secret").unwrap();
    writer.commit().unwrap();
    let commit = ["create ./partial/ID", "sync ./partial/ID", "link ./ready/ID", "sync ./ready"];
    assert_eq!(log(&root, id)[..4], commit);

    let entry = store.claim(&id).unwrap();
    let claim = ["create ./spent/ID", "sync ./spent/ID", "sync ./spent", "unlink ./ready/ID"];
    assert_eq!(log(&root, id), claim);
    entry.finish().unwrap();
    assert_eq!(log(&root, id), ["sync ./ready"]);

    // What is on the disk already is opened without touching it.
    Store::open(&root).unwrap();
    assert_eq!(log(&root, id), [""; 0]);
}

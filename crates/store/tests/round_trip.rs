//! What is put into a store comes out once; what a store refuses.
#![allow(clippy::unwrap_used)]

mod common;

use common::{KIND, LABEL, Temp, put, read};
use proptest::prelude::*;
use sordino_store::{Error, Id, Store};
use std::os::unix::fs::PermissionsExt;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn chunks_come_back(sizes in prop::collection::vec(
        prop_oneof![0usize..40, 65_480usize..65_600, 0usize..300_000], 0..12,
    ), seed: u8) {
        let temp = Temp::new();
        let chunks: Vec<Vec<u8>> = sizes
            .iter()
            .map(|&size| (0..size).map(|i| (i * 31) as u8 ^ seed).collect())
            .collect();
        let id = put(&temp.store, &chunks);
        let info = temp.store.list().unwrap().remove(0);
        prop_assert_eq!(info.bytes, sizes.iter().sum::<usize>() as u64);
        prop_assert_eq!(read(temp.store.claim(&id).unwrap()), chunks);
    }
}

#[test]
fn an_entry_is_used_once() {
    let temp = Temp::new();
    let id = put(&temp.store, &[vec![1, 2, 3]]);
    let entry = temp.reopen().claim(&id).unwrap();
    assert_eq!((entry.info().id, entry.info().kind.as_str()), (id, KIND));
    assert_eq!((entry.info().label, entry.info().bytes), (LABEL, 3));
    assert!(!temp.ready(id).exists());
    for store in [&temp.store, &temp.reopen()] {
        assert!(matches!(store.claim(&id), Err(Error::Consumed(i)) if i == id));
        assert!(matches!(store.remove(&id), Err(Error::Consumed(_))));
        assert_eq!(store.list().unwrap(), []);
    }
    // Others' sweeps do not take what is being read.
    assert_eq!(read(entry), [[1, 2, 3]]);
    assert!(matches!(temp.store.claim(&id), Err(Error::Consumed(_))));
    let unknown = Id::random().unwrap();
    assert!(matches!(temp.store.claim(&unknown), Err(Error::Unknown(i)) if i == unknown));
    assert!(matches!(temp.store.remove(&unknown), Err(Error::Unknown(_))));
}

#[test]
fn removed_entries_stay_used() {
    let temp = Temp::new();
    let id = put(&temp.store, &[vec![0; 9]]);
    temp.store.remove(&id).unwrap();
    assert_eq!(temp.count("ready"), 0);
    assert!(matches!(temp.store.claim(&id), Err(Error::Consumed(_))));
    assert!(matches!(temp.store.create(id, KIND, LABEL), Err(Error::Exists(_))));
}

#[test]
fn the_oldest_of_its_kind_and_label_is_claimed() {
    let temp = Temp::new();
    let write = |kind, label| {
        let writer = temp.store.create(Id::random().unwrap(), kind, label).unwrap();
        writer.commit().unwrap().id
    };
    write("other", LABEL);
    write(KIND, [4; 32]);
    let age = |id, seconds| {
        let file = std::fs::File::options().write(true).open(temp.ready(id)).unwrap();
        let then = std::time::SystemTime::now() - std::time::Duration::from_secs(seconds);
        file.set_modified(then).unwrap();
    };
    let ids = [(); 3].map(|()| write(KIND, LABEL));
    age(ids[0], 50);
    age(ids[1], 90);
    age(ids[2], 70);
    let order: Vec<Id> = std::iter::from_fn(|| temp.store.claim_any(KIND, &LABEL).unwrap())
        .map(|entry| entry.info().id)
        .collect();
    assert_eq!(order, [ids[1], ids[2], ids[0]]);
    assert_eq!(temp.store.list().unwrap().len(), 2);
}

#[test]
fn an_uncommitted_entry_leaves_nothing() {
    let temp = Temp::new();
    let mut writer = temp.store.create(Id::random().unwrap(), KIND, LABEL).unwrap();
    writer.append(&[5; 100_000]).unwrap();
    assert_eq!(temp.count("partial"), 1);
    assert_eq!(temp.store.list().unwrap(), []);
    assert!(matches!(temp.store.claim(&writer.id()), Err(Error::Unknown(_))));
    drop(writer);
    assert_eq!(temp.count("partial") + temp.count("ready") + temp.count("spent"), 0);
}

#[test]
fn nobody_else_may_read() {
    let temp = Temp::new();
    let writer = temp.store.create(Id::random().unwrap(), KIND, LABEL).unwrap();
    let partial = std::fs::read_dir(temp.root().join("partial")).unwrap().next().unwrap();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(partial.unwrap().path()), 0o600);
    let id = writer.commit().unwrap().id;
    assert_eq!(mode(temp.ready(id)), 0o600);
    for dir in ["", "partial", "ready", "spent"] {
        assert_eq!(mode(temp.root().join(dir)), 0o700, "{dir}");
    }
    std::fs::set_permissions(temp.root(), PermissionsExt::from_mode(0o750)).unwrap();
    let error = refused(&temp.root());
    assert!(matches!(error, Error::NotAStore { .. }) && error.to_string().contains("chmod 700"));
}

fn refused(root: &std::path::Path) -> Error {
    Store::open(root).err().expect("this should be refused")
}

#[test]
fn only_stores_are_opened() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("a/b/c");
    Store::open(&root).unwrap();
    Store::open(&root).unwrap();

    let marker = root.join("version");
    let content = std::fs::read_to_string(&marker).unwrap();
    for other in [content.replace('1', "2"), String::new(), content.clone() + "x", "é".repeat(99)]
    {
        std::fs::write(&marker, other).unwrap();
        assert!(matches!(refused(&root), Error::Version { .. }));
    }
    // Without its marker it is taken for the leftovers of an interrupted creation, if empty.
    std::fs::remove_file(&marker).unwrap();
    std::fs::write(root.join("version.new"), "sord").unwrap();
    Store::open(&root).unwrap();
    assert_eq!(std::fs::read_to_string(&marker).unwrap(), content);
    put(&Store::open(&root).unwrap(), &[]);
    std::fs::remove_file(&marker).unwrap();
    assert!(matches!(refused(&root), Error::NotAStore { .. }));

    let photos = dir.path().join("photos");
    std::fs::create_dir(&photos).unwrap();
    std::fs::write(photos.join("cat.png"), "x").unwrap();
    assert!(refused(&photos).to_string().contains("cat.png"));
    assert!(matches!(refused(&photos.join("cat.png")), Error::Io { .. }));
}

#[test]
fn a_store_that_lost_its_tombstones_is_refused() {
    let temp = Temp::new();
    std::fs::remove_dir(temp.root().join("spent")).unwrap();
    let error = refused(&temp.root());
    assert!(matches!(error, Error::NotAStore { .. }) && error.to_string().contains("spent"));
}

#[test]
fn kinds_are_checked() {
    let temp = Temp::new();
    let create = |kind: &str| temp.store.create(Id::random().unwrap(), kind, LABEL);
    for good in ["a", "garbled-circuit-2", &"z".repeat(32)] {
        let id = create(good).unwrap().commit().unwrap().id;
        assert_eq!(temp.store.claim(&id).unwrap().info().kind, good);
    }
    for bad in ["", "A", "a b", "a/b", "é", &"z".repeat(33), "a\0"] {
        assert!(matches!(create(bad), Err(Error::Invalid(_))), "{bad:?}");
    }
    assert_eq!(temp.count("partial"), 0);
}

#[test]
fn foreign_files_are_left_alone() {
    let temp = Temp::new();
    std::fs::write(temp.root().join("ready/notes.txt"), "x").unwrap();
    let store = temp.reopen();
    assert_eq!(store.list().unwrap(), []);
    assert!(temp.root().join("ready/notes.txt").exists());
}

//! A disk without room, played by a limit on the size of files.
#![allow(clippy::unwrap_used)]

mod common;

use common::{KIND, LABEL, Temp, in_child, put, report};
use sordino_store::{Error, Id};
use std::process::Command;

#[test]
fn child_without_room() {
    let Some((store, mut reports)) = in_child() else { return };
    let mut writer = store.create(Id::random().unwrap(), KIND, LABEL).unwrap();
    let error = (0..100).find_map(|_| writer.append(&[1; 100_000]).err());
    let Some(error @ Error::Full { .. }) = error else { panic!("{error:?}") };
    assert!(error.to_string().contains("make room"), "{error}");
    assert!(matches!(writer.append(&[]), Err(Error::Invalid(_))));
    assert!(matches!(writer.commit(), Err(Error::Invalid(_))));
    report(&mut reports, put(&store, &[vec![1; 1000]]));
}

#[test]
fn a_full_disk_is_reported_and_leaves_nothing() {
    let temp = Temp::new();
    let reports = temp.dir.path().join("reports");
    // `ulimit -f` counts in units of 512 or 1024 bytes; the signal would end the child.
    let limited = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 500 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child_without_room", "--quiet"])
        .envs(common::child_env(&temp.root(), &reports))
        .stdout(std::process::Stdio::null())
        .status();
    let Ok(status) = limited else {
        println!("skipped: a limit on the size of files (no shell)");
        return;
    };
    assert!(status.success());
    assert_eq!(temp.count("partial"), 0);
    assert_eq!(temp.store.list().unwrap().len(), 1);
}

//! What several suites share: stores, entries whose contents follow from their id, children.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use sordino_store::{Entry, Id, Store};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

pub const KIND: &str = "test";
pub const LABEL: [u8; 32] = [3; 32];
pub const MAX: usize = 1 << 20;

/// A store in a directory that goes with it.
pub struct Temp {
    pub dir: tempfile::TempDir,
    pub store: Store,
}

impl Temp {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store")).unwrap();
        Self { dir, store }
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    pub fn ready(&self, id: Id) -> PathBuf {
        self.root().join("ready").join(id.to_string())
    }

    pub fn count(&self, part: &str) -> usize {
        std::fs::read_dir(self.root().join(part)).unwrap().count()
    }

    /// Another view of the same directory, as another process would have; sweeps.
    pub fn reopen(&self) -> Store {
        Store::open(&self.root()).unwrap()
    }
}

/// Chunks that follow from the id: up to five, some empty, some beyond the writer's buffer.
pub fn chunks(id: Id) -> Vec<Vec<u8>> {
    let bytes = id.to_bytes();
    let sizes = [0, 1, 16, 5000, 70_000, 200_000];
    (0..usize::from(bytes[0] % 6))
        .map(|i| {
            let mut chunk = vec![0; sizes[usize::from(bytes[i + 1]) % sizes.len()]];
            let mut hasher = blake3::Hasher::new();
            hasher.update(&bytes).update(&[i as u8]).finalize_xof().fill(&mut chunk);
            chunk
        })
        .collect()
}

pub fn put(store: &Store, chunks: &[Vec<u8>]) -> Id {
    let mut writer = store.create(Id::random().unwrap(), KIND, LABEL).unwrap();
    for chunk in chunks {
        writer.append(chunk).unwrap();
    }
    writer.commit().unwrap().id
}

/// Commits an entry with the [`chunks`] of its id.
pub fn put_known(store: &Store) -> Id {
    let id = Id::random().unwrap();
    let mut writer = store.create(id, KIND, LABEL).unwrap();
    for chunk in chunks(id) {
        writer.append(&chunk).unwrap();
    }
    assert_eq!(writer.commit().unwrap().id, id);
    id
}

pub fn read(mut entry: Entry) -> Vec<Vec<u8>> {
    let chunks = std::iter::from_fn(|| entry.next_chunk(MAX).unwrap()).collect();
    entry.finish().unwrap();
    chunks
}

const STORE: &str = "SORDINO_STORE_TEST_DIR";
const REPORT: &str = "SORDINO_STORE_TEST_REPORT";

/// This test binary again, running only the test `role`, which acts on the store. Reports go to a
/// file: what a process wrote there stays when it is killed.
pub fn child(role: &str, store: &Path, report: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", role, "--quiet"])
        .envs(child_env(store, report))
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

pub fn child_env<'a>(store: &'a Path, report: &'a Path) -> [(&'static str, &'a Path); 2] {
    [(STORE, store), (REPORT, report)]
}

/// In a child: the store and where to report. In an ordinary run of the suite: nothing.
pub fn in_child() -> Option<(Store, File)> {
    let (store, report) = (std::env::var_os(STORE)?, std::env::var_os(REPORT)?);
    let report = OpenOptions::new().append(true).create(true).open(report).unwrap();
    Some((Store::open(Path::new(&store)).unwrap(), report))
}

pub fn report(file: &mut File, id: Id) {
    file.write_all(format!("{id}\n").as_bytes()).unwrap();
}

/// Ids in whole lines of a report.
pub fn reported(report: &Path) -> Vec<Id> {
    let text = std::fs::read_to_string(report).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| line.parse().unwrap()).collect()
}

/// Milliseconds below `below`, from the operating system's randomness.
pub fn random_millis(below: u64) -> std::time::Duration {
    let bytes = Id::random().unwrap().to_bytes();
    let micros = u64::from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    std::time::Duration::from_micros(micros % (below * 1000))
}

/// Waits until a child has reported anything beyond the first `known` ids.
pub fn await_report(report: &Path, known: usize) {
    let give_up = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while reported(report).len() <= known {
        assert!(std::time::Instant::now() < give_up, "the child does nothing");
        std::thread::sleep(std::time::Duration::from_micros(200));
    }
}

//! Several claimants of the same entries: one wins, whoever they are.
#![allow(clippy::unwrap_used)]

mod common;

use common::{KIND, LABEL, Temp, child, chunks, in_child, put_known, read, report, reported};
use sordino_store::{Error, Id, Store};
use std::collections::HashSet;
use std::sync::Barrier;

#[test]
fn of_many_threads_one_claims() {
    let temp = Temp::new();
    for _ in 0..20 {
        let id = put_known(&temp.store);
        let start = Barrier::new(8);
        let claim = |store: &Store| {
            start.wait();
            match store.claim(&id) {
                Ok(entry) => read(entry) == chunks(id),
                Err(Error::Consumed(_)) => false,
                Err(error) => panic!("{error}"),
            }
        };
        let stores: Vec<Store> =
            (0..8).map(|i| if i % 2 == 0 { temp.store.clone() } else { temp.reopen() }).collect();
        let won: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = stores.iter().map(|s| scope.spawn(|| claim(s))).collect();
            threads.into_iter().map(|t| usize::from(t.join().unwrap())).sum()
        });
        assert_eq!(won, 1);
    }
}

#[test]
fn child_that_claims_all() {
    let Some((store, mut reports)) = in_child() else { return };
    while let Some(entry) = store.claim_any(KIND, &LABEL).unwrap() {
        let id = entry.info().id;
        assert_eq!(read(entry), chunks(id));
        report(&mut reports, id);
    }
}

#[test]
fn child_that_writes_some() {
    let Some((store, mut reports)) = in_child() else { return };
    (0..40).for_each(|_| report(&mut reports, put_known(&store)));
}

#[test]
fn processes_share_entries_without_overlap() {
    let temp = Temp::new();
    let prepared: HashSet<Id> = (0..100).map(|_| put_known(&temp.store)).collect();
    let reports = temp.dir.path().join("claimed");
    let mut claimants = [(); 4].map(|()| child("child_that_claims_all", &temp.root(), &reports));
    for claimant in &mut claimants {
        assert!(claimant.wait().unwrap().success());
    }
    let claimed = reported(&reports);
    assert_eq!(claimed.len(), 100);
    assert_eq!(claimed.into_iter().collect::<HashSet<Id>>(), prepared);
    assert_eq!(temp.count("ready"), 0);
    assert_eq!(temp.count("spent"), 100);
}

#[test]
fn opening_harms_no_living_writer() {
    let temp = Temp::new();
    let reports = temp.dir.path().join("written");
    let mut writers = [(); 3].map(|()| child("child_that_writes_some", &temp.root(), &reports));
    while writers.iter_mut().any(|writer| writer.try_wait().unwrap().is_none()) {
        temp.reopen();
    }
    for writer in &mut writers {
        assert!(writer.wait().unwrap().success());
    }
    let (written, listed) = (reported(&reports), temp.store.list().unwrap());
    assert_eq!(written.len(), 120);
    let listed: HashSet<Id> = listed.into_iter().map(|info| info.id).collect();
    assert_eq!(written.into_iter().collect::<HashSet<Id>>(), listed);
}

#[test]
fn a_store_is_set_up_once_by_many() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let root = dir.path().join(round.to_string());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| put_known(&Store::open(&root).unwrap()));
            }
        });
        assert_eq!(Store::open(&root).unwrap().list().unwrap().len(), 4);
    }
}

#[test]
fn of_two_writers_of_one_id_the_first_to_commit_wins() {
    let temp = Temp::new();
    let id = Id::random().unwrap();
    let write = |byte| {
        let mut writer = temp.store.create(id, KIND, LABEL).unwrap();
        writer.append(&[byte]).unwrap();
        writer
    };
    let (first, second, late) = (write(1), write(2), write(3));
    second.commit().unwrap();
    assert!(matches!(first.commit(), Err(Error::Exists(_))));
    assert_eq!(read(temp.store.claim(&id).unwrap()), [[2]]);
    // Its name is free again, its id is not.
    assert!(matches!(late.commit(), Err(Error::Exists(_))));
    assert!(matches!(temp.store.create(id, KIND, LABEL), Err(Error::Exists(_))));
    assert!(matches!(temp.store.claim(&id), Err(Error::Consumed(_))));
    assert_eq!(temp.count("ready") + temp.count("partial"), 0);
}

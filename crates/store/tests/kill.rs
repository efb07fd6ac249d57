//! Processes killed at random points: what was reported as committed is there, what was reported
//! as claimed never comes back.
#![allow(clippy::unwrap_used)]

mod common;

use common::{
    KIND, LABEL, Temp, await_report, child, chunks, in_child, put_known, random_millis, read,
    report,
};
use sordino_store::{Error, Id};
use std::collections::HashSet;

const KILLS: usize = 60;

#[test]
fn child_that_writes() {
    let Some((store, mut reports)) = in_child() else { return };
    loop {
        report(&mut reports, put_known(&store));
    }
}

#[test]
fn child_that_claims() {
    let Some((store, mut reports)) = in_child() else { return };
    while let Some(entry) = store.claim_any(KIND, &LABEL).unwrap() {
        let id = entry.info().id;
        report(&mut reports, id);
        assert_eq!(read(entry), chunks(id));
    }
}

#[test]
fn what_a_killed_writer_committed_is_there_and_nothing_half_written_is() {
    let temp = Temp::new();
    let living = temp.store.create(Id::random().unwrap(), KIND, LABEL).unwrap();
    let (living_id, mut checked) = (living.id(), HashSet::new());
    let reports = temp.dir.path().join("reports");
    for kill in 0..KILLS {
        let mut writer = child("child_that_writes", &temp.root(), &reports);
        // Half of the kills may come while the child starts.
        if kill % 2 == 0 {
            await_report(&reports, checked.len());
        }
        std::thread::sleep(random_millis(15));
        writer.kill().unwrap();
        writer.wait().unwrap();

        let store = temp.reopen();
        assert_eq!(temp.count("partial"), 1, "kill {kill}: only the living writer's file stays");
        assert_eq!(store.damaged().unwrap().len(), 0, "kill {kill}");
        let listed: HashSet<Id> = store.list().unwrap().into_iter().map(|info| info.id).collect();
        let new: Vec<Id> =
            common::reported(&reports).into_iter().filter(|id| checked.insert(*id)).collect();
        for id in &new {
            assert!(listed.contains(id), "kill {kill}: {id} was committed and is gone");
        }
        // Entries that the writer had no time to report are whole, too.
        for id in listed {
            assert_eq!(read(store.claim(&id).unwrap()), chunks(id), "kill {kill}");
        }
    }
    assert!(checked.len() >= KILLS / 2, "only {} entries in {KILLS} kills", checked.len());
    living.commit().unwrap();
    assert_eq!(read(temp.store.claim(&living_id).unwrap()), chunks(living_id)[..0]);
}

#[test]
fn what_a_killed_claimant_got_never_comes_back() {
    let temp = Temp::new();
    let reports = temp.dir.path().join("reports");
    let (mut prepared, mut claimed) = (HashSet::new(), HashSet::new());
    for kill in 0..KILLS {
        // A claimant killed before its report takes an entry that nobody counts.
        while temp.count("ready") < 8 {
            prepared.insert(put_known(&temp.store));
        }
        // Two claimants at once: the death of one must not give the other what it had.
        let mut claimants = [(); 2].map(|()| child("child_that_claims", &temp.root(), &reports));
        if kill % 2 == 0 {
            await_report(&reports, claimed.len());
        }
        for claimant in &mut claimants {
            std::thread::sleep(random_millis(8));
            claimant.kill().unwrap();
        }
        for claimant in &mut claimants {
            claimant.wait().unwrap();
        }

        let store = temp.reopen();
        let reported = common::reported(&reports);
        let unique: HashSet<Id> = reported.iter().copied().collect();
        assert_eq!(unique.len(), reported.len(), "kill {kill}: an entry was claimed twice");
        assert!(unique.is_subset(&prepared));
        for id in unique.difference(&claimed) {
            assert!(matches!(store.claim(id), Err(Error::Consumed(_))), "kill {kill}: {id}");
        }
        claimed = unique;
        let spent: HashSet<Id> = std::fs::read_dir(temp.root().join("spent"))
            .unwrap()
            .map(|e| e.unwrap().file_name().to_str().unwrap().parse().unwrap())
            .collect();
        assert!(claimed.is_subset(&spent));
        let listed: HashSet<Id> = store.list().unwrap().into_iter().map(|info| info.id).collect();
        assert!(listed.is_disjoint(&spent), "kill {kill}");
        assert_eq!(listed.len() + spent.len(), prepared.len(), "kill {kill}: an entry vanished");
        assert_eq!(temp.count("ready"), listed.len(), "kill {kill}: used material was left");
    }
    assert!(claimed.len() >= KILLS / 2, "only {} claims in {KILLS} kills", claimed.len());
    for info in temp.store.list().unwrap() {
        assert_eq!(read(temp.store.claim(&info.id).unwrap()), chunks(info.id));
    }
}

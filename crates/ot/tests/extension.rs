//! COT extension: the correlation, the exact cost, and how numbers of COTs are cut.
#![allow(clippy::unwrap_used)]

mod common;

use common::{run, supply};
use sordino_ot::{CotReceiver, CotSender, Error, Supply, ring_cot};
use sordino_secret::Bits;
use sordino_wire::Role;

#[test]
fn every_field_size_and_length_is_correlated_and_costs_what_was_said() {
    let sizes = [0, 1, 127, 128, 129, 1000, 16_383, 16_384, 16_385, 40_000, 0, 1];
    for k in 1..=8 {
        for sender in [Role::Client, Role::Server] {
            let mut ones = 0;
            for ((s, r), n) in supply(Supply::SoftSpoken { k }, sender, &sizes).iter().zip(sizes) {
                assert_eq!((s.len(), r.len()), (n, n));
                ones += check(s, r);
            }
            let total: usize = sizes.iter().sum();
            assert!(ones.abs_diff(total / 2) < 1300, "{ones} of {total} choices are 1");
        }
    }
}

#[test]
fn ferret_is_correlated_and_costs_what_was_said() {
    // Small totals on SoftSpoken, the first iteration, growing ones, leftovers, nothing.
    let sizes = [0, 1, 1000, 64_000, 600, 129, 0, 300_000, 200_000, 2_500_000, 10_000, 1_000_000];
    for sender in [Role::Client, Role::Server] {
        let mut ones = 0;
        for ((s, r), n) in supply(Supply::Ferret, sender, &sizes).iter().zip(sizes) {
            assert_eq!((s.len(), r.len()), (n, n));
            ones += check(s, r);
        }
        let total: usize = sizes.iter().sum();
        assert!(ones.abs_diff(total / 2) < 7000, "{ones} of {total} choices are 1");
    }
}

/// Checks the correlation and counts the ones among the choices.
fn check(s: &sordino_ot::SenderCots, r: &sordino_ot::ReceiverCots) -> usize {
    sordino_ot::ideal::check(s, r).unwrap()
}

#[test]
fn taken_cots_stay_matched() {
    let cots = supply(Supply::SoftSpoken { k: 2 }, Role::Server, &[1000]);
    let (mut s, mut r) = cots.into_iter().next().unwrap();
    for n in [0, 1, 500, 499] {
        let (s, r) = (s.take(n).unwrap(), r.take(n).unwrap());
        check(&s, &r);
        let ones = Bits::from_words(vec![u64::MAX; n.div_ceil(64)], n);
        let ((got, _), (sent, _)) = run(
            |lane| {
                let pads = ring_cot::ReceiverPads::derive(r, 16).unwrap();
                let batch = ring_cot::Choices { pads, choice: &ones };
                ring_cot::run(lane, Vec::new(), vec![batch]).unwrap()[1].remove(0)
            },
            |lane| {
                let pads = ring_cot::SenderPads::derive(s, 16).unwrap();
                let batch = ring_cot::Corrections { pads, corr: &vec![5; n] };
                ring_cot::run(lane, vec![batch], Vec::new()).unwrap()[0].remove(0)
            },
        );
        for (x, y) in got.iter().zip(&sent) {
            assert_eq!((x + y) & 0xffff, 5);
        }
    }
    assert!(matches!(s.take(1), Err(Error::Length { .. })));
    assert!(matches!(r.take(1), Err(Error::Length { .. })));
}

#[test]
fn unsupported_fields_are_refused() {
    for k in [0, 9] {
        let supply = Supply::SoftSpoken { k };
        let ((a, _), (b, _)) = run(
            |lane| CotSender::setup(lane, &mut common::rng(1), supply).map(drop),
            |lane| CotReceiver::setup(lane, &mut common::rng(1), supply).map(drop),
        );
        assert!(matches!(a, Err(Error::Parameter { .. })));
        assert!(matches!(b, Err(Error::Parameter { .. })));
    }
}

#[test]
fn parties_that_disagree_get_errors() {
    let ((a, _), (b, _)) = run(
        |lane| {
            let mut r = CotReceiver::setup(lane, &mut common::rng(1), Supply::SoftSpoken { k: 2 })?;
            r.extend(lane, 1000).map(drop)
        },
        |lane| {
            let mut s = CotSender::setup(lane, &mut common::rng(2), Supply::SoftSpoken { k: 4 })?;
            s.extend(lane, 1000).map(drop)
        },
    );
    assert!(a.is_ok() && matches!(b, Err(Error::Wire(_))));
}

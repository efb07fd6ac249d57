//! A party that misbehaves: the other one gets an error, never hangs and never panics.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{rng, run};
use sordino_ot::{CotReceiver, CotSender, Error, Supply, one_of_n, ring_cot};
use sordino_secret::Bits;
use sordino_wire::{Fault, Lane, Limits};

const SUPPLY: Supply = Supply::SoftSpoken { k: 4 };
/// So many that the two extensions have corrections of different lengths: exchanging equal ones would
/// go unnoticed.
const COTS: usize = 130;

/// Runs a party that gives up waiting soon: some faults consist in silence.
fn impatient(
    party: impl Fn(&mut Lane) -> Result<(), Error>,
) -> impl Fn(&mut Lane) -> Result<(), Error> {
    move |lane| {
        lane.set_limits(Limits { idle: Some(Duration::from_millis(400)), ..Limits::default() });
        party(lane)
    }
}

/// The COT receiver: sends base key, tree sums, corrections, ring choices, 1-of-N choices.
fn client(lane: &mut Lane) -> Result<(), Error> {
    let mut cots = CotReceiver::setup(lane, &mut rng(1), SUPPLY)?;
    let (ring, choice) = (cots.extend(lane, COTS)?, cots.extend(lane, 3 * COTS)?);
    let (pads, choices) = (ring_cot::ReceiverPads::derive(ring, 9)?, Bits::zero(COTS));
    let batch = ring_cot::Choices { pads, choice: &choices };
    ring_cot::run(lane, Vec::new(), vec![batch])?;
    let pads = one_of_n::ReceiverPads::derive(choice, 3, 2)?;
    let batch = one_of_n::Choices { pads, choices: &[5; COTS] };
    one_of_n::recv(lane, vec![batch])?;
    Ok(())
}

/// The COT sender: sends base points, ring corrections, 1-of-N tables.
fn server(lane: &mut Lane) -> Result<(), Error> {
    let mut cots = CotSender::setup(lane, &mut rng(2), SUPPLY)?;
    let (ring, table) = (cots.extend(lane, COTS)?, cots.extend(lane, 3 * COTS)?);
    let pads = ring_cot::SenderPads::derive(ring, 9)?;
    ring_cot::run(lane, vec![ring_cot::Corrections { pads, corr: &[7; COTS] }], Vec::new())?;
    let pads = one_of_n::SenderPads::derive(table, 3, 2)?;
    let batch = one_of_n::Tables { pads, words: &[1; COTS] };
    one_of_n::send(lane, vec![batch])?;
    lane.flush()?;
    Ok(())
}

/// A semi-honest protocol notices neither a flipped payload nor, at the end, a message too many; nor
/// that messages were exchanged where the later one never came or looks the same.
fn must_fail(fault: Fault) -> bool {
    !matches!(fault, Fault::Flip { .. } | Fault::Repeat | Fault::Reorder)
}

#[test]
fn honest_parties_finish() {
    let ((a, _), (b, _)) = run(client, server);
    a.unwrap();
    b.unwrap();
}

#[test]
fn a_faulty_server_gives_the_client_an_error() {
    std::thread::scope(|s| {
        for (fault, before) in Fault::ALL.into_iter().flat_map(|f| (0..3).map(move |n| (f, n))) {
            s.spawn(move || {
                let faulty = |lane: &mut Lane| {
                    lane.inject(before, fault);
                    impatient(server)(lane).is_ok()
                };
                let ((got, _), _) = run(impatient(client), faulty);
                assert!(got.is_err() || !must_fail(fault), "{fault:?} in message {before}");
            });
        }
    });
}

#[test]
fn a_faulty_client_gives_the_server_an_error() {
    std::thread::scope(|s| {
        for (fault, before) in Fault::ALL.into_iter().flat_map(|f| (0..6).map(move |n| (f, n))) {
            s.spawn(move || {
                let faulty = |lane: &mut Lane| {
                    lane.inject(before, fault);
                    impatient(client)(lane).is_ok()
                };
                let (_, (got, _)) = run(faulty, impatient(server));
                assert!(got.is_err() || !must_fail(fault), "{fault:?} in message {before}");
            });
        }
    });
}

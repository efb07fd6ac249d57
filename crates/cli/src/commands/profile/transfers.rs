//! Transfers, and what they are hashed to.

use super::runs::{Amounts, Parts, Runs, amounts, both};
use anyhow::Result;
use sordino_engine::work::Unit;
use sordino_ot::cost::Costs;
use sordino_ot::one_of_n::{ReceiverPads, SenderPads};
use sordino_ot::{CotReceiver, CotSender, ReceiverCots, SenderCots, Supply, ring_cot, triple};
use sordino_secret::SecretRng;
use sordino_wire::{Meter, Role};

/// Every supply, and how many transfers to make.
const SUPPLIES: [(Supply, [Unit; 2], usize); 5] = [
    (Supply::SoftSpoken { k: 1 }, [Unit::SoftSpoken1Sent, Unit::SoftSpoken1Received], 1 << 21),
    (Supply::SoftSpoken { k: 2 }, [Unit::SoftSpoken2Sent, Unit::SoftSpoken2Received], 1 << 21),
    (Supply::SoftSpoken { k: 4 }, [Unit::SoftSpoken4Sent, Unit::SoftSpoken4Received], 1 << 21),
    (Supply::SoftSpoken { k: 8 }, [Unit::SoftSpoken8Sent, Unit::SoftSpoken8Received], 1 << 19),
    (Supply::Ferret, [Unit::FerretSent, Unit::FerretReceived], 1 << 22),
];
/// Runs of this file.
pub(super) const RUNS: u64 = 1 + SUPPLIES.len() as u64 + 5;
/// Of one draw, as a network's layers take them.
const DRAW: usize = 1 << 18;

pub(super) fn measure(runs: &mut Runs) -> Result<()> {
    runs.measure("base transfers", base)?;
    for (supply, units, n) in SUPPLIES {
        let n = runs.scaled(n);
        runs.measure(&format!("transfers of {supply:?}"), || make(supply, units, n))?;
    }
    let n = runs.scaled(1 << 21);
    for radix in [3, 4] {
        let name = format!("tables of {} entries", 1 << radix);
        runs.measure(&name, || {
            let n = n / radix as usize * radix as usize;
            let hashed = [n / radix as usize * (1 << radix), n];
            hash(
                n,
                [(Unit::TablePadSent, hashed[0]), (Unit::TablePadReceived, hashed[1])],
                |cots| SenderPads::derive(cots, radix, 2).map(drop),
                |cots| ReceiverPads::derive(cots, radix, 2).map(drop),
            )
        })?;
    }
    for bits in [7, 20] {
        runs.measure(&format!("ring products of {bits} bits"), || {
            hash(
                n,
                [(Unit::RingPadSent, n), (Unit::RingPadReceived, n)],
                |cots| ring_cot::SenderPads::derive(cots, bits).map(drop),
                |cots| ring_cot::ReceiverPads::derive(cots, bits).map(drop),
            )
        })?;
    }
    runs.measure("triples", || triples(n))
}

/// In both directions, as a session has them; the client's and the server's part.
fn base() -> Result<Parts> {
    let supply = Supply::SoftSpoken { k: 2 };
    let ((_, client), (_, server)) = both(
        |mut lane| {
            let mut rng = SecretRng::from_os()?;
            CotReceiver::setup(&mut lane, &mut rng, supply)?;
            CotSender::setup(&mut lane, &mut rng, supply)?;
            Ok(())
        },
        |mut lane| {
            let mut rng = SecretRng::from_os()?;
            CotSender::setup(&mut lane, &mut rng, supply)?;
            CotReceiver::setup(&mut lane, &mut rng, supply)?;
            Ok(())
        },
    )?;
    let one = || amounts([(Unit::Base, 1)]);
    Ok(vec![("client".into(), one(), client), ("server".into(), one(), server)])
}

/// What making so many takes the sender and the receiver.
fn made(supply: Supply, units: [Unit; 2], n: usize) -> [Amounts; 2] {
    let mut meter = Meter::new(Role::Client);
    let mut costs = Costs::setup(&mut meter, supply, Role::Server);
    for from in (0..n).step_by(DRAW) {
        costs.extend(&mut meter, DRAW.min(n - from));
    }
    let computed = costs.computed();
    let softspoken = match supply {
        Supply::Ferret => [Unit::SoftSpoken8Sent, Unit::SoftSpoken8Received],
        Supply::SoftSpoken { .. } => units,
    };
    [0, 1].map(|party| {
        amounts([
            (softspoken[party], computed.softspoken as usize),
            (units[party], computed.iterated as usize),
        ])
    })
}

fn make(supply: Supply, units: [Unit; 2], n: usize) -> Result<Parts> {
    let draws = || (0..n).step_by(DRAW).map(|from| DRAW.min(n - from));
    // Set up before, so that only the making is timed.
    let (lane, peer) = sordino_wire::memory_pair();
    let ((mut receiver, mut lane), (mut sender, mut peer)) = std::thread::scope(|scope| {
        let sender = scope.spawn(move || -> Result<_> {
            let mut peer = peer;
            let mut rng = SecretRng::from_os()?;
            Ok((CotSender::setup(&mut peer, &mut rng, supply)?, peer))
        });
        let mut lane = lane;
        let mut rng = SecretRng::from_os()?;
        let receiver = CotReceiver::setup(&mut lane, &mut rng, supply)?;
        let sender = sender.join().map_err(|_| anyhow::anyhow!("a measured party failed"))?;
        anyhow::Ok(((receiver, lane), sender?))
    })?;
    let ((_, received), (_, sent)) = super::runs::on_lanes(
        || draws().try_for_each(|n| receiver.extend(&mut lane, n).map(drop).map_err(Into::into)),
        || draws().try_for_each(|n| sender.extend(&mut peer, n).map(drop).map_err(Into::into)),
    )?;
    let [sender, receiver] = made(supply, units, n);
    Ok(vec![("sender".into(), sender, sent), ("receiver".into(), receiver, received)])
}

/// Both halves of so many transfers in each direction.
pub(super) type Halves = (Vec<SenderCots>, Vec<ReceiverCots>);

/// Of the party that sends first, and of the other.
pub(super) fn cots(n: usize, directions: usize) -> Result<(Halves, Halves)> {
    let supply = Supply::SoftSpoken { k: 2 };
    let half = move |mut lane: sordino_wire::Lane, first: bool| -> Result<Halves> {
        let mut rng = SecretRng::from_os()?;
        let (mut sent, mut received) = (Vec::new(), Vec::new());
        for direction in 0..directions {
            if (direction == 0) == first {
                let mut sender = CotSender::setup(&mut lane, &mut rng, supply)?;
                sent.push(sender.extend(&mut lane, n)?);
            } else {
                let mut receiver = CotReceiver::setup(&mut lane, &mut rng, supply)?;
                received.push(receiver.extend(&mut lane, n)?);
            }
        }
        Ok((sent, received))
    };
    let ((second, _), (first, _)) = both(|lane| half(lane, false), |lane| half(lane, true))?;
    Ok((first, second))
}

fn hash(
    n: usize,
    units: [(Unit, usize); 2],
    send: impl Fn(SenderCots) -> Result<(), sordino_ot::Error> + Send,
    receive: impl Fn(ReceiverCots) -> Result<(), sordino_ot::Error> + Send,
) -> Result<Parts> {
    let ((sent, _), (_, received)) = cots(n, 1)?;
    let each = || sent.into_iter().try_for_each(send).map_err(Into::into);
    let ((), sender) = super::clock::alone(each)?;
    let each = || received.into_iter().try_for_each(receive).map_err(Into::into);
    let ((), receiver) = super::clock::alone(each)?;
    let [of_sender, of_receiver] = units.map(|unit| amounts([unit]));
    Ok(vec![("sender".into(), of_sender, sender), ("receiver".into(), of_receiver, receiver)])
}

fn triples(n: usize) -> Result<Parts> {
    let ((sent, received), _) = cots(n, 2)?;
    let run = || -> Result<()> {
        for (sent, received) in sent.into_iter().zip(received) {
            triple::generate(sent, received, 2)?;
        }
        Ok(())
    };
    let ((), seconds) = super::clock::alone(run)?;
    Ok(vec![("either party".into(), amounts([(Unit::TriplePad, n)]), seconds)])
}

//! What the forbidden programs do, done right: shows that they fail for the stated reason only.
use sordino_engine::garbled::Circuit;
use sordino_garble::{Decoder, Labels, Prime, Secret};
use sordino_secret::{Client, Disclosure, Ledger, Ring, Share};
use sordino_wire::{Garbled, Kind, Lane, Public};

fn main() {
    let share = Share::<Client>::zero(4, Ring::new(8));
    let _ = share.add(&share);
    let _ = |lane: &mut Lane| lane.send(Kind::new(1, "public"), Public::new(&[1, 2, 3]));
    let _ = |lane: &mut Lane, share: Share<Client>| {
        share.open(lane, Disclosure::Logits, &mut Ledger::default())
    };
    let _ = |circuit: &Circuit, secret: Secret| circuit.encode(secret, &[1]).map(drop);
    let _ = |decoder: Decoder, labels: &[Labels]| decoder.decode(labels);
    let _ = |lane: &mut Lane, active: Labels| {
        lane.send(Kind::new(1, "labels"), Garbled::pod(&active.pack()))
    };
    let _ = Prime::new(127);
}

//! Correlated transfers are used once.
use sordino_ot::{SenderCots, ring_cot};
use sordino_wire::Lane;

fn twice(lane: &mut Lane, cots: SenderCots) {
    let _ = ring_cot::send(lane, cots, &[1], 8);
    let _ = ring_cot::send(lane, cots, &[2], 8);
}

fn main() {}

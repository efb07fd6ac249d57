//! Correlated transfers are used once.
use sordino_ot::{SenderCots, ring_cot};

fn twice(cots: SenderCots) {
    let _ = ring_cot::SenderPads::derive(cots, 8);
    let _ = ring_cot::SenderPads::derive(cots, 8);
}

fn main() {}

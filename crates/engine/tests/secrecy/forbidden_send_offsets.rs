//! Offsets cannot be sent.
use sordino_garble::Offsets;
use sordino_wire::{Kind, Lane};

fn send(lane: &mut Lane, offsets: Offsets) {
    let _ = lane.send(Kind::new(1, "offsets"), offsets);
}

fn main() {}

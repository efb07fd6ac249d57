//! Labels cannot be sent: zero labels look like active ones.
use sordino_garble::Labels;
use sordino_wire::{Kind, Lane};

fn send(lane: &mut Lane, labels: Labels) {
    let _ = lane.send(Kind::new(1, "labels"), labels);
}

fn main() {}

//! A share cannot be sent.
use sordino_secret::{Client, Ring, Share};
use sordino_wire::{Kind, Lane};

fn main() {
    let share = Share::<Client>::zero(4, Ring::new(8));
    let _ = |lane: &mut Lane| lane.send(Kind::new(1, "share"), share);
}

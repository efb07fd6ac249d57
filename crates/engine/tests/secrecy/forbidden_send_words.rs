//! Plain words cannot be sent without saying why the peer may see them.
use sordino_wire::{Kind, Lane};

fn main() {
    let words = vec![1u8, 2, 3];
    let _ = |lane: &mut Lane| lane.send(Kind::new(1, "words"), words.as_slice());
}

//! Output labels are judged once: a second answer to the same circuit would be a second guess.
use sordino_garble::{Decoder, Labels};

fn twice(decoder: Decoder, first: &[Labels], second: &[Labels]) {
    let _ = decoder.decode(first);
    let _ = decoder.decode(second);
}

fn main() {}

//! Correlated transfers have no copies.
use sordino_ot::ReceiverCots;

fn copy(cots: &ReceiverCots) -> ReceiverCots {
    cots.clone()
}

fn main() {}

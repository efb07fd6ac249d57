//! Shares cannot be compared: a branch on a share is a leak.
use sordino_secret::{Client, Ring, Share};

fn main() {
    let (a, b) = (Share::<Client>::zero(4, Ring::new(8)), Share::<Client>::zero(4, Ring::new(8)));
    let _ = a == b;
}

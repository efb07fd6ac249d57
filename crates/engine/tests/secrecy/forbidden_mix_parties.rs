//! Shares of two parties do not add.
use sordino_secret::{Client, Ring, Server, Share};

fn main() {
    let client = Share::<Client>::zero(4, Ring::new(8));
    let server = Share::<Server>::zero(4, Ring::new(8));
    let _ = client.add(&server);
}

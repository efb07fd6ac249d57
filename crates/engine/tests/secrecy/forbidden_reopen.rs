//! Opening consumes the share.
use sordino_secret::{Client, Disclosure, Ledger, Share};
use sordino_wire::Lane;

fn twice(lane: &mut Lane, share: Share<Client>, ledger: &mut Ledger) {
    let _ = share.open(lane, Disclosure::Logits, ledger);
    let _ = share.open(lane, Disclosure::Logits, ledger);
}

fn main() {}

//! What parts of a step take to compute.

use super::stock::Part;
use crate::work::{Passing, Unit, WorkLog};
use sordino_ot::Supply;
use sordino_ot::cost::Computed;
use sordino_wire::Role;

/// Units of the sender and of the receiver of transfers of SoftSpoken with this k.
fn softspoken(k: u32) -> [Unit; 2] {
    match k {
        1 => [Unit::SoftSpoken1Sent, Unit::SoftSpoken1Received],
        2 => [Unit::SoftSpoken2Sent, Unit::SoftSpoken2Received],
        4 => [Unit::SoftSpoken4Sent, Unit::SoftSpoken4Received],
        _ => [Unit::SoftSpoken8Sent, Unit::SoftSpoken8Received],
    }
}

/// Transfers that are made from this source with this sender.
pub(super) fn make(work: &mut WorkLog, (supply, sender): (Supply, Role), made: Computed) {
    let k = match supply {
        Supply::SoftSpoken { k } => k,
        // What Ferret starts from.
        Supply::Ferret => 8,
    };
    let both = [
        (softspoken(k), made.softspoken),
        ([Unit::FerretSent, Unit::FerretReceived], made.iterated),
    ];
    for ([sent, received], n) in both {
        work.add(sender, sent, n as usize);
        work.add(sender.peer(), received, n as usize);
    }
}

/// What a step's correlations take: as they are stored, and what is hashed and compared. The client has half of the server's.
pub(super) fn held(work: &mut WorkLog, parts: &[Part]) {
    let bytes: usize = parts.iter().map(|part| part.bytes()).sum();
    let compared = |part: &Part| if let Part::Tables { n, .. } = part { 32 * n } else { 0 };
    let server = bytes + parts.iter().map(compared).sum::<usize>();
    work.held.pass(Role::Server, Passing::Step, server);
    work.held.pass(Role::Client, Passing::Step, server / 2);
}

impl Part {
    /// The hashing of transfers to this part.
    pub(super) fn hashing(self, work: &mut WorkLog) {
        match self {
            Self::Tables { n, radix, .. } => {
                work.add(Role::Server, Unit::TablePadSent, n << radix);
                work.add(Role::Client, Unit::TablePadReceived, n * radix as usize);
            }
            Self::Triples { n, .. } => {
                work.add_both(Unit::TriplePad, n);
            }
            Self::Ring { sender, n, .. } => {
                work.add(sender, Unit::RingPadSent, n);
                work.add(sender.peer(), Unit::RingPadReceived, n);
            }
            Self::Raw { .. } => {}
        }
    }

    /// The use of this part.
    pub(super) fn using(self, work: &mut WorkLog) {
        match self {
            Self::Tables { n, .. } => {
                work.add(Role::Server, Unit::TableSent, n);
                work.add(Role::Client, Unit::TableReceived, n);
            }
            Self::Triples { n, .. } => {
                work.add_both(Unit::TripleUsed, n);
            }
            Self::Ring { sender, n, .. } => {
                work.add(sender, Unit::RingSent, n);
                work.add(sender.peer(), Unit::RingReceived, n);
            }
            Self::Raw { .. } => {}
        }
    }
}

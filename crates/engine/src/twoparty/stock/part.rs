use crate::twoparty::Needs;
use sordino_ot::{one_of_n, ring_cot, triple::BitTriples};
use sordino_secret::Party;
use sordino_wire::Role;

/// Correlated randomness of one kind for `n` elements; a step is a list of these, in the order in
/// which it uses them up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Random 1-of-2^radix transfers of `msg_bits` bits with the server as sender.
    Tables { n: usize, radix: u32, msg_bits: u32 },
    /// Vector triples.
    Triples { n: usize, width: u32 },
    /// Products of a bit and a ring element with this sender.
    Ring { sender: Role, n: usize, bits: u32 },
    /// Transfers as they are, with the server as sender.
    Raw { n: usize },
}

impl Part {
    /// Elements.
    pub(crate) fn len(self) -> usize {
        let (Self::Tables { n, .. }
        | Self::Triples { n, .. }
        | Self::Ring { n, .. }
        | Self::Raw { n }) = self;
        n
    }

    /// The same for `m` elements.
    pub(crate) fn of(mut self, m: usize) -> Self {
        let (Self::Tables { n, .. }
        | Self::Triples { n, .. }
        | Self::Ring { n, .. }
        | Self::Raw { n }) = &mut self;
        *n = m;
        self
    }

    /// Correlated transfers that it is made from.
    pub(crate) fn needs(self) -> Needs {
        match self {
            Self::Tables { n, radix, .. } => Needs::server(one_of_n::cots_needed(n, radix)),
            Self::Triples { n, .. } => Needs::both(n),
            Self::Ring { sender: Role::Server, n, .. } | Self::Raw { n } => Needs::server(n),
            Self::Ring { sender: Role::Client, n, .. } => {
                Needs { server_sends: 0, client_sends: n }
            }
        }
    }

    /// Bytes that this party stores; transfers as they are cannot be stored.
    pub(crate) fn stored<P: Party>(self) -> usize {
        match self {
            Self::Tables { n, radix, msg_bits } => match P::ROLE {
                Role::Server => one_of_n::SenderPads::stored_len(n, radix, msg_bits),
                Role::Client => one_of_n::ReceiverPads::stored_len(n, radix, msg_bits),
            },
            Self::Triples { n, width } => BitTriples::stored_len(n, width),
            Self::Ring { sender, n, bits } if sender == P::ROLE => {
                ring_cot::SenderPads::stored_len(n, bits)
            }
            Self::Ring { n, bits, .. } => ring_cot::ReceiverPads::stored_len(n, bits),
            Self::Raw { .. } => 0,
        }
    }

    /// Bytes of memory that the party who holds more of it holds, about.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Tables { n, radix, msg_bits } => {
                one_of_n::SenderPads::stored_len(n, radix, msg_bits)
            }
            Self::Triples { n, width } => BitTriples::stored_len(n, width),
            Self::Ring { n, .. } => ring_cot::SenderPads::stored_len(n, 64),
            Self::Raw { n } => 16 * n,
        }
    }
}

/// Transfers that one draw makes at most, 16 bytes each until they are hashed. In one direction the client only sends or
/// only waits, so small draws cost no rounds and stay in cache; in both each draw is a round.
const DRAW: [usize; 2] = [1 << 19, 4 << 20];

/// Chunks of parts are multiples of this many elements, so that they join at whole words.
const GRAIN: usize = 64;

/// Which parts each draw of transfers is for: whole parts or chunks of them, with their numbers.
/// Both parties draw the same, and memory is bounded however large a step is.
pub(crate) fn draws(parts: &[Part]) -> Vec<Vec<(usize, Part)>> {
    let mut draws: Vec<Vec<(usize, Part)>> = Vec::new();
    let (mut room, mut last) = (0, None);
    for (i, part) in parts.iter().enumerate() {
        let each = part.of(1).needs();
        let both = each.server_sends > 0 && each.client_sends > 0;
        let (directions, each) = (usize::from(both), each.total());
        // What is drawn in both directions takes what is drawn in one along, but not the other way.
        if last != Some(directions) && !(last == Some(1) && part.len() * each <= room) {
            room = 0;
            last = Some(directions);
        }
        let mut left = part.len();
        while left > 0 {
            let fits = room / each / GRAIN * GRAIN;
            if fits == 0 && left * each > room {
                draws.push(Vec::new());
                room = DRAW[directions];
                continue;
            }
            let n = if left * each <= room { left } else { fits };
            if let Some(draw) = draws.last_mut() {
                draw.push((i, part.of(n)));
            }
            room -= n * each;
            left -= n;
        }
    }
    draws
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part() -> impl Strategy<Value = Part> {
        let n = prop_oneof![0usize..100, 0usize..3_000_000];
        (0..4, n, 1u32..5).prop_map(|(kind, n, radix)| match kind {
            0 => Part::Tables { n, radix, msg_bits: 2 },
            1 => Part::Triples { n, width: radix },
            2 => Part::Ring { sender: Role::Client, n, bits: 20 },
            _ => Part::Raw { n },
        })
    }

    proptest! {
        #[test]
        fn draws_cover_every_part_in_order(parts in prop::collection::vec(part(), 0..6)) {
            let draws = draws(&parts);
            let mut seen = vec![0; parts.len()];
            let mut last = 0;
            for draw in &draws {
                prop_assert!(!draw.is_empty());
                prop_assert!(draw.iter().map(|(_, p)| p.needs().total()).sum::<usize>() <= DRAW[1]);
                for (i, chunk) in draw {
                    prop_assert!(*i >= last && seen[*i] % GRAIN == 0);
                    prop_assert_eq!(chunk.of(0), parts[*i].of(0));
                    last = *i;
                    seen[*i] += chunk.len();
                }
            }
            prop_assert_eq!(seen, parts.iter().map(|p| p.len()).collect::<Vec<_>>());
        }
    }
}

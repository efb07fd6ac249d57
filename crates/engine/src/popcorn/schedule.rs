//! In what order the parties talk about the tiles of an exchange.

/// A step of the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// It asks a round's question about a tile.
    Ask { tile: usize, round: usize },
    /// It reads the answer.
    Read { tile: usize, round: usize },
}

/// What the server does, in order: it asks about the next tile before it reads the answer about this one, in every round, so
/// that both parties compute at the same time. The client answers questions in the order in which they are asked.
pub(super) fn schedule(tiles: usize, rounds: usize) -> impl Iterator<Item = Event> {
    // In every tick a tile is asked about for the first time, the one before it for the second, and so on.
    let stages = (0..tiles + rounds).flat_map(move |tick| {
        (0..=rounds).filter_map(move |stage| {
            let tile = tick.checked_sub(stage).filter(|tile| *tile < tiles)?;
            Some((tile, stage))
        })
    });
    stages.flat_map(move |(tile, stage)| {
        let read = stage.checked_sub(1).map(|round| Event::Read { tile, round });
        let ask = (stage < rounds).then_some(Event::Ask { tile, round: stage });
        [read, ask].into_iter().flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_asked_is_read_in_its_order() {
        for (tiles, rounds) in [(0, 1), (1, 1), (1, 3), (2, 1), (5, 1), (5, 3), (2, 3)] {
            let (mut asked, mut read) = (Vec::new(), Vec::new());
            for event in schedule(tiles, rounds) {
                match event {
                    Event::Ask { tile, round } => {
                        // The round before was read.
                        assert!(round == 0 || read.contains(&(tile, round - 1)));
                        asked.push((tile, round));
                    }
                    Event::Read { tile, round } => {
                        read.push((tile, round));
                        let open = asked.len() - read.len();
                        assert!(asked[..read.len()] == read[..] && open <= rounds, "{open}");
                    }
                }
            }
            assert_eq!(read.len(), tiles * rounds);
        }
        let first: Vec<Event> = schedule(3, 1).take(3).collect();
        let ask = |tile| Event::Ask { tile, round: 0 };
        assert_eq!(first, [ask(0), ask(1), Event::Read { tile: 0, round: 0 }]);
    }
}

use serde::Serialize;

/// What a protocol sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Price {
    /// Both ways.
    pub bits: u128,
    /// Messages that wait for one another.
    pub rounds: u64,
}

impl Price {
    /// Of bits in so many rounds.
    pub fn new(bits: u128, rounds: u64) -> Self {
        Self { bits, rounds }
    }

    /// So many at once.
    pub fn times(self, count: u128) -> Self {
        Self {
            bits: self.bits.saturating_mul(count),
            rounds: if count == 0 { 0 } else { self.rounds },
        }
    }

    /// So many, each waiting for the one before.
    pub fn repeated(self, count: u64) -> Self {
        Self {
            bits: self.bits.saturating_mul(count.into()),
            rounds: self.rounds.saturating_mul(count),
        }
    }

    /// This, then that.
    pub fn then(self, next: Self) -> Self {
        Self {
            bits: self.bits.saturating_add(next.bits),
            rounds: self.rounds.saturating_add(next.rounds),
        }
    }

    /// Both at once.
    pub fn beside(self, other: Self) -> Self {
        Self { bits: self.bits.saturating_add(other.bits), rounds: self.rounds.max(other.rounds) }
    }

    /// In whole bytes.
    pub fn bytes(&self) -> u64 {
        u64::try_from(self.bits.div_ceil(8)).unwrap_or(u64::MAX)
    }
}

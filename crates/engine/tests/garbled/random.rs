//! Random small networks: garbled equals clear, bit for bit.

use crate::common::{Builder, conv, input, mix, pool};
use proptest::prelude::*;
use sordino_engine::garbled::{Circuit, run_garbled};
use sordino_engine::{Silent, run_clear};
use sordino_graph::fixed::*;

/// Moduli that labels may have, but for 2 and those above 127.
const PRIMES: [u64; 14] = [7, 13, 29, 31, 53, 59, 61, 97, 101, 103, 107, 109, 113, 127];
const RING: u32 = 44;

/// Decisions that follow from a seed.
struct Dice {
    seed: u64,
    thrown: u64,
}

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.thrown += 1;
        mix(self.seed, self.thrown) % n
    }

    /// Distinct primes, ascending.
    fn primes(&mut self, count: usize) -> Vec<u64> {
        let mut primes: Vec<u64> = Vec::new();
        while primes.len() < count {
            let p = PRIMES[self.below(PRIMES.len() as u64) as usize];
            if !primes.contains(&p) {
                primes.push(p);
            }
        }
        primes.sort_unstable();
        primes
    }
}

/// A network of `[1, c, h, w]` tensors, layer by layer.
struct Network {
    b: Builder,
    dice: Dice,
    at: EdgeId,
}

impl Network {
    fn new(seed: u64) -> Self {
        let mut dice = Dice { seed, thrown: 0 };
        let shape = [1, 1 + dice.below(3) as u32, 3 + dice.below(3) as u32, 4];
        let mut b = Builder::new(&shape, RING, seed);
        let lo = -(dice.below(40) as i64);
        b.input_range(lo, lo + 1 + dice.below(90) as i64);
        Self { b, dice, at: EdgeId(0) }
    }

    fn shape(&self) -> [u32; 4] {
        self.b.shape(self.at).try_into().unwrap()
    }

    fn layer(&mut self) {
        match self.dice.below(7) {
            0 | 1 => self.linear(),
            2 => self.table(),
            3 => self.residual(),
            4 => self.pool(true),
            5 => self.pool(false),
            _ => self.rearrange(),
        }
    }

    fn linear(&mut self) {
        let [_, c, h, w] = self.shape();
        let (cout, pad) = (1 + self.dice.below(3) as u32, self.dice.below(2) as u32);
        let k = 1 + self.dice.below(u64::from(h.min(w).min(3))) as u32;
        self.at = self.b.linear(self.at, conv(c, h, w, cout, k, 1, pad.min(k - 1)), RING);
    }

    /// Any function of the top digit, in a random base.
    fn table(&mut self) {
        let count = 1 + self.dice.below(3) as usize;
        let mut primes = self.dice.primes(count + 1);
        let levels = primes.pop().unwrap();
        let divisor = primes.iter().product();
        let spread = 1 + self.dice.below(150);
        let start = self.dice.below(200) as i64 - 150;
        let values = (0..levels).map(|_| start + self.dice.below(spread) as i64).collect();
        self.at = self.b.lookup(self.at, divisor, values, RING);
    }

    /// The tensor and a depth-wise product of it, aligned.
    fn residual(&mut self) {
        let [_, c, h, w] = self.shape();
        let shape = ConvShape { groups: c, ..conv(c, h, w, c, 1, 1, 0) };
        let y = self.b.linear(self.at, shape, RING);
        let subtract = self.dice.below(2) == 1;
        self.at = self.b.sum([self.at, y], [6, 0], subtract, RING);
    }

    fn pool(&mut self, maximum: bool) {
        if maximum {
            // So that the tournament is in a small prime more often than not.
            if self.dice.below(4) > 0 {
                self.table();
            }
        }
        let shape = self.shape();
        let k = 1 + self.dice.below(u64::from(shape[2].min(shape[3]).min(3))) as u32;
        let stride = 1 + self.dice.below(2) as u32;
        let pad = self.dice.below(2) as u32;
        let pads = [pad.min(k - 1), 0, 0, pad.min(k - 1)];
        self.at = self.b.pool(self.at, pool(&shape, k, stride, pads), maximum);
    }

    fn rearrange(&mut self) {
        let [_, c, h, w] = self.shape();
        let value = self.dice.below(20) as i64 - 10;
        let (r, shape) = match self.dice.below(4) {
            0 => (Rearrange::Transpose { perm: vec![0, 2, 3, 1] }, [1, h, w, c]),
            1 => {
                let pads = vec![(0, 0), (0, 1), (1, 0), (0, 0)];
                (Rearrange::Pad { pads, value }, [1, c + 1, h + 1, w])
            }
            2 => {
                let indices = vec![w - 1, 0, w / 2];
                (Rearrange::Take { axis: 3, indices }, [1, c, h, 3])
            }
            _ => {
                let (starts, steps) = (vec![0, c - 1, 0, 0], vec![1, -1, 1, 1]);
                (Rearrange::Slice { starts, steps }, [1, c, h, w])
            }
        };
        self.at = self.b.rearrange(self.at, r, &shape);
    }

    fn done(mut self, layers: u64) -> FixedModel {
        for _ in 0..layers {
            self.layer();
        }
        self.b.done()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn garbled_equals_clear(seed: u64, layers in 1u64..7) {
        let model = Network::new(seed).done(layers);
        // A chain of sums may grow beyond any ring, which is refused.
        let circuit = match Circuit::new(&model) {
            Err(e) if e.to_string().contains("beyond its ring") => {
                return Err(TestCaseError::reject("too wide"));
            }
            circuit => circuit.unwrap(),
        };
        for input_seed in 0..3 {
            let x = input(&model, input_seed);
            let got = run_garbled(&circuit, &x, &mut Silent).unwrap();
            prop_assert_eq!(got, run_clear(&model, &x).unwrap());
        }
    }
}

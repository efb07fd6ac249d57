//! Products by correlated transfers: Gilboa's multiplication, bit by bit of one operand, with a row of the other in
//! every message (section 5 of eprint 2020/1002, and `matmul_cross_terms` of the published code).

use super::{LAMBDA, Price};
use serde::Serialize;

/// Who holds the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Held {
    /// The server, in the clear: one of the two products of shares is local.
    ByServer,
    /// Both parties in shares, as in the harness for CheXpert published with the system: two products are to be sent for.
    InShares,
}

/// Whose bits choose in the transfers. The messages are the same either way; a transfer's 128 bits are
/// paid per bit of each entry of the matrix that chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Receiver {
    /// Those of the matrix with fewer entries.
    Cheaper,
    /// Half of the inner dimension each: threads of the published code take turns. With shared weights that code
    /// takes the cheaper.
    Alternating,
}

/// A product of matrices, `rows x inner` by `inner x columns`. Either holds the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matrices {
    /// Rows of the first.
    pub rows: u64,
    /// What is summed over.
    pub inner: u64,
    /// Columns of the second.
    pub columns: u64,
}

impl Matrices {
    /// Multiply-accumulates.
    pub fn macs(&self) -> u128 {
        u128::from(self.rows)
            .saturating_mul((u128::from(self.inner)).saturating_mul(self.columns.into()))
    }

    /// In a ring of `bits`: a multiply-accumulate takes messages of `bits`, `bits - 1`, … down to one bit.
    pub fn price(&self, bits: u32, held: Held, receiver: Receiver) -> Price {
        let bits = u128::from(bits);
        let messages = self.macs().saturating_mul(bits * (bits + 1) / 2);
        let by = |columns: u64| u128::from(self.inner).saturating_mul(columns.into());
        let extended = |entries: u128| entries.saturating_mul(LAMBDA * bits);
        let [first, second] = [self.rows, self.columns].map(|n| extended(by(n)));
        let cheaper = first.min(second);
        let sum = |extension: u128| messages.saturating_add(extension);
        match (held, receiver) {
            (Held::ByServer, Receiver::Cheaper) => Price::new(sum(cheaper), 2),
            (Held::ByServer, Receiver::Alternating) => {
                Price::new(sum(first.saturating_add(second) / 2), 2)
            }
            (Held::InShares, _) => Price::new(sum(cheaper).saturating_mul(2), 2),
        }
    }
}

/// A 2-D convolution as it stands in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Groups.
    pub groups: u64,
    /// Output channels of a group.
    pub outputs: u64,
    /// Input channels of a group.
    pub inputs: u64,
    /// Kernel entries per input channel.
    pub taps: u64,
    /// Height and width of the result.
    pub area: [u64; 2],
    /// Whether it is 3x3 with stride 1 and no dilation.
    pub winograd: bool,
}

impl Convolution {
    /// Of each group, with the kernel's windows as columns.
    pub fn direct(&self) -> Matrices {
        Matrices {
            rows: self.outputs,
            inner: self.inputs.saturating_mul(self.taps),
            columns: self.area[0].saturating_mul(self.area[1]),
        }
    }

    /// Multiply-accumulates.
    pub fn macs(&self) -> u128 {
        self.direct().macs().saturating_mul(self.groups.into())
    }

    /// Directly, or by Winograd's transform to tiles of 2x2 or 4x4 where that is allowed, possible and sends less; and
    /// which tile.
    pub fn price(
        &self,
        bits: u32,
        held: Held,
        receiver: Receiver,
        winograd: bool,
    ) -> (Price, Option<u32>) {
        let direct = self.direct().price(bits, held, receiver).times(self.groups.into());
        let tiled = |tile: u32| {
            let [h, w] = self.area.map(|n| n.div_ceil(tile.into()));
            let product =
                Matrices { rows: self.outputs, inner: self.inputs, columns: h.saturating_mul(w) };
            let products = u128::from(self.groups) * u128::from((tile + 2).pow(2));
            (product.price(bits, held, receiver).times(products), Some(tile))
        };
        let tiles: &[u32] = if winograd && self.winograd { &[2, 4] } else { &[] };
        tiles.iter().map(|&t| tiled(t)).fold((direct, None), |best, other| {
            if other.0.bits < best.0.bits { other } else { best }
        })
    }
}

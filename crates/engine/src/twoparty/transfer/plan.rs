use super::Kernel;
use super::columns::{self, columns};
use super::winograd::{self, Winograd};
use crate::Error;
use crate::twoparty::Needs;
use crate::twoparty::linear::Method;
use crate::work::{Stage, Unit, WorkLog};
use sordino_graph::fixed::{ConvShape, FixedNode};
use sordino_ot::Supply;
use sordino_ot::cost::Costs;
use sordino_ot::matrix::{self, Elements, Part, Shape, Weights};
use sordino_secret::Party;
use sordino_wire::{Lane, Meter, Role};
use zeroize::Zeroizing;

/// Transfers drawn at a time, 16 bytes each.
const DRAW: usize = 1 << 21;
/// Ring elements and weights that a party may have to lay out for one layer, 8 bytes each.
const MAX_LAYOUT: usize = 1 << 26;
/// Transfers over which the bytes of making one are taken.
const MANY: usize = 1 << 22;

/// What transfers cost in the long run: bytes for [`MANY`] of them.
#[derive(Clone, Copy)]
pub(crate) struct Rate(u64);

/// How a layer becomes products of matrices.
pub(crate) struct Plan {
    /// Of one image.
    conv: ConvShape,
    /// Images, whose columns stand side by side.
    images: usize,
    bits: u32,
    /// `None` for one product, of kernels and patches.
    transform: Option<&'static Winograd>,
    shapes: Vec<Shape>,
}

/// What one draw of transfers is for: parts of products, by the number of the product.
pub(crate) struct Task(Vec<(usize, Part)>);

impl Rate {
    pub(crate) fn new(supply: Supply) -> Self {
        let mut m = Meter::new(Role::Client);
        let mut costs = Costs::setup(&mut m, supply, Role::Client);
        let setup = m.total().bytes();
        costs.extend(&mut m, MANY);
        Self(m.total().bytes() - setup)
    }

    /// Bytes of so many transfers.
    fn bytes(self, transfers: u64) -> u128 {
        u128::from(self.0) * u128::from(transfers) / MANY as u128
    }
}

impl Plan {
    /// The method that sends the fewest bytes, those of making transfers included, of those whose operands may be
    /// laid out.
    pub(crate) fn new(
        node: &FixedNode,
        kernel: Kernel<'_>,
        bits: u32,
        winograd: bool,
        rate: Rate,
    ) -> Result<Self, Error> {
        let plan = Self::cheapest(kernel, bits, winograd, rate);
        if plan.fits(1) {
            return Ok(plan);
        }
        let layout = plan.layout();
        Err(Error::Unsupported {
            node: node.name.clone(),
            op: node.op.name().into(),
            why: format!(
                "on transfers its patches, sums and weights have {layout} elements, at most {MAX_LAYOUT}"
            ),
            hint: "use --linear lattice".into(),
        })
    }

    fn cheapest(kernel: Kernel<'_>, bits: u32, winograd: bool, rate: Rate) -> Self {
        let mut best = Self::direct(kernel, bits);
        for size in winograd::SIZES.iter().filter(|_| winograd) {
            let Some(other) = Self::tiled(kernel, bits, size) else { continue };
            let fits = [&other, &best].map(|plan| plan.fits(1));
            if fits == [true, false] || (fits[0] == fits[1] && other.sent(rate) < best.sent(rate)) {
                best = other;
            }
        }
        best
    }

    pub(super) fn direct(kernel: Kernel<'_>, bits: u32) -> Self {
        let shapes = vec![columns::shape(kernel, bits)];
        Self { conv: kernel.conv.clone(), images: 1, bits, transform: None, shapes }
    }

    /// None where the layer has no transform.
    pub(super) fn tiled(kernel: Kernel<'_>, bits: u32, size: &'static Winograd) -> Option<Self> {
        let (conv, shapes) = (kernel.conv.clone(), size.shapes(kernel, bits)?);
        Some(Self { conv, images: 1, bits, transform: Some(size), shapes })
    }

    /// Bytes that the layer sends, but for headers and roundings.
    fn sent(&self, rate: Rate) -> u128 {
        let of = |s: &Shape| {
            let choices = s.weights() as u128 * s.cots_per_weight() as u128;
            let corrections = s.weights() as u128 * u128::from(s.bits_per_weight());
            (choices + corrections).div_ceil(8)
        };
        rate.bytes(self.transfers()) + self.shapes.iter().map(of).sum::<u128>()
    }

    fn transfers(&self) -> u64 {
        let of = |s: &Shape| s.weights() as u64 * s.cots_per_weight() as u64;
        self.shapes.iter().map(of).sum()
    }

    /// Bytes that the layer sends, up to what its transfers have in common with others.
    pub(crate) fn bytes(&self, rate: Rate) -> u64 {
        let mut m = Meter::new(Role::Client);
        self.tasks().iter().for_each(|task| task.cost(&mut m));
        let made = u64::try_from(rate.bytes(self.transfers())).unwrap_or(u64::MAX);
        m.total().bytes().saturating_add(made)
    }

    pub(crate) fn method(&self) -> Method {
        self.transform.map_or(Method::Direct, |size| Method::Winograd(size.tile as u32))
    }

    /// Products of ring elements by weights.
    pub(crate) fn products(&self) -> u64 {
        self.shapes.iter().map(|s| s.weights() as u64 * s.columns as u64).sum()
    }

    /// The layer cut into draws of bounded size.
    pub(crate) fn tasks(&self) -> Vec<Task> {
        let (mut tasks, mut room) = (Vec::new(), 0);
        for (i, shape) in self.shapes.iter().enumerate() {
            let (mut from, each) = (0, shape.cots_per_weight());
            while from < shape.weights() {
                if room < each {
                    tasks.push(Task(Vec::new()));
                    room = DRAW;
                }
                let n = (shape.weights() - from).min(room / each);
                if let Some(Task(parts)) = tasks.last_mut() {
                    parts.push((i, Part { shape: *shape, weights: from..from + n }));
                }
                room -= n * each;
                from += n;
            }
        }
        tasks
    }

    /// The same for so many images: more columns, and no more transfers.
    pub(crate) fn batch(&self, images: usize) -> Self {
        let wider = |s: &Shape| Shape { columns: images * s.columns, ..*s };
        let shapes = self.shapes.iter().map(wider).collect();
        Self { conv: self.conv.clone(), images, shapes, ..*self }
    }

    /// Whether the operand of so many images may be laid out.
    pub(crate) fn fits(&self, images: usize) -> bool {
        self.layout().saturating_mul(images) <= MAX_LAYOUT
    }

    /// Ring elements and weights that a party lays out.
    fn layout(&self) -> usize {
        self.shapes.iter().map(|s| s.inputs() + s.outputs() + s.weights()).sum()
    }

    /// Shares of the products before anything is added.
    pub(crate) fn sums(&self) -> Vec<Vec<u64>> {
        self.shapes.iter().map(|s| vec![0; s.outputs()]).collect()
    }

    /// The client's share as the products take it.
    pub(crate) fn elements(&self, x: &[u64]) -> Zeroizing<Vec<Vec<u64>>> {
        let of_image = |x: &[u64]| match self.transform {
            None => vec![columns(&self.conv, x)],
            Some(size) => size.elements(&self.conv, x),
        };
        if self.images == 1 {
            return Zeroizing::new(of_image(x));
        }
        let images = x.chunks(x.len() / self.images).map(of_image);
        let images = Zeroizing::new(images.collect::<Vec<_>>());
        let joined = |(i, shape): (usize, &Shape)| {
            let width = shape.columns / self.images;
            let row = |at: usize| images.iter().flat_map(move |x| &x[i][at * width..][..width]);
            (0..shape.inputs() / shape.columns).flat_map(row).copied().collect()
        };
        Zeroizing::new(self.shapes.iter().enumerate().map(joined).collect())
    }

    /// The server's kernel as the products take it.
    pub(crate) fn weights(&self, kernel: &[i32]) -> Vec<Vec<i64>> {
        match self.transform {
            None => vec![kernel.iter().map(|&w| w.into()).collect()],
            Some(size) => size.weights(kernel),
        }
    }

    /// This party's share of the layer, without the product of the server's own share.
    pub(crate) fn result<P: Party>(&self, sums: Vec<Vec<u64>>) -> Vec<u64> {
        let of_image = |mut sums: Vec<Vec<u64>>| match self.transform {
            None => sums.pop().unwrap_or_default(),
            Some(size) => size.result::<P>(&self.conv, self.bits, &sums),
        };
        if self.images == 1 {
            return of_image(sums);
        }
        let columns_of = |image: usize| {
            let own = |(sums, shape): (&Vec<u64>, &Shape)| {
                let width = shape.columns / self.images;
                let rows = sums.chunks(shape.columns);
                rows.flat_map(|row| &row[image * width..][..width]).copied().collect()
            };
            sums.iter().zip(&self.shapes).map(own).collect()
        };
        (0..self.images).flat_map(|image| of_image(columns_of(image))).collect()
    }
}

impl Task {
    /// Transfers that it uses up.
    pub(crate) fn needs(&self) -> Needs {
        let client_sends = self.0.iter().map(|(_, part)| part.cots_needed()).sum();
        Needs { server_sends: 0, client_sends }
    }

    /// Client: adds its shares to the sums.
    pub(crate) fn send(
        &self,
        lane: &mut Lane,
        cots: sordino_ot::SenderCots,
        x: &[Vec<u64>],
        sums: &mut [Vec<u64>],
    ) -> Result<(), Error> {
        let mut sums: Vec<_> = sums.iter_mut().map(Some).collect();
        let work = self
            .0
            .iter()
            .filter_map(|(i, part)| Some(Elements { part, x: &x[*i], sum: sums[*i].take()? }));
        Ok(matrix::send(lane, cots, &mut work.collect::<Vec<_>>())?)
    }

    /// Server: adds its shares to the sums.
    pub(crate) fn recv(
        &self,
        lane: &mut Lane,
        cots: sordino_ot::ReceiverCots,
        w: &[Vec<i64>],
        sums: &mut [Vec<u64>],
    ) -> Result<(), Error> {
        let mut sums: Vec<_> = sums.iter_mut().map(Some).collect();
        let work = self
            .0
            .iter()
            .filter_map(|(i, part)| Some(Weights { part, w: &w[*i], sum: sums[*i].take()? }));
        Ok(matrix::recv(lane, cots, &mut work.collect::<Vec<_>>())?)
    }

    /// Replays the messages.
    pub(crate) fn cost(&self, m: &mut Meter) {
        let parts: Vec<Part> = self.0.iter().map(|(_, part)| part.clone()).collect();
        matrix::cost(m, Role::Client, &parts);
    }

    /// What both parties compute. While one works on a message the other works on the next: only of one message do the times add up
    /// (of one for each thread, which work does not know of).
    pub(crate) fn work(&self, work: &mut WorkLog) {
        let messages: usize = self.0.iter().map(|(_, part)| part.messages()).sum();
        for (_, part) in &self.0 {
            let (rows, columns) = (part.cots_needed(), part.shape.columns);
            let mut add = |party, unit: Unit, n: usize| {
                let first = n / messages.max(1);
                work.add_in(Stage::Turns, party, unit, first);
                work.add(party, unit, n - first);
            };
            add(Role::Client, Unit::MatrixRowSent, rows);
            add(Role::Server, Unit::MatrixRowReceived, rows);
            add(Role::Client, Unit::MatrixSent, rows * columns);
            add(Role::Server, Unit::MatrixReceived, rows * columns);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use sordino_graph::fixed::KernelSums;

    fn conv(c: u32, size: u32, kernel: u32, groups: u32) -> ConvShape {
        ConvShape {
            cin: c,
            h: size,
            w: size,
            cout: c,
            kernel: [kernel; 2],
            stride: [1; 2],
            dilation: [1; 2],
            pads: [kernel / 2; 4],
            groups,
        }
    }

    fn plan(conv: &ConvShape, supply: Supply) -> Plan {
        Plan::cheapest(Kernel::new(conv, 8, None), 25, true, Rate::new(supply))
    }

    /// The layer by one size of tile, or directly.
    fn by(kernel: Kernel<'_>, bits: u32, tile: usize) -> Plan {
        match winograd::SIZES.iter().find(|size| size.tile == tile) {
            None => Plan::direct(kernel, bits),
            Some(size) => Plan::tiled(kernel, bits, size).unwrap(),
        }
    }

    #[test]
    fn the_method_follows_the_bytes() {
        let method = |conv: &ConvShape, supply| plan(conv, supply).method();
        for supply in [Supply::SoftSpoken { k: 2 }, Supply::Ferret] {
            assert_eq!(method(&conv(8, 56, 3, 1), supply), Method::Winograd(4));
            assert_eq!(method(&conv(8, 56, 1, 1), supply), Method::Direct);
            assert_eq!(method(&conv(8, 1, 3, 1), supply), Method::Direct);
            let conv = conv(8, 56, 3, 1);
            let none = Plan::cheapest(Kernel::new(&conv, 8, None), 25, false, Rate::new(supply));
            assert_eq!(none.method(), Method::Direct);
        }
        // A transform has more weights, each with transfers of its own: too dear where few pixels
        // share them.
        assert_eq!(method(&conv(8, 3, 3, 1), Supply::Ferret), Method::Winograd(3));
        assert_eq!(method(&conv(8, 2, 3, 1), Supply::Ferret), Method::Winograd(2));
        assert_eq!(method(&conv(8, 2, 3, 1), Supply::SoftSpoken { k: 2 }), Method::Direct);
    }

    /// The largest tiles have four times as many weights, which must be in memory at once.
    #[test]
    fn what_cannot_be_laid_out_gives_way() {
        let method = |channels| {
            let plan = plan(&conv(channels, 16, 3, 1), Supply::Ferret);
            assert!(plan.fits(1));
            plan.method()
        };
        assert_eq!(method(1300), Method::Winograd(4));
        assert_eq!(method(1400), Method::Winograd(2));
        assert!(!plan(&conv(3000, 16, 3, 1), Supply::Ferret).fits(1));
    }

    /// On tiles without a remainder, rings and weights as networks have them, and no word about sums of weights.
    #[test]
    fn transforms_save_products_and_bytes() {
        let shape = conv(16, 48, 3, 1);
        for (weight_bits, ring) in [(8, 18), (8, 25), (9, 22), (10, 28)] {
            let kernel = Kernel::new(&shape, weight_bits, None);
            let direct = by(kernel, ring, 1);
            assert_eq!(direct.products(), 9 * 16 * 16 * 48 * 48);
            for (tile, products, bytes) in [(2, 4.0, 1.75), (3, 4.0, 1.9), (4, 2.25, 2.7)] {
                let plan = by(kernel, ring, tile);
                let ratio = direct.products() as f64 / plan.products() as f64;
                assert!((ratio - 9.0 / products).abs() < 1e-9, "{tile}: {ratio}");
                for supply in
                    [Supply::SoftSpoken { k: 2 }, Supply::SoftSpoken { k: 8 }, Supply::Ferret]
                {
                    let rate = Rate::new(supply);
                    let saved = direct.bytes(rate) as f64 / plan.bytes(rate) as f64;
                    assert!(saved > bytes, "{tile} {weight_bits} {ring} {supply:?}: {saved}");
                }
            }
        }
    }

    /// Taps that never meet in a sum make it no wider: then all that is saved are products.
    #[test]
    fn narrow_sums_save_as_much_as_products() {
        let shape = conv(16, 48, 3, 1);
        let mut taps = [0; 9 * 256];
        taps.iter_mut().step_by(10).for_each(|tap| *tap = 127);
        let sums = Some(KernelSums::of(&taps, 8));
        // Tiles of two take a larger ring.
        for (tile, least) in [(2, 2.1), (3, 2.24)] {
            let [direct, narrow, wide] = [(1, sums), (tile, sums), (tile, None)]
                .map(|(tile, sums)| by(Kernel::new(&shape, 8, sums), 25, tile));
            let bytes = |plan: &Plan| plan.bytes(Rate::new(Supply::Ferret)) as f64;
            let saved = bytes(&direct) / bytes(&narrow);
            assert!((least..2.25).contains(&saved), "{tile}: {saved}");
            assert!(bytes(&wide) > 1.1 * bytes(&narrow));
        }
    }

    #[test]
    fn sent_bytes_are_about_those_of_the_messages() {
        for (shape, tile) in
            [(conv(64, 14, 3, 1), 4), (conv(64, 14, 1, 1), 1), (conv(64, 7, 5, 64), 1)]
        {
            for supply in [Supply::SoftSpoken { k: 4 }, Supply::Ferret] {
                let plan = by(Kernel::new(&shape, 8, None), 25, tile);
                let rate = Rate::new(supply);
                let ratio = plan.bytes(rate) as f64 / plan.sent(rate) as f64;
                assert!((1.0..1.01).contains(&ratio), "{ratio}");
            }
        }
    }

    #[test]
    fn a_depthwise_layer_has_no_more_weights_than_its_kernel() {
        let conv = conv(32, 14, 5, 32);
        let direct = columns::shape(Kernel::new(&conv, 8, None), 25);
        assert_eq!((direct.weights(), direct.groups), (32 * 25, 32));
    }

    #[test]
    fn tasks_cover_every_product_in_draws_of_bounded_size() {
        let plan = plan(&conv(300, 14, 3, 1), Supply::Ferret);
        let tasks = plan.tasks();
        assert!(tasks.len() > 1);
        let mut next = vec![0; plan.shapes.len()];
        for task in &tasks {
            assert!(!task.0.is_empty() && task.needs().total() <= DRAW);
            for (i, part) in &task.0 {
                assert_eq!((part.shape, part.weights.start), (plan.shapes[*i], next[*i]));
                next[*i] = part.weights.end;
            }
        }
        let all: Vec<usize> = plan.shapes.iter().map(Shape::weights).collect();
        assert_eq!(next, all);
    }
}

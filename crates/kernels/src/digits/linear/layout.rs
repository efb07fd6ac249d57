use crate::ring::Conv2d;

/// Columns by which a register tile may read past the end of a row.
const MARGIN: usize = 64;

/// Where the digits of an input lie: \[block of `lanes` channels\]\[phase\]\[row\]\[column\]\[digit\]\[lane\].
///
/// A phase holds every `stride`-th row and column of the padded plane, so that neighbouring outputs read neighbouring
/// columns whatever the stride; only phases that the kernel meets are kept.
pub(super) struct Layout {
    shape: Conv2d,
    /// Digits of a label.
    pub(super) digits: usize,
    /// Channels side by side: 4, or 1 for depthwise convolutions.
    pub(super) lanes: usize,
    /// Rows of the output; 1 if the whole plane is one row.
    pub(super) out_rows: usize,
    /// Digits of a row of the output.
    pub(super) out_columns: usize,
    /// Blocks of each group.
    pub(super) blocks: usize,
    /// The phases of rows and columns that are kept.
    phases: [Vec<usize>; 2],
    /// Rows and columns of each phase.
    extent: [usize; 2],
}

impl Layout {
    pub(super) fn new(shape: &Conv2d, digits: usize) -> Self {
        let mut shape = *shape;
        if shape.kh == 1 && shape.kw == 1 && shape.stride == [1, 1] && shape.pads == [0; 4] {
            (shape.h, shape.w) = (1, shape.h * shape.w);
        }
        let per_group = shape.cin / shape.groups;
        let lanes = if per_group == 1 { 1 } else { 4 };
        let phases = [0, 1].map(|axis| {
            let taps = [shape.kh, shape.kw][axis];
            let mut phases: Vec<usize> =
                (0..taps).map(|tap| tap * shape.dilation[axis] % shape.stride[axis]).collect();
            phases.sort_unstable();
            phases.dedup();
            phases
        });
        let [top, bottom, left, right] = shape.pads;
        let extent = [
            (shape.h + top + bottom).div_ceil(shape.stride[0]),
            (shape.w + left + right).div_ceil(shape.stride[1]),
        ];
        Self {
            digits,
            lanes,
            out_rows: shape.out_h(),
            out_columns: shape.out_w() * digits,
            blocks: per_group.div_ceil(lanes),
            phases,
            extent,
            shape,
        }
    }

    /// Bytes of a row of a phase.
    pub(super) fn row(&self) -> usize {
        self.extent[1] * self.digits * self.lanes
    }

    /// Bytes of a block of channels.
    pub(super) fn block(&self) -> usize {
        self.phases[0].len() * self.phases[1].len() * self.extent[0] * self.row()
    }

    /// Bytes of a group.
    pub(super) fn group(&self) -> usize {
        self.blocks * self.block()
    }

    /// Bytes of the whole input with the margin.
    pub(super) fn len(&self) -> usize {
        self.shape.groups * self.group() + MARGIN * self.lanes
    }

    /// Where the input of the first output lies under each kernel element, from the start of a block.
    pub(super) fn taps(&self) -> Vec<usize> {
        let shape = &self.shape;
        let mut taps = Vec::with_capacity(shape.kh * shape.kw);
        for u in 0..shape.kh {
            for v in 0..shape.kw {
                let at = [u * shape.dilation[0], v * shape.dilation[1]];
                let phase = [0, 1].map(|axis| self.phase(axis, at[axis] % shape.stride[axis]));
                let [row, column] = [0, 1].map(|axis| at[axis] / shape.stride[axis]);
                taps.push(self.place(phase, row, column));
            }
        }
        taps
    }

    fn phase(&self, axis: usize, of: usize) -> usize {
        self.phases[axis].partition_point(|&phase| phase < of)
    }

    fn place(&self, [vertical, horizontal]: [usize; 2], row: usize, column: usize) -> usize {
        let phase = vertical * self.phases[1].len() + horizontal;
        (phase * self.extent[0] + row) * self.row() + column * self.digits * self.lanes
    }

    /// Copies the labels `x` to their places in `to`, which is zero.
    #[inline(always)]
    pub(super) fn fill(&self, x: &[u8], to: &mut [u8]) {
        let per_group = self.shape.cin / self.shape.groups;
        let plane = self.shape.h * self.shape.w * self.digits;
        for (group, x) in x.chunks_exact(per_group * plane).enumerate() {
            for (block, x) in x.chunks(self.lanes * plane).enumerate() {
                let at = group * self.group() + block * self.block();
                self.fill_block(x, &mut to[at..at + self.block()]);
            }
        }
    }

    /// Copies the up to `lanes` planes `x` to a block.
    #[inline(always)]
    fn fill_block(&self, x: &[u8], to: &mut [u8]) {
        let (shape, n) = (&self.shape, self.digits);
        let plane = shape.h * shape.w * n;
        let [top, _, left, _] = shape.pads;
        let [down, across] = shape.stride;
        for row in 0..shape.h {
            let phase = (row + top) % down;
            let vertical = self.phase(0, phase);
            if self.phases[0].get(vertical) != Some(&phase) {
                continue;
            }
            for (horizontal, &phase) in self.phases[1].iter().enumerate() {
                // The first column of the plane in this phase.
                let first = (phase + across - left % across) % across;
                if first >= shape.w {
                    continue;
                }
                let place = [vertical, horizontal];
                let to = &mut to[self.place(place, (row + top) / down, (first + left) / across)..];
                let line = |lane: usize| {
                    let at = lane * plane + (row * shape.w + first) * n;
                    x.get(at..(lane * plane) + (row + 1) * shape.w * n)
                };
                let lines: [Option<&[u8]>; 4] = core::array::from_fn(line);
                if across == 1 {
                    self.interleave(lines, to);
                } else {
                    let columns = (shape.w - first).div_ceil(across);
                    for column in 0..columns {
                        let at = column * across * n;
                        let labels = lines.map(|line| line.map(|line| &line[at..at + n]));
                        self.interleave(labels, &mut to[at / across * self.lanes..]);
                    }
                }
            }
        }
    }

    /// Copies lane by lane, or interleaved if there are four.
    #[inline(always)]
    fn interleave(&self, lines: [Option<&[u8]>; 4], to: &mut [u8]) {
        if self.lanes == 1 {
            let line = lines[0].unwrap_or_default();
            to[..line.len()].copy_from_slice(line);
            return;
        }
        let (words, _) = to.as_chunks_mut::<4>();
        if let [Some(a), Some(b), Some(c), Some(d)] = lines {
            for ((((to, a), b), c), d) in words.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *to = [*a, *b, *c, *d];
            }
        } else {
            for (lane, line) in lines.into_iter().flatten().enumerate() {
                for (to, from) in words.iter_mut().zip(line) {
                    to[lane] = *from;
                }
            }
        }
    }
}

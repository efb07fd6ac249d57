//! One spatial axis of a convolution, with its stride taken apart.

use std::ops::Range;

/// A strided convolution is a sum of convolutions of stride 1 over the residue classes of its input: tap k of output i
/// reads input `i s + k d - pad = s (i + shift) + phase`. Only the phases that some tap reads are kept, so a 1x1
/// kernel of stride s encrypts nothing that it does not need.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    /// Input extent.
    input: usize,
    stride: usize,
    /// Output extent.
    pub(crate) output: usize,
    /// The phases read, ascending.
    phases: Vec<usize>,
    /// For each tap: index into the phases, and shift on the grid.
    taps: Vec<(usize, i64)>,
}

/// A tile's span of one axis, on the grid of outputs and phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// First output.
    pub(crate) start: usize,
    /// Outputs.
    pub(crate) outputs: usize,
    /// First grid position of the input that is sent.
    pub(crate) from: usize,
    /// One past the last.
    pub(crate) to: usize,
}

impl Span {
    /// The grid positions that are sent.
    pub(crate) fn positions(&self) -> Range<usize> {
        self.from..self.to
    }
}

/// Bounds over a tiling's spans, relative to each span's first output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Outputs of the largest span.
    pub(crate) outputs: i64,
    /// First and one past the last position filled.
    pub(crate) filled: [i64; 2],
    /// First and last position that a tap reads.
    pub(crate) read: [i64; 2],
}

impl Axis {
    pub(crate) fn new(
        input: u32,
        kernel: u32,
        stride: u32,
        dilation: u32,
        pad: u32,
        output: usize,
    ) -> Self {
        let (stride, dilation, pad) = (i64::from(stride), i64::from(dilation), i64::from(pad));
        let reads = (0..i64::from(kernel)).map(|k| k * dilation - pad);
        let reads: Vec<(usize, i64)> =
            reads.map(|r| (r.rem_euclid(stride) as usize, r.div_euclid(stride))).collect();
        let mut phases: Vec<usize> = reads.iter().map(|r| r.0).collect();
        phases.sort_unstable();
        phases.dedup();
        let index = |phase: usize| phases.partition_point(|p| *p < phase);
        let taps = reads.iter().map(|&(phase, shift)| (index(phase), shift)).collect();
        Self { input: input as usize, stride: stride as usize, output, phases, taps }
    }

    /// An axis of positions that do not meet.
    pub(crate) fn line(len: usize) -> Self {
        Self { input: len, stride: 1, output: len, phases: vec![0], taps: vec![(0, 0)] }
    }

    /// For positions that do not meet, what [`Axis::bounds`] says of [`Axis::spans`], without making them: there may be
    /// millions.
    pub(crate) fn line_bounds(&self, size: usize) -> Option<Bounds> {
        let line = self.stride == 1 && self.taps == [(0, 0)] && self.input == self.output;
        let outputs = size.min(self.output) as i64;
        line.then_some(Bounds { outputs, filled: [0, outputs], read: [0, outputs - 1] })
    }

    pub(crate) fn phases(&self) -> usize {
        self.phases.len()
    }

    /// The input index at a grid position of a phase.
    pub(crate) fn input_at(&self, phase: usize, position: usize) -> Option<usize> {
        Some(position * self.stride + self.phases[phase]).filter(|index| *index < self.input)
    }

    /// The input index of a position of a phase, be it inside or not, and the distance to that of the next position.
    pub(crate) fn inputs_from(&self, phase: usize, position: usize) -> (usize, usize) {
        (position * self.stride + self.phases[phase], self.stride)
    }

    /// Those of the positions that a phase has.
    pub(crate) fn inside(&self, phase: usize, positions: Range<usize>) -> Range<usize> {
        let end = self.input.saturating_sub(self.phases[phase]).div_ceil(self.stride);
        positions.start..positions.end.min(end).max(positions.start)
    }

    /// The taps that read a phase: their numbers and shifts.
    pub(crate) fn taps_of(&self, phase: usize) -> impl Iterator<Item = (usize, i64)> {
        let taps = self.taps.iter().enumerate().filter(move |(_, tap)| tap.0 == phase);
        taps.map(|(number, tap)| (number, tap.1))
    }

    /// Least and greatest shift.
    pub(crate) fn shifts(&self) -> [i64; 2] {
        let shifts = || self.taps.iter().map(|tap| tap.1);
        [shifts().min().unwrap_or(0), shifts().max().unwrap_or(0)]
    }

    /// Spans of at most `size` outputs. A span that reads padding alone is empty at its first output.
    pub(crate) fn spans(&self, size: usize) -> Vec<Span> {
        let [low, high] = self.shifts();
        let grid = (self.input - self.phases[0].min(self.input)).div_ceil(self.stride) as i64;
        let clamp = |position: i64| position.clamp(0, grid);
        let span = |start: usize| {
            let outputs = size.min(self.output - start);
            let from = clamp(start as i64 + low);
            let to = clamp((start + outputs) as i64 + high).max(from);
            Span { start, outputs, from: from as usize, to: to as usize }
        };
        (0..self.output).step_by(size).map(span).collect()
    }

    pub(crate) fn bounds(&self, spans: &[Span]) -> Bounds {
        let outputs = spans.iter().map(|span| span.outputs).max().unwrap_or(0) as i64;
        let relative = |span: &Span, position: usize| position as i64 - span.start as i64;
        let filled = || spans.iter().filter(|span| span.from < span.to);
        let [low, high] = self.shifts();
        Bounds {
            outputs,
            filled: [
                filled().map(|span| relative(span, span.from)).min().unwrap_or(0),
                filled().map(|span| relative(span, span.to)).max().unwrap_or(1),
            ],
            read: [low, outputs - 1 + high],
        }
    }

    /// Span sizes worth trying: those of evenly split tilings, largest first.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![self.output];
        while let Some(&size) = sizes.last().filter(|size| **size > 1) {
            sizes.push(self.output.div_ceil(self.output.div_ceil(size - 1)));
        }
        sizes
    }
}

#[cfg(test)]
mod tests {
    use super::Axis;

    #[test]
    fn a_line_is_cut_as_its_spans_are() {
        for len in [1, 7, 64, 100] {
            let line = Axis::line(len);
            for size in line.sizes() {
                assert_eq!(line.line_bounds(size), Some(line.bounds(&line.spans(size))));
                assert_eq!(line.spans(size).len(), len.div_ceil(size));
            }
        }
        assert_eq!(Axis::new(9, 3, 1, 1, 1, 9).line_bounds(3), None);
    }
}

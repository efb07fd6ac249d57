use crate::paillier::Packing;
use crate::{ConvShape, Error};

/// How the input and the output of a convolution lie in ciphertexts: public numbers.
///
/// * Elements: one ciphertext for each element of the input and of the output, in their order.
/// * Rows: one for each row of a channel, its elements in slots, so that a weight multiplies a whole row. A horizontal
///   tap is a shift by slots. A row is cut into segments if it does not fit, and with a horizontal stride into phases,
///   elements that are a stride apart.
#[derive(Clone, Debug)]
pub struct Layout {
    shape: ConvShape,
    output: [usize; 2],
    rows: Option<Rows>,
}

#[derive(Clone, Debug)]
struct Rows {
    packing: Packing,
    /// Columns modulo the stride that taps start from.
    phases: Vec<usize>,
    /// Slots that the farthest tap is away from the first.
    reach: usize,
    /// Outputs of a segment, and segments of a row.
    width: usize,
    segments: usize,
    /// Slots of padding that the inputs of a single segment leave out at the low end.
    skipped: usize,
    /// Slots of an input and of a result.
    slots: [usize; 2],
}

/// One weight's place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tap {
    pub(super) channel: u32,
    pub(super) ky: u32,
    pub(super) kx: u32,
}

impl Layout {
    /// One ciphertext per element.
    ///
    /// # Errors
    /// [`Error::Layout`] if the shape is no convolution.
    pub fn elements(shape: &ConvShape) -> Result<Self, Error> {
        Ok(Self { shape: *shape, output: shape.output()?, rows: None })
    }

    /// One ciphertext per row, or several. The packing's values are sums of absolute products of a kernel and its
    /// window, in all of its parts.
    ///
    /// # Errors
    /// [`Error::Layout`] if the shape is no convolution, or a kernel is too wide for a plaintext.
    pub fn rows(shape: &ConvShape, packing: &Packing) -> Result<Self, Error> {
        let output = shape.output()?;
        let (stride, dilation) = (shape.stride[1] as usize, shape.dilation[1] as usize);
        let offsets = (0..shape.kernel[1] as usize).map(|kx| kx * dilation);
        let mut phases: Vec<usize> = offsets.clone().map(|at| at % stride).collect();
        phases.sort_unstable();
        phases.dedup();
        let reach = offsets.map(|at| at / stride).max().unwrap_or(0);
        // With one segment, padding at both ends takes no slots. Step by step, column t of a phase is at
        // stride t + phase - padding.
        let (pad, last) = (shape.pads[2] as usize, shape.w as usize + shape.pads[2] as usize - 1);
        let first = phases.iter().map(|phase| pad.saturating_sub(*phase).div_ceil(stride)).min();
        let skipped = first.unwrap_or(0).min(reach);
        let filled = phases.iter().filter_map(|phase| Some(last.checked_sub(*phase)? / stride + 1));
        let end = filled.max().unwrap_or(0).clamp(output[1], output[1] + reach);
        let whole = [end - skipped, end - skipped + reach];
        let available = packing.slots();
        let (width, skipped, slots) = if whole[1] <= available {
            (output[1], skipped, whole)
        } else {
            let Some(width) = available.checked_sub(2 * reach).filter(|width| *width > 0) else {
                return Err(Error::Layout(format!(
                    "a kernel that reaches over {reach} slots does not fit {available} slots of {} bits: use a larger \
                     key or fewer bits",
                    packing.slot_bits()
                )));
            };
            let width = width.min(output[1]);
            (width, 0, [width + reach, width + 2 * reach])
        };
        let segments = output[1].div_ceil(width);
        let rows = Rows { packing: *packing, phases, reach, width, segments, skipped, slots };
        Ok(Self { shape: *shape, output, rows: Some(rows) })
    }

    /// The convolution.
    pub fn shape(&self) -> &ConvShape {
        &self.shape
    }

    /// Ciphertexts of the input.
    pub fn inputs(&self) -> usize {
        let pieces = self.rows.as_ref().map(|rows| rows.phases.len() * rows.segments);
        let rows = self.shape.cin as usize * self.shape.h as usize;
        rows * pieces.unwrap_or(self.shape.w as usize)
    }

    /// Ciphertexts of the output.
    pub fn results(&self) -> usize {
        self.shape.cout as usize * self.output[0] * self.pieces()
    }

    /// Results in a row of the output.
    fn pieces(&self) -> usize {
        self.rows.as_ref().map_or(self.output[1], |rows| rows.segments)
    }

    /// Slots of an input's plaintext; 1 for elements.
    pub fn input_slots(&self) -> usize {
        self.rows.as_ref().map_or(1, |rows| rows.slots[0])
    }

    /// Slots of a result's plaintext, all of which are to be masked; 1 for elements.
    pub fn result_slots(&self) -> usize {
        self.rows.as_ref().map_or(1, |rows| rows.slots[1])
    }

    /// The input in the order of ciphertexts and slots, zeros where slots are empty.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the input has not the shape's length.
    pub fn arrange(&self, x: &[i64]) -> Result<Vec<i64>, Error> {
        if x.len() != self.shape.input_len() {
            return Err(Error::Misuse(format!(
                "{} inputs for a layer of {}",
                x.len(),
                self.shape.input_len()
            )));
        }
        let Some(rows) = &self.rows else { return Ok(x.to_vec()) };
        let (stride, pad) = (self.shape.stride[1] as usize, self.shape.pads[2] as usize);
        let mut out = Vec::with_capacity(self.inputs() * self.input_slots());
        for row in x.chunks_exact(self.shape.w as usize) {
            for phase in &rows.phases {
                for segment in 0..rows.segments {
                    let from = segment * rows.width + rows.skipped;
                    let columns = from..from + self.input_slots();
                    out.extend(columns.map(|column| {
                        let at = (column * stride + phase).checked_sub(pad);
                        at.and_then(|at| row.get(at)).copied().unwrap_or(0)
                    }));
                }
            }
        }
        Ok(out)
    }

    /// Which element of the output a slot of a result holds, if any.
    pub fn element(&self, result: usize, slot: usize) -> Option<usize> {
        let Some(rows) = &self.rows else { return Some(result).filter(|_| slot == 0) };
        let (row, segment) = (result / rows.segments, result % rows.segments);
        let slot = slot.checked_sub(rows.reach - rows.skipped).filter(|slot| *slot < rows.width)?;
        let column = segment * rows.width + slot;
        (column < self.output[1]).then_some(row * self.output[1] + column)
    }

    /// Bits that an input is shifted by for one slot, and how many slots at most.
    pub(super) fn shifts(&self) -> (usize, usize) {
        self.rows.as_ref().map_or((0, 0), |rows| (rows.packing.slot_bits(), rows.reach))
    }

    /// The output channel of a result.
    pub(super) fn channel(&self, result: usize) -> usize {
        result / (self.output[0] * self.pieces())
    }

    /// What a tap of a result reads: the number of an input and its shift in slots; none in the padding.
    pub(super) fn source(&self, result: usize, tap: Tap) -> Option<(usize, usize)> {
        let s = &self.shape;
        let (piece, row) = (result % self.pieces(), result / self.pieces());
        let (oy, channel) = (row % self.output[0], row / self.output[0]);
        let group = channel / (s.cout / s.groups) as usize;
        let input = group * (s.cin / s.groups) as usize + tap.channel as usize;
        let iy = oy * s.stride[0] as usize + (tap.ky * s.dilation[0]) as usize;
        let iy = iy.checked_sub(s.pads[0] as usize).filter(|iy| *iy < s.h as usize)?;
        let line = input * s.h as usize + iy;
        let offset = (tap.kx * s.dilation[1]) as usize;
        let stride = s.stride[1] as usize;
        let Some(rows) = &self.rows else {
            let ix = (piece * stride + offset).checked_sub(s.pads[2] as usize)?;
            return (ix < s.w as usize).then_some((line * s.w as usize + ix, 0));
        };
        let phase = rows.phases.binary_search(&(offset % stride)).ok()?;
        let input = (line * rows.phases.len() + phase) * rows.segments + piece;
        Some((input, rows.reach - offset / stride))
    }
}

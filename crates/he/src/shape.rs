use crate::Error;

/// A two-dimensional convolution (cross-correlation, as in ONNX `Conv`). A matrix product is the case
/// `h = w = kernel = 1`.
///
/// *Shapes*: input `cin` x `h` x `w`; kernel `cout` x `cin / groups` x `kernel[0]` x `kernel[1]`; output `cout` x
/// output height x output width; all row-major.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvShape {
    /// Input channels.
    pub cin: u32,
    /// Input height.
    pub h: u32,
    /// Input width.
    pub w: u32,
    /// Output channels.
    pub cout: u32,
    /// Kernel height and width.
    pub kernel: [u32; 2],
    /// Vertical and horizontal step.
    pub stride: [u32; 2],
    /// Spacing of taps.
    pub dilation: [u32; 2],
    /// Zero padding: top, bottom, left, right.
    pub pads: [u32; 4],
    /// Groups; `cin` and `cout` are multiples of it.
    pub groups: u32,
}

/// Bound on every extent, so that index arithmetic cannot overflow.
const MAX_EXTENT: u32 = 1 << 20;

impl ConvShape {
    /// A matrix product with `cin` inputs and `cout` outputs.
    pub fn dense(cin: u32, cout: u32) -> Self {
        Self {
            cin,
            h: 1,
            w: 1,
            cout,
            kernel: [1; 2],
            stride: [1; 2],
            dilation: [1; 2],
            pads: [0; 4],
            groups: 1,
        }
    }

    /// Elements of the input.
    pub fn input_len(&self) -> usize {
        self.cin as usize * self.h as usize * self.w as usize
    }

    /// Elements of the kernel.
    pub fn kernel_len(&self) -> usize {
        self.cout as usize * self.taps()
    }

    /// Products summed into one output.
    pub fn taps(&self) -> usize {
        let [kh, kw] = self.kernel.map(|k| k as usize);
        (self.cin / self.groups.max(1)) as usize * kh * kw
    }

    /// Checks the shape and gives its output's height and width.
    pub(crate) fn output(&self) -> Result<[usize; 2], Error> {
        let refuse = |why: &str| Err(Error::Layout(format!("{why} in {self:?}")));
        let positive = [
            &[self.cin, self.h, self.w, self.cout, self.groups][..],
            &self.kernel,
            &self.stride,
            &self.dilation,
        ];
        if positive.concat().iter().any(|&v| v == 0 || v > MAX_EXTENT)
            || self.pads.iter().any(|&pad| pad > MAX_EXTENT)
        {
            return refuse("an extent is zero or above 2^20");
        }
        if !self.cin.is_multiple_of(self.groups) || !self.cout.is_multiple_of(self.groups) {
            return refuse("groups do not divide the channels");
        }
        let extent = |axis: usize| {
            let size = [self.h, self.w][axis] + self.pads[2 * axis] + self.pads[2 * axis + 1];
            let reach = u64::from(self.dilation[axis]) * u64::from(self.kernel[axis] - 1) + 1;
            let room = u64::from(size).checked_sub(reach)?;
            Some((room / u64::from(self.stride[axis])) as usize + 1)
        };
        let (Some(rows), Some(columns)) = (extent(0), extent(1)) else {
            return refuse("the kernel is larger than the padded input");
        };
        let elements = |channels: u32, h: usize, w: usize| {
            (channels as usize).checked_mul(h)?.checked_mul(w).filter(|n| *n <= 1 << 32)
        };
        if elements(self.cin, self.h as usize, self.w as usize).is_none()
            || elements(self.cout, rows, columns).is_none()
            || elements(self.cout, self.taps(), 1).is_none()
        {
            return refuse("a tensor has more than 2^32 elements");
        }
        Ok([rows, columns])
    }
}

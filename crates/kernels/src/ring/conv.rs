/// A two-dimensional convolution (cross-correlation, as in ONNX `Conv`) over a ring.
///
/// *Shapes*: input `cin` x `h` x `w`; kernel `cout` x `cin / groups` x `kh` x `kw`; output `cout` x `out_h` x
/// `out_w`; all row-major.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Input channels.
    pub cin: usize,
    /// Input height.
    pub h: usize,
    /// Input width.
    pub w: usize,
    /// Output channels.
    pub cout: usize,
    /// Kernel height.
    pub kh: usize,
    /// Kernel width.
    pub kw: usize,
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Vertical and horizontal dilation.
    pub dilation: [usize; 2],
    /// Zero padding at the top, bottom, left and right.
    pub pads: [usize; 4],
    /// Groups: both channel counts are multiples of it.
    pub groups: usize,
}

impl Conv2d {
    /// Output height.
    pub fn out_h(&self) -> usize {
        let [top, bottom, ..] = self.pads;
        extent(self.h + top + bottom, self.kh, self.stride[0], self.dilation[0])
    }

    /// Output width.
    pub fn out_w(&self) -> usize {
        let [.., left, right] = self.pads;
        extent(self.w + left + right, self.kw, self.stride[1], self.dilation[1])
    }

    /// Elements of the input.
    pub fn input_len(&self) -> usize {
        self.cin * self.h * self.w
    }

    /// Elements of the kernel.
    pub fn kernel_len(&self) -> usize {
        self.cout * (self.cin / self.groups) * self.kh * self.kw
    }

    /// Elements of the output.
    pub fn output_len(&self) -> usize {
        self.cout * self.out_h() * self.out_w()
    }

    fn check(&self, x: usize, k: usize, y: usize) {
        assert!(
            self.groups > 0
                && self.cin.is_multiple_of(self.groups)
                && self.cout.is_multiple_of(self.groups),
            "groups must divide the channel counts"
        );
        assert!(
            self.stride.iter().chain(&self.dilation).all(|&s| s > 0),
            "zero stride or dilation"
        );
        assert!(
            x == self.input_len() && k == self.kernel_len() && y == self.output_len(),
            "convolution sizes: input {x}, kernel {k}, output {y} for {self:?}"
        );
    }
}

fn extent(padded: usize, kernel: usize, stride: usize, dilation: usize) -> usize {
    let span = dilation * kernel.saturating_sub(1) + 1;
    if kernel == 0 || padded < span { 0 } else { (padded - span) / stride + 1 }
}

macro_rules! direct {
    ($name:ident, $word:ty, $doc:literal) => {
        #[doc = $doc]
        ///
        /// # Panics
        /// If `groups` does not divide the channel counts, a stride or dilation is 0, or a slice has another length.
        pub fn $name(conv: &Conv2d, x: &[$word], k: &[$word], y: &mut [$word]) {
            conv.check(x.len(), k.len(), y.len());
            let (oh, ow) = (conv.out_h(), conv.out_w());
            let (cig, cog) = (conv.cin / conv.groups, conv.cout / conv.groups);
            for o in 0..conv.cout {
                for r in 0..oh {
                    for c in 0..ow {
                        let mut sum: $word = 0;
                        for i in 0..cig {
                            for u in 0..conv.kh {
                                for v in 0..conv.kw {
                                    let row = (r * conv.stride[0] + u * conv.dilation[0])
                                        .wrapping_sub(conv.pads[0]);
                                    let col = (c * conv.stride[1] + v * conv.dilation[1])
                                        .wrapping_sub(conv.pads[2]);
                                    if row < conv.h && col < conv.w {
                                        let channel = o / cog * cig + i;
                                        sum = sum.wrapping_add(
                                            x[(channel * conv.h + row) * conv.w + col]
                                                .wrapping_mul(
                                                    k[((o * cig + i) * conv.kh + u) * conv.kw + v],
                                                ),
                                        );
                                    }
                                }
                            }
                        }
                        y[(o * oh + r) * ow + c] = sum;
                    }
                }
            }
        }
    };
}

direct!(conv2d_u64, u64, "Convolution over Z_2^64.");
direct!(conv2d_u32, u32, "Convolution over Z_2^32.");

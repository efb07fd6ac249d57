use sordino_graph::fixed;
use sordino_he::ConvShape;

/// A convolution as the encryption names it.
pub(crate) fn encrypted(conv: &fixed::ConvShape) -> ConvShape {
    ConvShape {
        cin: conv.cin,
        h: conv.h,
        w: conv.w,
        cout: conv.cout,
        kernel: conv.kernel,
        stride: conv.stride,
        dilation: conv.dilation,
        pads: conv.pads,
        groups: conv.groups,
    }
}

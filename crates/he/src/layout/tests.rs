//! Layouts in the clear, at degrees so small that everything is tiled.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

/// The product in Z_{2^64}\[X\]/(X^n + 1).
fn product(a: &[u64], b: &[u64]) -> Vec<u64> {
    let n = a.len();
    let mut c = vec![0_u64; n];
    for (i, a) in a.iter().enumerate().filter(|(_, a)| **a != 0) {
        for (j, b) in b.iter().enumerate() {
            let term = a.wrapping_mul(*b);
            let at = &mut c[(i + j) % n];
            *at = if i + j < n { at.wrapping_add(term) } else { at.wrapping_sub(term) };
        }
    }
    c
}

/// The convolution as the layout has it: encode, multiply, sum, extract.
fn through(layout: &ConvLayout, degree: usize, x: &[u64], kernel: &[u64]) -> Vec<u64> {
    let mut y = vec![0; layout.output_len()];
    let mut seen = vec![0; y.len()];
    for job in (0..layout.merged_groups()).flat_map(|group| layout.jobs(group)) {
        for result in 0..layout.results() {
            let mut sum = vec![0_u64; degree];
            for input in layout.connected(result) {
                let (mut image, mut weights) = (vec![0; degree], vec![0; degree]);
                layout.each_input(&job, input, |run| {
                    for i in 0..run.len {
                        image[run.coefficient + i] = x[run.index + i * run.step];
                    }
                });
                layout.each_weight(job.group, input, result, |coefficient, index| {
                    assert!(coefficient.is_multiple_of(layout.run()));
                    weights[coefficient] = kernel[index];
                });
                let part = product(&weights, &image);
                sum.iter_mut().zip(part).for_each(|(sum, part)| *sum = sum.wrapping_add(part));
            }
            for run in layout.outputs(&job, result) {
                for i in 0..run.len {
                    y[run.index + i] = sum[run.coefficient + i];
                    seen[run.index + i] += 1;
                }
            }
        }
    }
    assert!(seen.iter().all(|count| *count == 1), "every output arises once");
    y
}

fn shapes() -> impl Strategy<Value = ConvShape> {
    let axis = || (1_u32..=20, 1_u32..=4, 1_u32..=4, 1_u32..=3, 0_u32..=4, 0_u32..=4);
    ((1_u32..=6, 1_u32..=4, 1_u32..=4), axis(), axis()).prop_filter_map(
        "kernel fits",
        |(channels, y, x)| {
            let (groups, cin, cout) = channels;
            let shape = ConvShape {
                cin: cin * groups,
                h: y.0,
                w: x.0,
                cout: cout * groups,
                kernel: [y.1, x.1],
                stride: [y.2, x.2],
                dilation: [y.3, x.3],
                pads: [y.4, y.5, x.4, x.5],
                groups,
            };
            shape.output().is_ok().then_some(shape)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn tiled_layouts_compute_the_convolution(
        shape in shapes(), images in 1_usize..6, log_degree in 5..9, seed: u64,
    ) {
        let params = Params::choose(64, 8, shape.taps()).unwrap();
        let degree = 1_usize << log_degree;
        let Ok(layout) = ConvLayout::with_degree(&shape, images, &params, degree) else {
            // Refused only when a single output spans more than a ciphertext.
            let axis = |i: usize| shape.dilation[i] * (shape.kernel[i] - 1) + 1;
            prop_assert!(axis(0) * axis(1) * 4 > degree as u32);
            return Ok(());
        };
        let random = |salt: u64, n: usize| -> Vec<u64> {
            let mix = |i: u64| (seed ^ salt).wrapping_add(i).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
            (1..=n as u64).map(|i| mix(i).wrapping_mul(mix(i) | 1)).collect()
        };
        let (x, kernel) = (random(1, layout.input_len()), random(2, shape.kernel_len()));
        let conv = sordino_kernels::ring::Conv2d {
            cin: shape.cin as usize,
            h: shape.h as usize,
            w: shape.w as usize,
            cout: shape.cout as usize,
            kh: shape.kernel[0] as usize,
            kw: shape.kernel[1] as usize,
            stride: shape.stride.map(|s| s as usize),
            dilation: shape.dilation.map(|d| d as usize),
            pads: shape.pads.map(|p| p as usize),
            groups: shape.groups as usize,
        };
        let mut expected = vec![0; images * conv.output_len()];
        let of_images = x.chunks(shape.input_len()).zip(expected.chunks_mut(conv.output_len()));
        of_images.for_each(|(x, y)| sordino_kernels::ring::conv2d_u64(&conv, x, &kernel, y));
        prop_assert_eq!(through(&layout, degree, &x, &kernel), expected);
    }
}

fn conv(cin: u32, size: u32, cout: u32, kernel: u32, stride: u32, groups: u32) -> ConvShape {
    ConvShape {
        h: size,
        w: size,
        kernel: [kernel; 2],
        stride: [stride; 2],
        pads: [kernel / 2; 4],
        groups,
        ..ConvShape::dense(cin, cout)
    }
}

/// Ciphertexts up and down of layers that matter: a worse layout shows here.
#[test]
fn layouts_stay_small() {
    let params = Params::choose(37, 8, 4608).unwrap();
    for (shape, up, down) in [
        (conv(16, 32, 16, 3, 1, 1), 6, 16),
        (conv(32, 16, 32, 3, 1, 1), 5, 16),
        (conv(64, 8, 64, 3, 1, 1), 7, 13),
        (conv(64, 56, 64, 1, 1, 1), 64, 64),
        (conv(512, 7, 2048, 1, 1, 1), 86, 171),
        (conv(960, 7, 960, 3, 1, 960), 120, 160),
        (conv(64, 16, 128, 1, 2, 1), 8, 22),
        (ConvShape::dense(512, 10), 2, 2),
    ] {
        let layout = ConvLayout::new(&shape, &params).unwrap();
        let bytes = |up: usize, down: usize| up * 48 + down * 25;
        let (got_up, got_down) = (layout.up_ciphertexts(), layout.down_ciphertexts());
        assert!(
            bytes(got_up, got_down) <= bytes(up, down),
            "{shape:?}: {got_up} up, {got_down} down"
        );
    }
}

/// Ciphertexts per image fall as images share them.
#[test]
fn small_images_share_ciphertexts() {
    let params = Params::choose(37, 8, 4608).unwrap();
    for (shape, images, most) in [
        (conv(64, 8, 64, 3, 1, 1), 16, 6.0_f64),
        (conv(64, 8, 64, 3, 1, 1), 4, 10.0),
        (conv(32, 16, 32, 3, 1, 1), 16, 10.0),
        (conv(16, 32, 16, 3, 1, 1), 16, 13.0),
        (conv(64, 16, 128, 1, 2, 1), 16, 7.0),
        (conv(576, 14, 576, 3, 1, 576), 16, 75.0),
        (ConvShape::dense(512, 10), 16, 0.6),
    ] {
        let ciphertexts = |images: usize| {
            let layout = ConvLayout::batched(&shape, images, &params).unwrap();
            (layout.up_ciphertexts() + layout.down_ciphertexts()) as f64 / images as f64
        };
        let (one, each) = (ciphertexts(1), ciphertexts(images));
        assert!(each <= most.min(one), "{shape:?}: {each} against {one}");
    }
    assert!(ConvLayout::batched(&ConvShape::dense(1, 1), 0, &params).is_err());
    assert!(ConvLayout::batched(&conv(64, 224, 64, 3, 1, 1), 16, &params).is_err());
}

/// Only products that some weight connects count.
#[test]
fn depthwise_layers_waste_no_products() {
    let params = Params::choose(26, 9, 9).unwrap();
    for stride in [1, 2] {
        let layout = ConvLayout::new(&conv(576, 14, 576, 3, stride, 576), &params).unwrap();
        let ciphertexts = layout.up_ciphertexts() + layout.down_ciphertexts();
        assert!(layout.products() <= ciphertexts, "{} of {ciphertexts}", layout.products());
    }
}

/// Extreme but allowed shapes are laid out without much time or memory.
#[test]
fn long_axes_are_laid_out() {
    let params = Params::choose(37, 8, 9).unwrap();
    let long = ConvShape { w: 1 << 20, kernel: [1, 9], ..ConvShape::dense(1, 1) };
    assert!(ConvLayout::new(&long, &params).unwrap().up_ciphertexts() < 300);
    let many = conv(1 << 14, 7, 1 << 14, 3, 1, 1 << 14);
    assert!(ConvLayout::new(&many, &params).unwrap().up_ciphertexts() < 1 << 12);
}

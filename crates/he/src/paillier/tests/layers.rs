//! Encrypted convolutions equal those of integers.

use super::*;
use crate::ConvShape;

fn clear(shape: &ConvShape, x: &[i64], weights: &[i32]) -> Vec<i64> {
    let [rows, columns] = shape.output().unwrap();
    let (cin, cout) = (shape.cin / shape.groups, shape.cout / shape.groups);
    let at = |out: usize, stride: u32, k: u32, dilation: u32, pad: u32| {
        i64::from(out as u32 * stride + k * dilation) - i64::from(pad)
    };
    let mut y = Vec::new();
    for co in 0..shape.cout {
        for oy in 0..rows {
            for ox in 0..columns {
                let mut sum = 0;
                for ci in 0..cin {
                    for ky in 0..shape.kernel[0] {
                        for kx in 0..shape.kernel[1] {
                            let iy = at(oy, shape.stride[0], ky, shape.dilation[0], shape.pads[0]);
                            let ix = at(ox, shape.stride[1], kx, shape.dilation[1], shape.pads[2]);
                            if (0..i64::from(shape.h)).contains(&iy)
                                && (0..i64::from(shape.w)).contains(&ix)
                            {
                                let c = i64::from(co / cout * cin + ci);
                                let i = (c * i64::from(shape.h) + iy) * i64::from(shape.w) + ix;
                                let w = ((co * cin + ci) * shape.kernel[0] + ky) * shape.kernel[1];
                                sum += x[i as usize] * i64::from(weights[(w + kx) as usize]);
                            }
                        }
                    }
                }
                y.push(sum);
            }
        }
    }
    y
}

fn random(count: usize, bits: u32, seed: u8) -> Vec<i64> {
    let mut words = vec![0; count];
    rng(seed).fill_words(&mut words);
    words.iter().map(|word| (*word as i64) >> (64 - bits)).collect()
}

/// Half of them zero.
fn weights(shape: &ConvShape, bits: u32, seed: u8) -> Vec<i32> {
    let values = random(2 * shape.kernel_len(), bits, seed);
    values.chunks(2).map(|v| if v[0] & 1 == 0 { 0 } else { v[1] as i32 }).collect()
}

fn shape(cin: u32, h: u32, w: u32, cout: u32, kernel: [u32; 2]) -> ConvShape {
    ConvShape { cin, h, w, cout, kernel, ..ConvShape::dense(1, 1) }
}

fn shapes() -> Vec<(ConvShape, u32)> {
    vec![
        (shape(2, 5, 6, 3, [3, 3]), 4),
        (ConvShape { pads: [1, 1, 1, 1], ..shape(1, 4, 7, 2, [3, 3]) }, 8),
        (ConvShape { stride: [2, 2], pads: [0, 1, 2, 0], ..shape(2, 6, 9, 2, [2, 3]) }, 3),
        (ConvShape { groups: 2, dilation: [2, 1], ..shape(4, 6, 5, 4, [2, 2]) }, 2),
        (ConvShape { dilation: [1, 2], stride: [1, 3], ..shape(1, 3, 12, 2, [1, 3]) }, 5),
        (ConvShape { stride: [2, 2], ..shape(2, 5, 5, 3, [1, 1]) }, 12),
        // Rows far apart, which several bands read.
        (ConvShape { dilation: [12, 1], pads: [12, 12, 0, 0], ..shape(1, 36, 16, 1, [3, 1]) }, 3),
        (ConvShape::dense(20, 11), 6),
    ]
}

fn elements(shape: &ConvShape, x: &[i64], weights: &[i32]) -> Vec<i128> {
    let layout = Layout::elements(shape).unwrap();
    let linear = Linear::new(&layout, weights).unwrap();
    let x: Vec<i128> = layout.arrange(x).unwrap().iter().map(|v| i128::from(*v)).collect();
    assert_eq!(x.len(), layout.inputs());
    let y = linear.apply_to_computed(&encrypt(&x).computed()).unwrap();
    assert_eq!(y.len(), layout.results());
    release(&y)
}

#[test]
fn element_by_element() {
    for (i, (shape, bits)) in shapes().into_iter().enumerate() {
        let (x, w) = (random(shape.input_len(), 20, i as u8), weights(&shape, bits, i as u8 + 40));
        let expected: Vec<i128> = clear(&shape, &x, &w).into_iter().map(i128::from).collect();
        assert_eq!(elements(&shape, &x, &w), expected, "{shape:?}");
    }
}

#[test]
fn zero_weights_and_extreme_ones() {
    let shape = ConvShape::dense(5, 9);
    let x = [i64::MAX, i64::MIN, 0, 1, -1].map(|v| v >> 8);
    assert_eq!(elements(&shape, &x, &[0; 45]), [0; 9]);
    let w: Vec<i32> = (0..45).map(|i| [1 << 24, -(1 << 24), 1, 0, -1][i % 5]).collect();
    let expected: Vec<i128> = w
        .chunks(5)
        .map(|w| x.iter().zip(w).map(|(x, w)| i128::from(*x) * i128::from(*w)).sum())
        .collect();
    assert_eq!(elements(&shape, &x, &w), expected);
}

/// With masks: the shares add up to the convolution.
fn tiles(shape: &ConvShape, value_bits: u32, x: &[i64], weights: &[i32]) -> Vec<i64> {
    let public = key().public();
    let packing = Packing::new(Strength::Bits112, value_bits).unwrap();
    let layout = Layout::tiles(shape, &packing).unwrap();
    let linear = Linear::new(&layout, weights).unwrap();
    let arranged = layout.arrange(x).unwrap();
    let plaintexts = packing.pack(public, layout.input_slots(), &arranged).unwrap();
    assert_eq!(plaintexts.len(), layout.inputs());
    let c = public.encrypt(&plaintexts, &mut pool(plaintexts.len(), 21)).unwrap();
    let y = linear.apply_to_computed(&c.computed()).unwrap();
    assert_eq!(y.len(), layout.results());
    let slots = layout.result_slots();
    let masks = packing.mask(public, slots, y.len(), &mut rng(22)).unwrap();
    let y = y.add_plain(&masks.plaintexts).unwrap().release(&mut pool(y.len(), 23)).unwrap();
    let shares = packing.open(public, slots, &key().decrypt(&y).unwrap()).unwrap();
    let [h, w] = shape.output().unwrap();
    let mut out = vec![None; shape.cout as usize * h * w];
    for i in 0..layout.results() * slots {
        if let Some(element) = layout.element(i / slots, i % slots) {
            assert!(out[element].is_none(), "element {element} twice");
            out[element] = Some(shares[i].wrapping_add(masks.shares[i]) as i64);
        }
    }
    out.into_iter().map(|v| v.unwrap()).collect()
}

#[test]
fn tile_by_tile() {
    for (i, (shape, bits)) in shapes().into_iter().enumerate() {
        let (x, w) = (random(shape.input_len(), 20, i as u8), weights(&shape, bits, i as u8 + 60));
        assert_eq!(tiles(&shape, 40, &x, &w), clear(&shape, &x, &w), "{shape:?}");
    }
}

#[test]
fn tiles_fill_slots() {
    let packing = Packing::new(Strength::Bits112, 21).unwrap();
    assert_eq!(packing.slots(), 33);
    let counts = |shape: &ConvShape| {
        let layout = Layout::tiles(shape, &packing).unwrap();
        [layout.inputs(), layout.input_slots(), layout.results(), layout.result_slots()]
    };
    let same = |cin, h, cout| ConvShape { pads: [1; 4], ..shape(cin, h, h, cout, [3, 3]) };
    // 4 x 8 tiles of 8 x 4, whose patches are 10 x 6.
    assert_eq!(counts(&same(1, 32, 1)), [60, 32, 32, 32]);
    // Two results to a tile, 3 x 4 patches.
    assert_eq!(counts(&same(1, 8, 1)), [12, 32, 2, 32]);
    // 1 x 1 kernels read each element once, also with a stride.
    assert_eq!(counts(&shape(4, 7, 7, 1, [1, 1])), [4 * 2, 28, 2, 28]);
    assert_eq!(counts(&ConvShape { stride: [2, 2], ..shape(1, 8, 8, 1, [1, 1]) }), [1, 16, 1, 16]);
    // 40 values, in two ciphertexts.
    assert_eq!(counts(&ConvShape::dense(3, 40)), [3, 1, 2, 33]);
    assert_eq!(counts(&ConvShape::dense(3, 5)), [3, 1, 1, 5]);
}

#[test]
fn parts_are_computed_in_their_order() {
    // Too many results for one band.
    let shape = ConvShape { pads: [1; 4], ..shape(1, 40, 20, 2, [3, 3]) };
    let (x, w) = (random(shape.input_len(), 9, 1), weights(&shape, 3, 2));
    let layout = Layout::elements(&shape).unwrap();
    let x: Vec<i128> = x.into_iter().map(i128::from).collect();
    let (linear, c) = (Linear::new(&layout, &w).unwrap(), encrypt(&x));
    let whole = release(&linear.apply_to_computed(&c.computed()).unwrap());
    let mut parts = layout.parts().into_iter();
    assert!(parts.len() > 1);
    let each = |results: Computed| {
        let expected: Vec<i128> = parts.next().unwrap().iter().map(|i| whole[*i]).collect();
        assert_eq!(release(&results), expected);
        Ok::<_, crate::Error>(())
    };
    linear.apply(&c, each).unwrap();
    assert_eq!(parts.next(), None);
}

#[test]
fn costs_are_products_of_nonzero_weights() {
    // Eight outputs of 16 ones: a copy into one position, then 15 products.
    let layout = Layout::elements(&ConvShape::dense(16, 8)).unwrap();
    let cost = |weights: &[i32]| Linear::new(&layout, weights).unwrap().cost();
    assert_eq!(cost(&[1; 128]), Cost { products: 15, squares: 0 });
    assert_eq!(cost(&[0; 128]), Cost::default());
    // Negative weights need inverses: three products for each of two groups.
    assert_eq!(cost(&[-1; 128]), Cost { products: 15 + 6, squares: 0 });
    // Cubes are made once for each of two groups of inputs.
    assert_eq!(cost(&[3; 128]), Cost { products: 15 + 2, squares: 2 });
    assert_eq!(cost(&[64; 128]), Cost { products: 15, squares: 6 });
    let mut half = [1; 128];
    half.iter_mut().step_by(2).for_each(|w| *w = 0);
    assert_eq!(cost(&half), Cost { products: 7, squares: 0 });
    // Columns of different lengths are as long as the longest.
    let mut one = [0; 128];
    one[16..20].fill(1);
    assert_eq!(cost(&one), Cost { products: 3, squares: 0 });
    let packing = Packing::new(Strength::Bits112, 20).unwrap();
    let joined = Layout::tiles(&ConvShape::dense(16, 8), &packing).unwrap();
    let cost = Linear::new(&joined, &[1; 128]).unwrap().cost();
    assert_eq!(cost, Cost { products: 15 + 8, squares: 7 * 61 });
}

#[test]
fn pruning_pays() {
    // A layer of the size of ResNet-20's, with the weights that magnitude pruning leaves.
    let shape = ConvShape { pads: [1; 4], ..shape(32, 16, 16, 32, [3, 3]) };
    let dense: Vec<i32> = random(4 * shape.kernel_len(), 8, 30)
        .chunks(4)
        .map(|v| (v.iter().sum::<i64>() / 4) as i32)
        .collect();
    let mut sizes: Vec<u32> = dense.iter().map(|w| w.unsigned_abs()).collect();
    sizes.sort_unstable();
    let median = sizes[sizes.len() / 2];
    let pruned: Vec<i32> =
        dense.iter().map(|w| if w.unsigned_abs() < median { 0 } else { *w }).collect();
    let layout = Layout::elements(&shape).unwrap();
    let work = |weights: &[i32]| {
        let cost = Linear::new(&layout, weights).unwrap().cost();
        (cost.products + cost.squares) as f64
    };
    let ratio = work(&pruned) / work(&dense);
    println!("half of the weights: {ratio:.3} of the products");
    // The weights that are left are the longer ones, and tables of multiples are made as before.
    assert!(ratio < 0.65, "{ratio}");
}

#[test]
fn misfits_are_refused() {
    let long = ConvShape { kernel: [1, 1 << 15], ..shape(1, 1, 1 << 16, 1, [1, 1]) };
    assert!(Layout::elements(&long).unwrap_err().to_string().contains("taps at"));
    let layout = Layout::elements(&ConvShape::dense(2, 2)).unwrap();
    assert!(Linear::new(&layout, &[1; 3]).is_err());
    assert!(layout.arrange(&[1; 3]).is_err());
    let linear = Linear::new(&layout, &[1; 4]).unwrap();
    assert!(linear.apply_to_computed(&encrypt(&[1, 2, 3]).computed()).is_err());
}

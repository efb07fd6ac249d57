//! Encrypted convolutions equal the ring's, over a lane and message by message.
#![allow(clippy::unwrap_used)]

use std::thread;

use proptest::prelude::*;
use sordino_he::{
    ClientKeys, ConvLayout, ConvShape, EncodedKernel, Params, ServerKeys, decrypt, encrypt,
    evaluate, linear, public_key_len,
};
use sordino_kernels::ring::{Conv2d, conv2d_u64};
use sordino_secret::SecretRng;
use sordino_wire::{Meter, Role, memory_pair};

/// The convolution of the ring, modulo 2^bits.
fn reference(shape: &ConvShape, bits: u32, x: &[u64], kernel: &[i32], bias: &[u64]) -> Vec<u64> {
    let conv = Conv2d {
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
    let kernel: Vec<u64> = kernel.iter().map(|w| i64::from(*w) as u64).collect();
    let mut y = vec![0; conv.output_len()];
    conv2d_u64(&conv, x, &kernel, &mut y);
    let area = y.len() / conv.cout;
    let mask = u64::MAX >> (64 - bits);
    let biased =
        |(i, y): (usize, &u64)| y.wrapping_add(bias.get(i / area).copied().unwrap_or(0)) & mask;
    y.iter().enumerate().map(biased).collect()
}

struct Case {
    shape: ConvShape,
    images: usize,
    bits: u32,
    weight_bits: u32,
    kernel: Vec<i32>,
    bias: Vec<u64>,
    shares: [Vec<u64>; 2],
}

impl Case {
    fn random(shape: ConvShape, bits: u32, weight_bits: u32, rng: &mut SecretRng) -> Self {
        Self::batch(shape, 1, [bits, weight_bits], rng)
    }

    fn batch(
        shape: ConvShape,
        images: usize,
        [bits, weight_bits]: [u32; 2],
        rng: &mut SecretRng,
    ) -> Self {
        let mut words = |n: usize| {
            let mut words = vec![0; n];
            rng.fill_words(&mut words);
            words
        };
        let kernel = words(shape.kernel_len())
            .into_iter()
            .map(|w| ((w as i64) >> (64 - weight_bits)) as i32);
        let inputs = images * shape.input_len();
        Self {
            shape,
            images,
            bits,
            weight_bits,
            kernel: kernel.collect(),
            bias: words(shape.cout as usize),
            shares: [words(inputs), words(inputs)],
        }
    }

    fn params(&self) -> Params {
        Params::choose(self.bits, self.weight_bits, self.shape.taps()).unwrap()
    }

    fn expected(&self) -> Vec<u64> {
        let sum = |(a, b): (&u64, &u64)| a.wrapping_add(*b);
        let x: Vec<u64> = self.shares[0].iter().zip(&self.shares[1]).map(sum).collect();
        let images = x.chunks(self.shape.input_len());
        images
            .flat_map(|x| reference(&self.shape, self.bits, x, &self.kernel, &self.bias))
            .collect()
    }

    /// Runs both parties in one thread; gives the sum of their shares.
    fn run(&self, params: &Params, budget: usize, rng: &mut SecretRng) -> Vec<u64> {
        let layout = ConvLayout::batched(&self.shape, self.images, params).unwrap();
        let keys = ClientKeys::generate(params, rng);
        assert_eq!(keys.public_key().len(), public_key_len(params));
        let server = ServerKeys::from_bytes(params, keys.public_key()).unwrap();
        let kernel = EncodedKernel::encode_within(&layout, &self.kernel, budget).unwrap();
        let up = encrypt(&keys, &layout, &self.shares[0], rng).unwrap();
        assert_eq!(up.len(), layout.up_ciphertexts());
        assert_eq!(up.iter().map(Vec::len).sum::<usize>(), layout.up_bytes());
        let (down, share) =
            evaluate(&server, &layout, &kernel, &up, &self.shares[1], &self.bias, rng).unwrap();
        assert_eq!(down.len(), layout.down_ciphertexts());
        assert_eq!(down.iter().map(Vec::len).sum::<usize>(), layout.down_bytes());
        let mine = decrypt(&keys, &layout, &down).unwrap();
        sum(&mine, &share, self.bits)
    }
}

fn sum(a: &[u64], b: &[u64], bits: u32) -> Vec<u64> {
    let mask = u64::MAX >> (64 - bits);
    a.iter().zip(b).map(|(a, b)| a.wrapping_add(*b) & mask).collect()
}

fn check(shape: ConvShape, bits: u32, weight_bits: u32) {
    let mut rng = SecretRng::from_seed([bits as u8; 32]);
    let case = Case::random(shape, bits, weight_bits, &mut rng);
    assert!(case.run(&case.params(), usize::MAX, &mut rng) == case.expected(), "{shape:?}");
}

fn conv(cin: u32, h: u32, w: u32, cout: u32, k: u32, stride: u32, pad: u32) -> ConvShape {
    ConvShape {
        cin,
        h,
        w,
        cout,
        kernel: [k; 2],
        stride: [stride; 2],
        dilation: [1; 2],
        pads: [pad; 4],
        groups: 1,
    }
}

fn shapes() -> impl Strategy<Value = ConvShape> {
    let channels = (1_u32..=3, 1_u32..=5, 1_u32..=5);
    let axis = || (1_u32..=14, 1_u32..=4, 1_u32..=3, 1_u32..=3, 0_u32..=3, 0_u32..=3);
    (channels, axis(), axis()).prop_filter_map("kernel fits", |((groups, cin, cout), y, x)| {
        let fits =
            |(size, k, _, d, a, b): (u32, u32, u32, u32, u32, u32)| size + a + b > d * (k - 1);
        (fits(y) && fits(x)).then_some(ConvShape {
            cin: cin * groups,
            h: y.0,
            w: x.0,
            cout: cout * groups,
            kernel: [y.1, x.1],
            stride: [y.2, x.2],
            dilation: [y.3, x.3],
            pads: [y.4, y.5, x.4, x.5],
            groups,
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn any_convolution_is_exact(
        shape in shapes(),
        bits in prop_oneof![2_u32..=47, 48_u32..=64],
        weight_bits in 1_u32..=9,
        images in 1_usize..5,
        seed: [u8; 32],
        keep: bool,
    ) {
        let mut rng = SecretRng::from_seed(seed);
        let case = Case::batch(shape, images, [bits, weight_bits], &mut rng);
        let budget = if keep { usize::MAX } else { 0 };
        prop_assert_eq!(case.run(&case.params(), budget, &mut rng), case.expected());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn pointwise_convolutions_are_exact(
        (groups, cin, cout) in (1_u32..=3, 1_u32..=40, 1_u32..=40),
        (h, w) in (1_u32..=33, 1_u32..=33),
        stride in (1_u32..=3, 1_u32..=3),
        bits in 20_u32..=40,
        images in 1_usize..6,
        seed: [u8; 32],
        keep: bool,
    ) {
        let shape = ConvShape {
            h,
            w,
            stride: stride.into(),
            groups,
            ..ConvShape::dense(cin * groups, cout * groups)
        };
        let mut rng = SecretRng::from_seed(seed);
        let case = Case::batch(shape, images, [bits, 8], &mut rng);
        let budget = if keep { usize::MAX } else { 0 };
        prop_assert_eq!(case.run(&case.params(), budget, &mut rng), case.expected());
    }
}

#[test]
fn every_ring_width_is_exact() {
    for bits in 2..=64 {
        check(conv(3, 6, 7, 4, 3, 1, 1), bits, 8);
    }
}

#[test]
fn network_layers_are_exact() {
    check(conv(3, 32, 32, 16, 3, 1, 1), 37, 8);
    check(conv(16, 32, 32, 32, 3, 2, 1), 37, 8);
    check(conv(64, 8, 8, 64, 3, 1, 1), 37, 8);
    check(conv(16, 32, 32, 32, 1, 2, 0), 37, 8);
    check(ConvShape::dense(300, 77), 37, 8);
    check(ConvShape::dense(1, 1), 64, 16);
    check(ConvShape::dense(9216, 40), 41, 8);
}

#[test]
fn images_larger_than_a_ciphertext_are_tiled() {
    check(conv(2, 90, 101, 3, 3, 1, 1), 37, 8);
    check(conv(1, 150, 160, 2, 7, 2, 3), 37, 8);
    check(conv(2, 70, 80, 3, 1, 1, 0), 64, 8);
    check(conv(1, 3, 5000, 2, 3, 1, 1), 30, 8);
}

#[test]
fn kernels_may_be_larger_than_the_image_and_read_padding_alone() {
    check(conv(2, 3, 3, 2, 7, 1, 5), 37, 8);
    check(conv(1, 1, 1, 3, 1, 1, 4), 37, 8);
    check(conv(1, 2, 2, 2, 1, 3, 2), 37, 8);
    let dilated = ConvShape { dilation: [5, 4], ..conv(2, 13, 12, 2, 3, 2, 3) };
    check(dilated, 37, 8);
}

#[test]
fn groups_and_depthwise_convolutions_are_exact() {
    check(ConvShape { groups: 32, ..conv(32, 7, 7, 32, 3, 1, 1) }, 37, 8);
    check(ConvShape { groups: 4, ..conv(12, 14, 14, 8, 3, 2, 1) }, 37, 8);
    check(ConvShape { groups: 3, ..conv(3, 70, 70, 6, 3, 1, 1) }, 37, 8);
}

#[test]
fn biases_may_be_absent_per_channel_or_per_output() {
    let mut rng = SecretRng::from_seed([8; 32]);
    let mut case = Case::random(conv(2, 5, 5, 3, 3, 1, 1), 20, 8, &mut rng);
    let per_channel = case.run(&case.params(), usize::MAX, &mut rng);
    assert!(per_channel == case.expected());
    case.bias = (0..75).map(|i| case.bias[i / 25]).collect();
    assert!(case.run(&case.params(), usize::MAX, &mut rng) == per_channel);
    case.bias.clear();
    assert!(case.run(&case.params(), usize::MAX, &mut rng) == case.expected());
}

/// Greatest weights and a full noise budget, with parameters chosen for exactly this layer.
#[test]
fn extreme_weights_are_exact() {
    let mut rng = SecretRng::from_seed([5; 32]);
    for (shape, bits) in [
        (ConvShape::dense(4096, 64), 37),
        (conv(64, 8, 8, 64, 3, 1, 1), 47),
        (conv(8, 16, 16, 9, 5, 1, 2), 64),
    ] {
        for (weight_bits, value) in [(8, -128), (8, 127), (8, 0), (31, -(1 << 30))] {
            let mut case = Case::random(shape, bits, weight_bits, &mut rng);
            case.kernel.fill(value);
            assert!(
                case.run(&case.params(), usize::MAX, &mut rng) == case.expected(),
                "{shape:?} {value}"
            );
        }
    }
}

#[test]
fn a_session_reuses_keys_for_every_layer_and_costs_what_was_predicted() {
    let bits = 37;
    let params = Params::choose(bits, 8, 144).unwrap();
    let mut rng = SecretRng::from_seed([9; 32]);
    let shapes =
        [conv(16, 16, 16, 16, 3, 1, 1), conv(3, 70, 70, 2, 3, 2, 1), ConvShape::dense(144, 10)];
    let cases: Vec<Case> = shapes.iter().map(|s| Case::random(*s, bits, 8, &mut rng)).collect();
    let layouts: Vec<ConvLayout> =
        shapes.iter().map(|s| ConvLayout::new(s, &params).unwrap()).collect();
    let (mut up, mut down) = memory_pair();
    let (mine, theirs) = thread::scope(|scope| {
        let client = scope.spawn(|| {
            let mut rng = SecretRng::from_os().unwrap();
            let keys = ClientKeys::generate(&params, &mut rng);
            linear::send_key(&mut up, &keys).unwrap();
            let layers = cases.iter().zip(&layouts);
            let shares: Vec<_> = layers
                .map(|(case, layout)| {
                    linear::client(&mut up, &keys, layout, &case.shares[0], &mut rng).unwrap()
                })
                .collect();
            shares
        });
        let server = scope.spawn(|| {
            let mut rng = SecretRng::from_os().unwrap();
            let keys = linear::receive_key(&mut down, &params).unwrap();
            let layers = cases.iter().zip(&layouts);
            let shares: Vec<_> = layers
                .map(|(case, layout)| {
                    let kernel = EncodedKernel::encode(layout, &case.kernel).unwrap();
                    let [_, share] = &case.shares;
                    linear::server(&mut down, &keys, layout, &kernel, share, &case.bias, &mut rng)
                        .unwrap()
                })
                .collect();
            shares
        });
        (client.join().unwrap(), server.join().unwrap())
    });
    for ((mine, theirs), case) in mine.iter().zip(&theirs).zip(&cases) {
        assert!(sum(mine, theirs, bits) == case.expected(), "{:?}", case.shape);
    }
    for (role, lane) in [(Role::Client, &up), (Role::Server, &down)] {
        let mut meter = Meter::new(role);
        linear::key_cost(&mut meter, &params);
        layouts.iter().for_each(|layout| linear::cost(&mut meter, layout));
        assert_eq!(meter.counts(), lane.meter().counts());
    }
}

//! The layers in floats.

use super::program::{Kernel, Layer, Node, Program};
use crate::fixed::PoolShape;
use crate::fixed::semantics::{concat, index_map, windows};
use crate::float::eval;
use crate::ir::{Op, Tensor, Window};
use crate::{Error, fixed::Rearrange};

/// Runs the layers on one input and shows `observe` every value.
pub(super) fn run(
    p: &Program,
    input: &[f32],
    mut observe: impl FnMut(usize, &[f32]),
) -> Result<(), Error> {
    let mut uses = vec![0usize; p.values.len()];
    p.nodes.iter().flat_map(|n| &n.inputs).for_each(|&x| uses[x] += 1);
    let mut live: Vec<Vec<f32>> = vec![Vec::new(); p.values.len()];
    if input.len() != p.values[p.input].len() {
        return Err(Error::Shape(format!(
            "a sample of {} elements for an input of {:?}",
            input.len(),
            p.values[p.input].shape
        )));
    }
    observe(p.input, input);
    live[p.input] = input.to_vec();
    for n in &p.nodes {
        let y = apply(p, n, &live)?;
        observe(n.output, &y);
        for &x in &n.inputs {
            uses[x] -= 1;
            if uses[x] == 0 {
                live[x] = Vec::new();
            }
        }
        live[n.output] = y;
    }
    Ok(())
}

/// One layer on the values so far.
pub(super) fn apply(p: &Program, n: &Node, live: &[Vec<f32>]) -> Result<Vec<f32>, Error> {
    let x = &live[n.inputs[0]][..];
    let shape = |v: usize| &p.values[v].shape[..];
    Ok(match &n.layer {
        Layer::Linear(k) => linear(k, x)?,
        Layer::AddConst(c) => x.iter().zip(c).map(|(&x, &c)| x + c as f32).collect(),
        Layer::Table(c) => x.iter().map(|&v| (c.f)(f64::from(v)) as f32).collect(),
        Layer::SumPool { pool, count } => {
            let scale = (1.0 / count) as f32;
            pooled(pool, x, |w| w.iter().sum::<f32>() * scale)
        }
        Layer::MaxPool(pool) => {
            pooled(pool, x, |w| w.iter().copied().reduce(f32::max).unwrap_or(0.0))
        }
        Layer::Add { subtract } => {
            let sign = if *subtract { -1.0 } else { 1.0 };
            x.iter().zip(&live[n.inputs[1]]).map(|(&a, &b)| a + sign * b).collect()
        }
        Layer::Concat { axis } => {
            let bits = |&v: &usize| live[v].iter().map(|f| u64::from(f.to_bits())).collect();
            let xs: Vec<Vec<u64>> = n.inputs.iter().map(bits).collect();
            let xs: Vec<&[u64]> = xs.iter().map(Vec::as_slice).collect();
            let shapes: Vec<&[u32]> = n.inputs.iter().map(|&v| shape(v)).collect();
            let joined = concat(*axis, &vec![0; xs.len()], &shapes, &xs, 64);
            joined.into_iter().map(|b| f32::from_bits(b as u32)).collect()
        }
        Layer::Move { how: Rearrange::Reshape, .. } => x.to_vec(),
        Layer::Move { how, fill } => index_map(how, shape(n.inputs[0]), shape(n.output))
            .into_iter()
            .map(|i| i.map_or(*fill as f32, |i| x[i as usize]))
            .collect(),
    })
}

fn linear(k: &Kernel, x: &[f32]) -> Result<Vec<f32>, Error> {
    if k.unit {
        return Ok(x.to_vec());
    }
    let c = &k.conv;
    let size = |v: &[u32]| v.iter().map(|&d| d as usize).collect::<Vec<_>>();
    let window = Window {
        kernel: size(&c.kernel),
        stride: size(&c.stride),
        dilation: size(&c.dilation),
        pads: vec![
            (c.pads[0] as usize, c.pads[1] as usize),
            (c.pads[2] as usize, c.pads[3] as usize),
        ],
    };
    let floats = |v: &[f64]| v.iter().map(|&v| v as f32).collect();
    let x = Tensor::f32(size(&[1, c.cin, c.h, c.w]), x.to_vec())?;
    let kernel = size(&[c.cout, c.cin / c.groups, c.kernel[0], c.kernel[1]]);
    let kernel = Tensor::f32(kernel, floats(&k.kernel))?;
    let bias = if k.bias.is_empty() { vec![0.0; c.cout as usize] } else { floats(&k.bias) };
    let bias = Tensor::f32(size(&[c.cout]), bias)?;
    let op = Op::Conv { window, groups: c.groups as usize };
    let y = eval(&op, &[Some(&x), Some(&kernel), Some(&bias)])?;
    Ok(y[0].as_f32()?.to_vec())
}

fn pooled(pool: &PoolShape, x: &[f32], f: impl Fn(&[f32]) -> f32) -> Vec<f32> {
    let windows = windows(pool);
    let plane = pool.h as usize * pool.w as usize;
    let mut y = Vec::with_capacity(pool.channels as usize * windows.len());
    let mut window = Vec::new();
    for p in x.chunks_exact(plane) {
        for i in 0..windows.len() {
            window.clear();
            window.extend(windows.get(i).iter().map(|&e| p[e as usize]));
            y.push(f(&window));
        }
    }
    y
}

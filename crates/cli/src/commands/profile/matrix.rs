//! Linear layers on transfers: what a row costs, what a ring element under a bit of a weight, and the product of the server's
//! own share. Whole sessions do not tell these apart, for they grow together.

use super::clock::alone;
use super::graphs::{conv, weights, words};
use super::runs::{Parts, Runs, amounts, both};
use super::transfers::cots;
use anyhow::Result;
use sordino_engine::work::Unit;
use sordino_graph::fixed::semantics::linear;
use sordino_ot::matrix::{Elements, Part, Shape, Weights, recv, send};

/// Columns of the products.
const COLUMNS: [usize; 4] = [1, 4, 64, 1024];
const RING: u32 = 24;
/// Runs of this file.
pub(super) const RUNS: u64 = 1 + COLUMNS.len() as u64;

pub(super) fn measure(runs: &mut Runs) -> Result<()> {
    let elements = runs.scaled(1 << 23);
    for columns in COLUMNS {
        let run = || products((elements / columns).min(elements / 4), columns);
        runs.measure(&format!("products of {columns} columns on transfers"), run)?;
    }
    let side = runs.scaled(1 << 10).isqrt() as u32;
    runs.measure("products of an own share", || own(side))
}

/// Of weights that take so many transfers together.
fn products(transfers: usize, columns: usize) -> Result<Parts> {
    let (weight_bits, inner) = (8, 16);
    let rows = transfers.div_ceil(inner * weight_bits as usize);
    let part = Part::whole(Shape { groups: 1, rows, inner, columns, weight_bits, bits: RING });
    let (shape, n) = (part.shape, part.cots_needed());
    let ((sent, _), (_, received)) = cots(n, 1)?;
    let x: Vec<u64> = (0..shape.inputs() as u64).map(|i| words(i) >> (64 - RING)).collect();
    let w: Vec<i64> = weights(shape.weights(), 127).into_iter().map(i64::from).collect();
    let ((_, client), (_, server)) = both(
        |mut lane| {
            let mut sum = vec![0; shape.outputs()];
            for cots in sent {
                send(&mut lane, cots, &mut [Elements { part: &part, x: &x, sum: &mut sum }])?;
            }
            Ok(())
        },
        |mut lane| {
            let mut sum = vec![0; shape.outputs()];
            for cots in received {
                recv(&mut lane, cots, &mut [Weights { part: &part, w: &w, sum: &mut sum }])?;
            }
            Ok(())
        },
    )?;
    let of = |row, element| amounts([(row, n), (element, n * columns)]);
    Ok(vec![
        ("client".into(), of(Unit::MatrixRowSent, Unit::MatrixSent), client),
        ("server".into(), of(Unit::MatrixRowReceived, Unit::MatrixReceived), server),
    ])
}

fn own(side: u32) -> Result<Parts> {
    let shape = conv([32; 2], side, 3);
    let kernel = weights(shape.kernel_len(), 127);
    let inputs = u64::from(shape.cin * side * side);
    let x: Vec<u64> = (0..inputs).map(|i| words(i) >> (64 - RING)).collect();
    let (_, seconds) = alone(|| Ok(linear(&shape, &kernel, &[], &x, RING)))?;
    let (h, w) = shape.output();
    let products = shape.kernel_len() * (h * w) as usize;
    Ok(vec![("server".into(), amounts([(Unit::Product, products)]), seconds)])
}

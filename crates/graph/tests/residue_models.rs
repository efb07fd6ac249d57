//! Accuracy of networks quantised for the garbled backend, on real data.
#![allow(clippy::unwrap_used)]

mod common;
mod fixed_common;

use fixed_common::{calibrate, clear, float, images, inputs, model, top1};
use rayon::prelude::*;
use sordino_graph::fixed::residue::{LookupForm, MAX_ERROR, ResidueOptions, Style, fit, quantise};
use sordino_graph::fixed::{encode_input, quality};

const CALIBRATION: usize = 128;

fn forms(divisors: &[u64], levels: u32, outputs: u32) -> Vec<LookupForm> {
    divisors.iter().map(|&divisor| LookupForm { divisor, levels, outputs }).collect()
}

/// Menus of 6-, 7- and 8-bit activations from the primes whose labels are long enough.
fn menus() -> [Vec<LookupForm>; 3] {
    [
        forms(&[13 * 61, 29 * 61, 53 * 61, 7 * 13 * 61, 7 * 29 * 61, 13 * 53 * 61], 127, 61),
        forms(&[7 * 127, 13 * 127, 29 * 127, 7 * 13 * 127, 7 * 29 * 127, 13 * 53 * 127], 251, 127),
        forms(&[7 * 127, 13 * 127, 29 * 127, 7 * 13 * 127, 7 * 29 * 127, 13 * 53 * 127], 251, 251),
    ]
}

fn options(forms: Vec<LookupForm>) -> ResidueOptions {
    let env = |n: &str, d: f64| std::env::var(n).map_or(d, |v| v.parse().unwrap());
    let mut o = ResidueOptions::new(Style::Strict { forms, weight_bits: env("WB", 7.0) as u32 });
    o.range = sordino_graph::fixed::residue::RangeMode::Calibrated { margin: env("MARGIN", 1.25) };
    o
}

#[test]
#[ignore = "prints accuracies; minutes"]
fn accuracies() {
    if common::data("accuracies").is_none() {
        return;
    }
    let only = std::env::var("NETS").unwrap_or_default();
    for (name, test) in [
        ("mnist_mlp_a", 1000),
        ("mnist_network_b", 1000),
        ("mnist_cnn_cntk", 1000),
        ("cifar10_resnet8_tiny", 500),
        ("cifar10_minionn_relu6", 500),
        ("cifar10_resnet20", 500),
        ("cifar10_resnet20_pt", 500),
    ] {
        if !only.is_empty() && !only.split(',').any(|n| n == name) {
            continue;
        }
        let g = model(name);
        let n = std::env::var("CAL").map_or(CALIBRATION, |v| v.parse().unwrap());
        let (calibration, test) = images(name, n, test);
        let c = calibrate(&g, &calibration);
        let samples = inputs(&calibration);
        let floats: Vec<usize> = test.par_iter().map(|(x, _)| top1(&float(&g, x))).collect();
        let right = floats.iter().zip(&test).filter(|(p, (_, l))| *p == l).count();
        println!("{name}: float {right} of {}", test.len());
        for menu in menus() {
            let o = options(menu.clone());
            let t = std::time::Instant::now();
            let m = match quantise(&g, &c, &samples, &o) {
                Ok(m) => m,
                Err(e) => {
                    println!("  {}: {e}", menu[0].outputs);
                    continue;
                }
            };
            let took = t.elapsed();
            let q = quality(&g, &m, &samples).unwrap();
            let hits: Vec<(usize, usize)> = test
                .par_iter()
                .map(|(x, _)| {
                    let edge = &m.graph.edges[m.graph.input.0 as usize];
                    let words = encode_input(edge, x.as_f32().unwrap()).unwrap().words;
                    let over: usize = m.overflows(&words).iter().map(|o| o.values).sum();
                    (top1(&clear(&m, x)), over)
                })
                .collect();
            let right = hits.iter().zip(&test).filter(|(p, (_, l))| p.0 == *l).count();
            let same = hits.iter().zip(&floats).filter(|(p, f)| p.0 == **f).count();
            if std::env::var("SHOW").is_ok() {
                for (i, (x, _)) in test.iter().enumerate() {
                    let edge = &m.graph.edges[m.graph.input.0 as usize];
                    let words = encode_input(edge, x.as_f32().unwrap()).unwrap().words;
                    for o in m.overflows(&words) {
                        println!(
                            "    image {i}: {o:?}, float {} clear {} label {}",
                            floats[i], hits[i].0, test[i].1
                        );
                    }
                }
                for l in m.graph.report() {
                    println!("{} {} {:?} {:?}", l.name, l.op, l.range, l.bits)
                }
            }
            let over: usize = hits.iter().map(|h| h.1).sum();
            println!(
                "  {} levels, {} outputs: {right}, same {same}, overflows {over}, error {:.4}, agreement {:.3}, {took:.1?}",
                menu[0].levels, menu[0].outputs, q.error, q.agreement
            );
        }
    }
}

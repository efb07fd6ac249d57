use flate2::read::GzDecoder;
use rayon::prelude::*;
use sordino_graph::float;
use sordino_graph::ir::{Graph, Tensor};
use std::io::Read;
use std::path::Path;

/// Channel planes of bytes and the label.
pub struct Image {
    pub planes: Vec<u8>,
    pub channels: usize,
    pub label: usize,
}

/// `(v / scale - mean) / std` per channel.
pub struct Preprocessing {
    pub scale: f32,
    pub mean: [f32; 3],
    pub std: [f32; 3],
}

fn idx(path: &Path, header: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes.split_off(header)
}

fn idx_pair(images: &Path, labels: &Path) -> Vec<Image> {
    let (images, labels) = (idx(images, 16), idx(labels, 8));
    images
        .chunks(28 * 28)
        .zip(labels)
        .map(|(p, label)| Image { planes: p.to_vec(), channels: 1, label: label.into() })
        .collect()
}

pub fn mnist(data: &Path) -> Vec<Image> {
    let folder = data.join("mnist");
    idx_pair(&folder.join("t10k-images-idx3-ubyte.gz"), &folder.join("t10k-labels-idx1-ubyte.gz"))
}

pub fn pneumonia(data: &Path) -> Vec<Image> {
    let folder = data.join("pneumoniamnist");
    idx_pair(
        &folder.join("test312-images-idx3-ubyte.gz"),
        &folder.join("test312-labels-idx1-ubyte.gz"),
    )
}

pub fn cifar10(data: &Path) -> Vec<Image> {
    let bytes = std::fs::read(data.join("cifar10/test_500.bin")).unwrap();
    bytes
        .chunks(3073)
        .map(|r| Image { planes: r[1..].to_vec(), channels: 3, label: r[0].into() })
        .collect()
}

/// Top-1 accuracy in percent.
pub fn accuracy(graph: &Graph, images: &[Image], p: &Preprocessing) -> f64 {
    let shape = &graph.value(graph.inputs[0]).shape;
    let right = images.par_iter().filter(|image| {
        let area = image.planes.len() / image.channels;
        let x = image
            .planes
            .iter()
            .enumerate()
            .map(|(i, &v)| (f32::from(v) / p.scale - p.mean[i / area]) / p.std[i / area])
            .collect();
        let out = float::run(graph, &[Tensor::f32(shape.clone(), x).unwrap()]).unwrap();
        let y = out[0].as_f32().unwrap();
        let best = (0..y.len()).fold(0, |b, k| if y[k] > y[b] { k } else { b });
        best == image.label
    });
    right.count() as f64 * 100.0 / images.len() as f64
}

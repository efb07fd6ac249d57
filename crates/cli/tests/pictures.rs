//! Preprocessing against inputs that another program made from the same photos.
#![allow(clippy::unwrap_used)]

mod common;

use sordino::data::read_picture;
use sordino::graph::onnx::named_tensor_from_bytes;
use sordino::image::{Channels, Preprocess, Settings};

/// Of all photos the one nearest to a stored input must be nearly equal to it.
fn nearest(model: &str, shape: &[usize], settings: &Settings, unit: f32) {
    let Some(folder) = common::data(&format!("models/{model}")) else { return };
    let Some(photos) = common::data("photos") else { return };
    let preprocess = Preprocess::new(shape, settings).unwrap();
    let photos: Vec<Vec<f32>> = std::fs::read_dir(photos)
        .unwrap()
        .map(|f| preprocess.apply(&read_picture(&f.unwrap().path()).unwrap()).unwrap())
        .collect();
    for set in 0..2 {
        let file = folder.join(format!("test_data_set_{set}/input_0.pb"));
        let (_, tensor) = named_tensor_from_bytes(&std::fs::read(file).unwrap()).unwrap();
        let want = tensor.as_f32().unwrap();
        let (mean, worst) = photos
            .iter()
            .map(|got| {
                let errors = || got.iter().zip(want).map(|(a, b)| (a - b).abs() / unit);
                (errors().sum::<f32>() / want.len() as f32, errors().fold(0.0, f32::max))
            })
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .unwrap();
        assert!(
            mean < 0.1 && worst <= 2.0,
            "{model} {set}: mean {mean}, worst {worst} grey levels"
        );
    }
}

#[test]
fn squeezenet_inputs_are_reproduced() {
    let settings = Settings {
        resize: Some(256),
        channels: Some(Channels::Bgr),
        scale: Some(1.0),
        mean: Some(vec![104.0, 117.0, 123.0]),
        ..Settings::default()
    };
    nearest("squeezenet1.1", &[1, 3, 224, 224], &settings, 1.0);
}

#[test]
fn mobilenet_inputs_are_reproduced() {
    let settings = Settings {
        resize: Some(183),
        scale: Some(1.0 / 127.5),
        mean: Some(vec![1.0]),
        ..Settings::default()
    };
    nearest("mobilenet_v1_0.5_160", &[1, 3, 160, 160], &settings, 1.0 / 127.5);
}

#![allow(clippy::unwrap_used)]
use super::*;
use crate::image::Settings;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use tempfile::TempDir;

fn idx(axes: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, axes.len() as u8];
    bytes.extend(axes.iter().flat_map(|a| a.to_be_bytes()));
    bytes.extend(data);
    bytes
}

fn gz(data: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(data).unwrap();
    out.finish().unwrap()
}

fn png(height: u32, width: u32, grey: u8) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    ::image::GrayImage::from_pixel(width, height, ::image::Luma([grey]))
        .write_to(&mut out, ::image::ImageFormat::Png)
        .unwrap();
    out.into_inner()
}

fn prepare(shape: &[usize]) -> Prepare {
    let scale = (shape.len() == 4).then_some(1.0);
    Prepare::new(shape, &Settings { scale, ..Settings::default() }).unwrap()
}

fn open(path: &Path, shape: &[usize]) -> Result<Dataset, Error> {
    Dataset::open(path, Labels::Beside, &Classes::default(), &prepare(shape))
}

fn all(path: &Path, shape: &[usize]) -> Vec<Sample> {
    open(path, shape).unwrap().collect::<Result<_, _>>().unwrap()
}

fn failure(path: &Path, shape: &[usize]) -> String {
    match open(path, shape) {
        Err(e) => e.to_string(),
        Ok(data) => {
            let mut data = data.skip_while(Result::is_ok);
            let error = data.next().unwrap().unwrap_err().to_string();
            assert!(data.next().is_none(), "goes on after an error");
            error
        }
    }
}

#[test]
fn idx_plain_and_packed_with_labels() {
    let dir = TempDir::new().unwrap();
    let images = idx(&[2, 1, 2], &[1, 2, 3, 4]);
    let labels = idx(&[2], &[7, 9]);
    std::fs::write(dir.path().join("t-labels-idx1-ubyte"), &labels).unwrap();
    for (name, bytes) in
        [("t-images-idx3-ubyte", images.clone()), ("t-images-idx3-ubyte.gz", gz(&images))]
    {
        let file = dir.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        for path in [&file, &dir.path().to_owned()] {
            let samples = all(path, &[1, 1, 1, 2]);
            assert_eq!(samples[0].input, [1.0, 2.0]);
            assert_eq!((samples[1].label, samples[1].name.as_str()), (Some(9), "#1"));
            assert_eq!(samples.len(), 2);
        }
        std::fs::remove_file(file).unwrap();
    }
}

#[test]
fn damaged_idx_says_where() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("x-images-idx3-ubyte");
    let shape = &[1, 1, 1, 2];
    std::fs::write(&path, idx(&[3, 1, 2], &[1, 2, 3])).unwrap();
    assert!(failure(&path, shape).contains("ends or is damaged at item 1 of 3"));
    std::fs::write(&path, b"\0\0\x08").unwrap();
    assert!(failure(&path, shape).contains("too short"));
    std::fs::write(&path, [1; 32]).unwrap();
    assert!(failure(&path, shape).contains("not an idx file"));
    std::fs::write(&path, idx(&[1, u32::MAX, u32::MAX], &[])).unwrap();
    assert!(failure(&path, shape).contains("4294967295x4294967295 pixels"));
    std::fs::write(&path, idx(&[1, 1, 2], &[1, 2])).unwrap();
    std::fs::write(dir.path().join("x-labels-idx1-ubyte"), idx(&[2], &[1, 2])).unwrap();
    assert!(failure(&path, shape).contains("2 labels for 1 pictures"));
    let packed = dir.path().join("y-images-idx3-ubyte.gz");
    let whole = gz(&idx(&[400, 4, 4], &(0..6400).map(|i| (i * i % 251) as u8).collect::<Vec<_>>()));
    std::fs::write(&packed, &whole[..whole.len() / 2]).unwrap();
    assert!(failure(&packed, &[1, 1, 4, 4]).contains("damaged"));
}

#[test]
fn cifar_planes_become_pixels() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("test.bin");
    let mut record = vec![3u8];
    for value in [10, 20, 30] {
        record.extend([value; 1024]);
    }
    std::fs::write(&path, record.repeat(2)).unwrap();
    let samples = all(&path, &[1, 3, 32, 32]);
    assert_eq!((samples.len(), samples[1].label), (2, Some(3)));
    assert_eq!(
        (samples[0].input[0], samples[0].input[1024], samples[0].input[3071]),
        (10., 20., 30.)
    );
    std::fs::write(&path, &record[1..]).unwrap();
    assert!(failure(&path, &[1, 3, 32, 32]).contains("3073"));
}

#[test]
fn folders_by_class_interleave() {
    let dir = TempDir::new().unwrap();
    for (class, file) in [("cat", "a.png"), ("cat", "b.png"), ("dog", "c.png")] {
        std::fs::create_dir_all(dir.path().join(class)).unwrap();
        std::fs::write(dir.path().join(class).join(file), png(2, 2, 9)).unwrap();
    }
    let names = |classes: &[&str]| {
        let classes = Classes::new(classes.iter().map(|&c| c.to_owned()).collect());
        let data = Dataset::open(dir.path(), Labels::Beside, &classes, &prepare(&[1, 1, 2, 2]));
        data.map(|d| d.map(|s| s.unwrap().label.unwrap()).collect::<Vec<_>>())
    };
    assert_eq!(names(&[]).unwrap(), [0, 1, 0]);
    assert_eq!(names(&["bird", "dog, hound", "Cat"]).unwrap(), [2, 1, 2]);
    assert!(names(&["bird", "dog"]).unwrap_err().to_string().contains("'cat' is neither"));
    let classes = Classes::new(vec!["bird".to_owned()]);
    let unlabelled = Dataset::open(dir.path(), Labels::Ignored, &classes, &prepare(&[1, 1, 2, 2]));
    assert!(unlabelled.unwrap().all(|s| s.unwrap().label.is_none()));
}

#[test]
fn folders_with_lists_and_without_labels() {
    let dir = TempDir::new().unwrap();
    for file in ["a.png", "b.png"] {
        std::fs::write(dir.path().join(file), png(2, 2, 9)).unwrap();
    }
    let shape = &[1, 1, 2, 2];
    assert!(all(dir.path(), shape).iter().all(|s| s.label.is_none()));
    let list = dir.path().join("labels.csv");
    std::fs::write(&list, "file,class\nb.png,4\na.png,5\n").unwrap();
    let samples = all(dir.path(), shape);
    assert_eq!((samples[0].name.as_str(), samples[0].label), ("b.png", Some(4)));
    std::fs::write(&list, "b.png,4\nc.png,5\n").unwrap();
    assert!(failure(dir.path(), shape).contains("line 2: there is no file 'c.png'"));
    std::fs::write(&list, "b.png,ant\n").unwrap();
    assert!(failure(dir.path(), shape).contains("'ant' is neither"));
    let unlabelled =
        Dataset::open(dir.path(), Labels::Ignored, &Classes::default(), &prepare(shape));
    let unlabelled: Vec<_> = unlabelled.unwrap().map(Result::unwrap).collect();
    assert_eq!((unlabelled[0].name.as_str(), unlabelled[0].label), ("b.png", None));
    let empty = TempDir::new().unwrap();
    assert!(failure(empty.path(), shape).contains("holds no picture"));
}

#[test]
fn separate_labels_and_single_pictures() {
    let dir = TempDir::new().unwrap();
    let (file, list) = (dir.path().join("a.png"), dir.path().join("l.txt"));
    std::fs::write(&file, png(4, 4, 200)).unwrap();
    std::fs::write(&list, "6\n").unwrap();
    let data = |list: &Path| {
        Dataset::open(&file, Labels::File(list), &Classes::default(), &prepare(&[1, 1, 2, 2]))
    };
    let samples: Vec<_> = data(&list).unwrap().map(Result::unwrap).collect();
    assert_eq!((samples[0].label, samples[0].input.as_slice()), (Some(6), &[200f32; 4][..]));
    std::fs::write(&list, "").unwrap();
    assert!(
        data(&list).unwrap().next().unwrap().unwrap_err().to_string().contains("holds 0 labels")
    );
    std::fs::write(&file, b"\x89PNG not").unwrap();
    assert!(failure(&file, &[1, 1, 2, 2]).contains("a.png: not a readable picture"));
    assert!(failure(Path::new("nowhere.png"), &[1, 1, 2, 2]).starts_with("nowhere.png: "));
    assert!(failure(&list, &[1, 1, 2, 2]).contains("not a known kind of data"));
}

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

#[test]
fn npy_batches() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("x.npy");
    let floats: Vec<u8> = [1f32, 2.0, -3.5, 4.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(&path, npy("<f4", "2, 2", &floats)).unwrap();
    let samples = all(&path, &[1, 2]);
    assert_eq!((samples.len(), samples[1].input.as_slice()), (2, &[-3.5f32, 4.0][..]));
    std::fs::write(&path, npy("|u1", "2,", &[8, 9])).unwrap();
    assert_eq!(all(&path, &[1, 2])[0].input, [8.0, 9.0]);
    for (bytes, why) in [
        (npy("<f4", "3, 2", &floats), "does not fit the shape"),
        (npy("<f4", "4,", &floats), "no whole number of inputs of 3"),
        (npy(">f4", "4,", &floats), "save as float32"),
        (npy("<f4", "4,", &floats)[..9].to_vec(), "ends within its header"),
        (b"zip".to_vec(), "not a .npy file"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let error = failure(&path, &[1, 3]);
        assert!(error.contains(why), "{error}");
    }
}

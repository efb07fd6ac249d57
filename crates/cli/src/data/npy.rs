//! NumPy's `.npy`: numbers that already are inputs of the network.

use super::{Error, Item, MAX_TENSOR, Raw, Stream, read_bounded};
use std::path::Path;

/// One sample, or several along a leading axis.
pub(super) fn open(path: &Path, elements: usize) -> Result<Stream, Error> {
    let bytes = read_bounded(path, MAX_TENSOR)?;
    let values = parse(&bytes).map_err(|why| Error::format(path, why))?;
    if elements == 0 || values.is_empty() || !values.len().is_multiple_of(elements) {
        let why = format!(
            "has {} values, which is no whole number of inputs of {elements} values",
            values.len()
        );
        return Err(Error::format(path, why));
    }
    let count = values.len() / elements;
    Ok(Box::new((0..count).map(move |i| {
        let item = Item::Values(values[i * elements..(i + 1) * elements].to_vec());
        Ok(Raw { name: format!("#{i}"), item, label: None })
    })))
}

fn parse(bytes: &[u8]) -> Result<Vec<f32>, String> {
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or("not a .npy file")?;
    let short = || "ends within its header".to_owned();
    let (len, rest) = match *rest.first().ok_or_else(short)? {
        1 => {
            let (head, rest) = rest.split_at_checked(4).ok_or_else(short)?;
            (usize::from(u16::from_le_bytes([head[2], head[3]])), rest)
        }
        2 | 3 => {
            let (head, rest) = rest.split_at_checked(6).ok_or_else(short)?;
            (u32::from_le_bytes([head[2], head[3], head[4], head[5]]) as usize, rest)
        }
        version => return Err(format!(".npy format version {version} is not known")),
    };
    let (header, data) = rest.split_at_checked(len).ok_or_else(short)?;
    let header = std::str::from_utf8(header).map_err(|_| "its header is not text".to_owned())?;
    if value(header, "fortran_order") != Some("False") {
        return Err("column-major order is not understood; save with order='C'".into());
    }
    let descr = value(header, "descr").unwrap_or("").trim_matches(['\'', '"']);
    let numbers: Vec<f32> = match descr {
        "<f4" => words(data).map(f32::from_le_bytes).collect(),
        "<f8" => words(data).map(|b| f64::from_le_bytes(b) as f32).collect(),
        "<i8" => words(data).map(|b| i64::from_le_bytes(b) as f32).collect(),
        "<i4" => words(data).map(|b| i32::from_le_bytes(b) as f32).collect(),
        "|u1" => data.iter().map(|&b| f32::from(b)).collect(),
        other => return Err(format!("elements of type '{other}'; save as float32")),
    };
    let width = match descr {
        "|u1" => 1,
        "<f4" | "<i4" => 4,
        _ => 8,
    };
    let shape =
        header.split_once("'shape'").and_then(|(_, s)| s.split_once('(')?.1.split_once(')'));
    let count = shape.and_then(|(s, _)| {
        s.split(',')
            .map(str::trim)
            .filter(|s| !s.is_empty())
            .try_fold(1usize, |a, d| a.checked_mul(d.parse().ok()?))
    });
    if count.and_then(|n| n.checked_mul(width)) != Some(data.len()) {
        return Err("its length does not fit the shape it declares".into());
    }
    Ok(numbers)
}

fn words<const N: usize>(data: &[u8]) -> impl Iterator<Item = [u8; N]> {
    data.as_chunks::<N>().0.iter().copied()
}

/// The text after `'key':` up to the next comma.
fn value<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(&format!("'{key}'"))?;
    Some(rest.split_once(':')?.1.split(',').next()?.trim())
}

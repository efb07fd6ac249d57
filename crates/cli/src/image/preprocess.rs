use super::{Error, Picture, Settings};
use serde::{Deserialize, Serialize};

/// Order of axes of the network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Channels first, as ONNX has it.
    Nchw,
    /// Channels last.
    Nhwc,
}

/// Channels of the network's input, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// One channel.
    Grey,
    /// Red first.
    Rgb,
    /// Blue first.
    Bgr,
}

impl Channels {
    /// How many there are.
    pub fn count(self) -> usize {
        if self == Self::Grey { 1 } else { 3 }
    }
}

/// How a picture becomes an input tensor: every question answered, checked against the network.
///
/// Order: invert, convert to the network's channels, resize the shorter side, cut the centre,
/// then `(v * scale - mean) / std` per channel on bytes `v`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocess {
    height: u32,
    width: u32,
    resize: Option<u32>,
    exact: bool,
    layout: Layout,
    channels: Channels,
    invert: bool,
    scale: f32,
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl Preprocess {
    /// Answers from `settings`, the rest inferred from the shape of the network's input: the batch
    /// axis (1) may be absent, and flat inputs are read as square pictures.
    ///
    /// # Errors
    /// [`Error::Settings`] when the shape is not that of a picture or a setting contradicts it.
    pub fn new(shape: &[usize], settings: &Settings) -> Result<Self, Error> {
        let (channels, height, width, layout) = geometry(shape, settings.layout)?;
        let channels = match (settings.channels, channels) {
            (Some(given), n) if given.count() == n => given,
            (Some(given), n) => {
                return Err(Error::Settings(format!(
                    "channels {given:?} do not fit an input of shape {shape:?} with {n}"
                )));
            }
            (None, 1) => Channels::Grey,
            (None, _) => Channels::Rgb,
        };
        let new = Self {
            height,
            width,
            resize: settings.resize,
            exact: settings.exact.unwrap_or(false),
            layout,
            channels,
            invert: settings.invert.unwrap_or(false),
            scale: settings.scale.unwrap_or(1.0 / 255.0),
            mean: per_channel("mean", settings.mean.as_deref(), 0.0, channels)?,
            std: per_channel("std", settings.std.as_deref(), 1.0, channels)?,
        };
        new.check()?;
        Ok(new)
    }

    /// Settings that the data owner overrides in what the model owner sent.
    ///
    /// # Errors
    /// [`Error::Settings`] when they contradict each other.
    pub fn adjust(&self, settings: &Settings) -> Result<Self, Error> {
        let shape = match self.layout {
            Layout::Nchw => [1, self.channels.count(), self.height as usize, self.width as usize],
            Layout::Nhwc => [1, self.height as usize, self.width as usize, self.channels.count()],
        };
        let own = Settings {
            resize: self.resize,
            exact: Some(self.exact),
            layout: Some(self.layout),
            channels: Some(self.channels),
            invert: Some(self.invert),
            scale: Some(self.scale),
            mean: Some(self.mean.clone()),
            std: Some(self.std.clone()),
        };
        Self::new(&shape, &settings.clone().or(own))
    }

    /// Whether this prepares inputs of `elements` values with sane numbers; a client calls it on
    /// what a server sent.
    ///
    /// # Errors
    /// [`Error::Settings`] saying what is wrong.
    pub fn verify(&self, elements: usize) -> Result<(), Error> {
        self.check()?;
        if self.mean.len() != self.channels.count() || self.std.len() != self.channels.count() {
            return Err(Error::Settings("mean and std need one value per channel".into()));
        }
        if self.elements() != elements as u64 {
            return Err(Error::Settings(format!(
                "prepares {} values for a network that takes {elements}",
                self.elements()
            )));
        }
        Ok(())
    }

    fn elements(&self) -> u64 {
        u64::from(self.height) * u64::from(self.width) * self.channels.count() as u64
    }

    fn check(&self) -> Result<(), Error> {
        let fail = |why: String| Err(Error::Settings(why));
        if let Some(side) = self.resize {
            if side > 1 << 14 {
                return fail(format!("resize {side} is too large"));
            }
            if side < self.height.min(self.width) {
                return fail(format!(
                    "resize {side} leaves less than the {}x{} that the network takes",
                    self.width, self.height
                ));
            }
        }
        if !(self.scale.is_finite() && self.mean.iter().all(|v| v.is_finite())) {
            return fail("scale and mean must be finite numbers".into());
        }
        if !self.std.iter().all(|v| v.is_finite() && *v != 0.0) {
            return fail("std must be finite and not 0".into());
        }
        Ok(())
    }

    /// Size of the network's input: height, width.
    pub fn size(&self) -> (u32, u32) {
        (self.height, self.width)
    }

    /// Channels of the network's input.
    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// The input tensor of a picture, row-major in the network's layout.
    ///
    /// # Errors
    /// [`Error::Size`] when `exact` is set and the picture has another size, or the picture is so
    /// long and thin that it cannot be resized.
    pub fn apply(&self, picture: &Picture) -> Result<Vec<f32>, Error> {
        let picture = match self.channels {
            Channels::Grey => picture.to_grey(),
            Channels::Rgb | Channels::Bgr => picture.to_rgb(),
        };
        let picture = self.fit(&picture)?;
        let count = self.channels.count();
        let value = |byte: u8, channel: usize| {
            let byte = if self.invert { 255 - byte } else { byte };
            (f32::from(byte) * self.scale - self.mean[channel]) / self.std[channel]
        };
        let source = |channel: usize| match self.channels {
            Channels::Bgr => 2 - channel,
            Channels::Grey | Channels::Rgb => channel,
        };
        let pixels = || picture.data().chunks_exact(count);
        Ok(match self.layout {
            Layout::Nchw => {
                (0..count).flat_map(|c| pixels().map(move |p| value(p[source(c)], c))).collect()
            }
            Layout::Nhwc => {
                pixels().flat_map(|p| (0..count).map(move |c| value(p[source(c)], c))).collect()
            }
        })
    }

    fn fit(&self, picture: &Picture) -> Result<Picture, Error> {
        let (h, w) = (picture.height(), picture.width());
        if (h, w) == (self.height, self.width) && self.resize.is_none() {
            return Ok(picture.clone());
        }
        if self.exact {
            return Err(Error::Size(format!(
                "the picture has {w}x{h} pixels, the network takes exactly {}x{}",
                self.width, self.height
            )));
        }
        let (height, width) = match self.resize {
            // The longer side is cut off, not rounded, as torchvision does.
            Some(side) if h <= w => (side, scaled(w, side, h)),
            Some(side) => (scaled(h, side, w), side),
            // Cover the input: the axis that needs the larger factor decides.
            None if u64::from(self.height) * u64::from(w)
                >= u64::from(self.width) * u64::from(h) =>
            {
                (self.height, scaled(w, self.height, h).max(self.width))
            }
            None => (scaled(h, self.width, w).max(self.height), self.width),
        };
        picture.resize(height, width)?.centre_crop(self.height, self.width)
    }
}

/// `side * to / from`, saturating where a picture is absurdly thin.
fn scaled(side: u32, to: u32, from: u32) -> u32 {
    u32::try_from(u64::from(side) * u64::from(to) / u64::from(from)).unwrap_or(u32::MAX)
}

/// Channels, height, width and layout of an input shape.
fn geometry(shape: &[usize], layout: Option<Layout>) -> Result<(usize, u32, u32, Layout), Error> {
    let fail = || {
        Error::Settings(format!(
            "the network's input of shape {shape:?} is not a picture; give inputs as .npy or .pb"
        ))
    };
    // Drops the batch axis; what is left of three axes is a grey picture with its channel axis.
    let axes = match shape {
        [1, rest @ ..] if rest.len() != 2 => rest,
        rest => rest,
    };
    let (c, h, w, layout) = match *axes {
        [h, w, c] if layout == Some(Layout::Nhwc) => (c, h, w, Layout::Nhwc),
        [c, h, w] if layout == Some(Layout::Nchw) || matches!(c, 1 | 3) => (c, h, w, Layout::Nchw),
        [h, w, c] => (c, h, w, Layout::Nhwc),
        [h, w] => (1, h, w, Layout::Nchw),
        [n] if n.isqrt().pow(2) == n => (1, n.isqrt(), n.isqrt(), Layout::Nchw),
        [n] if n % 3 == 0 && (n / 3).isqrt().pow(2) == n / 3 => {
            (3, (n / 3).isqrt(), (n / 3).isqrt(), layout.unwrap_or(Layout::Nchw))
        }
        _ => return Err(fail()),
    };
    let side =
        |n: usize| u32::try_from(n).ok().filter(|n| (1..1 << 14).contains(n)).ok_or_else(fail);
    if !matches!(c, 1 | 3) {
        return Err(fail());
    }
    Ok((c, side(h)?, side(w)?, layout))
}

fn per_channel(
    what: &str,
    given: Option<&[f32]>,
    default: f32,
    channels: Channels,
) -> Result<Vec<f32>, Error> {
    match given {
        None => Ok(vec![default; channels.count()]),
        Some([one]) => Ok(vec![*one; channels.count()]),
        Some(all) if all.len() == channels.count() => Ok(all.to_vec()),
        Some(all) => Err(Error::Settings(format!(
            "{what} has {} values, the network has {} channels",
            all.len(),
            channels.count()
        ))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rgb() -> Picture {
        Picture::new(1, 2, 3, vec![10, 20, 30, 40, 50, 60]).unwrap()
    }

    fn raw(channels: Channels, layout: Layout) -> Settings {
        Settings {
            scale: Some(1.0),
            channels: Some(channels),
            layout: Some(layout),
            ..Settings::default()
        }
    }

    #[test]
    fn layouts_and_channel_orders() {
        let nchw = Preprocess::new(&[1, 3, 1, 2], &raw(Channels::Bgr, Layout::Nchw)).unwrap();
        assert_eq!(nchw.apply(&rgb()).unwrap(), [30., 60., 20., 50., 10., 40.]);
        let nhwc = Preprocess::new(&[1, 1, 2, 3], &raw(Channels::Bgr, Layout::Nhwc)).unwrap();
        assert_eq!(nhwc.apply(&rgb()).unwrap(), [30., 20., 10., 60., 50., 40.]);
        let plain = Preprocess::new(&[3, 1, 2], &raw(Channels::Rgb, Layout::Nchw)).unwrap();
        assert_eq!(plain.apply(&rgb()).unwrap(), [10., 40., 20., 50., 30., 60.]);
    }

    #[test]
    fn shapes_are_understood() {
        for (shape, channels, size) in [
            (&[1, 1, 28, 28][..], Channels::Grey, (28, 28)),
            (&[1, 3, 20, 30], Channels::Rgb, (20, 30)),
            (&[1, 20, 30, 3], Channels::Rgb, (20, 30)),
            (&[28, 28], Channels::Grey, (28, 28)),
            (&[1, 784], Channels::Grey, (28, 28)),
            (&[1, 3072], Channels::Rgb, (32, 32)),
            (&[1, 28, 28], Channels::Grey, (28, 28)),
        ] {
            let p = Preprocess::new(shape, &Settings::default()).unwrap();
            assert_eq!((p.channels(), p.size()), (channels, size), "{shape:?}");
        }
        for shape in [&[1, 7][..], &[], &[1, 2, 3, 4, 5], &[1, 4, 8, 8], &[1, 3, 0, 8]] {
            assert!(Preprocess::new(shape, &Settings::default()).is_err(), "{shape:?}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let with = |change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            Preprocess::new(&[1, 3, 32, 32], &settings)
        };
        assert!(with(|s| s.channels = Some(Channels::Grey)).is_err());
        assert!(with(|s| s.mean = Some(vec![0.0; 2])).is_err());
        assert!(with(|s| s.std = Some(vec![0.0])).is_err());
        assert!(with(|s| s.scale = Some(f32::NAN)).is_err());
        assert!(with(|s| s.resize = Some(31)).is_err());
        assert!(with(|s| s.resize = Some(32)).is_ok());
    }

    #[test]
    fn normalises_and_inverts() {
        let settings = Settings {
            invert: Some(true),
            scale: Some(1.0 / 255.0),
            mean: Some(vec![0.5]),
            std: Some(vec![0.25]),
            ..Settings::default()
        };
        let p = Preprocess::new(&[1, 1, 1, 2], &settings).unwrap();
        let picture = Picture::new(1, 2, 1, vec![255, 0]).unwrap();
        assert_eq!(p.apply(&picture).unwrap(), [-2.0, 2.0]);
    }

    #[test]
    fn fits_other_sizes_or_refuses_them() {
        let wide = Picture::new(10, 40, 1, vec![7; 400]).unwrap();
        let covers = Preprocess::new(&[1, 1, 20, 24], &Settings::default()).unwrap();
        assert_eq!(covers.apply(&wide).unwrap().len(), 480);
        let tall = Picture::new(41, 13, 1, vec![7; 41 * 13]).unwrap();
        assert_eq!(covers.apply(&tall).unwrap().len(), 480);
        let exact = Settings { exact: Some(true), ..Settings::default() };
        let exact = Preprocess::new(&[1, 1, 20, 24], &exact).unwrap();
        assert!(matches!(exact.apply(&wide), Err(Error::Size(_))));
        let thin = Picture::new(1, 100_000, 1, vec![7; 100_000]).unwrap();
        assert!(covers.apply(&thin).is_ok_and(|v| v.len() == 480));
    }

    #[test]
    fn what_a_server_sends_is_checked() {
        let good = Preprocess::new(&[1, 3, 8, 8], &Settings::default()).unwrap();
        assert!(good.verify(192).is_ok());
        assert!(good.verify(191).is_err());
        let bad = Preprocess { mean: vec![], ..good.clone() };
        assert!(bad.verify(192).is_err());
        let flip = Settings { invert: Some(true), ..Settings::default() };
        assert!(good.adjust(&flip).unwrap().invert);
    }
}

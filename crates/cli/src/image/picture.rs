use super::Error;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits};
use std::io::Cursor;

/// Pixels a picture may have: enough for any camera, and what a decoder may allocate is bounded.
const MAX_PIXELS: u64 = 1 << 27;

/// An 8-bit picture, grey or RGB, rows from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    height: u32,
    width: u32,
    channels: u32,
    data: Vec<u8>,
}

impl Picture {
    /// A picture of interleaved bytes, `channels` being 1 (grey) or 3 (RGB).
    ///
    /// # Errors
    /// [`Error::Size`] when the bytes do not fill `height * width * channels`, or one of them is 0.
    pub fn new(height: u32, width: u32, channels: u32, data: Vec<u8>) -> Result<Self, Error> {
        let pixels = u64::from(height) * u64::from(width);
        if pixels == 0 || pixels > MAX_PIXELS || !matches!(channels, 1 | 3) {
            return Err(Error::Size(format!(
                "a picture of {width}x{height} pixels and {channels} channels cannot be used"
            )));
        }
        if data.len() as u64 != pixels * u64::from(channels) {
            return Err(Error::Size(format!(
                "{} bytes do not fill a picture of {width}x{height} pixels and {channels} channels",
                data.len()
            )));
        }
        Ok(Self { height, width, channels, data })
    }

    /// Decodes a PNG or JPEG file held in memory. Transparency is dropped, 16-bit samples are
    /// reduced to 8, and the orientation a camera recorded is applied.
    ///
    /// # Errors
    /// [`Error::Decode`] when it is neither, is damaged, or has more than 2^27 pixels.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let fail = |e: image::ImageError| Error::Decode(e.to_string());
        let mut reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|e| Error::Decode(e.to_string()))?;
        let mut limits = Limits::default();
        limits.max_alloc = Some(MAX_PIXELS * 8);
        reader.limits(limits);
        let mut decoder = reader.into_decoder().map_err(fail)?;
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > MAX_PIXELS {
            return Err(Error::Decode(format!("{width}x{height} pixels are too many")));
        }
        let orientation = decoder.orientation().map_err(fail)?;
        let mut picture = DynamicImage::from_decoder(decoder).map_err(fail)?;
        picture.apply_orientation(orientation);
        let (height, width) = (picture.height(), picture.width());
        if picture.color().has_color() {
            Self::new(height, width, 3, picture.into_rgb8().into_raw())
        } else {
            Self::new(height, width, 1, picture.into_luma8().into_raw())
        }
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Columns.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// 1 for grey, 3 for RGB.
    pub fn channels(&self) -> u32 {
        self.channels
    }

    /// Interleaved bytes, row-major.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The same picture in grey, with the luma weights of ITU-R 601 (0.299, 0.587, 0.114).
    pub fn to_grey(&self) -> Self {
        if self.channels == 1 {
            return self.clone();
        }
        let luma = |p: &[u8]| {
            let sum = 19_595 * u32::from(p[0]) + 38_470 * u32::from(p[1]) + 7_471 * u32::from(p[2]);
            ((sum + (1 << 15)) >> 16) as u8
        };
        Self { channels: 1, data: self.data.chunks_exact(3).map(luma).collect(), ..*self }
    }

    /// The same picture with three equal channels where it was grey.
    pub fn to_rgb(&self) -> Self {
        if self.channels == 3 {
            return self.clone();
        }
        Self { channels: 3, data: self.data.iter().flat_map(|&v| [v; 3]).collect(), ..*self }
    }

    /// The window of `height` x `width` in the middle. Half a pixel is rounded to even, as
    /// torchvision does.
    ///
    /// # Errors
    /// [`Error::Size`] when the picture is smaller.
    pub fn centre_crop(&self, height: u32, width: u32) -> Result<Self, Error> {
        if height > self.height || width > self.width {
            return Err(Error::Size(format!(
                "cannot cut {width}x{height} out of a picture of {}x{}",
                self.width, self.height
            )));
        }
        let before = |margin: u32| margin / 2 + (margin & 1 & (margin / 2));
        let (top, left) = (before(self.height - height), before(self.width - width));
        let pitch = (self.width * self.channels) as usize;
        let (start, len) = ((left * self.channels) as usize, (width * self.channels) as usize);
        let rows = self.data.chunks_exact(pitch).skip(top as usize).take(height as usize);
        let data = rows.flat_map(|row| &row[start..start + len]).copied().collect();
        Self::new(height, width, self.channels, data)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn wrong_sizes_are_refused() {
        assert!(Picture::new(2, 2, 1, vec![0; 3]).is_err());
        assert!(Picture::new(0, 2, 1, vec![]).is_err());
        assert!(Picture::new(2, 2, 2, vec![0; 8]).is_err());
    }

    #[test]
    fn noise_is_not_a_picture() {
        for bytes in [&b""[..], b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"hello, world"] {
            assert!(matches!(Picture::decode(bytes), Err(Error::Decode(_))), "{bytes:?}");
        }
    }

    #[test]
    fn grey_of_primaries_follows_601() {
        let p =
            Picture::new(1, 4, 3, vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255]).unwrap();
        assert_eq!(p.to_grey().data(), [76, 150, 29, 255]);
        assert_eq!(p.to_grey().to_rgb().channels(), 3);
    }

    #[test]
    fn crops_the_middle() {
        let p = Picture::new(3, 4, 1, (0..12).collect()).unwrap();
        assert_eq!(p.centre_crop(1, 2).unwrap().data(), [5, 6]);
        assert!(p.centre_crop(4, 4).is_err());
        let row = Picture::new(1, 8, 1, (0..8).collect()).unwrap();
        assert_eq!(row.centre_crop(1, 5).unwrap().data()[0], 2);
        assert_eq!(row.centre_crop(1, 3).unwrap().data()[0], 2);
    }
}

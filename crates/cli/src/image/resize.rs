use super::{Error, Picture};

/// Weights of one output position over a run of input positions.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

/// Triangle filter from `from` to `to` samples; when shrinking, the triangle is widened by the
/// ratio, so that every input sample counts (what torchvision and Pillow call antialiased
/// bilinear).
fn taps(from: u32, to: u32) -> Vec<Taps> {
    let ratio = f64::from(from) / f64::from(to);
    let reach = ratio.max(1.0);
    (0..to)
        .map(|i| {
            let centre = (f64::from(i) + 0.5) * ratio;
            let first = (centre - reach + 0.5).floor().max(0.0) as usize;
            let last = ((centre + reach + 0.5).floor() as usize).min(from as usize);
            let raw: Vec<f64> = (first..last)
                .map(|j| (1.0 - ((j as f64 + 0.5 - centre) / reach).abs()).max(0.0))
                .collect();
            let sum: f64 = raw.iter().sum();
            Taps { first, weights: raw.iter().map(|w| (w / sum) as f32).collect() }
        })
        .collect()
}

fn to_byte(v: f32) -> u8 {
    (v + 0.5).clamp(0.0, 255.0) as u8
}

impl Picture {
    /// The picture at another size, by a separable triangle filter with antialiasing. Rows are
    /// filtered first and rounded to bytes, as Pillow does, so that published preprocessing is
    /// reproduced to within one grey level.
    ///
    /// # Errors
    /// [`Error::Size`] when the target has no pixel or far too many.
    pub fn resize(&self, height: u32, width: u32) -> Result<Self, Error> {
        // Refuses an absurd target before anything is allocated.
        if u64::from(height.max(self.height())) * u64::from(width) > 1 << 27
            || height == 0
            || width == 0
        {
            return Err(Error::Size(format!("cannot resize to {width}x{height} pixels")));
        }
        if (height, width) == (self.height(), self.width()) {
            return Ok(self.clone());
        }
        let c = self.channels() as usize;
        let columns = taps(self.width(), width);
        let mut narrow = Vec::with_capacity(self.height() as usize * width as usize * c);
        for row in self.data().chunks_exact(self.width() as usize * c) {
            for tap in &columns {
                for k in 0..c {
                    let samples = row[tap.first * c + k..].iter().step_by(c);
                    let sum: f32 =
                        tap.weights.iter().zip(samples).map(|(w, &v)| w * f32::from(v)).sum();
                    narrow.push(to_byte(sum));
                }
            }
        }
        let pitch = width as usize * c;
        let mut data = Vec::with_capacity(height as usize * pitch);
        let mut line = vec![0f32; pitch];
        for tap in taps(self.height(), height) {
            line.fill(0.0);
            for (w, row) in tap.weights.iter().zip(narrow[tap.first * pitch..].chunks_exact(pitch))
            {
                for (sum, &v) in line.iter_mut().zip(row) {
                    *sum += w * f32::from(v);
                }
            }
            data.extend(line.iter().map(|&v| to_byte(v)));
        }
        Self::new(height, width, self.channels(), data)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn halving_averages_with_triangle_weights() {
        let p = Picture::new(1, 8, 1, vec![0, 0, 0, 0, 255, 255, 255, 255]).unwrap();
        // Output 1 is centred on 3.0 with reach 2: weights 1/8, 3/8, 3/8, 1/8 on samples 1 to 4.
        assert_eq!(p.resize(1, 4).unwrap().data(), [0, 32, 223, 255]);
    }

    #[test]
    fn constant_pictures_stay_constant() {
        let p = Picture::new(37, 53, 3, vec![119; 37 * 53 * 3]).unwrap();
        for (h, w) in [(1, 1), (5, 90), (100, 7), (37, 53)] {
            assert!(p.resize(h, w).unwrap().data().iter().all(|&v| v == 119), "{h}x{w}");
        }
    }

    #[test]
    fn absurd_sizes_are_refused() {
        let p = Picture::new(1, 1, 1, vec![0]).unwrap();
        assert!(p.resize(0, 1).is_err());
        assert!(p.resize(u32::MAX, u32::MAX).is_err());
    }
}

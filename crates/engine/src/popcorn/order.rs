use sordino_secret::SecretRng;

/// Where values are asked about, among dummies if there are any.
pub(super) struct Order {
    /// Which value or dummy is asked about at each place.
    pub(super) asked: Vec<usize>,
    /// The place of each value.
    pub(super) places: Vec<usize>,
}

impl Order {
    /// A uniform permutation of so many values and the dummies after them. Which is where is an index into memory.
    pub(super) fn random(values: usize, total: usize, rng: &mut SecretRng) -> Self {
        let mut asked: Vec<usize> = (0..total).collect();
        for i in (1..total).rev() {
            let j = (u128::from(rng.next_u64()) * (i as u128 + 1)) >> 64;
            asked.swap(i, j as usize);
        }
        let mut places = vec![0; total];
        for (place, which) in asked.iter().enumerate() {
            places[*which] = place;
        }
        places.truncate(values);
        Self { asked, places }
    }
}

//! Output rows that are computed together, so that only the input rows they read are in memory.

use std::ops::Range;

use sordino_kernels::bigint::LANES;

use super::layout::Layout;

/// Results of a band, at least: enough for all cores.
const RESULTS: usize = 512;

/// Rows of the output, in all channels.
pub(super) struct Band<'a> {
    layout: &'a Layout,
    rows: Range<usize>,
}

/// Rows of the output in a band.
pub(super) fn rows_of_band(layout: &Layout) -> usize {
    let (channels, _, pieces) = layout.results_by_channel();
    let mut rows = RESULTS.div_ceil(channels * pieces);
    // Lanes of one channel go together.
    while !(rows * pieces).is_multiple_of(LANES) {
        rows += 1;
    }
    rows
}

/// All bands from top to bottom.
pub(super) fn bands(layout: &Layout) -> impl Iterator<Item = Band<'_>> {
    let (_, height, _) = layout.results_by_channel();
    let rows = rows_of_band(layout);
    (0..height).step_by(rows).map(move |from| {
        let rows = from..(from + rows).min(height);
        Band { layout, rows }
    })
}

/// Which rows of the input get a table when.
pub(super) struct TableRows {
    /// In the order of [`bands`].
    pub(super) bands: Vec<RowsOfBand>,
}

/// Rows that a band is the first to read, and those that it is the last to.
#[derive(Default)]
pub(super) struct RowsOfBand {
    pub(super) made: Vec<usize>,
    pub(super) dropped: Vec<usize>,
}

impl TableRows {
    pub(super) fn new(layout: &Layout) -> Self {
        let mut uses = vec![None; layout.line()[1]];
        let mut count = 0;
        for (i, band) in bands(layout).enumerate() {
            for row in layout.input_rows(band.rows) {
                let (first, _) = uses[row].unwrap_or((i, i));
                uses[row] = Some((first, i));
            }
            count = i + 1;
        }
        let mut bands: Vec<RowsOfBand> = Vec::new();
        bands.resize_with(count, RowsOfBand::default);
        for (row, (first, last)) in uses.into_iter().enumerate().filter_map(|(i, u)| Some((i, u?)))
        {
            bands[first].made.push(row);
            bands[last].dropped.push(row);
        }
        Self { bands }
    }

    /// Rows whose tables are in memory at once, at most.
    pub(super) fn held(&self) -> usize {
        let (mut held, mut most) = (0, 0);
        for band in &self.bands {
            held += band.made.len();
            most = most.max(held);
            held -= band.dropped.len();
        }
        most
    }
}

impl Band<'_> {
    /// Results of one channel, which are consecutive.
    pub(super) fn of_channel(&self, channel: usize) -> Range<usize> {
        let (_, height, pieces) = self.layout.results_by_channel();
        let from = channel * height;
        (from + self.rows.start) * pieces..(from + self.rows.end) * pieces
    }

    /// How many results there are.
    pub(super) fn len(&self) -> usize {
        self.layout.results_by_channel().0 * self.of_channel(0).len()
    }

    /// Eight results, channel by channel.
    pub(super) fn group(&self, group: usize) -> [Option<usize>; LANES] {
        let each = self.of_channel(0).len();
        core::array::from_fn(|lane| {
            let i = group * LANES + lane;
            (i < self.len()).then(|| self.of_channel(i / each).start + i % each)
        })
    }
}

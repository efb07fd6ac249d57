use crate::{Error, Labels, Program};
use sordino_kernels::Block;

/// Where a garbler's table rows go, strictly in order.
pub trait Sink {
    /// Takes the next rows.
    fn put(&mut self, rows: &[Block]) -> Result<(), Error>;

    /// Room for the next `count` rows, which are then written there and not [`put`](Self::put);
    /// none when the sink has no memory of its own.
    fn room(&mut self, _count: usize) -> Result<Option<&mut [Block]>, Error> {
        Ok(None)
    }
}

impl Sink for Vec<Block> {
    fn put(&mut self, rows: &[Block]) -> Result<(), Error> {
        self.extend_from_slice(rows);
        Ok(())
    }
}

/// Where an evaluator's table rows come from, strictly in order.
pub trait Source {
    /// The next `count` rows.
    fn take(&mut self, count: usize) -> Result<&[Block], Error>;
}

/// Tables in memory, written once or read once.
pub struct Tables {
    rows: Vec<Block>,
    used: usize,
}

impl Tables {
    /// All rows of a circuit.
    pub fn new(rows: Vec<Block>) -> Self {
        Self { rows, used: 0 }
    }

    /// The memory, to be filled anew.
    pub fn into_rows(self) -> Vec<Block> {
        self.rows
    }

    /// Rows not read yet.
    pub fn left(&self) -> usize {
        self.rows.len() - self.used
    }
}

/// A circuit that has exactly this many rows, garbled in place.
impl Sink for Tables {
    fn put(&mut self, rows: &[Block]) -> Result<(), Error> {
        let room = self.room(rows.len())?;
        room.into_iter().for_each(|room| room.copy_from_slice(rows));
        Ok(())
    }

    fn room(&mut self, count: usize) -> Result<Option<&mut [Block]>, Error> {
        let from = self.used;
        let room =
            self.rows.get_mut(from..).and_then(|r| r.get_mut(..count)).ok_or_else(|| {
                Error::Tables(format!("no room for {count} more rows after {from}"))
            })?;
        self.used += count;
        Ok(Some(room))
    }
}

impl<S: Source> Source for &mut S {
    fn take(&mut self, count: usize) -> Result<&[Block], Error> {
        (**self).take(count)
    }
}

impl Source for Tables {
    fn take(&mut self, count: usize) -> Result<&[Block], Error> {
        let rows = self.rows.get(self.used..).and_then(|r| r.get(..count)).ok_or_else(|| {
            Error::Tables(format!("{count} more rows are needed, {} are left", self.left()))
        })?;
        self.used += count;
        Ok(rows)
    }
}

/// A party to a circuit: what garbler and evaluator do alike.
pub trait Machine {
    /// Runs a program on element `i` of every input, for all `i`: one output tensor per output of
    /// the program.
    ///
    /// *Cost*: `lanes * program.cost().rows` table rows of 16 bytes.
    fn run(&mut self, program: &Program, inputs: &[&Labels]) -> Result<Vec<Labels>, Error>;

    /// Adds public integers, each to `repeat` consecutive elements, over and over: free.
    ///
    /// The garbler moves its zero labels; active labels stay.
    fn add_constants(&self, x: &mut Labels, values: &[i128], repeat: usize);
}

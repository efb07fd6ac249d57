use crate::Error;
use crate::exec::Moments;
use burn_tensor::{Device, Tensor};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What some samples of a step add to it.
#[derive(Default)]
pub(super) struct Part {
    /// Their part of the loss.
    pub(super) loss: f64,
    /// How many are classified as labelled.
    pub(super) right: u64,
    /// Derivatives by each parameter that is trained, where the loss depends on it.
    pub(super) gradients: Vec<Option<Tensor<1>>>,
    /// Means and variances that batch normalisations saw, times the part's share of the samples.
    pub(super) moments: Vec<Moments>,
}

impl Part {
    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        let sum = |(a, b): (Option<Tensor<1>>, Option<Tensor<1>>)| match (a, b) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        let both = |(a, b): (Moments, Moments)| Moments {
            node: a.node,
            mean: a.mean + b.mean,
            variance: a.variance + b.variance,
        };
        Self {
            loss: self.loss + other.loss,
            right: self.right + other.right,
            gradients: self.gradients.into_iter().zip(other.gradients).map(sum).collect(),
            moments: self.moments.into_iter().zip(other.moments).map(both).collect(),
        }
    }
}

/// As many parts as it takes for none to have more than `most`, none smaller than another by more
/// than one: means of few samples are poor. Their number does not depend on that of cores, and with it
/// not a bit of any sum.
pub(super) fn split(indices: &[usize], most: usize) -> Vec<&[usize]> {
    let (n, parts) = (indices.len(), indices.len().div_ceil(most.max(1)));
    (0..parts).map(|i| &indices[n * i / parts..n * (i + 1) / parts]).collect()
}

/// `work` on every item, by a thread for each core where the device is made of cores; results in the
/// order of items, or the first error.
pub(super) fn on_all_cores<T: Sync, R: Send>(
    device: &Device,
    items: &[T],
    work: impl Fn(&T) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let cores = match *device == Device::flex() {
        true => std::thread::available_parallelism().map_or(1, |n| n.get()),
        false => 1,
    };
    on_threads(cores, items, work)
}

/// Threads of their own, not a pool's: a thread of a pool that waits inside `burn` would begin another
/// item meanwhile, and hold what both need.
fn on_threads<T: Sync, R: Send>(
    threads: usize,
    items: &[T],
    work: impl Fn(&T) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    if threads.min(items.len()) < 2 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let some = || {
        let mut done = Vec::new();
        while let index = next.fetch_add(1, Ordering::Relaxed)
            && let Some(item) = items.get(index)
        {
            let result = work(item);
            if result.is_err() {
                // Earlier items are given out already, later ones need not be.
                next.fetch_max(items.len(), Ordering::Relaxed);
            }
            done.push((index, result));
        }
        done
    };
    let mut done: Vec<_> = std::thread::scope(|scope| {
        let threads = 0..threads.min(items.len());
        let threads: Vec<_> = threads.map(|_| scope.spawn(some)).collect();
        threads.into_iter().flat_map(|t| t.join().unwrap_or_else(|e| resume_unwind(e))).collect()
    });
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_of_one_size() {
        let indices: Vec<usize> = (0..130).collect();
        for (n, most, sizes) in [
            (64, 32, vec![32, 32]),
            (65, 32, vec![21, 22, 22]),
            (5, 32, vec![5]),
            (33, 32, vec![16, 17]),
            (130, 200, vec![130]),
        ] {
            let parts = split(&indices[..n], most);
            assert_eq!(parts.iter().map(|p| p.len()).collect::<Vec<_>>(), sizes);
            assert_eq!(parts.concat(), indices[..n]);
        }
    }

    #[test]
    fn results_keep_their_order_and_the_first_error_counts() {
        let items: Vec<usize> = (0..100).collect();
        let squares: Vec<usize> = items.iter().map(|i| i * i).collect();
        for threads in [1, 2, 8, 200] {
            let found = on_threads(threads, &items, |i| Ok(i * i));
            assert_eq!(found.ok().as_ref(), Some(&squares));
            let done = AtomicUsize::new(0);
            let error = on_threads(threads, &items, |i| match i % 20 {
                7 => Err(Error::Config(i.to_string())),
                _ => Ok(done.fetch_add(1, Ordering::Relaxed)),
            });
            assert!(matches!(error.err(), Some(Error::Config(why)) if why == "7"));
            assert!(done.into_inner() >= 7);
        }
    }
}

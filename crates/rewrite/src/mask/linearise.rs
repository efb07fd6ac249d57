use super::{Choice, Granularity, Mask, alive_by_layer, choose, mask_relus, total};
use crate::train::{Extra, Progress, Samples, Settings, Trainer};
use crate::{Error, Network};
use burn_tensor::Tensor;

/// How rectifiers are given up: Selective Network Linearization (Cho, Joshi, Reagen, Garg and
/// Hegde, ICML 2022).
#[derive(Clone, Debug)]
pub struct Search {
    /// What an entry of a mask decides on.
    pub granularity: Granularity,
    /// Pressure on each mask at first: the paper's lambda.
    pub pressure: f64,
    /// What it is multiplied by when too few were given up: the paper's kappa.
    pub growth: f64,
    /// Steps after which that is looked at; the paper does so after each pass over the data.
    pub interval: u64,
    /// Share of the rectifiers still to be given up that so many steps must give up at least.
    pub pace: f64,
    /// Learning rate of the masks as a multiple of that of the weights. The paper has 1.
    pub mask_speed: f64,
    /// A rectifier counts as long as its mask is above this: the paper's epsilon.
    pub threshold: f32,
    /// Training with soft masks; its passes are the most that the search may take.
    pub soft: Settings,
    /// Training after the masks have become binary.
    pub hard: Settings,
}

impl Search {
    /// Refuses values that make no sense, naming them.
    fn check(&self) -> Result<(), Error> {
        self.soft.check()?;
        self.hard.check()?;
        let positive = |x: f64| x > 0.0 && x.is_finite();
        let wrong = [
            (!positive(self.pressure), "the pressure must be a positive number"),
            (!(self.growth >= 1.0 && self.growth.is_finite()), "the growth must be at least 1"),
            (self.interval == 0, "the interval must be at least one step"),
            (!(0.0..=1.0).contains(&self.pace), "the pace must be between 0 and 1"),
            (!positive(self.mask_speed), "the speed of masks must be a positive number"),
            (!(0.0..1.0).contains(&self.threshold), "the threshold must be in 0..1"),
        ];
        match wrong.iter().find(|(wrong, _)| *wrong) {
            Some((_, why)) => Err(Error::Config((*why).to_owned())),
            None => Ok(()),
        }
    }
}

/// What a layer of rectifiers costs, in any unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Each of them.
    pub each: f64,
    /// What is saved besides when the last one goes, such as by merging the linear layers around it.
    pub last: f64,
}

impl Cost {
    /// Of rectifiers that are counted, as the paper does.
    pub const ALIKE: Self = Self { each: 1.0, last: 0.0 };

    /// A rectifier's share while so many are left.
    fn share(self, left: usize) -> f64 {
        self.each + self.last / left.max(1) as f64
    }

    fn is_sound(self) -> bool {
        [self.each, self.last].iter().all(|v| *v >= 0.0 && v.is_finite())
    }
}

/// A network with fewer rectifiers.
pub struct Point {
    /// Rectifiers asked for.
    pub budget: usize,
    /// Rectifiers left.
    pub relus: usize,
    /// The network, masks binary, fine-tuned.
    pub network: Network,
    /// Its masks.
    pub masks: Vec<Mask>,
}

/// Gives up rectifiers of `original` until each of `budgets` is met, in one search: at each budget
/// a copy gets binary masks, is fine-tuned against the original and handed to `found`.
///
/// `cost` says what rectifiers of a layer cost; masks are pressed in proportion to their share of it, so that a layer of which
/// little is left is pressed the harder the more is saved when it goes as a whole. [`Cost::ALIKE`] for every layer counts rectifiers, as
/// the paper does; the rest is ours.
///
/// # Errors
/// [`Error::Config`] for settings that make no sense or a budget that exceeds the network's
/// rectifiers, before anything is trained, and when the search ends before the smallest budget is
/// met; errors of training.
///
/// *Cost*: steps of training until the smallest budget is met, at most those of [`Search::soft`],
/// and those of [`Search::hard`] for each budget; memory for a copy of the network, and for one
/// more of the original where it is distilled from.
pub fn linearise(
    original: &Network,
    samples: &Samples,
    search: &Search,
    budgets: &[usize],
    cost: &dyn Fn(&Mask) -> Cost,
    watch: &mut dyn FnMut(Progress),
    found: &mut dyn FnMut(Point) -> Result<(), Error>,
) -> Result<(), Error> {
    search.check()?;
    let mut graph = original.to_graph()?;
    let masks = mask_relus(&mut graph, search.granularity)?;
    let all = total(&masks);
    if let Some(budget) = budgets.iter().find(|&&b| b > all) {
        let why = format!("a budget of {budget} rectifiers, the network has {all}");
        return Err(Error::Config(why));
    }
    let mut open = budgets.to_vec();
    open.sort_unstable();
    open.dedup();
    let mut network = Network::new(graph, original.device())?;
    network.train_only(|p| p.trained || masks.iter().any(|m| m.slope == p.value));
    let teacher = |settings: &Settings| settings.distillation.map(|_| original.clone());
    let mut trainer = Trainer::new(network, teacher(&search.soft), samples, search.soft.clone())?;
    let (mut pressure, mut before) = (search.pressure, None);
    let mean = mean_cost(&masks, cost)?;
    loop {
        let by_layer = alive_by_layer(trainer.network(), &masks, search.threshold)?;
        let left: usize = by_layer.iter().sum();
        while let Some(budget) = open.pop_if(|b| left <= *b) {
            let mut network = trainer.network().clone();
            let relus = choose(&mut network, &masks, budget, Choice::Largest)?;
            let teacher = teacher(&search.hard);
            let network = fine_tune(network, &masks, teacher, samples, &search.hard, watch)?;
            found(Point { budget, relus, network, masks: masks.clone() })?;
        }
        let Some(&next) = open.last() else { return Ok(()) };
        if trainer.is_done() {
            let why = format!(
                "the search ended with {left} rectifiers, {next} were asked for; allow more \
                 passes or a higher pressure"
            );
            return Err(Error::Config(why));
        }
        // At least one, or the pressure would rest just above the budget.
        let least = ((search.pace * left.saturating_sub(next) as f64) as usize).max(1);
        if before.is_some_and(|before: usize| before.saturating_sub(left) < least) {
            pressure *= search.growth;
        }
        before = Some(left);
        let device = original.device();
        let extra = masks.iter().zip(by_layer).map(|(mask, left)| {
            let each = -(pressure * mask.each as f64 * cost(mask).share(left) / mean) as f32;
            let pressure = Tensor::full([mask.entries], each, device);
            Extra { value: mask.slope, pressure, speed: search.mask_speed }
        });
        trainer.press(extra.collect());
        for _ in 0..search.interval {
            if !trainer.is_done() {
                watch(trainer.advance()?);
            }
        }
    }
}

/// The network with `budget` rectifiers chosen without a search, fine-tuned as `settings` say: what
/// a search is compared with.
///
/// # Errors
/// As [`choose`]; errors of training.
pub fn fixed(
    original: &Network,
    granularity: Granularity,
    samples: &Samples,
    settings: &Settings,
    budget: usize,
    choice: Choice,
    watch: &mut dyn FnMut(Progress),
) -> Result<Point, Error> {
    let mut graph = original.to_graph()?;
    let masks = mask_relus(&mut graph, granularity)?;
    let mut network = Network::new(graph, original.device())?;
    let relus = choose(&mut network, &masks, budget, choice)?;
    let teacher = settings.distillation.map(|_| original.clone());
    let network = fine_tune(network, &masks, teacher, samples, settings, watch)?;
    Ok(Point { budget, relus, network, masks })
}

/// Mean cost of a rectifier, so that the pressure means the same in any unit.
fn mean_cost(masks: &[Mask], cost: &dyn Fn(&Mask) -> Cost) -> Result<f64, Error> {
    let of = |m: &Mask| cost(m).share(m.entries * m.each) * (m.entries * m.each) as f64;
    let mean = masks.iter().map(of).sum::<f64>() / total(masks).max(1) as f64;
    let sound = mean > 0.0 && masks.iter().all(|m| cost(m).is_sound());
    let why = || Error::Config("costs of rectifiers must not be negative, nor all 0".into());
    sound.then_some(mean).ok_or_else(why)
}

fn fine_tune(
    mut network: Network,
    masks: &[Mask],
    teacher: Option<Network>,
    samples: &Samples,
    settings: &Settings,
    watch: &mut dyn FnMut(Progress),
) -> Result<Network, Error> {
    network.train_only(|p| p.trained && masks.iter().all(|m| m.slope != p.value));
    let mut trainer = Trainer::new(network, teacher, samples, settings.clone())?;
    while !trainer.is_done() {
        watch(trainer.advance()?);
    }
    Ok(trainer.into_network())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sordino_graph::ir::ValueId;

    #[test]
    fn the_last_ones_bear_what_goes_with_them() {
        let cost = Cost { each: 2.0, last: 12.0 };
        assert_eq!([0, 1, 4, 12].map(|left| cost.share(left)), [14.0, 14.0, 5.0, 3.0]);
        assert_eq!([1, 100].map(|left| Cost::ALIKE.share(left)), [1.0, 1.0]);
        let mask =
            |entries| Mask { node: "relu".into(), slope: ValueId(entries), entries, each: 1 };
        let masks = [mask(4), mask(12)];
        // Twice 4 and 12, twice 12 and 12: 56 for 16 of them.
        assert_eq!(mean_cost(&masks, &|_| cost).ok(), Some(3.5));
        for wrong in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(mean_cost(&masks, &|_| Cost { last: wrong, ..cost }).is_err());
        }
        assert!(mean_cost(&masks, &|_| Cost { each: 0.0, last: 0.0 }).is_err());
    }
}

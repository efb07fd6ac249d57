use super::checkpoint::{Checkpoint, fault};
use super::evaluate::best;
use super::optimiser::Optimiser;
use super::parts::{Part, on_all_cores, split};
use super::{Random, Samples, Settings, loss};
use crate::exec::{Statistics, describe};
use crate::{Array, Error, Network, Role};
use burn_tensor::Tensor;
use sordino_graph::ir::ValueId;
use std::path::Path;

/// Where a training is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// Steps of the whole training.
    pub steps: u64,
    /// Mean loss of the current pass so far.
    pub loss: f64,
    /// Share of right answers of the current pass so far, on changed inputs and while training.
    pub accuracy: f64,
    /// Learning rate of the last step.
    pub rate: f64,
}

/// A further part of the loss: a weighted sum of `|offset - c|` over a constant's elements, where
/// elements stay within 0 and 1.
#[derive(Clone)]
pub(crate) struct Extra {
    pub(crate) value: ValueId,
    /// Derivative of the loss by each element.
    pub(crate) pressure: Tensor<1>,
    /// Learning rate as a multiple of that of all others.
    pub(crate) speed: f64,
}

/// A training in progress.
pub struct Trainer<'a> {
    network: Network,
    teacher: Option<Network>,
    samples: &'a Samples,
    settings: Settings,
    optimiser: Optimiser,
    extra: Vec<Extra>,
    steps: u64,
    step: u64,
    tally: (f64, u64, u64),
    order: Option<(u64, Vec<usize>)>,
}

impl<'a> Trainer<'a> {
    /// A training from the network's present state. `teacher` is what is distilled from.
    ///
    /// # Errors
    /// [`Error::Config`] for settings that make no sense, [`Error::Data`] for samples that do not
    /// fit the network.
    pub fn new(
        network: Network,
        teacher: Option<Network>,
        samples: &'a Samples,
        settings: Settings,
    ) -> Result<Self, Error> {
        settings.check()?;
        let graph = network.graph();
        let shape = &graph.value(graph.inputs[0]).shape;
        samples.check(&network)?;
        settings.augment.check(shape)?;
        match (&teacher, &settings.distillation) {
            (Some(teacher), Some(_)) if teacher.classes() == network.classes() => {}
            (None, None) => {}
            (Some(teacher), Some(_)) => {
                let (own, other) = (network.classes(), teacher.classes());
                let why = format!("the network has {own} classes, its teacher {other}");
                return Err(Error::Config(why));
            }
            _ => {
                let why = "distillation needs both a teacher and its temperature and weight";
                return Err(Error::Config(why.into()));
            }
        }
        let sizes = network.trained().map(|p| Ok(network.tensor(p.value)?.dims()[0]));
        let sizes = sizes.collect::<Result<Vec<_>, Error>>()?;
        if !network.is_trainable() {
            let why = "the network's scores depend on no parameter that is trained: there is \
                       nothing to train";
            return Err(Error::Config(why.into()));
        }
        let per_epoch = samples.len().div_ceil(settings.batch) as u64;
        let Some(steps) = per_epoch.checked_mul(settings.epochs) else {
            let epochs = settings.epochs;
            return Err(Error::Config(format!(
                "{epochs} passes are more steps than can be counted"
            )));
        };
        let optimiser = Optimiser::new(settings.rule, &sizes, network.device());
        let (extra, tally) = (Vec::new(), (0.0, 0, 0));
        Ok(Self {
            network,
            teacher,
            samples,
            settings,
            optimiser,
            extra,
            steps,
            step: 0,
            tally,
            order: None,
        })
    }

    /// Adds further parts to the loss.
    pub(crate) fn press(&mut self, extra: Vec<Extra>) {
        self.extra = extra;
    }

    /// The network as it is now.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network as it is now, ending the training.
    pub fn into_network(self) -> Network {
        self.network
    }

    /// Steps of one pass over the data.
    pub fn steps_per_epoch(&self) -> u64 {
        self.samples.len().div_ceil(self.settings.batch) as u64
    }

    /// Steps of the whole training.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Whether all steps are done.
    pub fn is_done(&self) -> bool {
        self.step >= self.steps()
    }

    /// Where the training is.
    pub fn progress(&self) -> Progress {
        let (loss, right, seen) = self.tally;
        let seen = seen.max(1) as f64;
        let rate = self.rate(self.step.saturating_sub(1));
        let (step, steps) = (self.step, self.steps());
        Progress { step, steps, loss: loss / seen, accuracy: right as f64 / seen, rate }
    }

    fn rate(&self, step: u64) -> f64 {
        self.settings.rate * self.settings.schedule.factor(step, self.steps())
    }

    /// Does the next step.
    ///
    /// # Errors
    /// [`Error::Diverged`] when the loss is not finite, before any parameter has changed.
    pub fn advance(&mut self) -> Result<Progress, Error> {
        let (epoch, within) =
            (self.step / self.steps_per_epoch(), self.step % self.steps_per_epoch());
        if within == 0 {
            self.tally = (0.0, 0, 0);
        }
        let indices = self.indices(epoch, within);
        let parts = split(&indices, self.settings.part);
        let found = on_all_cores(self.network.device(), &parts, |part| {
            self.work(part, indices.len(), epoch)
        })?;
        let whole = found.into_iter().reduce(Part::and);
        let Part { loss, right, gradients, moments } = whole.unwrap_or_default();
        self.tally.0 += loss * indices.len() as f64;
        self.tally.1 += right;
        self.tally.2 += indices.len() as u64;
        self.update(gradients)?;
        self.network.follow(&moments, self.settings.statistics_momentum);
        self.step += 1;
        Ok(self.progress())
    }

    /// Some of the `all` samples of a step.
    fn work(&self, indices: &[usize], all: usize, epoch: u64) -> Result<Part, Error> {
        let classes = self.network.classes();
        let labels = self.samples.labels(indices);
        let input = self.input(indices, epoch)?;
        let (constants, leaves) = self.network.leaves();
        let statistics = match self.settings.frozen_statistics {
            true => Statistics::Stored,
            false => Statistics::Batch,
        };
        let mut moments = Vec::new();
        let walk = self.network.walk(&constants, statistics);
        let wanted = [self.network.logits()];
        let inputs = std::slice::from_ref(&input);
        let scores = walk.run(inputs, &wanted, &mut moments, |_, _| Ok(()))?;
        let scores: Tensor<2> = scores[0].view([indices.len(), classes]);
        let loss = self.loss(&scores, &labels, &input)?;
        let value = loss.clone().inner().try_into_scalar::<f32>();
        let value = value.map_err(|e| Error::Device(e.to_string()))?;
        if !value.is_finite() {
            return Err(self.diverged(&input, statistics, value));
        }
        let share = indices.len() as f64 / all as f64;
        let mut gradients = loss.mul_scalar(share).backward();
        let gradients = leaves.iter().map(|leaf| leaf.grad_remove(&mut gradients)).collect();
        let host = Array::of(scores.inner(), indices.len(), &[classes]).values()?;
        let rows = host.chunks(classes);
        let right = rows.zip(&labels).filter(|(row, label)| best(row) == **label).count() as u64;
        let moments = self.network.contribution(moments, indices.len(), share);
        Ok(Part { loss: share * f64::from(value), right, gradients, moments })
    }

    /// The samples of a step: each pass has an order of its own.
    fn indices(&mut self, epoch: u64, within: u64) -> Vec<usize> {
        if self.order.as_ref().is_none_or(|(of, _)| *of != epoch) {
            let mut random = Random::new(self.settings.seed, "order", epoch, 0);
            self.order = Some((epoch, random.order(self.samples.len())));
        }
        let order = self.order.as_ref().map_or(&[][..], |(_, order)| order);
        let start = within as usize * self.settings.batch;
        order[start..order.len().min(start + self.settings.batch)].to_vec()
    }

    fn input(&self, indices: &[usize], epoch: u64) -> Result<Array, Error> {
        let (augment, seed) = (&self.settings.augment, self.settings.seed);
        self.samples.batch(indices, self.network.device(), |index, picture| {
            let mut random = Random::new(seed, "augment", epoch, index as u64);
            augment.apply(picture, self.samples.shape(), &mut random);
        })
    }

    fn loss(
        &self,
        scores: &Tensor<2>,
        labels: &[usize],
        input: &Array,
    ) -> Result<Tensor<1>, Error> {
        let (settings, device) = (&self.settings, self.network.device());
        let from_labels = loss::cross_entropy(scores.clone(), labels, settings.smoothing, device);
        let (Some(teacher), Some(how)) = (&self.teacher, settings.distillation) else {
            return Ok(from_labels);
        };
        let wanted = teacher.value_of(teacher.logits(), input)?;
        let wanted = wanted.view([labels.len(), teacher.classes()]);
        let from_teacher = loss::divergence(scores.clone(), wanted, how.temperature);
        Ok(from_labels.mul_scalar(1.0 - how.weight) + from_teacher.mul_scalar(how.weight))
    }

    fn update(&mut self, gradients: Vec<Option<Tensor<1>>>) -> Result<(), Error> {
        let parameters: Vec<_> = self.network.trained().cloned().collect();
        let mut found = Vec::with_capacity(gradients.len());
        for (parameter, gradient) in parameters.iter().zip(gradients) {
            let own = self.network.tensor(parameter.value)?;
            let gradient = gradient.unwrap_or_else(|| own.zeros_like());
            let pressed = self.extra.iter().find(|e| e.value == parameter.value);
            found.push(match pressed {
                Some(extra) => gradient + extra.pressure.clone(),
                None => gradient,
            });
        }
        let shrink = self.clip(&found)?;
        let rate = self.rate(self.step);
        for (i, (parameter, gradient)) in parameters.iter().zip(found).enumerate() {
            let own = self.network.tensor(parameter.value)?;
            let decay = if parameter.role == Role::Weight { self.settings.decay } else { 0.0 };
            let gradient = if shrink < 1.0 { gradient.mul_scalar(shrink) } else { gradient };
            let extra = self.extra.iter().find(|e| e.value == parameter.value);
            let rate = rate * extra.map_or(1.0, |e| e.speed);
            let mut next = self.optimiser.step(i, own, gradient, rate, decay, self.step);
            if extra.is_some() {
                next = next.clamp(0.0, 1.0);
            }
            self.network.set(parameter.value, next);
        }
        Ok(())
    }

    /// The factor that brings all derivatives together to the largest norm allowed.
    fn clip(&self, gradients: &[Tensor<1>]) -> Result<f32, Error> {
        let Some(limit) = self.settings.clip else { return Ok(1.0) };
        let mut sum = 0.0f64;
        for gradient in gradients {
            let square = (gradient.clone() * gradient.clone()).sum().try_into_scalar::<f32>();
            sum += f64::from(square.map_err(|e| Error::Device(e.to_string()))?);
        }
        let norm = sum.sqrt() as f32;
        Ok(if norm > limit { limit / norm } else { 1.0 })
    }

    /// Walks once more, looking at every node's result.
    fn diverged(&self, input: &Array, statistics: Statistics, loss: f32) -> Error {
        let mut place = None;
        let constants: Vec<_> = self
            .network
            .graph()
            .values
            .iter()
            .enumerate()
            .map(|(i, _)| self.network.tensor(ValueId(i)).ok())
            .collect();
        let walk = self.network.walk(&constants, statistics);
        let inputs = std::slice::from_ref(input);
        let found = walk.run(inputs, &[self.network.logits()], &mut Vec::new(), |node, array| {
            if place.is_none() && array.values()?.iter().any(|v| !v.is_finite()) {
                place = Some(describe(&self.network.graph().nodes[node]));
            }
            Ok(())
        });
        match found {
            Err(error) => error,
            Ok(_) => {
                let place = place.unwrap_or_else(|| "in the loss itself".to_owned());
                Error::Diverged { step: self.step, loss, place }
            }
        }
    }

    /// What a checkpoint must agree on to be this training's: the network's structure, the
    /// settings, the number of samples, and a few of them.
    fn fingerprint(&self) -> Result<[u8; 32], Error> {
        let mut hasher = blake3::Hasher::new_derive_key("sordino-rewrite 2026 checkpoint");
        for node in &self.network.graph().nodes {
            hasher
                .update(format!("{:?} {:?} {:?}\n", node.op, node.inputs, node.outputs).as_bytes());
        }
        for parameter in self.network.parameters() {
            hasher.update(format!("{parameter:?}\n").as_bytes());
        }
        hasher.update(format!("{:?} {}", self.settings, self.samples.len()).as_bytes());
        for (id, value) in self.teacher.iter().flat_map(|t| t.graph().values.iter().enumerate()) {
            if value.constant.as_ref().is_some_and(|c| c.as_f32().is_ok()) {
                let numbers = self.teacher.as_ref().map(|t| t.read(ValueId(id))).transpose()?;
                for number in numbers.into_iter().flatten() {
                    hasher.update(&number.to_le_bytes());
                }
            }
        }
        let each = self.samples.len().div_ceil(16);
        for index in (0..self.samples.len()).step_by(each) {
            let bytes: Vec<u8> =
                self.samples.input(index).iter().flat_map(|v| v.to_le_bytes()).collect();
            hasher.update(&bytes).update(&(self.samples.label(index) as u64).to_le_bytes());
        }
        Ok(*hasher.finalize().as_bytes())
    }

    /// Keeps everything needed to go on from here, bit for bit. The file is replaced at once.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written; an earlier one is then unharmed.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let constants = self.network.state().into_iter().map(|id| self.network.read(id));
        let checkpoint = Checkpoint {
            fingerprint: self.fingerprint()?,
            step: self.step,
            constants: constants.collect::<Result<_, _>>()?,
            optimiser: self.optimiser.save()?,
            tally: self.tally,
        };
        checkpoint.write(path)
    }

    /// Goes on from a checkpoint if there is one; says whether there was.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read, [`Error::Checkpoint`] when it is damaged or of
    /// another training.
    pub fn resume(&mut self, path: &Path) -> Result<bool, Error> {
        let Some(checkpoint) = Checkpoint::read(path)? else { return Ok(false) };
        let other = || {
            let why = "of another network, other data or other settings; remove it to start anew";
            fault(path, why.into())
        };
        let state = self.network.state();
        let own = checkpoint.fingerprint == self.fingerprint()?;
        if !own || state.len() != checkpoint.constants.len() {
            return Err(other());
        }
        let device = self.network.device().clone();
        self.optimiser.restore(checkpoint.optimiser, &device).ok_or_else(other)?;
        for (id, elements) in state.into_iter().zip(checkpoint.constants) {
            self.network.write(id, elements).map_err(|_| other())?;
        }
        (self.step, self.tally) = (checkpoint.step, checkpoint.tally);
        Ok(true)
    }
}

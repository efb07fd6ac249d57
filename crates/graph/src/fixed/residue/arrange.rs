//! Puts tables where values must be few integers: before linear layers, maxima, concatenations
//! and sums over windows.

use super::program::{Class, Info, Kernel, Layer, Node, Program, Raw, Value, read};
use crate::Error;
use crate::fixed::quantise::{Curve, Lowered};
use crate::fixed::{ConvShape, EdgeId};
use std::collections::{HashMap, HashSet};

/// Points at which a function is tried for monotony.
const POINTS: u32 = 512;

/// What the style asks for.
#[derive(Clone, Default)]
pub(super) struct Rules {
    /// Accumulators may go wherever codes may: no rescaling at all.
    pub(super) grow: bool,
    /// Tables are of integers no wider than codes; others are carried to an accumulator first.
    pub(super) tables: bool,
    /// Window sums that a linear layer cannot take as they are.
    pub(super) narrow: HashSet<String>,
}

pub(super) fn arrange(name: &str, l: &Lowered, rules: &Rules) -> Result<Program, Error> {
    let raw = read(l)?;
    let mut a = Arrange::new(l, rules);
    a.run(&raw)?;
    let output = a.at(raw.output)?;
    let mut p = Program {
        name: name.into(),
        finish: l.finish,
        values: a.values,
        nodes: a.nodes,
        input: 0,
        output,
    };
    drop_unused(&mut p);
    for v in 0..p.values.len() {
        p.values[v].group = find(&mut a.parent, v);
    }
    Ok(p)
}

struct Arrange<'a> {
    l: &'a Lowered,
    rules: &'a Rules,
    values: Vec<Info>,
    nodes: Vec<Node>,
    of: HashMap<EdgeId, Value>,
    parent: Vec<usize>,
    /// Linear layers that each value has gone through: where values grow, their unit's degree.
    depth: Vec<usize>,
    /// Accumulators that have a table of their own value.
    coded: HashMap<Value, Value>,
    /// Values carried to an accumulator, for this other accumulator's sake or for a table.
    carried: HashMap<(Value, Option<usize>), Value>,
}

impl<'a> Arrange<'a> {
    fn new(l: &'a Lowered, rules: &'a Rules) -> Self {
        let mut a = Self {
            l,
            rules,
            values: Vec::new(),
            nodes: Vec::new(),
            of: HashMap::new(),
            parent: Vec::new(),
            depth: Vec::new(),
            coded: HashMap::new(),
            carried: HashMap::new(),
        };
        let e = &l.edges[l.input.0 as usize];
        let input = a.value(&e.name, e.shape.clone(), Class::Input);
        a.of.insert(l.input, input);
        a
    }

    fn run(&mut self, raw: &Raw) -> Result<(), Error> {
        let mut users: HashMap<EdgeId, Vec<usize>> = HashMap::new();
        for (i, (_, _, inputs, _)) in raw.nodes.iter().enumerate() {
            inputs.iter().for_each(|e| users.entry(*e).or_default().push(i));
        }
        let mut done = HashSet::new();
        for (i, (name, layer, inputs, output)) in raw.nodes.iter().enumerate() {
            if done.contains(&i) {
                continue;
            }
            let mut xs: Vec<Value> =
                inputs.iter().map(|e| self.at(*e)).collect::<Result<_, _>>()?;
            if let (Layer::MaxPool(_), false) = (layer, self.is_code(xs[0])) {
                // A monotone function commutes with the maximum, which is cheaper on its results.
                let next = match users.get(output).map(Vec::as_slice) {
                    Some(&[j]) if *output != raw.output => Some(j),
                    _ => None,
                };
                let table = next.and_then(|j| match &raw.nodes[j] {
                    (name, Layer::Table(c), _, y) if self.rises(c, inputs[0]) => {
                        Some((j, name, c.clone(), *y))
                    }
                    _ => None,
                });
                if let Some((j, table, curve, after)) = table {
                    xs[0] = self.table(table, curve, xs[0]);
                    let y = self.layer(name, layer.clone(), xs, *output)?;
                    self.of.insert(after, y);
                    done.insert(j);
                    continue;
                }
            }
            let y = self.layer(name, layer.clone(), xs, *output)?;
            self.of.insert(*output, y);
        }
        Ok(())
    }

    fn at(&self, e: EdgeId) -> Result<Value, Error> {
        self.of
            .get(&e)
            .copied()
            .ok_or_else(|| Error::Invalid(format!("edge {} is read before it is written", e.0)))
    }

    fn value(&mut self, name: &str, shape: Vec<u32>, class: Class) -> Value {
        let group = self.values.len();
        self.values.push(Info { name: name.into(), shape, class, group });
        self.parent.push(group);
        self.depth.push(0);
        group
    }

    fn push(
        &mut self,
        name: &str,
        layer: Layer,
        inputs: Vec<Value>,
        shape: Vec<u32>,
        class: Class,
    ) -> Value {
        let output = self.value(name, shape, class);
        let deepest = inputs.iter().map(|&x| self.depth[x]).max().unwrap_or(0);
        self.depth[output] = deepest + usize::from(matches!(layer, Layer::Linear(_)));
        self.nodes.push(Node { name: name.into(), layer, inputs, output });
        output
    }

    fn class(&self, v: Value) -> Class {
        self.values[v].class
    }

    fn is_code(&self, v: Value) -> bool {
        self.class(v) == Class::Code || (self.rules.grow && self.class(v) == Class::Accumulator)
    }

    fn layer(
        &mut self,
        name: &str,
        layer: Layer,
        mut xs: Vec<Value>,
        output: EdgeId,
    ) -> Result<Value, Error> {
        let shape = self.l.edges[output.0 as usize].shape.clone();
        let mut joined = true;
        let class = match &layer {
            Layer::Table(c) => {
                let y = self.table(name, c.clone(), xs[0]);
                return Ok(y);
            }
            Layer::Linear(_) => {
                joined = false;
                xs[0] = self.operand(xs[0]);
                Class::Accumulator
            }
            Layer::SumPool { .. } => {
                joined = false;
                xs[0] = self.operand(xs[0]);
                Class::Sum
            }
            Layer::MaxPool(_) => {
                xs[0] = self.code(xs[0]);
                self.class(xs[0])
            }
            Layer::Concat { .. } => {
                for x in &mut xs {
                    *x = self.code(*x);
                }
                self.level(&mut xs);
                let classes: HashSet<bool> =
                    xs.iter().map(|&x| self.class(x) == Class::Code).collect();
                if classes.len() > 1 {
                    return Err(Error::Unsupported {
                        node: name.into(),
                        op: "Concat".into(),
                        why: "it joins values of different moduli".into(),
                        hint: "use strict style".into(),
                    });
                }
                self.class(xs[0])
            }
            Layer::Add { .. } => {
                self.level(&mut xs);
                let main = xs.iter().copied().find(|&x| self.class(x) == Class::Accumulator);
                let main = match main {
                    Some(m) => m,
                    None => {
                        xs[0] = self.carry(xs[0], None);
                        xs[0]
                    }
                };
                for x in &mut xs {
                    if self.class(*x) != Class::Accumulator {
                        *x = self.carry(*x, Some(main));
                    }
                }
                Class::Accumulator
            }
            Layer::AddConst(_) => {
                if self.class(xs[0]) != Class::Accumulator {
                    xs[0] = self.carry(xs[0], None);
                }
                Class::Accumulator
            }
            Layer::Move { .. } => self.class(xs[0]),
        };
        let joins = if joined { xs.clone() } else { Vec::new() };
        let y = self.push(name, layer, xs, shape, class);
        for x in joins {
            self.join(x, y);
        }
        Ok(y)
    }

    /// A value that a linear layer or a sum over windows may read.
    fn operand(&mut self, x: Value) -> Value {
        match self.class(x) {
            Class::Sum if self.rules.narrow.contains(&self.values[x].name) => self.code(x),
            Class::Accumulator => self.code(x),
            _ => x,
        }
    }

    /// The value as codes.
    fn code(&mut self, x: Value) -> Value {
        if self.is_code(x) {
            return x;
        }
        if let Some(&y) = self.coded.get(&x) {
            return y;
        }
        let name = format!("{}/codes", self.values[x].name);
        let y = self.table(&name, Curve::identity(EdgeId(0)), x);
        self.coded.insert(x, y);
        y
    }

    fn table(&mut self, name: &str, curve: Curve, x: Value) -> Value {
        let x = match self.class(x) {
            Class::Code | Class::Accumulator => x,
            Class::Input | Class::Sum if self.rules.tables => self.carry(x, None),
            Class::Input | Class::Sum => x,
        };
        let shape = self.values[x].shape.clone();
        let class = if self.rules.tables { Class::Code } else { self.scaled(x) };
        let y = self.push(name, Layer::Table(curve), vec![x], shape, class);
        if self.rules.grow || class == self.class(x) {
            self.join(x, y);
        }
        y
    }

    /// The class of a rescaled value.
    fn scaled(&self, x: Value) -> Class {
        match self.class(x) {
            Class::Accumulator if self.rules.grow => Class::Accumulator,
            Class::Accumulator => Class::Code,
            other => other,
        }
    }

    /// Where values grow, carries accumulators to the unit of the deepest.
    fn level(&mut self, xs: &mut [Value]) {
        let deepest = xs.iter().copied().max_by_key(|&x| self.depth[x]);
        let Some(main) = deepest.filter(|_| self.rules.grow) else { return };
        for x in xs {
            if self.depth[*x] < self.depth[main] {
                *x = self.carry(*x, Some(main));
            }
        }
    }

    /// A value in the unit of accumulators: those of `with`, or of its own.
    fn carry(&mut self, x: Value, with: Option<Value>) -> Value {
        let key = (x, with.map(|w| find(&mut self.parent, w)));
        if let Some(&y) = self.carried.get(&key) {
            return y;
        }
        let info = &self.values[x];
        let (name, shape) = (format!("{}/carried", info.name), info.shape.clone());
        let w = shape.last().copied().unwrap_or(1);
        let h = (info.len() / w as usize) as u32;
        let conv = ConvShape {
            cin: 1,
            h,
            w,
            cout: 1,
            kernel: [1, 1],
            stride: [1, 1],
            dilation: [1, 1],
            pads: [0; 4],
            groups: 1,
        };
        let kernel = Kernel { conv, kernel: vec![1.0], bias: vec![], unit: true };
        let y = self.push(&name, Layer::Linear(kernel), vec![x], shape, Class::Accumulator);
        if let Some(w) = with {
            self.depth[y] = self.depth[w];
        }
        self.carried.insert(key, y);
        y
    }

    fn join(&mut self, a: Value, b: Value) {
        let (a, b) = (find(&mut self.parent, a), find(&mut self.parent, b));
        self.parent[b.max(a)] = a.min(b);
    }

    /// Whether the function never falls over the calibrated range of an edge.
    fn rises(&self, c: &Curve, over: EdgeId) -> bool {
        let r = self.l.edges[over.0 as usize].range;
        let at = |i: u32| (c.f)(r.lo + (r.hi - r.lo) * f64::from(i) / f64::from(POINTS));
        (0..POINTS).all(|i| at(i) <= at(i + 1))
    }
}

fn find(parent: &mut [usize], mut v: usize) -> usize {
    while parent[v] != v {
        parent[v] = parent[parent[v]];
        v = parent[v];
    }
    v
}

fn drop_unused(p: &mut Program) {
    let mut used = HashSet::from([p.output]);
    p.nodes.reverse();
    p.nodes.retain(|n| {
        let keep = used.contains(&n.output);
        if keep {
            used.extend(n.inputs.iter().copied());
        }
        keep
    });
    p.nodes.reverse();
}

use crate::fixed::EdgeId;

/// A value of the network that has not been computed yet: `square * v^2 + scale * v + offset` of
/// the real value `v` on an edge.
///
/// Scalar factors and offsets cost nothing while they stay symbolic: a factor is absorbed by the
/// next linear layer's kernel, an offset by a local addition, and a polynomial of degree two takes
/// a single product after completing the square.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Form {
    pub(super) edge: EdgeId,
    pub(super) square: f64,
    pub(super) scale: f64,
    pub(super) offset: f64,
    /// Whether a coefficient comes from the owner's constants, which no public bound may show.
    pub(super) secret: bool,
}

impl Form {
    pub(super) fn of(edge: EdgeId) -> Self {
        Self { edge, square: 0.0, scale: 1.0, offset: 0.0, secret: false }
    }

    /// `factor * self + offset`.
    pub(super) fn affine(self, factor: f64, offset: f64) -> Self {
        Self {
            square: self.square * factor,
            scale: self.scale * factor,
            offset: self.offset * factor + offset,
            ..self
        }
    }

    pub(super) fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// The sum, when both are polynomials of the same edge.
    pub(super) fn add(self, o: Self) -> Option<Self> {
        (self.edge == o.edge).then_some(Self {
            edge: self.edge,
            square: self.square + o.square,
            scale: self.scale + o.scale,
            offset: self.offset + o.offset,
            secret: self.secret || o.secret,
        })
    }

    /// The product, when both are of the same edge and it has degree two at most.
    pub(super) fn mul(self, o: Self) -> Option<Self> {
        let degree = |f: Self| if f.square != 0.0 { 2 } else { i32::from(f.scale != 0.0) };
        (self.edge == o.edge && degree(self) + degree(o) <= 2).then_some(Self {
            edge: self.edge,
            square: self.scale * o.scale + self.square * o.offset + self.offset * o.square,
            scale: self.scale * o.offset + self.offset * o.scale,
            offset: self.offset * o.offset,
            secret: self.secret || o.secret,
        })
    }

    /// Whether it is the edge's value itself.
    pub(super) fn is_plain(self) -> bool {
        self.square == 0.0 && self.scale == 1.0 && self.offset == 0.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn polynomials_compose() {
        let x = Form::of(EdgeId(3));
        let y = x.affine(2.0, 1.0).mul(x.affine(1.0, -1.0)).unwrap();
        assert_eq!((y.square, y.scale, y.offset), (2.0, -1.0, -1.0));
        let z = y.add(x.affine(3.0, 5.0)).unwrap();
        assert_eq!((z.square, z.scale, z.offset), (2.0, 2.0, 4.0));
        assert!(y.mul(x).is_none());
        assert!(x.add(Form::of(EdgeId(4))).is_none());
        assert!(x.is_plain() && !y.is_plain());
    }
}

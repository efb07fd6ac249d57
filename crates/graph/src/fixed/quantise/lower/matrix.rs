use super::super::builder::RealLinear;
use super::affine::pointwise;
use super::arithmetic::broadcast;
use super::{Form, Lower, Range, refuse};
use crate::Error;
use crate::fixed::{EdgeId, Rearrange};
use crate::ir::{Node, Tensor};

/// `rows x inner` times `inner x columns`, the operand that depends on the input being given
/// transposed or not.
#[derive(Clone, Copy)]
struct Product {
    rows: u32,
    inner: u32,
    columns: u32,
    transposed: bool,
}

impl Lower<'_> {
    pub(super) fn gemm(
        &mut self,
        n: &Node,
        [alpha, beta]: [f32; 2],
        ta: bool,
        tb: bool,
    ) -> Result<(), Error> {
        let [rows, columns] = self.shape(n.outputs[0])?[..] else {
            return Err(Error::Shape(format!("node '{}' is not a matrix product", n.name)));
        };
        let secret_first = self.constant(n, 0).is_none();
        let matrix = self.tensor(n, usize::from(secret_first))?;
        let inner = matrix.shape()[usize::from(secret_first == tb)] as u32;
        let p = Product { rows, inner, columns, transposed: if secret_first { ta } else { tb } };
        let alpha = f64::from(alpha);
        let c = n.inputs.get(2).copied().flatten();
        let constant = c.and_then(|id| self.g.constant(id));
        let bias: Option<Vec<f64>> = constant
            .map(|c| broadcast(c, &[rows as usize, columns as usize]))
            .transpose()?
            .map(|v| v.into_iter().map(|b| b * f64::from(beta)).collect());
        let out = self.range(n.outputs[0])?;
        let x = self.operand(n, usize::from(!secret_first))?;
        // Without its bias the product's range is not calibrated; nothing but the sum is read.
        let mut y = if secret_first {
            let kernel = transposed(matrix, !tb, alpha)?;
            let per_column =
                bias.as_deref().filter(|b| equal_rows(b, columns)).map(|b| &b[..columns as usize]);
            let y = self.times_matrix(n, x, p, &kernel, per_column.unwrap_or(&[]), out)?;
            match (&bias, per_column) {
                (Some(b), None) => self.add_bias(n, y, b, out)?,
                _ => y,
            }
        } else {
            let kernel = transposed(matrix, ta, alpha)?;
            let y = self.matrix_times(n, x, p, &kernel, out)?;
            match &bias {
                Some(b) => self.add_bias(n, y, b, out)?,
                None => y,
            }
        };
        if let (Some(id), None) = (c, constant) {
            let c = self
                .form(id)
                .ok_or_else(|| Error::Invalid(format!("node '{}' lacks operand 2", n.name)))?;
            let shape = self.shape(n.outputs[0])?;
            let c = self.expand(&n.name, c, &shape)?.affine(f64::from(beta), 0.0);
            let (a, b) = self.common(&n.name, y, c)?;
            let edge = self.b.add(&n.name, a.edge, b.edge, false, out.affine(1.0 / a.scale, 0.0));
            y = Form { edge, ..a };
        }
        self.set(n.outputs[0], y);
        Ok(())
    }

    fn add_bias(&mut self, n: &Node, y: Form, bias: &[f64], range: Range) -> Result<Form, Error> {
        let edge = self.b.add_const(&n.name, y.edge, bias, range)?;
        Ok(Form { edge, ..y })
    }

    pub(super) fn mat_mul(&mut self, n: &Node) -> Result<(), Error> {
        let range = self.range(n.outputs[0])?;
        let secret_first = self.constant(n, 0).is_none();
        let matrix = self.tensor(n, usize::from(secret_first))?;
        let x = self.operand(n, usize::from(!secret_first))?;
        let m = matrix.shape();
        let batch: usize = m[..m.len().saturating_sub(2)].iter().product();
        let elements = self.b.edge(x.edge).len() as u32;
        let total: u32 = self.shape(n.outputs[0])?.iter().product();
        let refused = || {
            refuse(
                n,
                "it multiplies by a batch of matrices",
                "only one constant matrix is possible",
            )
        };
        if batch != 1 || m.is_empty() {
            return Err(refused());
        }
        let y = if secret_first {
            let (inner, columns) =
                if m.len() == 1 { (m[0], 1) } else { (m[m.len() - 2], m[m.len() - 1]) };
            let (inner, columns) = (inner as u32, columns as u32);
            let p = Product { rows: elements / inner.max(1), inner, columns, transposed: false };
            let kernel = matrix_of(matrix, inner, columns, true, 1.0)?;
            self.times_matrix(n, x, p, &kernel, &[], range)?
        } else {
            let inner = m[m.len() - 1] as u32;
            let rows = matrix.len() as u32 / inner.max(1);
            let columns = elements / inner.max(1);
            if total != rows * columns {
                return Err(refused());
            }
            // A batch of operands would need its rows moved to the front.
            let shape = &self.b.edge(x.edge).shape;
            let leading: u32 = shape[..shape.len().saturating_sub(2)].iter().product();
            if leading != 1 {
                return Err(refuse(n, "a batch of matrices on the right", "transpose the product"));
            }
            let kernel = matrix_of(matrix, rows, inner, false, 1.0)?;
            self.matrix_times(
                n,
                x,
                Product { rows, inner, columns, transposed: false },
                &kernel,
                range,
            )?
        };
        self.set(n.outputs[0], y);
        Ok(())
    }

    /// The operand's rows times a constant matrix given as `[columns][inner]`: rows become
    /// spatial positions and the inner axis becomes channels.
    fn times_matrix(
        &mut self,
        n: &Node,
        x: Form,
        p: Product,
        kernel: &[f64],
        bias: &[f64],
        range: Range,
    ) -> Result<Form, Error> {
        let x = self.plain(&n.name, x)?;
        let edge = if p.transposed { x.edge } else { self.swap(n, x.edge, [p.rows, p.inner]) };
        let out = self.shape(n.outputs[0])?;
        let shape = if p.rows == 1 { out.clone() } else { vec![p.columns, p.rows] };
        let conv = pointwise(p.inner, p.columns, 1, [1, p.rows]);
        let l = RealLinear { conv, kernel, bias, shape, range };
        let y = self.linear_of(n, Form { edge, ..x }, l)?;
        let edge = self.swap(n, y.edge, [p.columns, p.rows]);
        let edge = self.b.rearrange(&n.name, Rearrange::Reshape, edge, out);
        Ok(Form { edge, ..y })
    }

    /// A constant matrix given as `[rows][inner]` times the operand.
    fn matrix_times(
        &mut self,
        n: &Node,
        x: Form,
        p: Product,
        kernel: &[f64],
        range: Range,
    ) -> Result<Form, Error> {
        let x = self.plain(&n.name, x)?;
        let edge = if p.transposed { self.swap(n, x.edge, [p.columns, p.inner]) } else { x.edge };
        let shape = self.shape(n.outputs[0])?;
        let conv = pointwise(p.inner, p.rows, 1, [1, p.columns]);
        self.linear(
            &n.name,
            Form { edge, ..x },
            RealLinear { conv, kernel, bias: &[], shape, range },
        )
    }

    /// Transposes `rows x columns`, free of any node where one of them is 1.
    fn swap(&mut self, n: &Node, x: EdgeId, [rows, columns]: [u32; 2]) -> EdgeId {
        if rows == 1 || columns == 1 {
            return x;
        }
        let name = format!("{}/transpose", n.name);
        let x = self.b.rearrange(&name, Rearrange::Reshape, x, vec![rows, columns]);
        let perm = Rearrange::Transpose { perm: vec![1, 0] };
        self.b.rearrange(&name, perm, x, vec![columns, rows])
    }
}

fn transposed(t: &Tensor, swap: bool, alpha: f64) -> Result<Vec<f64>, Error> {
    let [rows, columns] = *t.shape() else {
        return Err(Error::Shape(format!("a matrix of shape {:?}", t.shape())));
    };
    matrix_of(t, rows as u32, columns as u32, swap, alpha)
}

/// The entries times `alpha`, transposed when `swap`.
fn matrix_of(
    t: &Tensor,
    rows: u32,
    columns: u32,
    swap: bool,
    alpha: f64,
) -> Result<Vec<f64>, Error> {
    let data = t.as_f32()?;
    let (rows, columns) = (rows as usize, columns as usize);
    if !swap {
        return Ok(data.iter().map(|&v| f64::from(v) * alpha).collect());
    }
    Ok((0..columns)
        .flat_map(|c| (0..rows).map(move |r| f64::from(data[r * columns + c]) * alpha))
        .collect())
}

fn equal_rows(v: &[f64], columns: u32) -> bool {
    v.chunks(columns as usize).all(|row| row == &v[..columns as usize])
}

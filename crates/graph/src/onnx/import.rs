use super::builder::Builder;
use super::node::Ctx;
use super::proto::type_proto::Value as TypeValue;
use super::proto::{GraphProto, ModelProto, TensorProto, ValueInfoProto, tensor_shape_proto};
use super::{Limits, external, ops, order, tensor};
use crate::Error;
use crate::infer::{Meta, check_size};
use crate::ir::{Graph, Tensor};
use std::collections::HashSet;
use std::path::PathBuf;

/// Newest operator set whose changes are known.
const NEWEST_OPSET: i64 = 28;

/// What the file leaves open.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Shape of the network's (first) input, for files with symbolic or other sizes.
    pub input_shape: Option<Vec<usize>>,
    /// Folder of external weight files; without it a model that needs one is refused.
    pub data_folder: Option<PathBuf>,
    /// What importing may cost.
    pub limits: Limits,
}

/// Turns a decoded model into a graph: shapes inferred, constants folded, dead code removed.
///
/// # Errors
/// As [`super::load`].
pub fn import(model: &ModelProto, options: &ImportOptions) -> Result<Graph, Error> {
    let proto = model.graph.as_ref().ok_or_else(|| Error::Decode("no graph".into()))?;
    let opset = opset(model)?;
    let mut builder = Builder::new(proto.name().to_owned(), opset, &options.limits);
    let initialisers = initialisers(proto, options, &mut builder)?;
    inputs(proto, options, &initialisers, &mut builder)?;
    for i in order::sorted(&proto.node)? {
        let node = &proto.node[i];
        let name = match node.name() {
            "" => format!("{}_{i}", node.op_type()),
            name => name.to_owned(),
        };
        let lowered = Ctx::new(&mut builder, node, name.clone(), opset)
            .and_then(|mut ctx| ops::lower(&mut ctx, node.domain()));
        lowered.map_err(|e| e.at(&name))?;
    }
    for output in &proto.output {
        let id = builder.find(output.name()).ok_or_else(|| {
            Error::Invalid(format!("output '{}' is never computed", output.name()))
        })?;
        builder.graph.outputs.push(id);
    }
    if builder.graph.outputs.is_empty() {
        return Err(Error::Invalid("the model has no output".into()));
    }
    let mut graph = builder.graph;
    crate::passes::remove_dead(&mut graph);
    Ok(graph)
}

fn opset(model: &ModelProto) -> Result<i64, Error> {
    let default = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    let declared = model.opset_import.iter().find(|o| default(o.domain())).map(|o| o.version());
    // Files of IR versions 1 and 2 could not declare one and mean the first.
    let version = declared.unwrap_or(1);
    if (1..=NEWEST_OPSET).contains(&version) {
        Ok(version)
    } else {
        Err(Error::Invalid(format!(
            "operator set {version} is unknown; convert the model to at most {NEWEST_OPSET}"
        )))
    }
}

fn initialisers<'a>(
    proto: &'a GraphProto,
    options: &ImportOptions,
    builder: &mut Builder,
) -> Result<HashSet<&'a str>, Error> {
    if !proto.sparse_initializer.is_empty() {
        return Err(Error::Invalid(
            "sparse initialisers are not supported; save the weights densely".into(),
        ));
    }
    let mut names = HashSet::new();
    for t in &proto.initializer {
        let id = builder.constant(t.name(), stored(t, options)?)?;
        builder.set_file_type(id, t.data_type());
        builder.bind(t.name(), id)?;
        names.insert(t.name());
    }
    Ok(names)
}

fn stored(proto: &TensorProto, options: &ImportOptions) -> Result<Tensor, Error> {
    use super::proto::tensor_proto::DataLocation;
    match &options.data_folder {
        Some(folder) if proto.data_location() == DataLocation::External => {
            external::tensor(proto, folder)
        }
        _ => tensor::tensor_from_proto(proto),
    }
}

fn inputs(
    proto: &GraphProto,
    options: &ImportOptions,
    initialisers: &HashSet<&str>,
    builder: &mut Builder,
) -> Result<(), Error> {
    let free = proto.input.iter().filter(|i| !initialisers.contains(i.name()));
    for (k, input) in free.enumerate() {
        let given = options.input_shape.as_deref().filter(|_| k == 0);
        let meta = input_meta(input, given)?;
        let id = builder.value(input.name(), meta);
        builder.bind(input.name(), id)?;
        builder.graph.inputs.push(id);
    }
    Ok(())
}

fn input_meta(input: &ValueInfoProto, given: Option<&[usize]>) -> Result<Meta, Error> {
    use tensor_shape_proto::dimension::Value as Dim;
    let name = input.name();
    let Some(TypeValue::TensorType(t)) = input.r#type.as_ref().and_then(|t| t.value.as_ref())
    else {
        return Err(Error::Invalid(format!("input '{name}' is not a tensor")));
    };
    let dtype = tensor::element(t.elem_type())
        .map_err(|e| Error::Invalid(format!("input '{name}': {e}")))?;
    let declared: Option<Vec<Option<usize>>> = t.shape.as_ref().map(|s| {
        let known = |d: &tensor_shape_proto::Dimension| match d.value {
            Some(Dim::DimValue(v)) => usize::try_from(v).ok().filter(|&v| v > 0),
            _ => None,
        };
        s.dim.iter().map(known).collect()
    });
    let shape = match (given, declared) {
        (Some(given), Some(declared)) if declared.len() != given.len() => {
            return Err(Error::Config(format!(
                "input '{name}' has {} axes, the given shape {given:?} has {}",
                declared.len(),
                given.len()
            )));
        }
        (Some(given), _) => given.to_vec(),
        (None, Some(declared)) => fixed(name, &declared)?,
        (None, None) => return Err(open_shape(name)),
    };
    check_size(&shape)?;
    Ok(Meta::new(dtype, shape))
}

fn fixed(name: &str, declared: &[Option<usize>]) -> Result<Vec<usize>, Error> {
    declared
        .iter()
        .enumerate()
        .map(|(i, d)| d.or((i == 0).then_some(1)).ok_or_else(|| open_shape(name)))
        .collect()
}

fn open_shape(name: &str) -> Error {
    Error::Config(format!("input '{name}' has no fixed shape; give one, such as 1,3,224,224"))
}

//! Any bytes are an ONNX model or a clear error: importing, rewriting and running it in floats
//! neither panics nor takes more than its limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sordino_graph::ir::{DType, Graph, Tensor, TensorData};
use sordino_graph::onnx::Limits;
use sordino_graph::{ImportOptions, float, infer, load_with, passes};

/// Work that one input may cost after import.
const WORK: u64 = 1 << 22;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { file: 1 << 20, messages: 1 << 14, elements: 1 << 20, work: WORK };
    let options = ImportOptions { limits, ..ImportOptions::default() };
    let Ok(mut graph) = load_with(bytes, &options) else { return };
    if !is_small(&graph) {
        return;
    }
    let inputs: Vec<Tensor> = graph.inputs.iter().map(|&id| zeros(&graph, id)).collect();
    let shapes = |graph: &Graph| {
        float::run(graph, &inputs)
            .map(|outs| outs.iter().map(|t| t.shape().to_vec()).collect::<Vec<_>>())
            .map_err(|_| ())
    };
    let before = shapes(&graph);
    passes::simplify(&mut graph).expect("an imported graph is consistent");
    if let Ok(before) = before {
        assert_eq!(shapes(&graph), Ok(before), "rewrites keep the shapes");
    }
});

fn is_small(graph: &Graph) -> bool {
    let meta = |id: &sordino_graph::ir::ValueId| {
        let v = graph.value(*id);
        infer::Meta::new(v.dtype, v.shape.clone())
    };
    let mut work = 0u64;
    for node in &graph.nodes {
        let ins: Vec<_> = node.inputs.iter().map(|id| id.as_ref().map(meta)).collect();
        let refs: Vec<_> = ins.iter().map(Option::as_ref).collect();
        let outs: Vec<_> = node.outputs.iter().map(meta).collect();
        work = work.saturating_add(infer::work(&node.op, &refs, &outs));
    }
    work < WORK
}

fn zeros(graph: &Graph, id: sordino_graph::ir::ValueId) -> Tensor {
    let value = graph.value(id);
    let n = value.shape.iter().product();
    let data = match value.dtype {
        DType::F32 => TensorData::F32(vec![0.5; n]),
        DType::I64 => TensorData::I64(vec![1; n]),
        DType::Bool => TensorData::Bool(vec![true; n]),
    };
    Tensor::new(value.shape.clone(), data).expect("the declared shape")
}

"""Trains the digit network and writes it as ONNX. Needs numpy and onnx, nothing else.

    python train.py MNIST_DIR OUT.onnx [EPOCHS]

MNIST_DIR holds the four `*-ubyte.gz` files. Deterministic for one version of numpy on one machine.
"""

import sys
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import draw

SEED = 20261121
BATCH = 128
DRAWN = 6000
CONV1, CONV2, HIDDEN, KERNEL = 8, 16, 64, 5


def load(folder):
    """MNIST plus digits of our own hand, so that both kinds are read well."""
    folder = Path(folder)
    part = lambda name: draw.read_idx(folder / name)
    ours, our_labels = draw.digits(np.random.default_rng(SEED + 1), DRAWN)
    train = np.concatenate([part("train-images-idx3-ubyte.gz"), ours]).astype(np.float32) / 255
    labels = np.concatenate([part("train-labels-idx1-ubyte.gz"), our_labels])
    test = part("t10k-images-idx3-ubyte.gz").astype(np.float32) / 255
    return train, labels, test, part("t10k-labels-idx1-ubyte.gz")


def augment(rng, images):
    """Small random rotations, shears, scalings and shifts, bilinear."""
    n, side = len(images), images.shape[1]
    angle = np.radians(rng.normal(0, 7, n))
    zoom = np.exp(rng.normal(0, 0.06, (n, 2)))
    shear, shift = rng.normal(0, 0.06, n), rng.normal(0, 1.0, (n, 2))
    middle = (side - 1) / 2
    y, x = np.mgrid[0:side, 0:side].astype(np.float64) - middle
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    fx = (cos * x - sin * y + shear[:, None, None] * y) * zoom[:, 0, None, None] + shift[:, 0, None, None] + middle
    fy = (sin * x + cos * y) * zoom[:, 1, None, None] + shift[:, 1, None, None] + middle
    fx, fy = np.clip(fx, 0, side - 1.001), np.clip(fy, 0, side - 1.001)
    ix, iy = fx.astype(np.int64), fy.astype(np.int64)
    fx, fy = (fx - ix).astype(np.float32), (fy - iy).astype(np.float32)
    flat = images.reshape(-1)
    at = (np.arange(n) * side * side)[:, None, None] + iy * side + ix
    top = flat[at] * (1 - fx) + flat[at + 1] * fx
    low = flat[at + side] * (1 - fx) + flat[at + side + 1] * fx
    return top * (1 - fy) + low * fy


def patches(x):
    """Sliding KERNEL x KERNEL windows of `[n, h, w, c]` as rows of `c * KERNEL^2`."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (KERNEL, KERNEL), axis=(1, 2))
    n, h, w = windows.shape[:3]
    return np.ascontiguousarray(windows).reshape(n * h * w, -1), (n, h, w)


def pool(x):
    """2 x 2 maximum; also which of the four it was."""
    n, h, w, c = x.shape
    cells = x.reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 5, 2, 4).reshape(n, h // 2, w // 2, c, 4)
    which = cells.argmax(-1)
    return np.take_along_axis(cells, which[..., None], -1)[..., 0], which


def unpool(grad, which):
    n, h, w, c = grad.shape
    cells = np.zeros((n, h, w, c, 4), np.float32)
    np.put_along_axis(cells, which[..., None], grad[..., None], -1)
    return cells.reshape(n, h, w, c, 2, 2).transpose(0, 1, 4, 2, 5, 3).reshape(n, 2 * h, 2 * w, c)


def initial(rng):
    he = lambda fan_in, shape: (rng.normal(0, np.sqrt(2 / fan_in), shape)).astype(np.float32)
    area = KERNEL * KERNEL
    flat = 4 * 4 * CONV2
    return [
        he(area, (area, CONV1)), np.zeros(CONV1, np.float32),
        he(area * CONV1, (area * CONV1, CONV2)), np.zeros(CONV2, np.float32),
        he(flat, (flat, HIDDEN)), np.zeros(HIDDEN, np.float32),
        he(HIDDEN, (HIDDEN, 10)), np.zeros(10, np.float32),
    ]  # fmt: skip


def forward(p, images):
    """Logits and what the backward pass needs. Rows are NHWC; the flattening is too."""
    rows1, at1 = patches(images[..., None])
    pre1 = (rows1 @ p[0] + p[1]).reshape(*at1, CONV1)
    max1, which1 = pool(pre1)
    act1 = np.maximum(max1, 0)
    rows2, at2 = patches(act1)
    pre2 = (rows2 @ p[2] + p[3]).reshape(*at2, CONV2)
    max2, which2 = pool(pre2)
    act2 = np.maximum(max2, 0).reshape(len(images), -1)
    act3 = np.maximum(act2 @ p[4] + p[5], 0)
    return act3 @ p[6] + p[7], (rows1, max1, which1, rows2, at2, max2, which2, act2, act3)


def backward(p, kept, slope):
    rows1, max1, which1, rows2, at2, max2, which2, act2, act3 = kept
    grads = [None] * 8
    grads[6], grads[7] = act3.T @ slope, slope.sum(0)
    slope = (slope @ p[6].T) * (act3 > 0)
    grads[4], grads[5] = act2.T @ slope, slope.sum(0)
    slope = (slope @ p[4].T).reshape(max2.shape) * (max2 > 0)
    slope = unpool(slope, which2).reshape(-1, CONV2)
    grads[2], grads[3] = rows2.T @ slope, slope.sum(0)
    n, h, w = at2
    back = (slope @ p[2].T).reshape(n, h, w, CONV1, KERNEL, KERNEL)
    image = np.zeros(max1.shape, np.float32)
    for i in range(KERNEL):
        for j in range(KERNEL):
            image[:, i : i + h, j : j + w] += back[..., i, j]
    slope = unpool(image * (max1 > 0), which1).reshape(-1, CONV1)
    grads[0], grads[1] = rows1.T @ slope, slope.sum(0)
    return grads


def train(images, labels, epochs):
    rng = np.random.default_rng(SEED)
    params = initial(rng)
    first, second = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]
    steps, step = epochs * (len(images) // BATCH), 0
    for epoch in range(epochs):
        order, seen, right, start = rng.permutation(len(images)), 0, 0, time.process_time()
        for begin in range(0, len(order) - BATCH + 1, BATCH):
            batch = order[begin : begin + BATCH]
            logits, kept = forward(params, augment(rng, images[batch]))
            odds = np.exp(logits - logits.max(1, keepdims=True))
            odds /= odds.sum(1, keepdims=True)
            right += (logits.argmax(1) == labels[batch]).sum()
            seen += BATCH
            odds[np.arange(BATCH), labels[batch]] -= 1
            step += 1
            rate = 2e-3 * 0.5 * (1 + np.cos(np.pi * step / steps)) * min(1, step / 200)
            for i, g in enumerate(backward(params, kept, odds / BATCH)):
                g = g + (1e-4 * params[i] if params[i].ndim == 2 else 0)
                first[i] = 0.9 * first[i] + 0.1 * g
                second[i] = 0.999 * second[i] + 0.001 * g * g
                scale = np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
                params[i] -= (rate * scale * first[i] / (np.sqrt(second[i]) + 1e-8)).astype(np.float32)
        spent = time.process_time() - start
        print(f"epoch {epoch + 1}: augmented train {100 * right / seen:.2f}%, {spent:.0f} s CPU", flush=True)
    return params


def accuracy(params, images, labels):
    right = 0
    for begin in range(0, len(images), 500):
        logits, _ = forward(params, images[begin : begin + 500])
        right += (logits.argmax(1) == labels[begin : begin + 500]).sum()
    return right / len(images)


def export(params, file):
    """Opset 13, NCHW, logits out; dense rows reordered from our NHWC flattening to ONNX's."""
    to_conv = lambda w, cin: w.reshape(cin, KERNEL, KERNEL, -1).transpose(3, 0, 1, 2)
    dense = params[4].reshape(4, 4, CONV2, HIDDEN).transpose(2, 0, 1, 3).reshape(-1, HIDDEN)
    weights = {
        "conv1.weight": to_conv(params[0], 1), "conv1.bias": params[1],
        "conv2.weight": to_conv(params[2], CONV1), "conv2.bias": params[3],
        "fc1.weight": dense.T, "fc1.bias": params[5],
        "fc2.weight": params[6].T, "fc2.bias": params[7],
    }  # fmt: skip
    node = lambda op, inputs, out, **attrs: helper.make_node(op, inputs, [out], name=out, **attrs)
    conv = dict(kernel_shape=[KERNEL, KERNEL])
    half = dict(kernel_shape=[2, 2], strides=[2, 2])
    graph = helper.make_graph(
        [
            node("Conv", ["image", "conv1.weight", "conv1.bias"], "conv1", **conv),
            node("Relu", ["conv1"], "relu1"),
            node("MaxPool", ["relu1"], "pool1", **half),
            node("Conv", ["pool1", "conv2.weight", "conv2.bias"], "conv2", **conv),
            node("Relu", ["conv2"], "relu2"),
            node("MaxPool", ["relu2"], "pool2", **half),
            node("Flatten", ["pool2"], "flat", axis=1),
            node("Gemm", ["flat", "fc1.weight", "fc1.bias"], "fc1", transB=1),
            node("Relu", ["fc1"], "relu3"),
            node("Gemm", ["relu3", "fc2.weight", "fc2.bias"], "logits", transB=1),
        ],
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 28, 28])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 10])],
        [numpy_helper.from_array(np.ascontiguousarray(v, np.float32), k) for k, v in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="sordino digits")
    model.ir_version = 7
    onnx.checker.check_model(model)
    onnx.save(model, file)


def main(mnist, out, epochs=8):
    images, labels, test, test_labels = load(mnist)
    params = train(images, labels, int(epochs))
    print(f"MNIST t10k: {100 * accuracy(params, test, test_labels):.2f}%")
    ours, our_labels = draw.digits(np.random.default_rng(SEED + 2), 1000)
    print(f"1000 fresh drawn digits: {100 * accuracy(params, ours.astype(np.float32) / 255, our_labels):.2f}%")
    export(params, out)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])

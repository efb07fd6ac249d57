//! A linear layer over a lane: one flight up, one flight down.
//!
//! Both parties hold additive shares of the input modulo 2^l and end with additive shares of the convolution. The
//! server alone knows the weights.

use rayon::prelude::*;
use sordino_secret::SecretRng;
use sordino_wire::{Cipher, Dir, Kind, Lane, Meter, Public};

use crate::client::{self, Fresh, check, check_input};
use crate::layout::Job;
use crate::server::Layer;
use crate::{ClientKeys, ConvLayout, EncodedKernel, Error, Params, ServerKeys, public_key_len};

const PUBLIC_KEY: Kind = Kind::new(0x0300, "lattice public key");
const INPUT: Kind = Kind::new(0x0301, "encrypted input");
const RESULT: Kind = Kind::new(0x0302, "encrypted result");

/// The client sends its public key, once per session.
///
/// # Errors
/// [`Error::Wire`] when the lane fails.
pub fn send_key(lane: &mut Lane, keys: &ClientKeys) -> Result<(), Error> {
    lane.send(PUBLIC_KEY, Public::new(keys.public_key()))?;
    Ok(lane.flush()?)
}

/// The server receives the client's public key, once per session.
///
/// # Errors
/// [`Error::Wire`] when the lane fails, [`Error::PeerMisbehaved`] when the key is malformed.
pub fn receive_key(lane: &mut Lane, params: &Params) -> Result<ServerKeys, Error> {
    let bytes = lane.recv(PUBLIC_KEY, public_key_len(params))?;
    ServerKeys::from_bytes(params, &bytes)
}

/// Replays the messages of [`send_key`] and [`receive_key`].
pub fn key_cost(meter: &mut Meter, params: &Params) {
    meter.message(Dir::Up, public_key_len(params));
}

/// The client's side of one layer: encrypts its share of the input, and gives its share of the output.
///
/// *Shapes*: `share` is the input tensor, row-major, image by image; the result is the output tensor.
///
/// *Cost*: [`ConvLayout::cost`]; one round.
///
/// *Security*: semi-honest. The server sees RLWE ciphertexts.
///
/// # Errors
/// [`Error::Misuse`] when share or keys do not belong to the layout, [`Error::Wire`] when the lane fails,
/// [`Error::PeerMisbehaved`] when a result is malformed.
pub fn client(
    lane: &mut Lane,
    keys: &ClientKeys,
    layout: &ConvLayout,
    share: &[u64],
    rng: &mut SecretRng,
) -> Result<Vec<u64>, Error> {
    check(keys, layout)?;
    check_input(layout, share)?;
    let mut inputs = client::inputs(layout);
    loop {
        let batch = inputs.by_ref().take(4 * rayon::current_num_threads());
        let fresh: Vec<_> = batch.map(|input| (input, Fresh::draw(rng))).collect();
        if fresh.is_empty() {
            break;
        }
        let messages: Vec<_> = fresh
            .into_par_iter()
            .map(|((job, input), fresh)| {
                client::encrypt_input(keys, layout, share, &job, input, fresh)
            })
            .collect();
        for message in messages {
            lane.send(INPUT, Cipher::new(&message))?;
        }
    }
    let mut output = vec![0; layout.output_len()];
    let mut results = client::results(layout);
    loop {
        let batch = results.by_ref().take(4 * rayon::current_num_threads());
        let receive = |(job, result): (Job, usize)| {
            Ok(((job, result), lane.recv(RESULT, layout.result_len(&job, result))?))
        };
        let messages: Vec<_> = batch.map(receive).collect::<Result<_, Error>>()?;
        if messages.is_empty() {
            break;
        }
        client::decrypt_results(keys, layout, &messages, &mut output)?;
    }
    Ok(output)
}

/// The server's side of one layer: gives its share of the output.
///
/// Results wait until every input has arrived, for the client reads none before it has sent them all; what is held
/// at a time is one merged group's inputs and the bytes of earlier groups' results.
///
/// *Shapes*: as [`evaluate`](crate::evaluate); a kernel that was encoded for another layout of the same convolution, of
/// other numbers of images, is encoded anew.
///
/// *Cost*: [`ConvLayout::cost`]; no round, for it only answers.
///
/// *Security*: semi-honest. The client sees re-randomised, masked and flooded ciphertexts: see the crate's Security
/// section.
///
/// # Errors
/// [`Error::Misuse`] when share, bias, kernel or keys do not belong to the layout, [`Error::Wire`] when the lane
/// fails, [`Error::PeerMisbehaved`] when an input is malformed.
pub fn server(
    lane: &mut Lane,
    keys: &ServerKeys,
    layout: &ConvLayout,
    kernel: &EncodedKernel,
    share: &[u64],
    bias: &[u64],
    rng: &mut SecretRng,
) -> Result<Vec<u64>, Error> {
    let moved = (!kernel.fits(layout)).then(|| kernel.moved(layout)).transpose()?;
    let layer = Layer::new(keys, layout, moved.as_ref().unwrap_or(kernel), share, bias)?;
    let mut output = vec![0; layout.output_len()];
    let mut waiting: Vec<Vec<u8>> = Vec::new();
    for group in 0..layout.merged_groups() {
        let inputs = layer.inputs(group, rng, |_| {
            let mut message = vec![0; layout.input_bytes()];
            lane.recv_into(INPUT, &mut message)?;
            Ok(message)
        })?;
        let last = group + 1 == layout.merged_groups();
        if last {
            for message in waiting.drain(..) {
                lane.send(RESULT, Cipher::new(&message))?;
            }
        }
        layer.group(group, &inputs, rng, |evaluated| {
            evaluated.store(&mut output);
            if last {
                lane.send(RESULT, Cipher::new(&evaluated.message))?;
            } else {
                waiting.push(evaluated.message);
            }
            Ok(())
        })?;
    }
    lane.flush()?;
    Ok(output)
}

/// Replays the messages of [`client`] and [`server`].
pub fn cost(meter: &mut Meter, layout: &ConvLayout) {
    layout.cost(meter);
}

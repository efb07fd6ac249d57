use crate::Error;
use burn_tensor::Device;

/// The device of a name: `cpu`, all cores of this machine; `cuda` or `cuda:N`, the first or the
/// `N`-th graphics processor of NVIDIA that its driver shows, counted from 0.
///
/// On `cpu` a seeded training has the same bits on any number of cores; on `cuda` sums are in the
/// order that the driver's kernels take.
///
/// # Errors
/// [`Error::Config`] when the name is none of these, when this build is without the feature `cuda`,
/// and when there is no such processor or no driver.
pub fn device(name: &str) -> Result<Device, Error> {
    let unknown =
        || Error::Config(format!("device '{name}' is not known; give cpu, cuda or cuda:N"));
    match name.split_once(':').unwrap_or((name, "0")) {
        ("cpu", _) if !name.contains(':') => Ok(Device::flex()),
        ("cuda", index) => cuda(name, index.parse().map_err(|_| unknown())?),
        _ => Err(unknown()),
    }
}

#[cfg(feature = "cuda")]
fn cuda(name: &str, index: usize) -> Result<Device, Error> {
    let found = Device::enumerate(burn_tensor::DeviceType::Cuda).into_vec();
    let missing = || {
        let found = found.len();
        Error::Config(format!(
            "there is no device '{name}': the driver of NVIDIA shows {found}; give cpu"
        ))
    };
    found.get(index).cloned().ok_or_else(missing)
}

#[cfg(not(feature = "cuda"))]
fn cuda(name: &str, _index: usize) -> Result<Device, Error> {
    let text = format!(
        "device '{name}' needs a build with the feature cuda (cargo build --features cuda)"
    );
    Err(Error::Config(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_found_by_name() {
        assert_eq!(device("cpu").ok(), Some(Device::flex()));
        for name in ["", "gpu", "cpu:0", "cuda:", "cuda:x", "cuda:-1"] {
            let error = device(name).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(error.ends_with("is not known; give cpu, cuda or cuda:N"), "{name}: {error}");
        }
        let error = device("cuda:4000").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("'cuda:4000'"), "{error}");
    }
}

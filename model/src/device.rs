//! Where tensors live: the CPU, or a CUDA device whose libraries are loaded at run time.
//!
//! One binary serves both: it links libtorch's CPU half alone and loads the CUDA half when a driver is there.

use std::fmt;
use std::sync::OnceLock;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LAZY, RTLD_NOW};
use spec::training::{DeviceChoice, Precision};

use crate::error::{DeviceProblem, Error};

/// A device that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// The processor: own kernels, results the same for any number of threads.
    Cpu,
    /// A GPU by index.
    Cuda(u16),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl From<Device> for tch::Device {
    fn from(device: Device) -> Self {
        match device {
            Device::Cpu => Self::Cpu,
            Device::Cuda(index) => Self::Cuda(usize::from(index)),
        }
    }
}

static CUDA: OnceLock<Result<Library, DeviceProblem>> = OnceLock::new();

/// Loads libtorch's CUDA half if this machine has a driver. To be called first thing in `main`, before any other use
/// of libtorch: the first use settles for good whether CUDA is there.
pub fn prepare() {
    CUDA.get_or_init(load_cuda);
}

fn load_cuda() -> Result<Library, DeviceProblem> {
    let open = |name: &str, flags| {
        // SAFETY: the initializers of the driver's library and of libtorch's own half are what loading them is for;
        // both stay loaded for good (the handles are kept).
        unsafe { Library::open(Some(name), flags) }
    };
    let driver = open("libcuda.so.1", RTLD_LAZY).map_err(|error| DeviceProblem::Driver(error.to_string()))?;
    std::mem::forget(driver);
    open("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL).map_err(|error| DeviceProblem::Library(error.to_string()))
}

/// How many CUDA devices can be used.
fn cuda_devices() -> Result<u16, DeviceProblem> {
    match CUDA.get() {
        None => Err(DeviceProblem::NotPrepared),
        Some(Err(problem)) => Err(problem.clone()),
        Some(Ok(_)) if !tch::utils::has_cuda() => Err(DeviceProblem::NoDevice),
        Some(Ok(_)) => match u16::try_from(tch::Cuda::device_count()) {
            Ok(count) if count > 0 => Ok(count),
            _ => Err(DeviceProblem::NoDevice),
        },
    }
}

/// The device that a document means on this machine.
///
/// # Errors
///
/// A CUDA device that cannot be used, with the reason; `precision: bf16` on a CPU.
pub fn resolve(choice: DeviceChoice, precision: Precision) -> Result<Device, Error> {
    let device = match choice {
        DeviceChoice::Cpu => Device::Cpu,
        DeviceChoice::Auto => cuda_devices().map_or(Device::Cpu, |_| Device::Cuda(0)),
        DeviceChoice::Cuda(index) => match cuda_devices() {
            Ok(count) if index < count => Device::Cuda(index),
            Ok(count) => return Err(Error::Device { index, reason: DeviceProblem::Index(count) }),
            Err(reason) => return Err(Error::Device { index, reason }),
        },
    };
    if device == Device::Cpu && precision == Precision::Bf16 {
        return Err(Error::PrecisionNeedsGpu);
    }
    Ok(device)
}

/// Tells glibc to keep freed memory for the next batch instead of giving it back and faulting it in again, in few arenas:
/// row groups come and go on threads that come and go, and every arena keeps what its threads have freed. For the start of
/// a worker's `main`; elsewhere (another allocator) it does nothing.
pub fn tune_allocator() {
    #[cfg(target_env = "gnu")]
    {
        const MEBIBYTE: libc::c_int = 1 << 20;
        /// Cores that share an arena.
        const CORES: usize = 4;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // SAFETY: sets numbers of the allocator. 32 MiB is the largest threshold that glibc takes.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, cores.div_ceil(CORES) as libc::c_int);
            libc::mallopt(libc::M_MMAP_THRESHOLD, 32 * MEBIBYTE);
            libc::mallopt(libc::M_TRIM_THRESHOLD, 512 * MEBIBYTE);
            libc::mallopt(libc::M_TOP_PAD, 16 * MEBIBYTE);
        }
    }
}

#[cfg(test)]
mod tests {
    use spec::training::{DeviceChoice, Precision};

    use super::{Device, prepare, resolve};
    use crate::error::Error;

    #[test]
    fn the_cpu_is_always_there() {
        assert_eq!(resolve(DeviceChoice::Cpu, Precision::F32).unwrap(), Device::Cpu);
    }

    #[test]
    fn bf16_on_a_cpu_is_refused() {
        let error = resolve(DeviceChoice::Cpu, Precision::Bf16).unwrap_err();
        assert!(matches!(error, Error::PrecisionNeedsGpu), "{error}");
    }

    #[test]
    fn a_gpu_that_is_not_there_is_refused_with_the_reason_and_auto_takes_the_cpu() {
        prepare();
        match resolve(DeviceChoice::Cuda(63), Precision::F32) {
            Err(Error::Device { index: 63, .. }) => {}
            other => panic!("{other:?}"),
        }
        let auto = resolve(DeviceChoice::Auto, Precision::F32).unwrap();
        let first = resolve(DeviceChoice::Cuda(0), Precision::F32);
        assert_eq!(auto, first.unwrap_or(Device::Cpu));
    }
}

//! The other side: what the machine that runs the code has, and the comparison with it.

use super::{Header, KNOWN_REQUIRED_FEATURES, MemoryModel};
use crate::error::{Error, Refusal, Refused};
use crate::format::target::{Machine, TargetAbi, known_wasm_features};
use crate::layout::{CONSTANTS, PointerWidth};

/// What the machine that runs the code has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Instruction set.
    pub machine: Machine,
    /// Pointer width.
    pub width: PointerWidth,
    /// Calling convention and data model.
    pub abi: TargetAbi,
    /// CPU features, as bits of [`crate::cpu`]. An object that may use others is refused.
    pub cpu_features: u64,
    /// Does the host keep linear memories behind guard pages?
    pub guard_pages: bool,
}

impl Host {
    /// The machine that this crate is compiled for, if objects can be for it; its CPU features are
    /// up to the caller.
    pub fn native(cpu_features: u64, guard_pages: bool) -> Option<Self> {
        let abi = TargetAbi::HOST?;
        Some(Host {
            machine: abi.machine(),
            width: abi.width(),
            abi,
            cpu_features,
            guard_pages,
        })
    }

    /// A host that accepts an object with this header as far as the target goes. For tools that
    /// look into objects for other machines.
    pub fn of(header: &Header) -> Self {
        Host {
            machine: header.machine,
            width: header.width,
            abi: header.abi,
            cpu_features: header.cpu_features,
            guard_pages: true,
        }
    }
}

/// A layout constant as the object has it and as this build has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConstantPair {
    /// Its name.
    pub name: &'static str,
    /// The object's value.
    pub object: u32,
    /// This build's value.
    pub runtime: u32,
}

impl Header {
    /// Compares the header with what the host has and how this build lays out its structures.
    pub fn check(&self, host: &Host) -> Result<(), Error> {
        Refusal::explain(|refusal| self.check_host(host, refusal))
    }

    /// As [`Header::check`].
    pub(crate) fn check_host(&self, host: &Host, refusal: &Refusal) -> Result<(), Refused> {
        let unknown = self.required_features & !KNOWN_REQUIRED_FEATURES;
        if unknown != 0 {
            return Err(refusal.note(Error::RequiredFeatures {
                known: KNOWN_REQUIRED_FEATURES,
                unknown,
            }));
        }
        if self.machine != host.machine {
            return Err(refusal.note(Error::Machine {
                expected: host.machine,
                found: self.machine,
            }));
        }
        if self.width != host.width {
            return Err(refusal.note(Error::PointerWidth {
                expected: host.width.bytes(),
                found: self.width.bytes(),
            }));
        }
        if self.abi != host.abi {
            return Err(refusal.note(Error::Abi {
                expected: host.abi,
                found: self.abi,
            }));
        }
        let missing = self.cpu_features & !host.cpu_features;
        if missing != 0 {
            return Err(refusal.note(Error::CpuFeatures {
                machine: self.machine,
                missing,
            }));
        }
        // First the constants, so that the one that differs is named.
        for constant in self.constants() {
            if constant.object != constant.runtime {
                return Err(refusal.note(Error::Constant {
                    name: constant.name,
                    expected: constant.runtime,
                    found: constant.object,
                }));
            }
        }
        let expected = crate::layout::abi_hash(self.width);
        if self.abi_hash != expected {
            return Err(refusal.note(Error::AbiHash {
                expected,
                found: self.abi_hash,
            }));
        }
        let known = known_wasm_features();
        let unknown = self.wasm_features & !known;
        if unknown != 0 {
            return Err(refusal.note(Error::WasmFeatures { known, unknown }));
        }
        if self.memory_model == MemoryModel::Guard && !host.guard_pages {
            return Err(refusal.note(Error::GuardPages));
        }
        Ok(())
    }

    /// Every layout constant: its name, the object's value and this build's value.
    pub fn constants(&self) -> impl Iterator<Item = ConstantPair> {
        CONSTANTS
            .iter()
            .zip(self.constants)
            .map(|(constant, object)| ConstantPair {
                name: constant.name,
                object,
                runtime: constant.value(self.width),
            })
    }
}

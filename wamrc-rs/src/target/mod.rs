//! The machine that code is for: triple, CPU, features, ABI, code model, and LLVM's target machine.

mod aarch64;
mod architecture;
mod features;
mod help;
mod llvm;
mod probe;
mod riscv;
mod vectors;
mod x86_64;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use inkwell::OptimizationLevel;
use inkwell::targets::{
    RelocMode, Target as LlvmTarget, TargetMachine, TargetMachineOptions, TargetTriple,
};
use wamr_aot_loader::cpu;
use wamr_aot_loader::format::target::{Machine, TargetAbi};
use wamr_aot_loader::layout::PointerWidth;

pub use self::architecture::Architecture;
pub use self::help::{abi_help, cpu_help, feature_help, target_help};
pub use self::llvm::{exit_on_fatal_errors, set_llvm_options};
pub use self::vectors::Vectors;

use self::architecture::{Abi, Description, Model};
use crate::abi;
use crate::error::{Error, Result};
use crate::options::TargetOptions;

/// A machine that code can be compiled for, all of it checked: no later step fails because of it.
///
/// It can be shared between threads; LLVM's [`TargetMachine`] cannot, so each thread makes its own.
#[derive(Clone, Debug)]
pub struct Target {
    architecture: Architecture,
    triple: String,
    cpu: String,
    features: String,
    abi: &'static Abi,
    model: Model,
    data_layout: String,
    cpu_features: u64,
    guard_pages: bool,
}

impl Target {
    /// Resolves what the user said.
    ///
    /// # Errors
    ///
    /// [`Error::Target`] names what is unknown or does not fit together.
    pub fn new(options: &TargetOptions) -> Result<Self> {
        llvm::initialize();
        let Triple {
            architecture,
            feature,
            text,
        } = Triple::new(options.target.as_deref(), options.abi.as_deref())?;
        let description = architecture.description();
        let abi = find_abi(description, options.abi.as_deref())?;
        let (cpu, mut features) = find_cpu(architecture, options.cpu.as_deref(), abi)?;
        if is_bare(&text) {
            features.retain(|feature| !description.system_features.contains(&feature.as_str()));
        }
        features.extend(feature.map(|name| format!("+{name}")));
        if let Some(text) = &options.features {
            features.extend(features::parse(text, description)?);
        }
        features.extend(
            description
                .fixed_features
                .iter()
                .map(|feature| (*feature).to_owned()),
        );

        let mut target = Target {
            architecture,
            guard_pages: has_guard_pages(description, &text),
            triple: text,
            cpu,
            features: features.join(","),
            abi,
            model: find_model(description, options.size_level)?,
            data_layout: String::new(),
            cpu_features: 0,
        };
        target.check()?;
        Ok(target)
    }

    /// Finds out what the CPU has, and whether it has what the ABI needs.
    fn check(&mut self) -> Result<()> {
        // Without the ABI: LLVM would only warn where it does not fit the CPU.
        let machine = self.create(OptimizationLevel::Default, "")?;
        let layout = machine.get_target_data().get_data_layout();
        self.data_layout = layout.as_str().to_string_lossy().into_owned();

        let enabled = self.enabled_features(&machine)?;
        if let Some(missing) = self.abi.needs.iter().find(|need| !enabled.contains(*need)) {
            return Err(Error::Target(format!(
                "the ABI {} needs the CPU feature `{missing}`, which {}{}{} does not have; choose another \
                 with --target-abi, or a CPU that has it",
                self.abi.name,
                self.cpu,
                if self.features.is_empty() {
                    ""
                } else {
                    " with "
                },
                self.features,
            )));
        }
        self.cpu_features = enabled
            .iter()
            .filter_map(|name| cpu::feature_bits(self.elf_machine(), name))
            .fold(0, |all, bit| all | bit);
        Ok(())
    }

    /// Which of the features that the header or the ABI knows are enabled. Asking LLVM takes some
    /// 30 ms, so answers are kept for the life of the process.
    fn enabled_features(&self, machine: &TargetMachine) -> Result<Vec<&'static str>> {
        type Answers = HashMap<(String, String, String), Vec<&'static str>>;
        static ANSWERS: Mutex<Option<Answers>> = Mutex::new(None);
        let key = (self.triple.clone(), self.cpu.clone(), self.features.clone());
        let mut answers = ANSWERS.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = answers.get_or_insert_default();
        if let Some(answer) = answers.get(&key) {
            return Ok(answer.clone());
        }
        let description = self.architecture.description();
        let answer = if self.is_generic() {
            description.generic_enabled.to_vec()
        } else {
            self.probe(machine)?
        };
        answers.insert(key, answer.clone());
        Ok(answer)
    }

    /// Asks LLVM which features are enabled.
    fn probe(&self, machine: &TargetMachine) -> Result<Vec<&'static str>> {
        let description = self.architecture.description();
        let mut names: Vec<&str> = cpu::names_of(self.elf_machine(), u64::MAX)
            .filter(|name| !description.ignored.contains(name))
            .collect();
        for need in description.abis.iter().flat_map(|abi| abi.needs) {
            if !names.contains(need) {
                names.push(need);
            }
        }
        probe::enabled(machine, &names)
    }

    /// The generic CPU with its own features: no need to ask LLVM.
    fn is_generic(&self) -> bool {
        let description = self.architecture.description();
        let own = description
            .generic_features
            .iter()
            .chain(description.fixed_features);
        let features = self
            .features
            .split(',')
            .filter(|feature| !feature.is_empty());
        self.cpu == description.generic_cpu && features.eq(own.copied())
    }

    /// LLVM's target machine, for the calling thread.
    ///
    /// # Errors
    ///
    /// [`Error::Target`] if LLVM has none for this target.
    pub fn machine(&self, level: OptimizationLevel) -> Result<TargetMachine> {
        self.create(level, self.abi.llvm)
    }

    fn create(&self, level: OptimizationLevel, abi: &str) -> Result<TargetMachine> {
        let triple = TargetTriple::create(&self.triple);
        let target = LlvmTarget::from_triple(&triple)
            .map_err(|error| Error::Target(format!("{}: {error}", self.triple)))?;
        let options = TargetMachineOptions::new()
            .set_cpu(&self.cpu)
            .set_features(&self.features)
            .set_abi(abi)
            .set_level(level)
            .set_reloc_mode(self.model.1)
            .set_code_model(self.model.0);
        target
            .create_target_machine_from_options(&triple, options)
            .ok_or_else(|| Error::Target(format!("LLVM has no target machine for {}", self.triple)))
    }

    /// The architecture.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// LLVM's triple.
    pub fn triple(&self) -> &str {
        &self.triple
    }

    /// LLVM's name of the CPU.
    pub fn cpu(&self) -> &str {
        &self.cpu
    }

    /// LLVM's feature string.
    pub fn features(&self) -> &str {
        &self.features
    }

    /// LLVM's data layout string, for the module.
    pub fn data_layout(&self) -> &str {
        &self.data_layout
    }

    /// Width of a pointer.
    pub fn width(&self) -> PointerWidth {
        self.architecture.description().width
    }

    /// LLVM's name of the stack pointer register, for `llvm.read_register`.
    pub fn stack_pointer(&self) -> &'static str {
        self.architecture.description().stack_pointer
    }

    /// The instruction set, as the object's header has it.
    pub fn elf_machine(&self) -> Machine {
        self.architecture.description().machine
    }

    /// The ABI, as the object's header has it.
    pub fn abi(&self) -> TargetAbi {
        self.abi.id
    }

    /// The CPU features that code may use, as the object's header has them: bits of [`cpu`].
    pub fn cpu_features(&self) -> u64 {
        self.cpu_features
    }

    /// The vector instructions that code may use.
    pub fn vectors(&self) -> Vectors {
        Vectors::new(self)
    }

    /// The floats, as LLVM names them, that LLVM rounds by a sequence of instructions: RISC-V's, which compares with what has
    /// a fraction and converts to an integer and back. What cannot be converted is rounded by a function.
    pub fn rounds_by_sequence(&self) -> &'static [&'static str] {
        let has = |name| {
            let bit = cpu::feature_bits(self.elf_machine(), name);
            bit.is_some_and(|bit| self.cpu_features & bit != 0)
        };
        if self.elf_machine() != Machine::Riscv || !has("f") || has("zfa") {
            return &[];
        }
        if has("d") && self.width() == PointerWidth::Eight {
            &["f32", "f64"]
        } else {
            &["f32"]
        }
    }

    /// LLVM's number of the calling convention of cold paths: the one that preserves most. LLVM has the widest for two
    /// architectures; with AVX-512 there would be more registers than an unwind row holds.
    pub fn cold_convention(&self) -> u32 {
        let is_wide = cpu::feature_bits(self.elf_machine(), "avx512f")
            .is_some_and(|bit| self.cpu_features & bit != 0);
        match self.architecture {
            Architecture::X86_64 if is_wide => abi::PRESERVE_MOST,
            Architecture::X86_64 | Architecture::Aarch64 => abi::PRESERVE_ALL,
            Architecture::Riscv64 | Architecture::Riscv32 => abi::PRESERVE_MOST,
        }
    }

    /// The widest atomic access that there are instructions for, in bits; 0 if there are none.
    pub fn atomic_bits(&self) -> u32 {
        let has_a = cpu::feature_bits(self.elf_machine(), "a")
            .is_some_and(|bit| self.cpu_features & bit != 0);
        if self.elf_machine() == Machine::Riscv && !has_a {
            return 0;
        }
        match self.width() {
            PointerWidth::Four => 32,
            PointerWidth::Eight => 64,
        }
    }

    /// Whether the target's runtime can be expected to have guard pages and enough address space for
    /// 32-bit memories: 64 bits, and an operating system.
    pub fn has_guard_pages(&self) -> bool {
        self.guard_pages
    }

    /// Whether code is position-independent.
    pub fn is_position_independent(&self) -> bool {
        self.model.1 == RelocMode::PIC
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, CPU {}", self.triple, self.abi.name, self.cpu)?;
        if self.features.is_empty() {
            Ok(())
        } else {
            write!(f, " {}", self.features)
        }
    }
}

/// A triple, and what its first part says.
struct Triple {
    architecture: Architecture,
    feature: Option<String>,
    text: String,
}

impl Triple {
    fn new(target: Option<&str>, abi: Option<&str>) -> Result<Self> {
        let Some(target) = target else {
            let architecture = Architecture::host().ok_or_else(|| {
                Error::Target(format!(
                    "cannot compile for this machine ({}); choose a target with --target",
                    std::env::consts::ARCH
                ))
            })?;
            return Self::new(Some(architecture.name()), abi);
        };
        let (name, rest) = match target.split_once('-') {
            Some((name, rest)) => (name, Some(rest)),
            None => (target, None),
        };
        let (architecture, feature) = Architecture::parse(name).ok_or_else(|| {
            let known: Vec<_> = Architecture::ALL.iter().map(|a| a.name()).collect();
            Error::Target(format!(
                "unknown target `{target}`; known: {}",
                known.join(", ")
            ))
        })?;
        let description = architecture.description();
        let Some(rest) = rest else {
            let environment = find_abi(description, abi)?
                .environment
                .map_or(String::new(), |e| format!("-{e}"));
            let text = format!("{}-{}{environment}", description.name, description.system);
            return Ok(Triple {
                architecture,
                feature,
                text,
            });
        };
        // Other object formats than ELF; LLVM takes them from the operating system.
        for part in rest.split('-') {
            let other = [
                "windows", "win32", "darwin", "macos", "ios", "uefi", "cygwin", "cygnus",
            ]
            .iter()
            .find(|system| part.starts_with(**system));
            if other.is_some() || part.ends_with("macho") || part.ends_with("coff") {
                return Err(Error::Target(format!(
                    "target `{target}`: `{part}` has no ELF objects; for a host of this kind compile for \
                     `{}-unknown-none-elf`",
                    description.name
                )));
            }
        }
        Ok(Triple {
            architecture,
            feature,
            text: format!("{}-{rest}", description.name),
        })
    }
}

fn find_abi(description: &'static Description, name: Option<&str>) -> Result<&'static Abi> {
    let Some(name) = name else {
        return description
            .abis
            .first()
            .ok_or_else(|| Error::Target(format!("{} has no ABI", description.name)));
    };
    description
        .abis
        .iter()
        .find(|abi| abi.name == name)
        .ok_or_else(|| {
            let known: Vec<_> = description.abis.iter().map(|abi| abi.name).collect();
            Error::Target(format!(
                "{} has no ABI `{name}`; known: {}",
                description.name,
                known.join(", ")
            ))
        })
}

/// The CPU and the features that come with its name.
fn find_cpu(
    architecture: Architecture,
    name: Option<&str>,
    abi: &Abi,
) -> Result<(String, Vec<String>)> {
    let description = architecture.description();
    match name {
        None | Some("generic") => {
            // The generic features fit the usual ABI; another one asks for fewer.
            let unusual = description
                .abis
                .first()
                .is_some_and(|usual| usual.name != abi.name);
            let features = description
                .generic_features
                .iter()
                .filter(|feature| {
                    let is_float = matches!(**feature, "+f" | "+d");
                    !(unusual && is_float) || abi.needs.iter().any(|need| feature[1..] == **need)
                })
                .map(|feature| (*feature).to_owned())
                .collect();
            Ok((description.generic_cpu.to_owned(), features))
        }
        Some("native" | "host") => {
            if Architecture::host() != Some(architecture) {
                return Err(Error::Target(format!(
                    "--cpu=native: the target is {}, this machine is {}",
                    description.name,
                    std::env::consts::ARCH
                )));
            }
            let cpu = TargetMachine::get_host_cpu_name().to_string();
            let features = TargetMachine::get_host_cpu_features().to_string();
            Ok((cpu, features.split(',').map(str::to_owned).collect()))
        }
        Some(name) if description.cpus.lines().any(|known| known == name) => {
            Ok((name.to_owned(), Vec::new()))
        }
        Some(name) => Err(Error::Target(format!(
            "{} has no CPU `{name}`{}; --cpu=help lists them all",
            description.name,
            features::suggestion(name, description.cpus.lines()),
        ))),
    }
}

fn find_model(description: &Description, level: Option<u8>) -> Result<Model> {
    let level = level.unwrap_or(3);
    description
        .code_models
        .get(usize::from(level))
        .copied()
        .flatten()
        .ok_or_else(|| {
            let known: Vec<_> = description
                .code_models
                .iter()
                .enumerate()
                .filter(|(_, model)| model.is_some())
                .map(|(level, _)| level.to_string())
                .collect();
            Error::Target(format!(
                "--size-level={level}: {} has the levels {}",
                description.name,
                known.join(", ")
            ))
        })
}

fn has_guard_pages(description: &Description, triple: &str) -> bool {
    description.width == PointerWidth::Eight && !is_bare(triple)
}

/// Is there no operating system?
fn is_bare(triple: &str) -> bool {
    triple
        .split('-')
        .skip(1)
        .any(|part| part == "none" || part.starts_with("eabi"))
}

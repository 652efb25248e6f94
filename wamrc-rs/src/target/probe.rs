//! Which CPU features a target machine has, found by asking LLVM.
//!
//! LLVM's C interface does not tell what a CPU name or a feature string implies. The inliner does:
//! it inlines a function only into one whose features are a superset. So for each feature there is a
//! pair of functions here: a caller with the target machine's features, and a callee with the same and
//! that feature. Where the call disappears, the machine had the feature already.
//!
//! Some features mean nothing to the inliner, because they change no code that LLVM makes by itself. They
//! are told by a second pair, whose caller lacks the feature for certain, and count as absent.
//!
//! On RISC-V, LLVM ends the process at extensions that exclude each other, so the callee has the feature
//! and what it implies alone; and the inliner passes over none there.

use inkwell::attributes::AttributeLoc;
use inkwell::builder::Builder;
use inkwell::context::Context;
use inkwell::module::{Linkage, Module};
use inkwell::passes::PassBuilderOptions;
use inkwell::targets::TargetMachine;
use inkwell::values::{FunctionValue, InstructionOpcode};

use crate::error::{Error, Result};

/// Those of LLVM's feature names that `machine` has and that code may depend on.
pub(super) fn enabled<'a>(machine: &TargetMachine, names: &[&'a str]) -> Result<Vec<&'a str>> {
    let triple = machine.get_triple();
    let riscv_base = match triple.as_str().to_bytes() {
        triple if triple.starts_with(b"riscv64") => Some("generic-rv64"),
        triple if triple.starts_with(b"riscv32") => Some("generic-rv32"),
        _ => None,
    };
    let cpu = machine.get_cpu().to_string_lossy().into_owned();
    let features = machine.get_feature_string().to_string_lossy();
    if let Some(base) = riscv_base {
        return inlinable(machine, names, |name| {
            // A vector length is nothing, and LLVM stops at it, without vector instructions.
            let needed = if name.starts_with("zvl") {
                "+zve32x,"
            } else {
                ""
            };
            (
                features.to_string(),
                base.to_owned(),
                format!("{needed}+{name}"),
            )
        });
    }
    let found = inlinable(machine, names, |name| {
        (
            features.to_string(),
            cpu.clone(),
            format!("{features},+{name}"),
        )
    })?;
    let ignored = inlinable(machine, &found, |name| {
        let without = format!("{features},-{name}");
        (without.clone(), cpu.clone(), format!("{without},+{name}"))
    })?;
    Ok(found
        .into_iter()
        .filter(|name| !ignored.contains(name))
        .collect())
}

/// Those names for which a call disappears, from a function with the machine's CPU and the first
/// string's features, to one with the second string's CPU and the third's features.
fn inlinable<'a>(
    machine: &TargetMachine,
    names: &[&'a str],
    pair: impl Fn(&str) -> (String, String, String),
) -> Result<Vec<&'a str>> {
    let context = Context::create();
    let module = context.create_module("probe");
    module.set_triple(&machine.get_triple());
    module.set_data_layout(&machine.get_target_data().get_data_layout());
    let probe = Probe {
        builder: context.create_builder(),
        cpu: machine.get_cpu().to_string_lossy().into_owned(),
        context: &context,
        module: &module,
    };
    let mut callers = Vec::with_capacity(names.len());
    for name in names {
        let (caller_features, callee_cpu, callee_features) = pair(name);
        callers.push(probe.pair(&caller_features, &callee_cpu, &callee_features)?);
    }
    module
        .run_passes("inline", machine, PassBuilderOptions::create())
        .map_err(|error| Error::Llvm(error.to_string()))?;
    Ok(names
        .iter()
        .zip(&callers)
        .filter(|(_, caller)| is_inlined(caller))
        .map(|(name, _)| *name)
        .collect())
}

/// The module that the pairs of functions are made in.
struct Probe<'module, 'ctx> {
    context: &'ctx Context,
    module: &'module Module<'ctx>,
    builder: Builder<'ctx>,
    cpu: String,
}

impl<'ctx> Probe<'_, 'ctx> {
    /// Makes a callee and its caller, with these features, and returns the caller.
    fn pair(
        &self,
        caller_features: &str,
        callee_cpu: &str,
        callee_features: &str,
    ) -> Result<FunctionValue<'ctx>> {
        let callee = self.function("callee", Linkage::Internal, callee_cpu, callee_features);
        let constant = self.context.i32_type().const_int(1, false);
        self.builder.build_return(Some(&constant))?;

        let caller = self.function("caller", Linkage::External, &self.cpu, caller_features);
        let call = self.builder.build_call(callee, &[], "")?;
        let result = call
            .try_as_basic_value()
            .basic()
            .ok_or_else(|| Error::Llvm("a call of a function with a result has none".into()))?;
        self.builder.build_return(Some(&result))?;
        Ok(caller)
    }

    /// Makes a function, and leaves the builder in its first block.
    fn function(
        &self,
        name: &str,
        linkage: Linkage,
        cpu: &str,
        features: &str,
    ) -> FunctionValue<'ctx> {
        let ty = self.context.i32_type().fn_type(&[], false);
        let function = self.module.add_function(name, ty, Some(linkage));
        for (key, value) in [
            ("target-cpu", cpu),
            ("tune-cpu", &self.cpu),
            ("target-features", features),
        ] {
            let attribute = self.context.create_string_attribute(key, value);
            function.add_attribute(AttributeLoc::Function, attribute);
        }
        self.builder
            .position_at_end(self.context.append_basic_block(function, ""));
        function
    }
}

fn is_inlined(caller: &FunctionValue<'_>) -> bool {
    caller
        .get_first_basic_block()
        .and_then(|block| block.get_first_instruction())
        .is_some_and(|instruction| instruction.get_opcode() == InstructionOpcode::Return)
}

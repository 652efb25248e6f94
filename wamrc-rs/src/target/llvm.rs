//! LLVM's process-wide state: which targets are there, its command line, its fatal errors.

use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::sync::Once;

use inkwell::llvm_sys::error_handling::LLVMInstallFatalErrorHandler;
use inkwell::llvm_sys::support::LLVMParseCommandLineOptions;
use inkwell::targets::{InitializationConfig, Target};

use crate::error::{Error, Result};

/// Registers the targets that this compiler knows. Cheap after the first call.
pub(super) fn initialize() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let config = InitializationConfig {
            asm_parser: true,
            asm_printer: true,
            base: true,
            disassembler: false,
            info: true,
            machine_code: true,
        };
        Target::initialize_x86(&config);
        Target::initialize_aarch64(&config);
        Target::initialize_riscv(&config);
        parse_options(&[
            c"wamrc-rs",
            // An instruction without a location says so in the line table; else it would count as one of the line ahead of it.
            c"-use-unknown-locations=Enable",
            // Values in operand bundles may stay in registers. Without it each is stored ahead of every call.
            c"-use-registers-for-deopt-values",
            // What is computed for a poll or a trap stays on that path, out of the loop's registers.
            c"-disable-hoisting-to-hotter-blocks=all",
            // It sinks a dead copy behind a call into the call's landing pad, over the register that the exception arrives in.
            c"-disable-postra-machine-sink",
            // Loops with several bounds checks would be copied for orders of the bounds that never hold.
            c"-simple-loop-unswitch-inject-invariant-conditions=false",
            // Each function is one piece of code, for the walker and for all tables. A copy for a constant argument would be another.
            c"-funcspec-max-clones=0",
        ]);
    });
}

/// Passes raw options to LLVM, as `--mllvm` of the command line does. They hold for the whole process
/// and must be set before anything is compiled. LLVM prints a message of its own and ends the process
/// where it does not know an option, so this is for command lines, not for embedders.
///
/// # Errors
///
/// [`Error::Options`] for an option with a NUL character in it.
pub fn set_llvm_options(options: &[String]) -> Result<()> {
    if options.is_empty() {
        return Ok(());
    }
    initialize();
    let arguments = std::iter::once("wamrc-rs")
        .chain(options.iter().map(String::as_str))
        .map(|option| {
            CString::new(option)
                .map_err(|_| Error::Options(format!("--mllvm={option:?}: NUL character")))
        })
        .collect::<Result<Vec<CString>>>()?;
    let arguments: Vec<&CStr> = arguments.iter().map(CString::as_c_str).collect();
    parse_options(&arguments);
    Ok(())
}

fn parse_options(arguments: &[&CStr]) {
    let pointers: Vec<*const c_char> = arguments.iter().map(|a| a.as_ptr()).collect();
    // A command line of that many arguments does not exist.
    let count = i32::try_from(pointers.len()).unwrap_or(i32::MAX);
    // SAFETY: `count` pointers to NUL-terminated strings that live across the call; LLVM copies them.
    unsafe { LLVMParseCommandLineOptions(count, pointers.as_ptr(), ptr::null()) };
}

/// Makes LLVM's fatal errors end the process with exit code 1 and a message like every other error's,
/// in place of LLVM's crash report. For command lines: it holds for the whole process.
pub fn exit_on_fatal_errors() {
    extern "C" fn handler(reason: *const c_char) {
        // SAFETY: LLVM passes a NUL-terminated string.
        let reason = unsafe { CStr::from_ptr(reason) };
        eprintln!("wamrc-rs: error: LLVM: {}", reason.to_string_lossy());
        std::process::exit(1);
    }
    // SAFETY: the handler never returns to LLVM and does not unwind through it.
    unsafe { LLVMInstallFatalErrorHandler(Some(handler)) };
}

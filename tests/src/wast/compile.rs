//! The compiler as the runner sees it: every way to fail sorted by what a script may expect.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use wamrc_rs::{Error, Options};
use wasmparser::{Validator, WasmFeatures};

/// Why there is no object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The module is malformed or invalid.
    Invalid(String),
    /// The module is valid, but uses what this build does not have.
    Unsupported(String),
    /// The compiler failed: it panicked, or an error came from where none may come.
    Broken(String),
}

/// Compiles WebAssembly modules; the runner's tests put something else here.
pub trait Compile {
    /// The object of a binary module.
    fn compile(&mut self, wasm: &[u8]) -> Result<Vec<u8>, Refusal>;
}

/// The real compiler, with the options of a run. Remembers what it has compiled, as scripts repeat
/// modules.
pub struct Compiler<'o> {
    options: &'o Options,
    done: HashMap<Vec<u8>, Result<Vec<u8>, Refusal>>,
}

impl<'o> Compiler<'o> {
    /// A compiler for one script.
    pub fn new(options: &'o Options) -> Self {
        Compiler {
            options,
            done: HashMap::new(),
        }
    }
}

impl Compile for Compiler<'_> {
    fn compile(&mut self, wasm: &[u8]) -> Result<Vec<u8>, Refusal> {
        if let Some(result) = self.done.get(wasm) {
            return result.clone();
        }
        let result = compile(wasm, self.options);
        self.done.insert(wasm.to_vec(), result.clone());
        result
    }
}

/// Compiles a module; a panic of the compiler becomes [`Refusal::Broken`].
pub fn compile(wasm: &[u8], options: &Options) -> Result<Vec<u8>, Refusal> {
    match catch_panic(|| wamrc_rs::compile(wasm, options)) {
        Ok(Ok(output)) => Ok(output.bytes),
        Ok(Err(error)) => Err(refusal(error, wasm)),
        Err(panic) => Err(Refusal::Broken(panic)),
    }
}

fn refusal(error: Error, wasm: &[u8]) -> Refusal {
    let message = error.to_string();
    match error {
        Error::Unsupported { .. } => Refusal::Unsupported(message),
        // A module that is right with every proposal on needs one that is off here.
        Error::Invalid { .. } if is_valid_somewhere(wasm) => Refusal::Unsupported(message),
        // Bytes without the binary format's magic number are taken for text.
        Error::Invalid { .. } | Error::Text(_) => Refusal::Invalid(message),
        _ => Refusal::Broken(message),
    }
}

fn is_valid_somewhere(wasm: &[u8]) -> bool {
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(wasm)
        .is_ok()
}

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
    static CATCHING: RefCell<bool> = const { RefCell::new(false) };
}

/// Runs `f`; if it panics, says where and why, and prints nothing.
pub fn catch_panic<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if CATCHING.with_borrow(|catching| *catching) {
                let place = info.location().map(ToString::to_string).unwrap_or_default();
                let text = format!("panic at {place}: {}", payload_text(info.payload()));
                PANIC.with_borrow_mut(|panic| *panic = Some(text));
            } else {
                usual(info);
            }
        }));
    });
    CATCHING.with_borrow_mut(|catching| *catching = true);
    let result = catch_unwind(AssertUnwindSafe(f));
    CATCHING.with_borrow_mut(|catching| *catching = false);
    result.map_err(|payload| {
        let place = PANIC.with_borrow_mut(Option::take);
        place.unwrap_or_else(|| format!("panic: {}", payload_text(&*payload)))
    })
}

fn payload_text(payload: &dyn Any) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_message_with_its_place() {
        let result = catch_panic(|| panic!("too {}", "bad"));
        let message: String = result
            .map(|()| String::new())
            .unwrap_or_else(|message| message);
        assert!(
            message.contains("compile.rs") && message.contains("too bad"),
            "{message}"
        );
        assert_eq!(catch_panic(|| 3), Ok(3));
    }
}

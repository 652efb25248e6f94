//! What LLVM reports while it generates code. Without a handler it ends the process on an error.

use std::cell::RefCell;
use std::ffi::{CStr, c_void};

use inkwell::context::{AsContextRef, Context};
use inkwell::llvm_sys::LLVMDiagnosticSeverity;
use inkwell::llvm_sys::core::{
    LLVMContextSetDiagnosticHandler, LLVMDisposeMessage, LLVMGetDiagInfoDescription,
    LLVMGetDiagInfoSeverity,
};
use inkwell::llvm_sys::prelude::LLVMDiagnosticInfoRef;

use crate::abi::function_of_symbol;
use crate::error::{Error, Result};

/// The errors that LLVM reports in a context as long as this lives.
pub struct Failures<'ctx> {
    context: &'ctx Context,
    messages: Box<RefCell<Vec<String>>>,
}

impl<'ctx> Failures<'ctx> {
    /// Notes errors from here on.
    pub fn watch(context: &'ctx Context) -> Self {
        let failures = Failures {
            context,
            messages: Box::default(),
        };
        let messages: *const RefCell<Vec<String>> = &raw const *failures.messages;
        // SAFETY: the handler is taken out when this is dropped, and the messages, which do not move,
        // are dropped after that.
        unsafe {
            LLVMContextSetDiagnosticHandler(
                context.as_ctx_ref(),
                Some(note),
                messages.cast_mut().cast(),
            );
        }
        failures
    }

    /// The functions in which the register allocator gave up.
    ///
    /// # Errors
    /// Any other error that LLVM reported.
    pub fn functions(&self) -> Result<Vec<u32>> {
        self.messages
            .borrow()
            .iter()
            .map(|message| {
                let function = message
                    .contains("registers")
                    .then(|| message.split('\'').find_map(function_of_symbol))
                    .flatten();
                function.ok_or_else(|| Error::Llvm(message.clone()))
            })
            .collect()
    }
}

impl Drop for Failures<'_> {
    fn drop(&mut self) {
        // SAFETY: the context is alive.
        unsafe {
            LLVMContextSetDiagnosticHandler(self.context.as_ctx_ref(), None, std::ptr::null_mut());
        }
    }
}

extern "C" fn note(info: LLVMDiagnosticInfoRef, messages: *mut c_void) {
    // SAFETY: LLVM calls with a valid diagnostic and the pointer that was registered, on the thread that
    // generates the code.
    unsafe {
        if LLVMGetDiagInfoSeverity(info) != LLVMDiagnosticSeverity::LLVMDSError {
            return;
        }
        let description = LLVMGetDiagInfoDescription(info);
        let message = CStr::from_ptr(description).to_string_lossy().into_owned();
        LLVMDisposeMessage(description);
        let messages = &*messages.cast::<RefCell<Vec<String>>>();
        messages.borrow_mut().push(message);
    }
}

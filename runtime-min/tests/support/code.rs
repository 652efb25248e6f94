//! The machine code. Each piece is assembled into this program and copied from there.

/// Marks the four bytes of a call whose target is a builtin; the low byte is its number.
pub const BUILTIN_MARK: u32 = 0x5ea1_ed00;
/// Marks the four bytes of a call whose target is a defined function; the low byte is its number.
pub const FUNCTION_MARK: u32 = 0x0dd_ba11 << 8;

/// Assembles code and makes a function that returns its bytes.
#[macro_export]
macro_rules! code {
    ($( $(#[$doc:meta])* $name:ident: $($line:expr),* $(,)? ;)*) => {
        $(
            core::arch::global_asm!(
                ".pushsection .rodata.wamr_test_code,\"a\",@progbits",
                concat!(stringify!($name), "_start:"),
                $($line,)*
                concat!(stringify!($name), "_end:"),
                ".popsection",
            );

            $(#[$doc])*
            pub fn $name() -> &'static [u8] {
                unsafe extern "C" {
                    #[link_name = concat!(stringify!($name), "_start")]
                    static START: u8;
                    #[link_name = concat!(stringify!($name), "_end")]
                    static END: u8;
                }
                // SAFETY: both symbols stand in one section, in this order.
                unsafe {
                    let (start, end) = (&raw const START, &raw const END);
                    core::slice::from_raw_parts(start, end.offset_from_unsigned(start))
                }
            }
        )*
    };
}

/// A call of the builtin with this number in the builtin list.
#[macro_export]
macro_rules! call_builtin {
    ($number:literal) => {
        concat!(".byte 0xe8\n.long 0x5ea1ed00 + ", $number)
    };
}

/// A call of the module's defined function with this number.
#[macro_export]
macro_rules! call_function {
    ($number:literal) => {
        concat!(".byte 0xe8\n.long 0xddba1100 + ", $number)
    };
}

/// Numbers of the builtins that the code here calls.
pub const BUILTIN_NUMBERS: &[(&str, u8)] = &[("wamr_trap", 0), ("wamr_call_host", 1)];

// Offsets are those of the layout list for 64 bits: exec_env.current_frame is 8; a frame record has
// prev_frame 0, instance 8, frame_ref 16, func_index 24, ip 28, sp 32, slots from 40.
code! {
    /// Enter thunk of () -> ().
    enter_nullary:
        "push rax",
        "mov rax, rdi",
        "mov rdi, rsi",
        "call rax",
        "pop rcx",
        "ret";

    /// Enter thunk: an integer in, one out.
    enter_unary:
        "push rbx",
        "mov rbx, rdx",
        "mov rax, rdi",
        "mov rdi, rsi",
        "mov rsi, [rbx]",
        "call rax",
        "mov [rbx], rax",
        "pop rbx",
        "ret";

    /// Enter thunk: two integers in, one out.
    enter_binary:
        "push rbx",
        "mov rbx, rdx",
        "mov rax, rdi",
        "mov rdi, rsi",
        "mov rsi, [rbx]",
        "mov rdx, [rbx + 8]",
        "call rax",
        "mov [rbx], rax",
        "pop rbx",
        "ret";

    /// Host thunk: up to two integers in, one out.
    host_thunk:
        "sub rsp, 24",
        "mov [rsp], rsi",
        "mov [rsp + 8], rdx",
        "mov rsi, rsp",
        call_builtin!(1),
        "mov rax, [rsp]",
        "add rsp, 24",
        "ret";

    /// (i32, i32) -> i32: the sum.
    add:
        "lea eax, [rsi + rdx]",
        "ret";

    /// Returns the context.
    context:
        "mov rax, rdi",
        "ret";

    /// Traps with cause `integer divide by zero` at wasm offset 0x123.
    trap:
        "push rax",
        "mov esi, 7",
        "mov edx, 0x123",
        call_builtin!(0);

    /// An invalid instruction.
    invalid:
        "nop",
        "ud2";

    /// Runs for ever.
    endless:
        "2: jmp 2b";

    /// (address) -> i32: loads from memory 0 of an instance that has one.
    load_code:
        "mov rax, [rdi + 24]",
        "mov esi, esi",
        "mov eax, [rax + rsi]",
        "ret";

    /// (x) -> i32: calls the first imported function a thousand times, with the last result, in an
    /// instance as for `call_import`.
    call_import_1000:
        "push rbx",
        "push r12",
        "push r13",
        "mov rbx, rdi",
        "mov r12d, 1000",
        "mov eax, esi",
        "2: mov esi, eax",
        "mov rax, [rbx + 48]",
        "mov rdi, [rbx + 56]",
        "call rax",
        "dec r12d",
        "jnz 2b",
        "pop r13",
        "pop r12",
        "pop rbx",
        "ret";

    /// (delta) -> old size: grows memory 0.
    grow:
        "push rax",
        "mov edx, esi",
        "xor esi, esi",
        call_builtin!(2),
        "pop rcx",
        "ret";

    /// (length) -> length: copies from the start of data segment 0 to address 8 of memory 0.
    init:
        "push rsi",
        "mov r9d, esi",
        "xor esi, esi",
        "xor edx, edx",
        "mov ecx, 8",
        "xor r8d, r8d",
        call_builtin!(3),
        "pop rax",
        "ret";

    /// (x) -> i32: calls element 0 of table 0 of an instance without memories; no check of its type.
    call_element:
        "mov rax, [rdi + 24]",
        "mov rax, [rax]",
        "mov rax, [rax]",
        "mov rdi, [rax + 8]",
        "jmp [rax]";

    /// (x) -> the global 0 of an instance with three types and one function reference, which becomes x.
    swap_global:
        "mov eax, [rdi + 80]",
        "mov [rdi + 80], esi",
        "ret";

    /// As `swap_global`, where the global is imported.
    swap_imported_global:
        "mov rcx, [rdi + 80]",
        "mov eax, [rcx]",
        "mov [rcx], esi",
        "ret";

    /// Calls itself without end.
    recurse:
        "push rax",
        call_function!(0),
        "pop rcx",
        "ret";

    /// Reads from address 16.
    wild_load:
        "mov eax, 16",
        "mov eax, [rax]",
        "ret";

    /// Calls the first imported function, in an instance with three types and without memories and
    /// tables: parameters and result are passed through. Callee-saved registers must survive.
    call_import:
        "push rbx",
        "push r12",
        "push rbp",
        "mov rbx, 0x1111",
        "mov r12, 0x2222",
        "mov rbp, 0x3333",
        "mov rax, [rdi + 48]",
        "mov rdi, [rdi + 56]",
        "call rax",
        "cmp rbx, 0x1111",
        "jne 2f",
        "cmp r12, 0x2222",
        "jne 2f",
        "cmp rbp, 0x3333",
        "jne 2f",
        "pop rbp",
        "pop r12",
        "pop rbx",
        "ret",
        "2: ud2";

    /// Function 0 with a frame record (one parameter, one operand): ip 0x40, then calls function 1.
    framed:
        "sub rsp, 64",
        "mov rcx, [rdi]",
        "mov rax, [rcx + 8]",
        "mov [rsp], rax",
        "mov [rsp + 8], rdi",
        "mov qword ptr [rsp + 16], 0",
        "mov dword ptr [rsp + 24], 0",
        "mov dword ptr [rsp + 28], 0x40",
        "mov dword ptr [rsp + 32], 2",
        "mov [rsp + 40], rsi",
        "mov qword ptr [rsp + 48], 99",
        "mov [rcx + 8], rsp",
        "mov [rsp + 56], rcx",
        call_function!(1),
        "mov rcx, [rsp + 56]",
        "mov rdx, [rsp]",
        "mov [rcx + 8], rdx",
        "add rsp, 64",
        "ret";
}

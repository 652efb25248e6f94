//! RISC-V's `virt` board: NS16550A serial port, and the test device of SiFive's boards.

use core::arch::global_asm;

/// Transmit register of the serial port.
const SERIAL: *mut u8 = core::ptr::without_provenance_mut(0x1000_0000);

/// The test device: a word written to it ends the emulator.
const FINISHER: *mut u32 = core::ptr::without_provenance_mut(0x10_0000);

/// Where the emulator puts a script.
pub const SCRIPT: *const u8 = core::ptr::without_provenance(0xc000_0000);

// `mstatus.FS` is 1 (initial) for code with float registers; else float instructions stay illegal.
global_asm!(
    ".pushsection .text.start, \"ax\"",
    ".globl _start",
    "_start:",
    "la sp, {stack} + {size}",
    "la t0, {trap}",
    "csrw mtvec, t0",
    ".if {floats}",
    "li t0, 0x2000",
    "csrs mstatus, t0",
    ".endif",
    "la t0, bss_start",
    "la t1, bss_end",
    "j 2f",
    "1:",
    "sw zero, 0(t0)",
    "addi t0, t0, 4",
    "2:",
    "bltu t0, t1, 1b",
    "call firmware_main",
    ".popsection",
    stack = sym super::STACK,
    size = const super::STACK_SIZE,
    floats = const cfg!(target_arch = "riscv64") as u32,
    trap = sym trap,
);

/// Where exceptions go.
#[unsafe(naked)]
extern "C" fn trap() -> ! {
    core::arch::naked_asm!(
        ".balign 4",
        "csrr a0, mcause",
        "csrr a1, mepc",
        "csrr a2, mtval",
        "j {unexpected}",
        unexpected = sym raised,
    )
}

extern "C" fn raised(cause: usize, pc: usize, address: usize) -> ! {
    super::unexpected(cause, pc, address)
}

pub fn write_byte(byte: u8) {
    // SAFETY: the board has its serial port there, and the emulated one takes a byte at any time.
    unsafe { SERIAL.write_volatile(byte) };
}

pub fn exit(code: u8) -> ! {
    const PASS: u32 = 0x5555;
    const FAIL: u32 = 0x3333;
    let word = match code {
        0 => PASS,
        code => u32::from(code) << 16 | FAIL,
    };
    // SAFETY: the device takes any word.
    unsafe { FINISHER.write_volatile(word) };
    loop {
        core::hint::spin_loop();
    }
}

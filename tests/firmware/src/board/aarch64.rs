//! AArch64's `virt` board: PL011 serial port, and semihosting to leave.

use core::arch::{asm, global_asm};

/// Data register of the serial port.
const SERIAL: *mut u32 = core::ptr::without_provenance_mut(0x0900_0000);

/// Where the emulator puts a script.
pub const SCRIPT: *const u8 = core::ptr::without_provenance(0x8000_0000);

// Without translation all memory is device memory, where unaligned accesses fault: so each GiB is mapped to
// itself, the first as a device, the next two as ordinary memory.
global_asm!(
    ".pushsection .text.start, \"ax\"",
    ".globl _start",
    "_start:",
    // CPACR_EL1.FPEN: vector registers do not trap.
    "mov x0, #(3 << 20)",
    "msr cpacr_el1, x0",
    "adrp x0, {vectors}",
    "add x0, x0, :lo12:{vectors}",
    "msr vbar_el1, x0",
    // Attribute 0: device; 1: ordinary memory, write-back.
    "mov x0, #0xff00",
    "msr mair_el1, x0",
    // Addresses of 39 bits, table walks through the caches, no second table, physical ones of 36 bits.
    "ldr x0, =(25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 1 << 32)",
    "msr tcr_el1, x0",
    "adrp x0, {table}",
    "add x0, x0, :lo12:{table}",
    "msr ttbr0_el1, x0",
    "isb",
    "mrs x0, sctlr_el1",
    // Translation, data cache, instruction cache.
    "mov x1, #(1 << 12 | 1 << 2 | 1)",
    "orr x0, x0, x1",
    "msr sctlr_el1, x0",
    "isb",
    "adrp x0, {stack}",
    "add x0, x0, :lo12:{stack}",
    "add x0, x0, #{size}",
    "mov sp, x0",
    "adrp x0, bss_start",
    "add x0, x0, :lo12:bss_start",
    "adrp x1, bss_end",
    "add x1, x1, :lo12:bss_end",
    "b 2f",
    "1:",
    "str xzr, [x0], #8",
    "2:",
    "cmp x0, x1",
    "b.lo 1b",
    "bl firmware_main",
    ".popsection",
    vectors = sym vectors,
    table = sym TABLE,
    stack = sym super::STACK,
    size = const super::STACK_SIZE,
);

/// Block of 1 GiB: valid, accessed.
const BLOCK: u64 = 1 | 1 << 10;
/// Never executed.
const DEVICE: u64 = BLOCK | 1 << 53 | 1 << 54;
/// Attribute 1, inner shareable.
const MEMORY: u64 = BLOCK | 1 << 2 | 3 << 8;

#[repr(C, align(4096))]
struct Table([u64; 512]);

/// The first level of translation.
static TABLE: Table = {
    let mut table = [0; 512];
    table[0] = DEVICE;
    table[1] = 1 << 30 | MEMORY;
    table[2] = 2 << 30 | MEMORY;
    Table(table)
};

/// The vector table: 16 entries of 128 bytes, which all do the same.
#[unsafe(naked)]
extern "C" fn vectors() -> ! {
    core::arch::naked_asm!(
        ".balign 2048",
        ".rept 16",
        ".balign 128",
        "mrs x0, esr_el1",
        "mrs x1, elr_el1",
        "mrs x2, far_el1",
        "b {raised}",
        ".endr",
        raised = sym raised,
    )
}

extern "C" fn raised(cause: usize, pc: usize, address: usize) -> ! {
    super::unexpected(cause, pc, address)
}

pub fn write_byte(byte: u8) {
    // SAFETY: the board has its serial port there, and the emulated one takes a byte at any time.
    unsafe { SERIAL.write_volatile(byte.into()) };
}

pub fn exit(code: u8) -> ! {
    /// `SYS_EXIT_EXTENDED` and `ADP_Stopped_ApplicationExit` of Arm's semihosting.
    const EXIT_EXTENDED: usize = 0x20;
    const APPLICATION_EXIT: usize = 0x2_0026;
    let block = [APPLICATION_EXIT, code.into()];
    loop {
        // SAFETY: the emulator reads the block and does not return.
        unsafe {
            asm!("hlt #0xf000", in("x0") EXIT_EXTENDED, in("x1") block.as_ptr(), options(nostack))
        };
    }
}

//! The board: start-up, console, heap, and the way out. A file an architecture for what differs.
//!
//! Each architecture's start-up code sets the stack, clears `.bss` and calls `firmware_main`, which a program
//! defines with [`firmware!`](crate::firmware). Interrupts stay off; an exception ends the program.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "aarch64")]
use aarch64 as machine;
#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
mod riscv;
#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
use riscv as machine;

use core::alloc::{GlobalAlloc, Layout};
use core::fmt::{self, Write};
use core::mem::MaybeUninit;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicUsize, Ordering};
use linked_list_allocator::LockedHeap;

pub use machine::SCRIPT;

/// Bytes of stack for everything but compiled code.
const STACK_SIZE: usize = 64 << 10;

#[repr(C, align(16))]
struct Stack(MaybeUninit<[u8; STACK_SIZE]>);

#[unsafe(link_section = ".noinit.stack")]
static mut STACK: Stack = Stack(MaybeUninit::uninit());

/// The serial line.
pub struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write_bytes(text.as_bytes());
        Ok(())
    }
}

/// Writes bytes to the serial line.
pub fn write_bytes(bytes: &[u8]) {
    for byte in bytes {
        machine::write_byte(*byte);
    }
}

/// Prints a line to the serial line.
#[macro_export]
macro_rules! println {
    ($($arguments:tt)*) => {{
        use core::fmt::Write;
        // The serial line takes everything.
        let _ = writeln!($crate::board::Console, $($arguments)*);
    }};
}

/// The heap, with the most that it has ever held.
struct Heap {
    heap: LockedHeap,
    used: AtomicUsize,
    peak: AtomicUsize,
}

// SAFETY: all is done by the library's heap; the rest counts.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        let memory = unsafe { self.heap.alloc(layout) };
        if !memory.is_null() {
            let used = self.used.load(Ordering::Relaxed) + layout.size();
            self.used.store(used, Ordering::Relaxed);
            if used > self.peak.load(Ordering::Relaxed) {
                self.peak.store(used, Ordering::Relaxed);
            }
        }
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        let used = self.used.load(Ordering::Relaxed) - layout.size();
        self.used.store(used, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { self.heap.dealloc(memory, layout) }
    }
}

#[global_allocator]
static HEAP: Heap = Heap {
    heap: LockedHeap::empty(),
    used: AtomicUsize::new(0),
    peak: AtomicUsize::new(0),
};

/// Gives the heap the memory behind the program, `size` bytes or all that there is.
///
/// # Safety
///
/// It is called once, before anything is allocated.
pub unsafe fn start_heap(size: usize) {
    unsafe extern "C" {
        static mut heap_start: u8;
        static mut heap_end: u8;
    }
    let (start, end) = (&raw mut heap_start, &raw mut heap_end);
    let size = size.min(end as usize - start as usize);
    // SAFETY: by the linker script this is memory, and nothing is in it.
    unsafe { HEAP.heap.lock().init(start, size) }
}

/// The most bytes that were ever allocated at once.
pub fn heap_peak() -> usize {
    HEAP.peak.load(Ordering::Relaxed)
}

/// Leaves the emulator with an exit code.
pub fn exit(code: u8) -> ! {
    machine::exit(code)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    crate::println!("{info}");
    exit(101)
}

/// The program: most bytes of its heap, and what it does, which returns its exit code.
#[macro_export]
macro_rules! firmware {
    ($heap:expr, $main:expr) => {
        #[unsafe(no_mangle)]
        extern "C" fn firmware_main() -> ! {
            // SAFETY: this is the start.
            unsafe { $crate::board::start_heap($heap) };
            let main: fn() -> u8 = $main;
            $crate::board::exit(main())
        }
    };
}

/// An exception of the processor, which nothing here may raise: says what the processor says, and leaves.
fn unexpected(cause: usize, pc: usize, address: usize) -> ! {
    crate::println!("exception: cause {cause:#x} at {pc:#x}, address {address:#x}");
    exit(102)
}

//! Where code is put: never writable and executable at once, whoever gives the memory.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use support::{TestModule, add, store};
use wamr_runtime_min::{CodeMemory, Linker, MemoryError, Module, StaticCode};

fn object() -> Vec<u8> {
    TestModule::new()
        .function("add", TestModule::BINARY, add())
        .object()
}

fn add_40_2(module: &Module) {
    let mut store = store();
    let instance = Linker::new().instantiate(&mut store, module).unwrap();
    let add = instance.get_func(&store, "add").unwrap();
    let add = add.typed::<(i32, i32), i32>(&store).unwrap();
    assert_eq!(add.call(&mut store, (40, 2)).unwrap(), 42);
}

/// Rights of the mappings of this process, by their start: as in `r-xp`.
fn rights() -> Vec<(usize, usize, String)> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mapping = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let number = |text| usize::from_str_radix(text, 16).ok();
        Some((number(start)?, number(end)?, rest.get(..4)?.to_owned()))
    };
    maps.lines().map(|line| mapping(line).unwrap()).collect()
}

fn assert_nothing_is_writable_and_executable() {
    for (start, _, rights) in rights() {
        assert!(!rights.contains("wx"), "{start:#x}: {rights}");
    }
}

fn rights_at(address: usize) -> String {
    let mappings = rights();
    let mut at = mappings
        .iter()
        .filter(|(start, end, _)| (*start..*end).contains(&address));
    at.next().unwrap().2.clone()
}

/// Looks at the process's memory at every step of a load.
struct Watched<M>(M);

impl<M: CodeMemory> CodeMemory for Watched<M> {
    fn page_size(&self) -> usize {
        self.0.page_size()
    }

    fn reserve(&mut self, size: usize, align: usize) -> Result<(), MemoryError> {
        self.0.reserve(size, align)?;
        assert_eq!(rights_at(self.0.address()), "rw-p");
        assert_nothing_is_writable_and_executable();
        Ok(())
    }

    fn address(&self) -> usize {
        self.0.address()
    }

    fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        assert_nothing_is_writable_and_executable();
        self.0.bytes_mut()
    }

    fn publish(&mut self, code_size: usize) -> Result<(), MemoryError> {
        assert_nothing_is_writable_and_executable();
        self.0.publish(code_size)?;
        let address = self.0.address();
        assert_eq!(rights_at(address), "r-xp");
        assert_eq!(rights_at(address + code_size), "r--p");
        assert_nothing_is_writable_and_executable();
        assert!(self.0.bytes_mut().is_empty());
        Ok(())
    }
}

/// Pages of this process, writable.
fn pages(count: usize) -> &'static mut [u8] {
    // SAFETY: new memory, which is never given back.
    unsafe {
        let start = libc::mmap(
            std::ptr::null_mut(),
            count * 4096,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        assert_ne!(start, libc::MAP_FAILED);
        std::slice::from_raw_parts_mut(start.cast(), count * 4096)
    }
}

fn protect(code: &[u8], others: &[u8]) -> Result<(), MemoryError> {
    for (part, rights) in [
        (others, libc::PROT_READ),
        (code, libc::PROT_READ | libc::PROT_EXEC),
    ] {
        // SAFETY: nobody has a reference to write through any more.
        let result = unsafe { libc::mprotect(part.as_ptr().cast_mut().cast(), part.len(), rights) };
        if result != 0 {
            return Err(MemoryError {
                reason: "mprotect",
                code: 1,
            });
        }
    }
    Ok(())
}

#[test]
fn memory_of_the_embedder_is_never_writable_and_executable() {
    // The image starts at a page, wherever the region starts.
    for offset in [0, 1000] {
        let region = &mut pages(16)[offset..];
        let memory = Watched(StaticCode::protected(region, 4096, protect));
        add_40_2(&Module::load_in(&object(), memory).unwrap());
    }
}

/// Another thread looks all the time, as precisely as threads can.
#[test]
fn memory_of_the_system_is_never_writable_and_executable() {
    static DONE: AtomicBool = AtomicBool::new(false);
    let watcher = std::thread::spawn(|| {
        let mut looks = 0;
        while !DONE.load(Ordering::Relaxed) {
            assert_nothing_is_writable_and_executable();
            looks += 1;
        }
        looks
    });
    for _ in 0..200 {
        let module = Module::load(&object()).unwrap();
        add_40_2(&module);
    }
    DONE.store(true, Ordering::Relaxed);
    assert!(watcher.join().unwrap() > 0);
}

#[test]
fn a_region_that_is_too_small_is_refused() {
    for size in [0, 100] {
        let memory = StaticCode::new(&mut pages(1)[..size]);
        let error = Module::load_in(&object(), memory).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("the region for code is too small"),
            "{error}"
        );
    }
}

/// Code that the calls of builtins do not reach goes through stubs, code next to them does not: both run.
#[test]
fn builtins_are_called_near_and_far() {
    use support::{call_import, trap};
    use wamr_aot_loader::format::module::ImportKind;
    let object = TestModule::new()
        .import("host", "f", ImportKind::Func(TestModule::UNARY))
        .function("call", TestModule::UNARY, call_import())
        .function("trap", TestModule::UNARY, trap())
        .object();
    let here = builtins_are_called_near_and_far as fn() as usize;
    let mut distances = Vec::new();
    for hint in [(here & !0xf_ffff) + (256 << 20), 0x10_0000_0000] {
        // SAFETY: the address is a hint only; new memory, which is never given back.
        let region: &'static mut [u8] = unsafe {
            let start = libc::mmap(
                hint as *mut libc::c_void,
                16 * 4096,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(start, libc::MAP_FAILED);
            std::slice::from_raw_parts_mut(start.cast(), 16 * 4096)
        };
        distances.push((region.as_ptr() as usize).abs_diff(here));
        let memory = StaticCode::protected(region, 4096, protect);
        let module = Module::load_in(&object, memory).unwrap();
        let mut store = store();
        let mut linker = Linker::new();
        linker
            .func_wrap("host", "f", |x: i32| x.wrapping_mul(3))
            .unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let call = instance.get_func(&store, "call").unwrap();
        let call = call.typed::<i32, i32>(&store).unwrap();
        assert_eq!(call.call(&mut store, 14).unwrap(), 42);
        let trap = instance.get_func(&store, "trap").unwrap();
        let trap = trap.typed::<i32, i32>(&store).unwrap();
        assert!(trap.call(&mut store, 0).is_err());
    }
    assert!(
        distances[0] < 1 << 30 && distances[1] > 1 << 32,
        "{distances:x?}"
    );
}
